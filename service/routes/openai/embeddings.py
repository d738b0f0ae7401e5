"""POST /v1/embeddings: vectors of the installation's own embedder."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from knowledge.embeddings import Embedder
from service.access import TheInstallation, Viewer
from service.budgeting import admit, settle
from service.events import Usage
from service.installation import Installation, StillStarting
from service.records import Caller
from service.routes.shapes import errors

router = APIRouter(prefix="/v1/embeddings", tags=["openai"])

_MOST_INPUTS = 2048  # as at OpenAI
_LONGEST = 400_000  # characters of one text
# What programs written against OpenAI ask for: they get the installation's embedder; the reply names it.
_STANDS_IN_FOR = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")

_MODEL: dict[str, Any] = {
    "id": "all-MiniLM-L6-v2",
    "object": "model",
    "created": 0,
    "owned_by": "doumi",
    "dimensions": 384,
    "max_tokens": 256,
}


class UnusableEmbeddingModel(Exception):
    """The installation has one embedder, and this is not its name; GET /v1/embeddings/models tells it."""


class UnusableEmbeddingInput(Exception):
    """The input cannot be embedded as asked; the message says what to send."""


class EmbeddingIn(BaseModel):
    """Texts to embed. What Doumi does not know is accepted and left alone."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"model": "all-MiniLM-L6-v2", "input": ["Annual leave", "연차 휴가"]},
        },
    )
    input: str | list[Any] = Field(description="A text or several; token numbers are not taken")
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int | None, Field(ge=1, description="Only the embedder's own number")] = None

    def texts(self) -> list[str]:
        """The input as texts. Raises UnusableEmbeddingInput."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not texts or len(texts) > _MOST_INPUTS:
            raise UnusableEmbeddingInput(f"input: send between 1 and {_MOST_INPUTS} texts in a request.")
        for at, text in enumerate(texts):
            if not isinstance(text, str):
                raise UnusableEmbeddingInput(
                    f"input[{at}] is not text. Token numbers belong to OpenAI's own models: send the text "
                    "(LangChain: check_embedding_ctx_length=False)."
                )
            if not text.strip() or len(text) > _LONGEST:
                raise UnusableEmbeddingInput(f"input[{at}] must have between 1 and {_LONGEST} characters.")
        return texts


class EmbeddingOut(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens of the embedder."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """The vectors, in the order of the texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.0135, -0.0271]}],
                "model": "all-MiniLM-L6-v2",
                "usage": {"prompt_tokens": 2, "total_tokens": 2},
            }
        }
    )
    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingUsage


class EmbeddingModel(BaseModel):
    """The embedder, as OpenAI's clients list a model."""

    model_config = ConfigDict(json_schema_extra={"example": _MODEL})
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["doumi"] = "doumi"
    dimensions: int
    max_tokens: int = Field(description="Longer texts are embedded in pieces")


class EmbeddingModels(BaseModel):
    """There is one."""

    object: Literal["list"] = "list"
    data: list[EmbeddingModel]


@router.post("", responses=errors(400, 404, 429, 503))
async def create_embeddings(
    here: TheInstallation, caller: Viewer, body: EmbeddingIn, response: Response
) -> EmbeddingsOut:
    """Embed texts with the embedder that searches the knowledge bases.

    OpenAI's model names stand for it too. A text beyond its window is the mean of its pieces.
    """
    made, left = await to_thread.run_sync(_embed, here, caller, body)
    response.headers.update(left)
    return made


@router.get("/models", responses=errors(503))
def list_embedding_models(here: TheInstallation, caller: Viewer) -> EmbeddingModels:
    """The embedder; `GET /v1/models` lists assistants only, because chat pages offer all that is there."""
    embedder = _embedder(here)
    card = EmbeddingModel(
        id=here.settings.embedder, dimensions=embedder.dimensions, max_tokens=embedder.max_tokens
    )
    return EmbeddingModels(data=[card])


def _embed(here: Installation, caller: Caller, body: EmbeddingIn) -> tuple[EmbeddingsOut, Mapping[str, str]]:
    name, texts = here.settings.embedder, body.texts()
    if body.model not in (name, *_STANDS_IN_FOR):
        raise UnusableEmbeddingModel(f"The model {body.model!r} does not embed here; use {name!r}.")
    embedder = _embedder(here)
    if body.dimensions not in (None, embedder.dimensions):
        raise UnusableEmbeddingInput(
            f"dimensions: {name} gives {embedder.dimensions} and cannot be shortened; leave it out."
        )
    allowance = admit(here, caller)
    counts = embedder.count_tokens(texts)
    vectors = _vectors(embedder, texts, counts)
    used = Usage(prompt_tokens=sum(counts), completion_tokens=0, estimated=False)
    settle(here, caller, None, name, used)
    made = EmbeddingsOut(
        data=[
            EmbeddingOut(index=at, embedding=_encoded(vector, body.encoding_format))
            for at, vector in enumerate(vectors)
        ],
        model=name,
        usage=EmbeddingUsage(prompt_tokens=sum(counts), total_tokens=sum(counts)),
    )
    return made, allowance.headers


def _embedder(here: Installation) -> Embedder:
    if not here.embedder.done():
        raise StillStarting(StillStarting.__doc__)
    return here.embedder.result()


def _vectors(embedder: Embedder, texts: list[str], counts: list[int]) -> NDArray[np.float32]:
    """One row per text; a long one is the mean of its pieces, so that no part of it goes unseen."""
    pieces: list[str] = []
    spans: list[slice] = []
    for text, count in zip(texts, counts, strict=True):
        start = len(pieces)
        pieces.extend([text] if count <= _window(embedder) else _pieces(embedder, text))
        spans.append(slice(start, len(pieces)))
    vectors = embedder.encode_documents(pieces)
    means = np.stack([vectors[span].mean(axis=0) for span in spans])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (means / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def _window(embedder: Embedder) -> int:
    return max(8, embedder.max_tokens - 2)  # the marks around a whole text


def _pieces(embedder: Embedder, text: str) -> list[str]:
    """The text in pieces that fit, cut between words where there are any."""
    waiting, pieces = [text], list[str]()
    while waiting:
        piece = waiting.pop()
        if len(piece) < 2 or embedder.count_tokens([piece])[0] <= _window(embedder):
            pieces.append(piece)
            continue
        middle = len(piece) // 2
        cut = piece.rfind(" ", middle // 2, middle) + 1 or middle
        waiting.extend((piece[cut:], piece[:cut]))
    return pieces


def _encoded(vector: NDArray[np.float32], how: str) -> list[float] | str:
    if how == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(x) for x in vector]

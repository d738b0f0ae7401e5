"""How the chunks of a base are made and searched: what its editors decide, and what it was made with."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from knowledge.conversion import ConversionFailed
from knowledge.embeddings import Embedder, EmbedderNotFound, EmbedderUnavailable

EMBEDDER_ERRORS = (EmbedderNotFound, EmbedderUnavailable, ConversionFailed)  # of opening one


@dataclass(frozen=True, kw_only=True)
class BaseSettings:
    """What the editors of a base decide; each has a default that suits."""

    embedder: str | None = None  # by name or folder; None: the installation's
    chunk_tokens: int = 256  # of the embedder; a chunk has at most so many
    overlap_sentences: int = 2  # a chunk begins with so many of the one before it
    language: str | None = None  # what pictures of text are read in, "en" or "ko"; None: the installation's
    reranker: str | None = None  # a CrossEncoder by name or folder; None: the order of the search stays
    floor: float | None = None  # relevance below which a passage is left out; None: Doumi's own measure
    top_k: int = 8  # passages of an answer

    @classmethod
    def read(cls, text: str) -> Self:
        """From the base's own record; a setting that a later version has is left alone."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every chunk of a base was made with. Vectors of two recipes never lie in one index."""

    embedder: str  # its name, to open it again
    fingerprint: str  # of the embedder
    chunk_tokens: int
    overlap_sentences: int

    @classmethod
    def of(cls, settings: BaseSettings, embedders: "Embedders") -> Self:
        """What the settings ask for; opens the embedder. Raises what opening it raises."""
        name = settings.embedder or embedders.default
        return cls(
            embedder=name,
            fingerprint=embedders.get(name).fingerprint,
            chunk_tokens=settings.chunk_tokens,
            overlap_sentences=settings.overlap_sentences,
        )

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    def makes_the_same(self, other: "Recipe") -> bool:
        """Whether a base made with the one needs no work to be one made with the other."""
        return self._made() == other._made()

    def _made(self) -> tuple[Any, ...]:
        return (self.fingerprint, self.chunk_tokens, self.overlap_sentences)


@dataclass(frozen=True, kw_only=True)
class Making:
    """A recipe with its embedder open."""

    recipe: Recipe
    embedder: Embedder


class Embedders:
    """The embedders of an installation by name. Whoever opens them keeps and shares them."""

    def __init__(self, default: str, get: Callable[[str], Embedder]) -> None:
        self.default = default
        self.get = get

    @classmethod
    def only(cls, embedder: Embedder) -> Self:
        """This one, whatever the name."""
        return cls("default", lambda name: embedder)

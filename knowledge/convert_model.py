"""Turn a sentence-transformers model into files that OpenVINO and tokenizers serve without torch.

Run in a child process (`python -m knowledge.convert_model MODEL FOLDER`), because torch costs seconds and
hundreds of megabytes that the serving process never pays. Whether the conversion is faithful is not argued
from the model's parts but measured: both sides embed the same texts. The last line of output is the verdict.
"""

import argparse
import hashlib
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from .openvino_model import INPUTS, MODEL_FILE, ModelSpec, OpenVINOModel, Vectors
from .quantise_model import quantise

AGREEMENT = 0.999  # cosine to the original on every probe, or sentence-transformers serves itself
_WORTH_INT8 = range(5_000_000, 1_000_000_000)  # parameters: smaller is fast anyway, larger takes an hour

_PROBES = [
    "",
    "a",
    "How many days of paid leave does a part-time employee have?",
    "  Leading spaces, CAPITALS, accents (café, naïve) and a number: 3,141.59\n\nsecond paragraph\tand a tab",
    "연차 유급휴가는 1년간 80퍼센트 이상 출근한 근로자에게 15일을 부여하여야 한다.",
    "有給休暇は何日ですか。 Mixed 언어 문장 with emoji 🙂 and a URL https://example.org/a?b=c",
    "The tenant shall give notice. " * 12,
    "Longer than any window: 각 조항은 다음과 같다. The quick brown fox jumps over the lazy dog. " * 400,
]


class _SentenceEmbedding(torch.nn.Module):  # type: ignore[misc] # torch is not followed
    """The whole sentence-transformers pipeline behind the tokenizer, as one traceable module."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        embedding: torch.Tensor = self.model(dict(features))["sentence_embedding"]
        return torch.nn.functional.normalize(embedding, p=2, dim=1)


class NotExpressible(Exception):
    """The fast path cannot serve this model; sentence-transformers has to."""


def model_fingerprint(model: SentenceTransformer, prompts: tuple[str, str]) -> str:
    """What decides the vectors: weights, vocabulary, pooling, window and prompts.

    Names and layout of the weights are left out, because they change with the versions of libraries.
    """
    tensors = (parameter.detach().cpu().contiguous() for parameter in model.parameters())
    weights = sorted(
        hashlib.sha256(tensor.flatten().view(torch.uint8).numpy()).hexdigest() for tensor in tensors
    )
    vocabulary = sorted(model.tokenizer.get_vocab().items())
    pooling = [_pooling(module) for module in model]
    parts = [weights, vocabulary, pooling, str(model.max_seq_length), *prompts]
    return f"st-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}"


def _pooling(module: Any) -> str:
    """How a module pools, "" when it does not; by the names of two generations of the library."""
    mode = getattr(module, "pooling_mode", None) or getattr(module, "get_pooling_mode_str", str)()
    return mode if isinstance(mode, str) else "+".join(mode)


def prompts_of(model: SentenceTransformer, name: str) -> tuple[str, str]:
    """What the model wants before a question and before a document.

    From its own configuration; models of the E5 family name theirs only in prose, so they are known here.
    """
    prompts = {key: text for key, text in (model.prompts or {}).items() if text}
    base = prompts.get(model.default_prompt_name or "", "")
    query = prompts.get("query", base)
    document = next((prompts[key] for key in ("document", "passage", "corpus") if key in prompts), base)
    short = Path(name).name.lower()
    if not query and not document and "e5-" in short and "instruct" not in short:
        return "query: ", "passage: "
    return query, document


def convert(name: str, model: SentenceTransformer, folder: Path) -> ModelSpec:
    """Write the model, its int8 variant and `tokenizer.json`, and say how they are to be used.

    Raises NotExpressible when the model has no fast tokenizer, cannot be traced, or embeds differently.
    """
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None or not math.isfinite(model.max_seq_length or math.inf):
        raise NotExpressible("it has no fast tokenizer with a length limit")
    query, document = prompts_of(model, name)
    probes = [document + text for text in _PROBES]
    expected = model.encode(probes, normalize_embeddings=True, show_progress_bar=False, prompt="")
    spec = ModelSpec(
        fingerprint=model_fingerprint(model, (query, document)),
        dimensions=expected.shape[1],
        max_tokens=int(model.max_seq_length),
        query_prompt=query,
        document_prompt=document,
        inputs=tuple(name for name in INPUTS if name in model.tokenizer.model_input_names),
        pad_id=int(model.tokenizer.pad_token_id or 0),
        int8=False,
    )
    _write_tokenizer(backend, folder / "tokenizer.json")
    _write_model(model, spec, folder / MODEL_FILE)
    _verify(expected, spec, folder)
    worth = sum(parameter.numel() for parameter in model.parameters()) in _WORTH_INT8
    return replace(spec, int8=worth and quantise(folder, spec, _PROBES, expected))


def _write_tokenizer(backend: Tokenizer, path: Path) -> None:
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(path))


def _write_model(model: SentenceTransformer, spec: ModelSpec, path: Path) -> None:
    example = torch.ones(2, 8, dtype=torch.int64)
    features = {name: torch.zeros_like(example) if "type" in name else example for name in spec.inputs}
    try:
        with torch.no_grad():
            converted = ov.convert_model(_SentenceEmbedding(model), example_input=({**features},))
    except Exception as error:  # the tracer raises whatever the model's own code raises
        raise NotExpressible(f"it cannot be traced: {error}") from error
    ov.save_model(converted, path, compress_to_fp16=True)


def _verify(expected: Vectors, spec: ModelSpec, folder: Path) -> None:
    """Embed the probes with and without company: padding must change nothing."""
    with OpenVINOModel(folder, spec, variant="f32") as fast:
        alone = np.vstack([fast.encode_documents([text]) for text in _PROBES])
        together = fast.encode_documents(_PROBES)
    worst = float(min(np.min(np.sum(expected * found, axis=1)) for found in (alone, together)))
    if not worst >= AGREEMENT:
        raise NotExpressible(f"the converted model embeds differently (cosine {worst:.4f})")


def main(arguments: list[str]) -> None:
    """Convert and print the verdict: {"spec": …}, {"fallback": reason} or {"missing": reason}."""
    parser = argparse.ArgumentParser(prog="python -m knowledge.convert_model")
    parser.add_argument("source", help="folder or public name of a sentence-transformers model")
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--name", help="what people call it, when that is not the source")
    parser.add_argument("--offline", action="store_true", help="ask nobody for files that are not here")
    parsed = parser.parse_args(arguments)
    constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE or parsed.offline
    print(json.dumps(_verdict(parsed.name or parsed.source, parsed.source, parsed.folder)))


def _verdict(name: str, source: str, folder: Path) -> dict[str, Any]:
    try:
        model = SentenceTransformer(source, device="cpu").eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        return {"missing": f"{type(error).__name__}: {error}"}
    try:
        return {"spec": convert(name, model, folder).as_json()}
    except NotExpressible as error:
        return {"fallback": str(error)}


if __name__ == "__main__":
    main(sys.argv[1:])

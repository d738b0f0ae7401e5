"""Speed and memory beside a plain LangChain pipeline: encoder, ingest, search.

    python -m bench.speed --data PATH [--rounds 3] [--questions 100]

Runs bench.ingest and bench.search, and says how near the encoder comes to what the processor can do at all:
a chain of large matrix products in the encoder's own precision, timed on one thread. The operations of a
token are counted from the model: two for each weight of its layers, and the products of attention.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as ops

from bench import ingest, search
from knowledge.conversion import prepare
from knowledge.embeddings import DEFAULT_MODEL
from knowledge.openvino_model import OpenVINOModel

_SIZE = 1536  # of the square matrices
_PRODUCTS = 8
_TOKENS = 128  # of a row, as most chunks have; at most 256
_ROWS = 256


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--cache", type=Path, default=Path("data/models"), help="converted models")
    arguments = parser.parse_args()
    _limit(arguments.cache)
    print()
    ingest.run(arguments.data, arguments.rounds, arguments.cache)
    print()
    search.run(arguments.data, arguments.questions)


def _limit(cache: Path) -> None:
    """The share of the processor's matrix limit that the encoder reaches, on a thread of each."""
    prepared = prepare(DEFAULT_MODEL, cache)
    assert prepared.spec is not None
    with OpenVINOModel(prepared.folder, prepared.spec) as model:
        limit = max(_products_per_second(model.variant == "int8", model.precision) for _ in range(3))
        reached = _encoder_per_second(model, prepared.source)
        print(
            f"encoder {model.variant}: {reached / 1e9:.0f} of {limit / 1e9:.0f} Gop per CPU second, ", end=""
        )
        print(f"{reached / limit:.0%} of what large matrix products reach here")


def _products_per_second(int8: bool, precision: str) -> float:
    source = ops.parameter([_SIZE, _SIZE], np.float32)
    rng = np.random.default_rng(0)
    at: Any = source
    for _ in range(_PRODUCTS):
        weights: Any = ops.constant(rng.standard_normal((_SIZE, _SIZE)).astype(np.float32))
        if int8:
            at, weights = _quantised(at, 256), _quantised(weights, 255)
        at = ops.matmul(at, weights, False, True)
    compiled = ov.Core().compile_model(
        ov.Model([at], [source]),
        "CPU",
        {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"},
    )
    data = rng.standard_normal((_SIZE, _SIZE)).astype(np.float32)
    compiled([data])
    began = time.process_time()
    for _ in range(3):
        compiled([data])
    return 3 * _PRODUCTS * 2 * _SIZE**3 / (time.process_time() - began)


def _quantised(node: Any, levels: int) -> Any:
    low, high = np.float32(-4), np.float32(4)
    return ops.fake_quantize(node, low, high, low, high, levels)


def _encoder_per_second(model: OpenVINOModel, source: str) -> float:
    text = "word " * (_TOKENS - 2)
    texts = [text] * _ROWS
    model.encode_documents(texts[:32])
    began = time.process_time()
    model.encode_documents(texts)
    return _ROWS * _operations(Path(source), _TOKENS) / (time.process_time() - began)


def _operations(source: Path, tokens: int) -> float:
    """Of one row."""
    shape = json.loads((source / "config.json").read_text(encoding="utf-8"))
    width, inner, layers = (shape[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    weights = 4 * width**2 + 2 * width * inner
    return float(layers * tokens * (2 * weights + 4 * tokens * width))


if __name__ == "__main__":
    main()

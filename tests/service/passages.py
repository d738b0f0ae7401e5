"""Passages made by hand."""

from knowledge.documents import Chunk, Passage, Scores


def passage(
    text: str,
    *,
    name: str = "handbook.pdf",
    section: tuple[str, ...] = (),
    page: int = 3,
    start: int = 0,
    document: str = "doc_1",
    relevance: float = 0.5,
) -> Passage:
    chunk = Chunk(
        ordinal=0,
        page=page,
        locator=f"page {page}",
        section=section,
        text=text,
        start=start,
        end=start + len(text),
    )
    return Passage(
        document_id=document,
        document_name=name,
        chunk=chunk,
        score=1.0,
        relevance=relevance,
        scores=Scores(dense=0.5, lexical=5.0, fused=1.0),
    )

import time

import numpy as np
import pytest

from knowledge import vectors
from knowledge.search import search
from tests.knowledge.library import add, open_base


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A base in which a hundred vectors are many; each test closes it."""
    monkeypatch.setattr(vectors, "CLUSTERED_FROM", 100)
    base = open_base(tmp_path)
    for number in range(40):
        add(base, f"{number}.txt", "\n".join(f"clause {number} item{number}x{line}" for line in range(5)))
    until(lambda: held(base).unclustered < 100)
    return base


def held(base) -> vectors.VectorIndex:
    with base.snapshot() as snapshot:
        return snapshot.index


def until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def dense(base, query: str) -> str:
    with base.snapshot() as snapshot:
        ids, _ = snapshot.index.search(base.embedder.encode_query(query), 1)
        (text,) = snapshot.connection.execute("SELECT text FROM chunks WHERE id = ?", ids.tolist()).fetchone()
    return str(text)


def test_a_large_base_is_put_into_clusters_behind_the_searches(large):
    assert len(held(large)) == 200
    assert dense(large, "clause 7 item7x3") == "clause 7 item7x3"
    add(large, "new.txt", "the very newest clause")
    assert dense(large, "the very newest clause") == "the very newest clause"
    large.close()


def test_a_large_base_opens_from_its_cache_and_mends_it(large, tmp_path):
    add(large, "new.txt", "the very newest clause")
    large.close()
    again = open_base(tmp_path)
    assert held(again).unclustered < 100
    assert len(held(again)) == 201
    again.close()

    for path in (tmp_path / "base").glob("index*"):
        path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    mended = open_base(tmp_path)
    until(lambda: len(held(mended)) == 201 and dense(mended, "clause 7 item7x3") == "clause 7 item7x3")
    mended.close()


def test_a_document_removed_from_a_large_base_leaves_no_vector(large, tmp_path):
    gone = next(each for each in large.documents() if each.name == "7.txt")
    with large.snapshot() as snapshot:
        (stored,) = snapshot.connection.execute(
            "SELECT vector FROM vectors JOIN documents ON chunk = first_chunk WHERE id = ?", (gone.id,)
        ).fetchone()
    vector = np.frombuffer(stored, np.float16).astype(np.float32)
    large.close()
    again = open_base(tmp_path)
    again.remove(gone.id)

    with again.snapshot() as snapshot:
        _, cosines = snapshot.index.search(vector, 1)
        assert cosines[0] < 0.999
    again.close()
    reopened = open_base(tmp_path)
    assert len(held(reopened)) == 195
    assert not [each for each in search([reopened], "item7x3").passages if each.document_name == "7.txt"]
    reopened.close()

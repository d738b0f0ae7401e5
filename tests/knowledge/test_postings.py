import random

import pytest

from knowledge import postings
from knowledge.database import Database


@pytest.fixture
def connection(tmp_path):
    database = Database(tmp_path / "base.sqlite")
    with database.writing() as connection:
        yield connection
    database.close()


def entries(connection, term):
    found = postings.lookup(connection, [term]).get(term)
    return dict(zip(found.chunks.tolist(), found.frequencies.tolist(), strict=True)) if found else {}


def test_a_term_is_found_in_its_chunks_with_its_frequency(connection):
    postings.add(connection, 0, [["a", "b", "a"], ["b"]])
    postings.add(connection, 2, [["a"]])

    assert entries(connection, "a") == {0: 2, 2: 1}
    assert entries(connection, "b") == {0: 1, 1: 1}
    assert entries(connection, "c") == {}
    assert postings.lengths(connection)[:4].tolist() == [3, 1, 1, 0]


@pytest.mark.parametrize("first", [0, postings.BLOCK - 2, 3 * postings.BLOCK - 1])
def test_removing_undoes_adding_across_blocks(connection, first):
    postings.add(connection, first - 1 if first else 5, [["a", "x"]])
    before = [
        tuple(row) for table in ("postings", "state") for row in connection.execute(f"SELECT * FROM {table}")
    ]
    chunks = [["a", "b"], ["b"], ["a"] * 300]
    postings.add(connection, first + (first == 0) * 6, chunks)
    assert max(entries(connection, "a").values()) == 255
    postings.remove(connection, first + (first == 0) * 6, chunks)

    after = [
        tuple(row) for table in ("postings", "state") for row in connection.execute(f"SELECT * FROM {table}")
    ]
    assert after == before


def test_what_is_kept_is_what_was_never_removed(connection):
    rng = random.Random(1)
    held = {}
    for step in range(60):
        first = step * 300
        chunks = [
            [rng.choice("abcdefgh") for _ in range(rng.randrange(9))] for _ in range(rng.randrange(1, 300))
        ]
        postings.add(connection, first, chunks)
        held[first] = chunks
        if step % 3 == 2:
            gone = rng.choice(list(held))
            postings.remove(connection, gone, held.pop(gone))
    for term in "abcdefgh":
        expected = {
            first + i: chunk.count(term)
            for first, chunks in held.items()
            for i, chunk in enumerate(chunks)
            if term in chunk
        }
        assert entries(connection, term) == expected

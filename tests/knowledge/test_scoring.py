import random

import numpy as np
import pytest

from knowledge import lexical, postings, scoring
from knowledge.database import Database
from knowledge.scoring import Scoring

WORDS = ["the", "of", "pay", "leave", "rare", "quark"]


@pytest.fixture(scope="module")
def chunks():
    """Texts of words that are ever rarer."""
    rng = random.Random(3)
    return [
        [word for at, word in enumerate(WORDS) for _ in range(rng.randrange(3)) if rng.random() < 0.9 / 2**at]
        for _ in range(3 * postings.BLOCK)
    ]


@pytest.fixture(scope="module")
def connection(tmp_path_factory, chunks):
    database = Database(tmp_path_factory.mktemp("scoring") / "base.sqlite")
    with database.writing() as connection:
        postings.add(connection, 0, chunks)
        yield connection
    database.close()


def exact(chunks, weights, average):
    lengths = np.array([len(chunk) for chunk in chunks], np.float32)
    scores = np.zeros(len(chunks), np.float32)
    for term, weight in weights.items():
        frequencies = np.array([chunk.count(term) for chunk in chunks], np.float32)
        scores += np.float32(weight) * lexical.bm25(term, frequencies, lengths, average)
    return scores


@pytest.mark.parametrize("spare", [True, False], ids=["long lists looked up", "every list read"])
@pytest.mark.parametrize("within", [None, [(5, 2000), (postings.BLOCK, postings.BLOCK + 700)]])
@pytest.mark.parametrize("asked", [WORDS, ["the", "of", "quark"], ["of"]])
def test_the_best_are_those_of_adding_everything_up(connection, chunks, asked, within, spare, monkeypatch):
    monkeypatch.setattr(scoring, "_LONG", 50 if spare else 10**9)
    found = postings.lookup(connection, asked)
    weights = {term: lexical.idf(len(chunks), len(found[term])) for term in asked}
    lengths = postings.lengths(connection)[: len(chunks)]
    average = float(lengths.mean())
    question = Scoring(found, weights, lengths, average)
    expected = exact(chunks, weights, average)
    if within is not None:
        allowed = np.zeros(len(chunks), bool)
        for first, stop in within:
            allowed[first:stop] = True
        expected = np.where(allowed, expected, 0)

    best = question.best(40, within)

    least = np.sort(expected)[-40]
    assert len(best) == 40
    assert set(np.flatnonzero(expected > least * 1.0001)) <= set(best.tolist())
    assert question.scores(best) == pytest.approx(expected[best], rel=1e-4)


def test_frequent_words_are_only_looked_up_beside_rare_ones(connection, chunks, monkeypatch):
    monkeypatch.setattr(scoring, "_LONG", 50)
    found = postings.lookup(connection, ["the", "quark"])
    lengths = postings.lengths(connection)
    question = Scoring(found, {"the": 0.1, "quark": 5.0}, lengths, 5.0)
    question.best(10, None)

    assert "_entries" in vars(found["quark"])
    assert "_entries" not in vars(found["the"])

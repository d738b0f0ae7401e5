import numpy as np
import pytest

from knowledge.relevance import ANSWERABLE, DEFAULT_FLOOR, relevance, telling_share


def relevance_of(*, share: float, nearness: float, trust: float) -> float:
    rows = (np.array([value], np.float32) for value in (share, nearness, trust))
    return float(relevance(*rows, telling=0.15)[0])


@pytest.mark.parametrize(
    ("share", "nearness", "trust", "answers"),
    [
        (0.40, 1.0, 1.0, True),  # its words and its meaning
        (0.05, 1.2, 1.0, True),  # its meaning in other words
        (0.06, 0.4, 1.0, False),  # a few frequent words
        (0.00, 0.3, 1.0, False),
        (0.35, 0.0, 0.0, True),  # by words alone, in a language that the embedder does not know
        (0.08, 1.2, 0.0, False),  # where a near cosine says nothing
        (0.35, np.nan, 1.0, True),  # waiting for a new embedder
    ],
)
def test_a_passage_answers_by_its_words_or_by_a_meaning_that_can_be_judged(share, nearness, trust, answers):
    found = relevance_of(share=share, nearness=nearness, trust=trust)

    assert 0 <= found <= 1
    assert (found >= ANSWERABLE) == answers


def test_more_of_the_question_is_never_less_relevant():
    shares = [relevance_of(share=share / 20, nearness=0.5, trust=1.0) for share in range(21)]

    assert shares == sorted(shares)


def test_a_passage_beside_the_answer_may_be_less_sure_than_the_answer():
    assert 0 < DEFAULT_FLOOR < ANSWERABLE < 1


def test_by_words_alone_a_passage_answers_from_the_telling_share_on():
    assert relevance_of(share=0.149, nearness=0.0, trust=0.0) < ANSWERABLE
    assert relevance_of(share=0.151, nearness=0.0, trust=0.0) > ANSWERABLE


def test_more_is_asked_of_words_in_a_larger_base_and_less_for_a_longer_question():
    usual = telling_share(chunks=500, terms=24)

    assert telling_share(chunks=5, terms=24) < usual < telling_share(chunks=2000, terms=24)
    assert telling_share(chunks=500, terms=60) < usual < telling_share(chunks=500, terms=8)
    assert 0 < telling_share(chunks=0, terms=500) < telling_share(chunks=10**7, terms=0) < 0.5

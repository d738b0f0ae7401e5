import numpy as np
import pytest

from knowledge.fusion import Weights, fuse, standardise, weights_for


def array(*values):
    return np.array(values, np.float32)


def test_a_leg_without_weight_does_not_matter():
    order = np.argsort(-fuse(array(3, 2, 1), array(1, 2, 3), Weights(dense=0.0, lexical=1.0)))
    assert order.tolist() == [2, 1, 0]


def test_scores_are_made_comparable_before_they_are_added():
    fused = fuse(array(0.9, 0.1, 0.1), array(10, 31, 10), Weights(dense=1.0, lexical=1.0))
    assert fused[0] == pytest.approx(fused[1])


def test_equal_and_unknown_scores_add_nothing():
    assert standardise(array(2, 2, 2)).tolist() == [0, 0, 0]
    assert standardise(array()).tolist() == []
    assert standardise(array(np.nan, 1, 3)).tolist() == [0, -1, 1]


@pytest.mark.parametrize(
    ("pieces", "characters", "dense"),
    [(7, 25, 1.0), (9, 17, 1.0), (27, 12, 0.05), (10, 10, 0.5)],
    ids=["English", "figures and names", "Korean broken into jamo", "one piece a character"],
)
def test_a_leg_that_does_not_know_the_language_counts_next_to_nothing(
    pieces: int, characters: int, dense: float
) -> None:
    weights = weights_for(pieces=pieces, characters=characters, coverage=1.0)
    assert weights.dense == pytest.approx(dense)


def test_words_count_less_for_a_question_in_other_words_than_the_texts() -> None:
    same = weights_for(pieces=7, characters=25, coverage=1.0)
    other = weights_for(pieces=7, characters=25, coverage=0.3)
    assert other.lexical < 0.5 < 1.0 < same.lexical

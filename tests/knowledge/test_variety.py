import numpy as np
import pytest

from knowledge.variety import Place, varied


def place(page, ordinal, *, document=(0, 1), one_page=False):
    return Place(document=document, page=page, ordinal=ordinal, one_page=one_page)


def order(scores, places):
    return np.argsort(-varied(np.array(scores, np.float32), places), kind="stable").tolist()


def test_of_two_that_are_nearly_as_good_the_one_from_another_page_comes_first():
    assert order([5.0, 4.5, 4.2], [place(3, 10), place(3, 11), place(7, 30)]) == [0, 2, 1]


def test_a_much_better_passage_stays_before_one_from_another_page():
    assert order([5.0, 4.5, 2.0], [place(3, 10), place(3, 11), place(7, 30)]) == [0, 1, 2]


@pytest.mark.parametrize(
    "places",
    [
        [place(1, 10, one_page=True), place(1, 11, one_page=True), place(1, 30, one_page=True)],
        [place(3, 10), place(3, 11, document=(0, 2)), place(7, 30)],
        [place(3, 10), place(3, 11, document=(1, 1)), place(7, 30)],
        [place(1, 10), place(1, 400), place(2, 500)],
    ],
    ids=["text without pages", "another document", "another base", "far down a long sheet"],
)
def test_elsewhere_the_scores_stay(places):
    assert order([5.0, 4.9, 4.8], places) == [0, 1, 2]


def test_the_first_passage_of_a_page_loses_nothing_and_no_score_below_nothing_gains():
    left = varied(np.array([5.0, 4.0, -1.0], np.float32), [place(3, 10), place(3, 11), place(3, 12)])

    assert left.tolist() == pytest.approx([5.0, 3.2, -1.0])

import numpy as np
import pytest

from knowledge.lexical import bm25, idf, query_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Annual LEAVE, 25 days.", ["annual", "leave", "25", "days"]),
        ("regulations regulate", ["regula", "=regulations", "regula", "=regulate"]),
        ("연차 휴가는", ["^연차", "연차", "^휴가", "휴가", "가는"]),
        ("집", ["집"]),
        ("東京都に住む", ["^東京", "東京", "京都", "都に", "に住", "住む"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("snake_case-and.dots", ["snake", "case", "and", "dots"]),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", ["^한글", "한글"]),
        ("iPhone15를 샀다", ["iphone15", "iphone", "15", "를", "^샀다", "샀다"]),
        ("FY2023 Q4", ["fy2023", "fy", "2023", "q4"]),
        ("", []),
        ("…!?", []),
        ("x" * 1000, ["x" * 6, "=" + "x" * 64]),
    ],
)
def test_text_is_split_into_beginnings_of_words_and_pairs_of_characters(text, expected):
    assert terms(text) == expected


def test_what_hangs_on_the_end_of_a_word_counts_less_in_a_question():
    assert query_terms("대통령은 휴가") == {
        "^대통": 1.0,
        "대통": 1.0,
        "통령": 1.0,
        "령은": 0.3,
        "^휴가": 1.0,
        "휴가": 1.0,
    }
    assert query_terms("regulations") == {"regula": 1.0, "=regulations": 0.3}


def test_a_question_has_a_bounded_number_of_terms():
    assert len(query_terms(" ".join(f"w{n}" for n in range(100_000)))) < 600


@pytest.mark.parametrize("term", ["word", "^휴가", "휴가"])
def test_a_term_adds_more_the_more_often_it_occurs_and_the_shorter_the_chunk(term):
    often = bm25(term, np.array([1, 2, 9, 200], np.float32), np.full(4, 50, np.float32), 50)
    short = bm25(term, np.ones(3, np.float32), np.array([200, 50, 5], np.float32), 50)

    assert often.tolist() == sorted(often.tolist())
    assert short.tolist() == sorted(short.tolist())
    assert all(0 < gain < 1 for gain in (*often, *short))


def test_a_rarer_term_weighs_more_and_none_weighs_less_than_nothing():
    weights = [idf(1000, containing) for containing in (0, 1, 10, 500, 1000)]

    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0

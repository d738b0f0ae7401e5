import pytest

from knowledge.lexical import idf, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Annual LEAVE, 25 days.", ["annual", "leave", "25", "days"]),
        ("연차 휴가는", ["연차", "휴가", "가는"]),
        ("집", ["집"]),
        ("東京都に住む", ["東京", "京都", "都に", "に住", "住む"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("snake_case-and.dots", ["snake", "case", "and", "dots"]),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", ["한글"]),
        ("iPhone15를 샀다", ["iphone15", "를", "샀다"]),
        ("", []),
        ("…!?", []),
        ("x" * 1000, ["x" * 64]),
    ],
)
def test_text_is_split_into_words_and_pairs_of_characters(text, expected):
    assert terms(text) == expected


def test_a_rarer_term_weighs_more_and_none_weighs_less_than_nothing():
    weights = [idf(1000, containing) for containing in (0, 1, 10, 500, 1000)]

    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0

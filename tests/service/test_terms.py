"""What sentences are compared by."""

import pytest

from service.terms import coverage, denied, is_negated, language_of, numbers, shared_quantities, stem, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("holidays", "holiday"),
        ("applied", "apply"),
        ("paid", "pays"),
        ("expenses", "expense"),
        ("submitted", "submit"),
        ("carried", "carries"),
        ("policies", "policy"),
        ("employees", "employee"),
    ],
)
def test_forms_of_an_english_word_share_a_stem(one, other):
    assert stem(one) == stem(other)


def test_words_that_only_ask_are_no_terms():
    assert terms("What is the annual leave, and how many days of it do I have?") == terms("annual leave days")
    assert terms("연차 휴가는 며칠까지 쓸 수 있나요?") == terms("연차 휴가를")


def test_korean_is_compared_by_pairs_of_syllables():
    assert terms("연차휴가") == ["연차", "차휴", "휴가"]
    assert coverage(terms("휴가를"), terms("휴가는 15일")) == 1.0


def test_composed_and_decomposed_hangul_are_the_same():
    assert terms("\u1112\u1172\u1100\u1161") == terms("휴가")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,200 euros", {"1200"}),
        ("3.50 and 3.5", {"3.5"}),
        ("fifteen days", {"15"}),
        ("one of the teams", set()),
        ("3~5년", {"3", "5"}),
        ("007", {"7"}),
    ],
)
def test_numbers_have_one_spelling(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "It does not apply.",
        "It doesn’t apply.",
        "No visitors.",
        "적용하지 않는다",
        "사용할 수 없다",
        "출입 금지",
    ],
)
def test_a_denial_is_seen(text):
    assert is_negated(text)


@pytest.mark.parametrize("text", ["It applies.", "A note on knots.", "적용한다", "안내 데스크"])
def test_a_plain_statement_is_no_denial(text):
    assert not is_negated(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Contractors do not receive annual leave.", "receive"),
        ("Leave that was not taken expires.", "taken"),
        ("Dogs are prohibited.", "dogs"),
        ("계약직에게는 적용하지 않는다.", "적용"),
    ],
)
def test_what_is_denied_is_next_to_the_denial(text, what):
    assert set(terms(what)) <= denied(text)
    assert not set(terms("expires annual")) & denied(text)


@pytest.mark.parametrize(
    ("asked", "text", "share"),
    [
        ("after 6 years", "5 to 9 years 8 weeks 16 weeks", 1.0),
        ("after 6 years", "2 to 4 years 6 weeks 10 weeks", 0.0),
        ("after six years", "10 years or more", 0.0),
        ("after 12 years", "10 years or more", 1.0),
        ("after one year, 1 year", "less than 2 years", 1.0),
        ("5년 근속", "5년 이상 7년 미만 17일", 1.0),
        ("8년 근속", "5년 이상 7년 미만 17일", 0.0),
        ("30일 동안", "10일 이상", 1.0),
        ("1,200 euros for 3 days", "1200 euros", 0.5),
        ("how many days", "25 days", 0.0),
    ],
)
def test_a_quantity_meets_the_same_one_or_a_range_that_holds_it(asked, text, share):
    assert shared_quantities(asked, text) == share


@pytest.mark.parametrize(
    ("text", "language"),
    [("How many days?", "en"), ("휴가는 며칠인가요?", "ko"), ("Galaxy S24의 출시일은?", "ko"), ("?", "en")],
)
def test_the_language_is_that_of_the_letters(text, language):
    assert language_of(text) == language

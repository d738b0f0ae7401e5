import time

import pytest

from knowledge.sentences import sentence_spans


def sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One ends.", "Two asks?", "Three shouts!", "Four trails off…", "Five"],
        ["Dr. Smith paid $3.50 on Jan. 5.", "He left at 5 p.m. on Fri. and came back."],
        ["J. R. Tolkien, e.g. in Fig. 3 of vol. 2, wrote it."],
        ["She works at Acme Inc. in the U.S. Army.", "He works at Acme Inc.", "The company is big."],
        ['"Is it so?" he asked.', '"Yes."', "(He left.)", "Then it rained.[3]", "The end."],
        ["Version 3.14.1 is at example.org/a.html now.", "In 2019 it was 3.5.", "Nobody knew."],
        ["연차는 15일이다.", "그러나 2024. 3. 15. 개정되었다.", "네!", "정말요?", "3.5억 원입니다."],
    ],
)
def test_sentences_end_where_a_reader_stops(expected):
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("규정을 따른다.다만 예외가 있다.", ["규정을 따른다.", "다만 예외가 있다."]),
        (
            "私は学生です。彼は先生！「はい。」と言った",
            ["私は学生です。", "彼は先生！", "「はい。」", "と言った"],
        ),
        ("1. Scope of it\n2. 목적\n가. 범위", ["1. Scope of it", "2. 목적", "가. 범위"]),
        ("- one\n- two. More of two.\n* three", ["- one", "- two.", "More of two.", "* three"]),
        (
            "Name | Note\nKim | Left. Came back.\n박 | 없음",
            ["Name | Note", "Kim | Left. Came back.", "박 | 없음"],
        ),
        ("Contents . . . . 5\nAnnex . . . 6", ["Contents . . . . 5", "Annex . . . 6"]),
        ("# Title\nBody of it", ["# Title", "Body of it"]),
        ("", []),
        (" \n\t\n ", []),
        ("하나", ["하나"]),
    ],
)
def test_scripts_and_lines_are_kept_apart(text, expected):
    assert sentences(text) == expected


def test_a_wrapped_paragraph_is_read_as_one():
    text = (
        "The tenant shall give notice in writing at least thirty\n"
        "days before the lease ends. If the tenant fails to, the\n"
        "Landlord may keep the deposit.\n\n"
        "연차 유급휴가는 1년간 80퍼센트 이상 출근한 근로자에게\n"
        "15일을 부여하여야 한다. 사용자는 계속하여 근로한 기간이\n"
        "1년 미만인 근로자에게도 준다."
    )
    assert [" ".join(sentence.split()) for sentence in sentences(text)] == [
        "The tenant shall give notice in writing at least thirty days before the lease ends.",
        "If the tenant fails to, the Landlord may keep the deposit.",
        "연차 유급휴가는 1년간 80퍼센트 이상 출근한 근로자에게 15일을 부여하여야 한다.",
        "사용자는 계속하여 근로한 기간이 1년 미만인 근로자에게도 준다.",
    ]


def test_short_lines_are_not_taken_for_a_wrapped_paragraph():
    assert sentences("Milk\nBread\nEggs and ham") == ["Milk", "Bread", "Eggs and ham"]


@pytest.mark.parametrize(
    "text", ["A. b\n c! d\u3000。\u2028e.\r\nf", "x\u00a0. y.\n\n  z  ", "「」。。\n?!. a"]
)
def test_nothing_but_white_space_lies_between_sentences(text):
    position = 0
    for start, end in sentence_spans(text):
        assert start < end
        assert text[position:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        position = end
    assert text[position:].strip() == ""


@pytest.mark.parametrize("piece", ["a", ".", ". ", 'a."', "다.", "\n", "가\n", '"', "Dr. ", "a\t", "[1]. "])
def test_time_grows_with_the_text_and_no_faster(piece):
    """Twenty times the text may take twenty times as long; a quadratic reading would take four hundred."""
    small, large = (_seconds(piece * (length // len(piece)) + "x") for length in (20_000, 400_000))
    assert large < 100 * max(small, 0.002)


def _seconds(text):
    start = time.process_time()
    sentence_spans(text)
    return time.process_time() - start

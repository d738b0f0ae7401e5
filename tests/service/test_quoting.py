"""The answerer that needs no model: what it quotes, and when it declines."""

import asyncio

import pytest
from langchain_core.messages import HumanMessage

from service.quotes import Source, choose
from service.quoting import DECLINED, QuotingChatModel
from tests.service.passages import passage

LEAVE = passage(
    "Annual leave is granted for each calendar year. Full-time employees have 20 days of annual leave in the "
    "first five years. After five years they have 25 days. Leave that was not taken expires on 31 March of the "
    "next year. It cannot be paid out.",
    section=("4 Leave",),
)
TABLE = passage(
    "Table 7. Hotel limits\nCity | Limit per night | Breakfast\nSingapore | $260 | included\n"
    "Rotterdam | $190 | not included\nBoston | $310 | not included",
    section=("7 Travel",),
    page=9,
)
PAY = passage("Salaries are paid on the 25th of each month. The company rate is set by Finance.", page=12)
KOREAN = passage(
    "제15조(연차휴가) 1년간 80퍼센트 이상 출근한 직원에게 15일의 연차휴가를 준다. 휴가는 회계연도 말까지 사용하여야 한다. "
    "병가는 연간 60일을 넘을 수 없다.",
    name="취업규칙.pdf",
    section=("제3장 휴가",),
)
ALL = (LEAVE, TABLE, PAY)


def quoted(question: str, *passages, at_most: int = 3) -> list[str]:
    sources = [Source(label=label, passage=each) for label, each in enumerate(passages, 1)]
    return [f"{quote.text} [{quote.label}]" for quote in choose(question, sources, at_most=at_most)]


@pytest.mark.parametrize(
    ("question", "passages", "first"),
    [
        ("When are salaries paid?", ALL, "Salaries are paid on the 25th of each month. [3]"),
        (
            "When does untaken leave expire?",
            ALL,
            "Leave that was not taken expires on 31 March of the next year. [1]",
        ),
        ("Who sets the company rate?", ALL, "The company rate is set by Finance. [3]"),
        ("How many days of annual leave after five years?", ALL, "After five years they have 25 days. [1]"),
        (
            "연차휴가는 며칠인가요?",
            (KOREAN,),
            "제15조(연차휴가) 1년간 80퍼센트 이상 출근한 직원에게 15일의 연차휴가를 준다. [1]",
        ),
        ("병가는 최대 며칠까지 쓸 수 있나요?", (KOREAN,), "병가는 연간 60일을 넘을 수 없다. [1]"),
        ("휴가는 언제까지 사용해야 합니까?", (KOREAN,), "휴가는 회계연도 말까지 사용하여야 한다. [1]"),
    ],
)
def test_the_sentence_that_answers_is_quoted(question, passages, first):
    assert first in quoted(question, *passages)


def test_a_table_row_is_quoted_with_the_names_of_its_columns():
    assert quoted("What is the hotel limit per night in Rotterdam?", *ALL, at_most=1) == [
        "City: Rotterdam; Limit per night: $190; Breakfast: not included [2]"
    ]


def test_a_number_of_years_finds_the_row_whose_range_holds_it():
    notice = passage(
        "Notice periods after probation\n\nYears of service | Notice by the employee | Notice by the company\n"
        "Less than 2 years | 4 weeks | 6 weeks\n2 to 4 years | 6 weeks | 10 weeks\n"
        "5 to 9 years | 8 weeks | 16 weeks\n10 years or more | 12 weeks | 26 weeks"
    )
    question = "I have worked here for 6 years. What notice do I have to give?"
    assert quoted(question, notice, at_most=1) == [
        "Years of service: 5 to 9 years; Notice by the employee: 8 weeks; Notice by the company: 16 weeks [1]"
    ]


def test_a_row_of_figures_that_a_reader_joined_is_quoted_by_its_years():
    earnings = passage(
        "Consolidated Statements of Earnings\nYears ended December 31, 2022 2021 2020\n"
        "Total revenues 66,608 62,286 58,158\nCost of products (53,969) (49,954) (54,568)\n"
        "Income tax (expense)/benefit (31) 743 2,535\nNet loss (5,053) (4,290) (11,941)"
    )
    assert quoted("What were total revenues in 2021?", earnings, at_most=1) == [
        "Total revenues, 2022: 66,608; 2021: 62,286; 2020: 58,158 [1]"
    ]


def test_quotes_come_in_reading_order():
    found = quoted(
        "How many days of annual leave do full-time employees have, and when does it expire?", *ALL
    )
    places = [LEAVE.chunk.text.index(each.removesuffix(" [1]")) for each in found]
    assert len(places) >= 2
    assert places == sorted(places)


def test_overlapping_passages_give_a_sentence_once():
    later = passage(LEAVE.chunk.text[48:], start=48)
    found = quoted("When does leave that was not taken expire?", LEAVE, later)
    assert sum("31 March" in each for each in found) == 1


def test_a_heading_alone_is_no_answer():
    headed = passage("4.2 Annual leave\nEmployees have 20 days of it a year.", section=("4.2 Annual leave",))
    assert quoted("How much annual leave is there?", headed, at_most=1) == [
        "Employees have 20 days of it a year. [1]"
    ]


def test_an_endless_sentence_is_cut_to_the_part_that_answers():
    long = (
        "The agreement, "
        + "which has many parts, " * 40
        + "sets the notice period at nine weeks, "
        + "and more, " * 40
    )
    (found,) = quoted("What notice period does the agreement set?", passage(long), at_most=1)
    assert "notice period at nine weeks" in found
    assert len(found) < 400


@pytest.mark.parametrize(
    "question",
    [
        "Which football club won the world cup in Argentina?",
        "What is the wifi password of the Rotterdam lobby?",
        "우주선 발사 비용은 얼마인가요?",
        "?",
        "",
    ],
)
def test_nothing_is_quoted_where_nothing_fits(question):
    assert quoted(question, *ALL, KOREAN) == []


def test_at_most_three_sentences_are_quoted():
    kinds = ("parents", "students", "voters", "witnesses", "movers", "donors", "mourners")
    many = passage(
        " ".join(f"Employees who are {kind} have {at} days of leave." for at, kind in enumerate(kinds, 2))
    )
    assert len(quoted("How many days of leave do employees have?", many)) == 3


def reply_to(question: str, sources: list[Source]) -> tuple[str, dict[str, object]]:
    async def run() -> tuple[str, dict[str, object]]:
        model = QuotingChatModel().bind(sources=sources, question=question)
        chunks = [chunk async for chunk in model.astream([HumanMessage("<sources>…</sources>")])]
        return "".join(chunk.text for chunk in chunks), chunks[-1].response_metadata

    return asyncio.run(run())


def test_the_reply_is_streamed_by_words_and_labelled():
    sources = [Source(label=2, passage=PAY)]
    text, metadata = reply_to("When are salaries paid?", sources)
    assert text == "Salaries are paid on the 25th of each month. [2]"
    assert metadata == {"finish_reason": "stop"}
    whole = QuotingChatModel().invoke("When are salaries paid?", sources=sources)
    assert whole.text == text


def test_without_labels_the_quotes_carry_none():
    text, _ = reply_to("When are salaries paid?", [Source(label=None, passage=PAY)])
    assert text == "Salaries are paid on the 25th of each month."


@pytest.mark.parametrize(
    ("question", "sources", "says"),
    [
        ("Who won the world cup?", [Source(label=1, passage=PAY)], "no sentence in the files"),
        ("우승팀은 어디인가요?", [Source(label=1, passage=PAY)], "찾지 못했습니다"),
        ("Hello!", [], "DOUMI_MODEL"),
        ("안녕하세요", [], "DOUMI_MODEL"),
    ],
)
def test_it_says_what_it_is_and_declines_in_the_language_of_the_question(question, sources, says):
    text, metadata = reply_to(question, sources)
    assert says in text
    assert metadata[DECLINED] is True


def test_it_calls_no_tools():
    model = QuotingChatModel().bind_tools([{"type": "function", "function": {"name": "look"}}])
    assert "language model" in model.invoke("Hello!").text


def test_rows_about_something_else_are_not_quoted_beside_the_row_that_answers():
    costs = passage(
        "City Hotel, per night Meals, per day Local transport, per day\nAmsterdam $210 $68 $22\n"
        "Boston $265 $79 $30\nSingapore $235 $62 $24\nTokyo $215 $64 $25",
        section=("8 Travel costs", "Hotel and meal limits"),
        page=12,
    )
    [only] = quoted("What is the hotel limit per night in Singapore?", costs)
    assert only.startswith("Singapore $235 $62 $24")


@pytest.mark.parametrize(
    ("given", "ends", "reason"),
    [({"stop": ["annual"]}, "days of ", "stop"), ({"max_tokens": 5}, "Full-time employees ", "length")],
)
def test_a_quote_ends_where_the_client_wants_it_to(given: dict[str, object], ends: str, reason: str) -> None:
    source = Source(label=1, passage=LEAVE)
    question = "How many days of annual leave do full-time employees have?"
    model = QuotingChatModel().bind(sources=[source], question=question, **given)
    reply = model.invoke([HumanMessage("?")])
    assert reply.text.endswith(ends)
    assert reply.response_metadata["finish_reason"] == reason

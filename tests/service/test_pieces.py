"""What a passage is made of."""

import pytest

from service.pieces import PieceKind, figures_of, pieces_of

PROSE = "4.2 Annual leave\n\nYou have 20 days. They expire on 31 March.\n\n- Ask your manager first\n- Then the People Team"
CELLS = "Table 7. Hotel limits\nCity | Limit\nSingapore | $260\nBoston | $310\nLimits are checked each year."
LINES = (
    "Notice periods after probation\n\nYears of service Notice by you Notice by us\n"
    "Less than 2 years 4 weeks 6 weeks\n2 to 4 years 6 weeks 10 weeks\n10 years or more 12 weeks 26 weeks"
)
KOREAN = "제20조(경조사휴가)\n\n직원이 결혼하면 휴가를 준다.\n\n구분 대상 휴가\n결혼 본인 5일\n결혼 자녀 1일"


def read(text: str) -> list[tuple[str, str]]:
    return [(piece.kind.value, text[slice(*piece.span)]) for piece in pieces_of(text)]


def test_headings_sentences_and_items_are_told_apart():
    assert read(PROSE) == [
        ("title", "4.2 Annual leave"),
        ("sentence", "You have 20 days."),
        ("sentence", "They expire on 31 March."),
        ("sentence", "- Ask your manager first"),
        ("sentence", "- Then the People Team"),
    ]


def test_a_sentence_knows_the_heading_above_it():
    assert {piece.caption for piece in pieces_of(PROSE) if piece.kind is PieceKind.SENTENCE} == {
        "4.2 Annual leave"
    }


@pytest.mark.parametrize(
    ("text", "rows", "header", "caption"),
    [
        (CELLS, ["Singapore | $260", "Boston | $310"], "City | Limit", "Table 7. Hotel limits"),
        (LINES, LINES.split("\n")[3:], LINES.split("\n")[2], "Notice periods after probation"),
        (KOREAN, ["결혼 본인 5일", "결혼 자녀 1일"], "구분 대상 휴가", ""),
        (CELLS.split("\n", 2)[2], ["Singapore | $260", "Boston | $310"], "", ""),
    ],
)
def test_rows_know_their_header_and_their_caption(text, rows, header, caption):
    found = [piece for piece in pieces_of(text) if piece.kind is PieceKind.ROW]
    assert [text[slice(*piece.span)] for piece in found] == rows
    assert {(piece.header, piece.caption) for piece in found} == {(header, caption)}


STATEMENT = (
    "Statements of Earnings\nFiscal years ended January 28, 2023 January 29, 2022\nRevenue $ 46,298 $ 51,761\n"
    "Cost of sales 36,386 40,121\nOther income:\nInvestment income 28 -\n9,940 11,640\nInterest expense (35) (25)"
)


@pytest.mark.parametrize(
    ("line", "words", "figures"),
    [
        ("Revenue $ 46,298 $ 51,761", "Revenue", ["$ 46,298", "$ 51,761"]),
        ("Interest (income) expense, net (35) 467", "Interest (income) expense, net", ["(35)", "467"]),
        ("Tax rate 14.0 % (13.7)%", "Tax rate", ["14.0 %", "(13.7)%"]),
        ("Equity in income of affiliates 1 4 -", "Equity in income of affiliates", ["1", "4", "-"]),
        ("매출액 1,200 1,350", "매출액", ["1,200", "1,350"]),
        ("2 to 4 years 6 weeks 10 weeks", "2 to 4 years 6 weeks 10 weeks", []),
        ("You have 20 days.", "You have 20 days.", []),
    ],
)
def test_the_figures_at_the_end_of_a_line_are_its_cells(line, words, figures):
    assert figures_of(line) == (words, figures)


def test_a_line_of_endless_figures_is_read_at_once():
    line = "sum " + "1)  " * 20_000 + "x"
    assert figures_of(line) == (line, [])
    assert figures_of(("sum " + "1)  " * 70 + "x")[:319])[1] == []


def test_lines_that_end_with_figures_are_rows_under_the_line_of_years():
    rows = [piece for piece in pieces_of(STATEMENT) if piece.kind is PieceKind.ROW]

    assert [STATEMENT[slice(*piece.span)] for piece in rows] == [
        "Revenue $ 46,298 $ 51,761",
        "Cost of sales 36,386 40,121",
        "Other income:",
        "Investment income 28 -",
        "Interest expense (35) (25)",
    ]
    assert {piece.header for piece in rows} == {"Fiscal years ended January 28, 2023 January 29, 2022"}


def test_prose_after_a_table_is_prose_again():
    assert read(CELLS)[-1] == ("sentence", "Limits are checked each year.")


@pytest.mark.parametrize("text", ["", "\n\n", "|", "| | |\n|---|---|", "One line"])
def test_odd_text_is_read_without_loss_of_its_words(text):
    words = " ".join(piece for _, piece in read(text)).split()
    assert words == text.split()

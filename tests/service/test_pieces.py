"""What a passage is made of."""

import pytest

from service.pieces import PieceKind, pieces_of

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


def test_prose_after_a_table_is_prose_again():
    assert read(CELLS)[-1] == ("sentence", "Limits are checked each year.")


@pytest.mark.parametrize("text", ["", "\n\n", "|", "| | |\n|---|---|", "One line"])
def test_odd_text_is_read_without_loss_of_its_words(text):
    words = " ".join(piece for _, piece in read(text)).split()
    assert words == text.split()

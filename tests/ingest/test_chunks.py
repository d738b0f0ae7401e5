import cProfile
import re
from itertools import pairwise

import pytest

from ingest.chunks import chunk_pages
from knowledge.documents import Block, BlockKind, Page

HEADING, PARAGRAPH, TABLE, LIST, CODE = BlockKind


def words(texts):
    """A measure that people can follow: a token is a word or a mark."""
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def cut(*pages, **options):
    return chunk_pages(pages, count_tokens=words, **options)


def page(*blocks, number=1, label="page 1"):
    """A page of blocks, each (kind, text) or (kind, text, level), with a blank line between."""
    text, placed = "", []
    for kind, content, *level in blocks:
        text += "\n\n" if text else ""
        placed.append(
            Block(kind=kind, start=len(text), end=len(text) + len(content), level=level[0] if level else 0)
        )
        text += content
    return Page(number=number, label=label, text=text, blocks=tuple(placed))


def sentence(number, length=8):
    return f"S{number}" + " word" * (length - 2) + "."


def paragraph(first, count):
    return PARAGRAPH, " ".join(sentence(number) for number in range(first, first + count))


def test_a_chunk_is_a_stretch_of_its_page_and_all_text_is_in_one():
    pages = [
        page((HEADING, "Leave", 1), paragraph(0, 30), (TABLE, "a | b\n1 | 2"), number=1),
        page((LIST, "- one\n- two"), (CODE, "x = 1\n\n\ny = 2"), paragraph(40, 9), number=2, label="page 2"),
        page(number=3),
    ]
    chunks = cut(*pages, size=40)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    covered = {number: set() for number in (1, 2, 3)}
    for chunk in chunks:
        text = pages[chunk.page - 1].text
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip() != ""
        assert words([chunk.text])[0] <= 40
        assert chunk.locator == f"page {chunk.page}"
        covered[chunk.page].update(range(chunk.start, chunk.end))
    for one in pages:
        missed = "".join(c for i, c in enumerate(one.text) if i not in covered[one.number])
        assert missed.strip() == ""


def test_a_chunk_begins_with_the_last_two_sentences_of_the_one_before():
    chunks = cut(page(paragraph(0, 20)), size=64)
    assert [re.findall(r"S(\d+)", chunk.text) for chunk in chunks] == [
        [str(number) for number in range(first, min(first + 8, 20))] for first in (0, 6, 12)
    ]


@pytest.mark.parametrize(("overlap", "starts"), [(0, [0, 8, 16]), (1, [0, 7, 14]), (9, [0, 6, 12])])
def test_the_overlap_is_counted_in_sentences_and_stays_under_a_third(overlap, starts):
    chunks = cut(page(paragraph(0, 20)), size=64, overlap_sentences=overlap)
    assert [int(re.search(r"S(\d+)", chunk.text)[1]) for chunk in chunks] == starts


def test_a_chunk_rather_ends_with_a_paragraph_than_in_the_middle_of_one():
    chunks = cut(page(paragraph(0, 5), paragraph(5, 8)), size=64, overlap_sentences=0)
    assert [chunk.text[:2] for chunk in chunks] == ["S0", "S5"]


def test_headings_give_the_section_path_across_pages():
    chunks = cut(
        page((HEADING, "Handbook", 1), (HEADING, "2. Leave", 2), paragraph(0, 8)),
        page(paragraph(10, 8), (HEADING, "## Sick leave ##", 3), paragraph(20, 8), number=2),
        page((HEADING, "3.\nTravel", 2), paragraph(30, 8), number=3),
        size=64,
    )
    assert list(dict.fromkeys((chunk.page, chunk.section) for chunk in chunks)) == [
        (1, ("Handbook", "2. Leave")),
        (2, ("Handbook", "2. Leave")),
        (2, ("Handbook", "2. Leave", "Sick leave")),
        (3, ("Handbook", "3. Travel")),
    ]


def test_a_heading_opens_a_chunk_and_never_ends_one():
    blocks = [(HEADING, "A", 1), paragraph(0, 4), (HEADING, "B", 1), (HEADING, "B one", 2), paragraph(10, 4)]
    chunks = cut(page(*blocks), size=40)
    assert [chunk.text.split("\n")[0] for chunk in chunks] == ["A", "B"]
    assert "S3" not in chunks[1].text, "a section is not repeated in the next one"


def test_sections_of_a_line_share_a_chunk():
    blocks = [block for name in "ABCD" for block in ((HEADING, name, 1), (PARAGRAPH, f"About {name}."))]
    assert len(cut(page(*blocks), size=64)) == 1


def test_every_further_piece_of_a_table_carries_the_header_row():
    table = "\n".join(
        ["Name | Grade | Days"] + [f"Kim {number} | G{number} | {number}" for number in range(40)]
    )
    chunks = cut(page((HEADING, "Leave", 1), (TABLE, table)), size=64)
    assert len(chunks) > 3
    assert chunks[0].section == ("Leave",)
    assert chunks[0].text.startswith("Leave\n\nName | Grade | Days\nKim 0")
    for before, chunk in pairwise(chunks):
        assert chunk.section == ("Leave", "Name | Grade | Days")
        assert re.fullmatch(r"(Kim \d+ \| G\d+ \| \d+\n?)+", chunk.text), "rows are whole"
        assert chunk.start == before.end + 1, "and not repeated"


def test_a_table_without_cells_has_no_header_row():
    table = "\n".join(f"Revenue {number} {number + 1}" for number in range(60))
    assert {chunk.section for chunk in cut(page((TABLE, table)), size=40)} == {()}


@pytest.mark.parametrize(
    ("blocks", "locators"),
    [
        ([paragraph(0, 1)], ["line 1"]),
        ([(PARAGRAPH, "One.\nTwo.\nThree.")], ["lines 1-3"]),
        (
            [(HEADING, "A", 1), paragraph(0, 4), (HEADING, "B", 1), (PARAGRAPH, "B1.\nB2.")],
            ["lines 1-3", "lines 5-8"],
        ),
    ],
)
def test_a_file_without_pages_is_located_by_lines(blocks, locators):
    assert [chunk.locator for chunk in cut(page(*blocks, label=""), size=40)] == locators


@pytest.mark.parametrize(
    ("label", "text", "locators"),
    [
        (
            "Sheet1",
            "Name | Days\n" + "\n".join(f"Kim | {n}" for n in range(11)),
            ["Sheet1!A1:B9", "Sheet1!A10:B12"],
        ),
        ("급여", "이름 | 일수 | 비고\n김 | 3", ["급여!A1:C2"]),
        ("Q1 'plan'", "a | b", ["'Q1 ''plan'''!A1:B1"]),
        ("Wide", " | ".join("x" * 28), ["Wide!A1:AB1"]),
        ("Gap", "| x\ny", ["Gap!A1:B2"]),
        ("2024", "a\tb\tc", ["'2024'!A1:C1"]),
        ("page 7", "a | b", ["page 7"]),
    ],
)
def test_a_sheet_is_located_by_its_cells(label, text, locators):
    options = {"size": 27} if label == "Sheet1" else {}
    assert [chunk.locator for chunk in cut(page((TABLE, text), label=label), **options)] == locators


def test_rows_below_a_gap_keep_their_row_numbers():
    rows = page((TABLE, "a | b\nc | d"), (TABLE, "e | f\ng | h"), label="S")
    assert [chunk.locator for chunk in cut(rows, size=8)] == ["S!A1:B2", "S!A4:B5"]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 3000,
        "가나다라마바사" * 5000,
        "x" * 40_000,
        "a,b;" * 2000,
        "한 글자 " * 2000,
        "x y " * 10 + "z" * 9000,
    ],
)
def test_what_has_no_sentences_is_cut_by_words_and_characters(text):
    chunks = cut(Page(number=1, label="", text=text))
    assert len(chunks) > 1
    assert all(words([chunk.text])[0] <= 256 and len(chunk.text) <= 256 * 16 for chunk in chunks)
    fresh, end = [], 0
    for chunk in chunks:
        fresh.append(text[max(chunk.start, end) : chunk.end])
        assert chunk.end > end
        end = chunk.end
    assert "".join("".join(fresh).split()) == "".join(text.split())


def test_a_tokeniser_that_takes_hangul_apart_does_not_make_chunks_of_a_line():
    def jamo(texts):
        return [3 * len(text) for text in texts]

    text = "연차 유급휴가는 한 해 동안 출근한 근로자에게 준다. " * 100
    chunks = chunk_pages([Page(number=1, label="", text=text)], count_tokens=jamo)
    assert min(len(chunk.text) for chunk in chunks[:-1]) > 300


def test_pages_without_blocks_get_sections_from_marks_and_numbers():
    text = (
        f"intro.\n# Policy\n{sentence(1, 40)}\n## 범위 ##\n{sentence(2, 40)}\n제3조(휴가) {sentence(3, 40)}"
    )
    chunks = cut(Page(number=1, label="", text=text), size=64)
    assert [chunk.section for chunk in chunks] == [(), ("Policy", "범위"), ("Policy", "범위", "제3조(휴가)")]


@pytest.mark.parametrize("text", ["", " \n\t ", "-----", "* * *", "1"])
def test_no_chunk_is_without_a_word(text):
    assert [chunk.text for chunk in cut(Page(number=1, label="", text=text))] == (
        ["1"] if text == "1" else []
    )


def test_an_insertion_moves_only_the_chunks_around_it():
    def texts(blocks):
        return {chunk.text for chunk in cut(page(*blocks), size=64)}

    blocks = [paragraph(10 * number, 2 + number % 3) for number in range(60)]
    before = texts(blocks)
    after = texts([*blocks[:20], (PARAGRAPH, "A new remark."), *blocks[20:]])
    assert len(after - before) < len(before) / 4


@pytest.mark.parametrize(
    "piece", ["a", "word ", "가나다. ", "x\n", "a | b\n", "# h\n", "\n", ".", "word.\n\n"]
)
def test_work_grows_with_the_text_and_no_faster(piece):
    def calls(length):
        text = piece * (length // len(piece))
        profile = cProfile.Profile()
        profile.runcall(cut, Page(number=1, label="", text=text))
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(150_000) < 60 * calls(10_000)

"""Where the sentences of a text are, in English, Korean and other scripts of the East, without a model.

Two questions are asked of a text, each in one pass: which line ends are only the wrapping of a paragraph,
and which full stops end a sentence. The doubtful full stop is left alone: half a sentence is a worse quote
than two.
"""

import re
from itertools import pairwise

_CLOSERS = "\"'”’»)\\]」』】》〉）］"

# A full stop counts when white space follows; East Asian ones and a Korean verb ending need none.
# Possessive, and tried once per run: a line of a million dots costs one look at each.
_STOP = re.compile(
    rf"(?<=\S)(?<![.!?…])[.!?…]++[{_CLOSERS}]*+(?:\[\d{{1,3}}\])*+(?=\s|$)"
    rf"|[。！？｡．]++[{_CLOSERS}]*+"
    rf"|(?<=[다요죠까음함임됨])[.!?]++[{_CLOSERS}]*+(?=[가-힣])"
)
_LAST_WORD = re.compile(r"[^\s(\[“\"'‘「]+$")
_WORD = re.compile(r"\w+")
_MARKER = re.compile(
    r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5}|[가나다라마바사아자차카타파하])[.)\]]*$"
)
_ITEM = re.compile(
    r"[-*+•·▪■□○●◦‣–—※▶►☞✓>#]|[①-⑳㉠-㉻❶-❿]"
    r"|[(\[]?\d{1,3}[.)\]](?:\s|$)|[(\[]?[A-Za-z가-하][.)](?:\s|$)|제\s?\d+[조장절항]"
)

_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof rev hon gen col lt sgt capt gov sen rep st mt jr sr esq
    inc ltd co corp llc plc bros dept univ assn est
    vs etc al e.g i.e cf viz ca approx no nos nr fig figs eq eqs ch sec vol vols ed eds p pp par art ver
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun
    a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.a m.a b.sc m.sc
    """.split()  # noqa: SIM905
)
# After an abbreviation only a word that opens sentences proves that the full stop did both jobs.
_OPENERS = frozenset(
    """
    The This That These Those It Its He She They We You I A An In On At By For From With As If When While
    Where What Who Why How But And Or So Yet However Although Because Since After Before During There Here
    Our Their His Her My Your All Some Many Most Both Each Every Any Such One Another Other Under Over To
    """.split()  # noqa: SIM905
)
_WRAP_LIMIT = 160  # wider lines were not wrapped by anybody: every line end is meant
_WRAP_FLOOR = 40  # narrower columns cannot be told from a list


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences in order, white space stripped, none empty.

    Headings, list items and table rows are sentences of their own; a line end inside a wrapped paragraph is
    not an end. What lies between two spans is white space, so the spans hold all that the text says.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _paragraphs(text):
        spans.extend(_sentences(text, start, end))
    return spans


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Spans of lines, those that are only wrapped joined."""
    spans: list[tuple[int, int]] = []
    for group in _line_groups(text):
        spans.extend(_unwrapped(text, group))
    return spans


def _line_groups(text: str) -> list[list[tuple[int, int]]]:
    """The stripped spans of lines, grouped where blank lines part them."""
    groups: list[list[tuple[int, int]]] = [[]]
    offset = 0
    for line in text.splitlines(keepends=True):
        body = line.strip()
        if body:
            start = offset + len(line) - len(line.lstrip())
            groups[-1].append((start, start + len(body)))
        elif groups[-1]:
            groups.append([])
        offset += len(line)
    return groups


def _unwrapped(text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    width = max((end - start for start, end in lines), default=0)
    spans = lines[:1]
    for line, following in pairwise(lines):
        if _is_wrapped(text, line, following, width):
            spans[-1] = (spans[-1][0], following[1])
        else:
            spans.append(following)
    return spans


def _is_wrapped(text: str, line: tuple[int, int], following: tuple[int, int], width: int) -> bool:
    """Whether the line ended because its next word had no room, as opposed to because its author meant it."""
    if width > _WRAP_LIMIT or text[line[1] - 1] in ".!?…。！？:;：；|":
        return False
    here, after = text[slice(*line)], text[slice(*following)]
    if _is_row(here) or _is_row(after) or here.startswith("#") or _ITEM.match(after):
        return False
    if after[0].islower() and len(here) >= _WRAP_FLOOR // 2:
        return True
    floor = _WRAP_FLOOR if here.isascii() else _WRAP_FLOOR // 2
    word = after.split(None, 1)[0]
    return width >= floor and len(here) + 1 + len(word) > width


def _is_row(line: str) -> bool:
    return "\t" in line or " | " in line or line.startswith("|")


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    if _is_row(text[start:end]):
        return [(start, end)]
    spans = []
    for stop in _STOP.finditer(text, start, end):
        if stop.end() < end and stop.start() > start and _ends_sentence(text, start, stop, end):
            spans.append((start, stop.end()))
            start = _skip_space(text, stop.end(), end)
    if start < end:
        spans.append((start, end))
    return spans


def _skip_space(text: str, position: int, end: int) -> int:
    while position < end and text[position].isspace():
        position += 1
    return position


def _ends_sentence(text: str, start: int, stop: re.Match[str], end: int) -> bool:
    following = _skip_space(text, stop.end(), end)
    first = text[following]
    if stop.group()[0] in "。！？｡．":
        return True
    if first.islower():
        return False
    if stop.group()[0] != ".":
        return True
    before = text[max(start, stop.start() - 24) : stop.start()]
    if stop.start() - start <= 12 and _MARKER.match(before):
        return False  # "1. Introduction", "가. 목적"
    if before[-1].isdigit():
        return not (first.isdigit() or "가" <= first <= "힣")  # "2024. 3. 15. 시행"
    return not _is_abbreviation(before) or _opens_sentence(text, following)


def _is_abbreviation(before: str) -> bool:
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    bare = word.group()
    return bare.lower() in _ABBREVIATIONS or (len(bare) == 1 and bare.isascii() and bare.isupper())


def _opens_sentence(text: str, position: int) -> bool:
    word = _WORD.search(text, position)
    return word is not None and word.group() in _OPENERS

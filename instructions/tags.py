"""Tags in running text: where they are, and which closing one belongs to which opening one.

Instructions are prose in which `<` also means "less than", an e-mail address or a line of code. So this is
no XML parser: what does not look like a tag, and what stands in code, is text.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

# Every repetition is possessive or bounded: 256 KB of any text is scanned in linear time.
_TAG = re.compile(
    r"(?<!`)(?P<code>`++)[^`\r\n]*+(?P=code)(?!`)"
    r"|<(?P<close>/?)(?P<name>\w[\w.\-]{0,63}(?: [\w.\-]{1,32}){0,3})"
    r"(?:[ \t]+[\w:.\-]{1,64}=(?:\"[^\"<>\r\n]{0,200}\"|'[^'<>\r\n]{0,200}'))"
    r"{0,8}[ \t]*>"
)
_LETTER = re.compile(r"[^\W\d_]")
_FENCE = re.compile(r"(?:\A|(?<=[\r\n]))[ \t]*(?P<mark>`{3,}+|~{3,}+)(?P<info>[^\r\n]*)")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_FENCES_LOOKED_AHEAD = 200  # bounds the search for the fence that closes one


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag as it stands in a text."""

    key: str  # what names are compared by: see `tag_key`
    name: str  # as written, NFC
    closes: bool
    start: int  # character offsets into the text
    end: int
    line: int  # counted from 0
    leads: bool  # first on its line, or right behind a tag: where a section may begin
    trails: bool  # last on its line, or right before a tag


@dataclass(frozen=True, kw_only=True)
class Markup:
    """The tags of a text, in order, outside code."""

    tags: tuple[Tag, ...]
    partner: Mapping[int, int]  # index of an opening tag -> index of the tag that closes it


def tag_key(name: str) -> str:
    """`Output_Format`, `output format` and `output-format` are one name; so are NFC and NFD."""
    return re.sub(r"[\s_\-]", "", normalize("NFC", name).casefold())


def line_starts(text: str) -> list[int]:
    """Offsets at which the lines of `text` begin; CRLF, LF and CR end a line."""
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]


def line_at(starts: Sequence[int], offset: int) -> int:
    """The line, counted from 0, that holds the character at `offset`."""
    return bisect_left(starts, offset + 1) - 1


def scan(text: str) -> Markup:
    """The tags of `text`; what stands in a code fence or between backticks is no tag."""
    tags = _outside_fences(text, _all_tags(text))
    return Markup(tags=tags, partner=_partners(tags))


def _all_tags(text: str) -> list[Tag]:
    starts = line_starts(text)
    found = [match for match in _TAG.finditer(text) if match["name"] and _LETTER.search(match["name"])]
    tags: list[Tag] = []
    for index, match in enumerate(found):
        following = found[index + 1].start() if index + 1 < len(found) else len(text)
        line = line_at(starts, match.start())
        tags.append(
            Tag(
                key=tag_key(match["name"]),
                name=normalize("NFC", match["name"]),
                closes=bool(match["close"]),
                start=match.start(),
                end=match.end(),
                line=line,
                leads=_leads(text, starts[line], match.start(), tags),
                trails=not _NEWLINE.split(text[match.end() : following], maxsplit=1)[0].strip(),
            )
        )
    return tags


def _leads(text: str, line_start: int, start: int, before: Sequence[Tag]) -> bool:
    if not text[line_start:start].strip():
        return True
    previous = before[-1] if before else None
    if previous is None or text[previous.end : start].strip():
        return False
    return previous.closes or previous.leads


def _outside_fences(text: str, tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """Without the tags in code fences.

    A fence mark that its author left open would swallow the sections up to the next one. So a stretch
    between two marks is code only where the tags outside balance better without the tags inside.
    """
    marks = list(_FENCE.finditer(text))
    closing_marks = [index for index, mark in enumerate(marks) if not mark["info"].strip()]
    offsets = [tag.start for tag in tags]
    open_tags = _surplus(tags)
    inside: set[int] = set()
    index = 0
    while index < len(marks):
        closing = _closing_fence(marks, closing_marks, index)
        if closing is None:
            index += 1
            continue
        first = bisect_left(offsets, marks[index].start())
        stretch = range(first, bisect_left(offsets, marks[closing].start()))
        surplus = _surplus([tags[each] for each in stretch])
        if any(
            abs(open_tags[key] - number) >= abs(open_tags[key]) for key, number in surplus.items() if number
        ):
            index += 1
            continue
        open_tags.subtract(surplus)
        inside.update(stretch)
        index = closing + 1
    return tuple(tag for position, tag in enumerate(tags) if position not in inside)


def _closing_fence(marks: Sequence[re.Match[str]], closing_marks: Sequence[int], opening: int) -> int | None:
    mark = marks[opening]["mark"]
    first = bisect_left(closing_marks, opening + 1)
    for index in closing_marks[first : first + _FENCES_LOOKED_AHEAD]:
        if marks[index]["mark"].startswith(mark):
            return index
    return None


def _surplus(tags: Sequence[Tag]) -> Counter[str]:
    """Opening minus closing tags, by name."""
    surplus: Counter[str] = Counter()
    for tag in tags:
        if tag.leads or tag.closes:
            surplus[tag.key] += -1 if tag.closes else 1
    return surplus


def _partners(tags: Sequence[Tag]) -> dict[int, int]:
    """Closing tags pair with the nearest open one of their name.

    An opening tag in the middle of a line ("wrap it in <output>…</output>") lives no longer than its line.
    """
    partner: dict[int, int] = {}
    waiting: dict[str, list[int]] = {}
    for index, tag in enumerate(tags):
        stack = waiting.setdefault(tag.key, [])
        while stack and not tags[stack[-1]].leads and tags[stack[-1]].line != tag.line:
            stack.pop()
        if not tag.closes:
            stack.append(index)
        elif stack:
            partner[stack.pop()] = index
    return partner

"""The body of an instruction: sections, examples, and the text between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from instructions.errors import MAX_PROBLEMS, Problem
from instructions.tags import Markup, Tag, line_at, line_starts, scan, tag_key


class SectionKind(StrEnum):
    """A section that Doumi knows; what an author's own tags mean is the author's business."""

    PERSONA = "persona"  # who speaks
    CONSTRAINTS = "constraints"  # what it must never do
    GUIDELINES = "guidelines"  # how it works
    EXAMPLES = "examples"  # pairs of input and output, sent as earlier turns
    OUTPUT = "output"  # the shape of an answer
    PERSONALIZATION = "personalization"  # how it adapts to the person who asks


KOREAN_NAMES = {
    SectionKind.PERSONA: "페르소나",
    SectionKind.CONSTRAINTS: "제약사항",
    SectionKind.GUIDELINES: "지침",
    SectionKind.EXAMPLES: "예시",
    SectionKind.OUTPUT: "출력형식",
    SectionKind.PERSONALIZATION: "개인화",
}
_KINDS = {
    "personalisation": SectionKind.PERSONALIZATION,
    **{kind.value: kind for kind in SectionKind},
    **{name: kind for kind, name in KOREAN_NAMES.items()},
}
_EXAMPLE = {"example", "예", "예시"}
_INPUT = {"input", "입력"}
_OUTPUT = {"output", "출력"}
_NEVER_CLOSED_IN_HTML = {"br", "hr", "img", "wbr", "p", "li", "input"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One pair, sent to the model as a turn that already happened."""

    input: str
    output: str
    line: int  # of its opening tag, in the file


@dataclass(frozen=True, kw_only=True)
class Section:
    """A tagged stretch of the body. `opening + inner + closing` is its source, byte for byte."""

    tag: str  # as written, NFC
    kind: SectionKind | None  # None: the author's own
    line: int  # of its opening tag, in the file
    opening: str
    inner: str
    closing: str
    examples: tuple[Example, ...] = ()  # only of EXAMPLES
    remarks: str = ""  # of EXAMPLES: what it says besides its pairs; all of it where there are no pairs

    @property
    def text(self) -> str:
        """What is between the tags, with "\\n" line ends and no white space around."""
        return _clean(self.inner)

    @property
    def source(self) -> str:
        return self.opening + self.inner + self.closing


@dataclass(frozen=True, kw_only=True)
class Loose:
    """Text outside any section, white space included."""

    line: int
    source: str

    @property
    def text(self) -> str:
        return _clean(self.source)


Part = Section | Loose


def kind_of(name: str) -> SectionKind | None:
    """The kind that a tag's name stands for, in English or Korean; None for an author's own."""
    return _KINDS.get(tag_key(name))


def nearest_section(name: str) -> str | None:
    """The known section name most like `name`, for "did you mean"; None when nothing is near."""
    key = tag_key(name)
    longer = [known for known in _KINDS if len(key) > 1 and known.startswith(key)]
    near = longer or get_close_matches(key, _KINDS, n=1, cutoff=0.75)
    return near[0] if near else None


def read_parts(body: str, first_line: int, problems: list[Problem]) -> tuple[Part, ...]:
    """The parts of `body`, in order and without a gap; what is wrong is added to `problems`.

    `first_line` is the line, counted from 1, that `body` begins at in its file.
    """
    markup = scan(body)
    starts = line_starts(body)
    sections = [
        _section(body, markup, index, first_line, problems)
        for index in _section_indexes(markup, first_line, problems)
    ]
    _refuse_twins([section for _, section in sections], problems)
    parts: list[Part] = []
    position = 0
    for start, section in sections:
        if position < start:
            parts.append(_loose(body[position:start], first_line + line_at(starts, position)))
        parts.append(section)
        position = start + len(section.source)
    if position < len(body):
        parts.append(_loose(body[position:], first_line + line_at(starts, position)))
    return tuple(parts)


def _loose(source: str, line: int) -> Loose:
    return Loose(line=line, source=source)


def _section_indexes(markup: Markup, first_line: int, problems: list[Problem]) -> list[int]:
    indexes: list[int] = []
    closers = set(markup.partner.values())
    next_free = 0  # offset behind the last section
    for index, tag in enumerate(markup.tags):
        if tag.start < next_free:
            continue
        if len(problems) >= MAX_PROBLEMS:
            break
        partner = markup.partner.get(index)
        if partner is not None and _begins_section(tag, markup.tags[partner]):
            indexes.append(index)
            next_free = markup.tags[partner].end
        elif partner is None and index not in closers and (message := _why_stray(tag, markup)):
            problems.append(Problem(line=first_line + tag.line, message=message))
    return indexes


def _begins_section(opening: Tag, closing: Tag) -> bool:
    """An author's own tag must stand like a block: `<b>Note</b>: …` at the start of a line is text."""
    return opening.leads and (kind_of(opening.name) is not None or closing.trails)


def _why_stray(tag: Tag, markup: Markup) -> str | None:
    """What to tell the author about a tag without partner; None where it is plain text."""
    known = kind_of(tag.name) is not None
    if tag.key in _NEVER_CLOSED_IN_HTML or not (tag.leads or (known and tag.closes and tag.trails)):
        return None
    if not known and (not tag.trails or " " in tag.name):
        return None
    if tag.closes:
        return f"</{tag.name}> closes nothing: remove it, or open it with <{tag.name}> before its text"
    closers = [each for each in markup.tags if each.closes and each.start > tag.end and each.key != tag.key]
    near = get_close_matches(tag.key, [each.key for each in closers[:50]], n=1, cutoff=0.7)
    hint = f" (is </{near[0]}> meant for it?)" if near else ""
    return f"<{tag.name}> is never closed: add </{tag.name}> behind its text{hint}"


def _refuse_twins(sections: Sequence[Section], problems: list[Problem]) -> None:
    first: dict[SectionKind, Section] = {}
    for section in sections:
        if section.kind is None:
            continue
        twin = first.setdefault(section.kind, section)
        if twin is not section:
            message = f"<{section.tag}> is there twice (<{twin.tag}> in line {twin.line}): join the two"
            problems.append(Problem(line=section.line, message=message))


def _section(
    body: str, markup: Markup, index: int, first_line: int, problems: list[Problem]
) -> tuple[int, Section]:
    opening, closing = markup.tags[index], markup.tags[markup.partner[index]]
    section = Section(
        tag=opening.name,
        kind=kind_of(opening.name),
        line=first_line + opening.line,
        opening=body[opening.start : opening.end],
        inner=body[opening.end : closing.start],
        closing=body[closing.start : closing.end],
    )
    if section.kind is SectionKind.EXAMPLES:
        examples, remarks = _read_examples(section, problems)
        section = replace(section, examples=examples, remarks=remarks)
    return opening.start, section


def _read_examples(section: Section, problems: list[Problem]) -> tuple[tuple[Example, ...], str]:
    """The pairs of an examples section, and what it says besides them."""
    markup = scan(section.inner)
    examples: list[Example] = []
    remarks: list[str] = []
    position = 0
    for index, tag in enumerate(markup.tags):
        if tag.start < position or tag.closes or tag.key not in _EXAMPLE or not tag.leads:
            continue
        if len(problems) >= MAX_PROBLEMS:
            break
        line = section.line + tag.line
        if (partner := markup.partner.get(index)) is None:
            message = f"<{tag.name}> is never closed: add </{tag.name}> behind its output"
            problems.append(Problem(line=line, message=message))
            continue
        closing = markup.tags[partner]
        remarks.append(section.inner[position : tag.start])
        position = closing.end
        example = _example(section.inner[tag.end : closing.start], tag.name, line, problems)
        examples += [example] if example else []
    remarks.append(section.inner[position:])
    return tuple(examples), "\n\n".join(filter(None, map(_clean, remarks)))


def _example(inner: str, tag: str, line: int, problems: list[Problem]) -> Example | None:
    markup = scan(inner)
    said, position = _child(inner, markup, _INPUT, 0)
    replied, _ = _child(inner, markup, _OUTPUT, position)
    english = tag.isascii()
    for text, name in ((said, "input" if english else "입력"), (replied, "output" if english else "출력")):
        if not text:
            message = f"this <{tag}> has no {name}: write <{name}>…</{name}> in it"
            problems.append(Problem(line=line, message=message))
            return None
    return Example(input=said, output=replied, line=line)


def _child(inner: str, markup: Markup, names: set[str], position: int) -> tuple[str, int]:
    """Text of the first child with one of `names` behind `position`, and where it ends; "" without one."""
    for index, tag in enumerate(markup.tags):
        if tag.start >= position and tag.key in names and index in markup.partner:
            closing = markup.tags[markup.partner[index]]
            return _clean(inner[tag.end : closing.start]), closing.end
    return "", position


def _clean(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text).strip().removeprefix("\ufeff")

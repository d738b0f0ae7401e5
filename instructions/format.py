"""Instruction file -> Instruction, and back without loss.

    ---
    name: Handbook
    starters:
      - How many days of leave do I have?
    ---
    <persona>
    You answer questions about the handbook.
    </persona>

Every part keeps its source text, so an instruction that nobody edited is written byte for byte as it was
read, and an edit touches its own part only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instructions.errors import InstructionError, Problem, raise_first
from instructions.front_matter import AnswerFrom, FrontMatter, read_front_matter, set_key, split_head
from instructions.sections import Example, Loose, Part, Section, SectionKind, kind_of, read_parts
from instructions.tags import line_at, line_starts, tag_key

__all__ = [
    "MAX_BYTES",
    "AnswerFrom",
    "Example",
    "FrontMatter",
    "Instruction",
    "InstructionError",
    "Loose",
    "Section",
    "SectionKind",
    "from_parts",
    "load",
    "parse",
    "render",
    "with_key",
    "with_section",
]

MAX_BYTES = 256 * 1024
_MAX_HEAD = 64 * 1024
# YAML takes none of these, a model makes nothing of them, and a lone surrogate cannot be stored.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """How one assistant behaves."""

    file: str  # what error messages call it
    head: str  # source of BOM and front matter, both `---` lines included
    front: FrontMatter
    parts: tuple[Part, ...]  # the body, in order and without a gap

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(part for part in self.parts if isinstance(part, Section))

    @property
    def examples(self) -> tuple[Example, ...]:
        """The pairs that are sent as earlier turns."""
        section = self.section(SectionKind.EXAMPLES)
        return section.examples if section else ()

    def section(self, name: SectionKind | str) -> Section | None:
        """The section of that kind or, for an author's own, with that tag; the first one of several."""
        return next((each for each in self.sections if _is_named(each, name)), None)


def parse(text: str, *, file: str = "instruction") -> Instruction:
    """Reads the text of an instruction file; text without front matter and tags is one, too.

    `text` is the file as it is: with its BOM and its own line ends (see `load`). Raises InstructionError,
    which lists every problem that could be found at once.
    """
    _refuse_unreadable(text, file)
    split = split_head(text)
    if split is None:
        raise InstructionError(file, 1, "front matter is never closed: add a line of --- behind its keys")
    head, body = split
    if len(head) > _MAX_HEAD:
        raise InstructionError(file, 1, f"front matter is longer than {_MAX_HEAD} characters: shorten it")
    problems: list[Problem] = []
    front = read_front_matter(head, problems)
    parts = read_parts(body, len(line_starts(head)), problems)
    raise_first(file, problems)
    return Instruction(file=file, head=head, front=front, parts=parts)


def render(instruction: Instruction) -> str:
    """The text of the instruction file."""
    return instruction.head + "".join(part.source for part in instruction.parts)


def load(path: Path, *, file: str | None = None) -> Instruction:
    """Reads an instruction file. Raises InstructionError; OSError when there is none."""
    name = file or path.name
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InstructionError(name, 1, _TOO_LONG)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\n|\r", data[: error.start])) + 1
        raise InstructionError(name, line, "this is not UTF-8: save the file as UTF-8") from None
    return parse(text, file=name)


def from_parts(front: Mapping[str, object], body: str, *, file: str = "instruction") -> Instruction:
    """An instruction from settings and a text: just its sections, or a whole file.

    `front` may hold what the front matter knows (text, bool, list of texts) and wins over what the text says;
    None takes a key out. Raises InstructionError.
    """
    instruction = parse(body, file=file)
    for key, value in front.items():
        instruction = with_key(instruction, key, value)
    return instruction


def with_key(instruction: Instruction, key: str, value: object) -> Instruction:
    """The instruction with one front-matter key set, or taken out by None; all other bytes are kept."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = [_scalar(instruction.file, key, each) for each in value]
    elif value is not None and not isinstance(value, bool):
        value = _scalar(instruction.file, key, value)
    head = set_key(instruction.head, key, value, _newline(render(instruction)))
    return parse(render(replace(instruction, head=head)), file=instruction.file)


def with_section(instruction: Instruction, name: SectionKind | str, text: str) -> Instruction:
    """The instruction with the text of one section replaced; a missing section is added at the end."""
    source = render(instruction)
    newline = _newline(source)
    text = re.sub(r"\r\n|\n|\r", newline, text.strip())
    old = instruction.section(name)
    if old is None:
        gap = newline * (2 - min(2, len(source) - len(source.rstrip("\r\n")))) if source else ""
        return parse(
            f"{source}{gap}<{name}>{newline}{text}{newline}</{name}>{newline}", file=instruction.file
        )
    start = len(old.inner) - len(old.inner.lstrip())
    end = max(start, len(old.inner.rstrip()))
    new = replace(old, inner=old.inner[:start] + text + old.inner[end:])
    parts = tuple(new if part is old else part for part in instruction.parts)
    return parse(render(replace(instruction, parts=parts)), file=instruction.file)


_TOO_LONG = f"an instruction has at most {MAX_BYTES // 1024} KB: move facts into a knowledge file"


def _refuse_unreadable(text: str, file: str) -> None:
    if found := _CONTROL.search(text):
        line = line_at(line_starts(text[: found.end()]), found.start()) + 1
        code = f"U+{ord(found[0]):04X}"
        raise InstructionError(file, line, f"a control character ({code}): remove it, it is not text")
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise InstructionError(file, 1, _TOO_LONG)


def _scalar(file: str, key: str, value: object) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise InstructionError(file, 1, f"{key}: takes text, on or off, or a list of texts")


def _newline(text: str) -> str:
    found = re.search(r"\r\n|\n|\r", text)
    return found[0] if found else "\n"


def _is_named(section: Section, name: SectionKind | str) -> bool:
    kind = kind_of(name)
    return section.kind is kind if kind else tag_key(section.tag) == tag_key(name)

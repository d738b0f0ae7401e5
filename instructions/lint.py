"""What is weak or probably wrong in an instruction that can be used all the same."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from instructions.errors import InstructionError
from instructions.format import Instruction, parse, render
from instructions.front_matter import AnswerFrom
from instructions.prompt import estimate_tokens
from instructions.sections import KOREAN_NAMES, Section, SectionKind, kind_of, nearest_section
from instructions.tags import line_at, line_starts, scan

MAX_STARTERS = 6  # what fits on a first screen
MAX_STARTER_LENGTH = 80
MAX_SECTION_TOKENS = 2000
MAX_EXAMPLES = 12
_SHOWN = 50  # findings of one rule


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # the instruction cannot be used
    WARNING = "warning"  # it does something else than its author seems to want
    HINT = "hint"  # it could be better


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to look at."""

    line: int  # counted from 1
    severity: Severity
    message: str  # what it is, and what to do


_Findings = Iterator[tuple[int, Severity, str]]


def lint_text(text: str, *, file: str = "instruction") -> list[Finding]:
    """What is wrong (as `parse` finds it) or else weak in the text of an instruction file; never raises."""
    try:
        instruction = parse(text, file=file)
    except InstructionError as error:
        return [
            Finding(line=each.line, severity=Severity.ERROR, message=each.message) for each in error.problems
        ]
    return lint(instruction)


def lint(instruction: Instruction) -> list[Finding]:
    """What is weak in an instruction, in the order of its lines."""
    findings = [
        Finding(line=line, severity=severity, message=message)
        for rule in _RULES
        for _, (line, severity, message) in zip(range(_SHOWN), rule(instruction), strict=False)
    ]
    return sorted(findings, key=lambda finding: finding.line)


def _is_silent(instruction: Instruction) -> _Findings:
    if not any(part.text for part in instruction.parts):
        yield (
            1,
            Severity.WARNING,
            "there is no instruction: say who answers and how, in <persona> and <guidelines>",
        )


def _lacks_sections(instruction: Instruction) -> _Findings:
    if not instruction.sections:
        return
    for kind, what in ((SectionKind.PERSONA, "who answers"), (SectionKind.GUIDELINES, "how to answer")):
        if instruction.section(kind) is None:
            yield 1, Severity.HINT, f"no <{kind}> (or <{KOREAN_NAMES[kind]}>) section: say {what}"


def _has_empty_sections(instruction: Instruction) -> _Findings:
    for section in instruction.sections:
        if not section.text:
            yield section.line, Severity.WARNING, f"<{section.tag}> is empty: fill it or remove it"


def _has_nearly_known_tags(instruction: Instruction) -> _Findings:
    for section in instruction.sections:
        near = None if section.kind else nearest_section(section.tag)
        if near and (kind := kind_of(near)) and instruction.section(kind) is None:
            message = f"<{section.tag}> is taken as a tag of your own: did you mean <{near}>?"
            yield section.line, Severity.WARNING, message


def _hides_known_sections(instruction: Instruction) -> _Findings:
    for section in instruction.sections:
        tags = scan(section.inner).tags
        holds_pairs = any(tag.key in {"input", "입력"} for tag in tags)  # whose <output> is no section
        for tag in tags:
            if kind_of(tag.name) and tag.leads and not tag.closes and not holds_pairs:
                message = (
                    f"<{tag.name}> inside <{section.tag}> is read as text: move it out to make it a section"
                )
                yield section.line + tag.line, Severity.WARNING, message


def _has_tags_in_running_text(instruction: Instruction) -> _Findings:
    for part in instruction.parts:
        if isinstance(part, Section):
            continue
        for tag in scan(part.source).tags:
            if kind_of(tag.name) and not tag.closes and not tag.leads:
                message = (
                    f"<{tag.name}> in the middle of a line is text: begin a line with it to open a section"
                )
                yield part.line + tag.line, Severity.HINT, message


def _has_long_sections(instruction: Instruction) -> _Findings:
    for part in instruction.parts:
        tokens = estimate_tokens(part.source)
        if tokens > MAX_SECTION_TOKENS:
            where = f"<{part.tag}>" if isinstance(part, Section) else "this text"
            message = (
                f"{where} has about {tokens} tokens, sent with every question: move facts into knowledge"
            )
            yield part.line, Severity.WARNING, message


def _has_doubtful_examples(instruction: Instruction) -> _Findings:
    section = instruction.section(SectionKind.EXAMPLES)
    if section is None:
        return
    if not section.examples and section.text:
        pairs = "<example><input>…</input><output>…</output></example>"
        yield (
            section.line,
            Severity.HINT,
            f"no pairs in <{section.tag}>, so it is sent as text: write {pairs}",
        )
    if len(section.examples) > MAX_EXAMPLES:
        message = f"{len(section.examples)} examples are sent with every question: {MAX_EXAMPLES} will do"
        yield section.line, Severity.HINT, message
    seen: dict[str, tuple[str, int]] = {}
    for example in section.examples:
        output, line = seen.setdefault(example.input, (example.output, example.line))
        if line != example.line:
            what = "the same" if output == example.output else "another output for the same"
            yield example.line, Severity.WARNING, f"{what} input as the example in line {line}: keep one"


def _has_examples_against_the_output(instruction: Instruction) -> _Findings:
    """Only what is certain: the output is to be JSON and an example is none, or the other way round."""
    output = instruction.section(SectionKind.OUTPUT)
    if output is None or not re.search(r"\bJSON\b", output.text, re.IGNORECASE):
        return
    for example in instruction.examples:
        if not re.match(r"(?:```(?:json)?\s*)?[\[{\"]", example.output):
            message = (
                f"<{output.tag}> (line {output.line}) speaks of JSON, and the output of this example is none"
            )
            yield example.line, Severity.WARNING, message


def _has_doubtful_starters(instruction: Instruction) -> _Findings:
    starters = instruction.front.starters
    line = _line_of_key(instruction, "starters")
    if len(starters) > MAX_STARTERS:
        yield line, Severity.HINT, f"{len(starters)} starters: {MAX_STARTERS} are shown at most"
    for starter in starters:
        if len(starter) > MAX_STARTER_LENGTH:
            message = f"starter {starter[:30]}… is longer than {MAX_STARTER_LENGTH} characters: shorten it"
            yield line, Severity.HINT, message
    if len(set(starters)) < len(starters):
        yield line, Severity.HINT, "a starter is there twice: remove one"


def _answers_from_nothing(instruction: Instruction) -> _Findings:
    front = instruction.front
    if front.answer_from is AnswerFrom.KNOWLEDGE and not front.knowledge:
        message = (
            "answer_from: knowledge, and no knowledge is named: until files are added it declines everything"
        )
        yield _line_of_key(instruction, "answer_from"), Severity.HINT, message


def _cites_by_hand(instruction: Instruction) -> _Findings:
    """Labels are the service's; an instruction that asks for others fights its rules."""
    if not instruction.front.citations:
        return
    for line, text in _lines(instruction):
        if re.search(r"【|\[\^\d|\(source:\s|\(출처\s*:", text, re.IGNORECASE):
            message = "citations are on and written as [1] by the service: do not ask for a form of your own"
            yield line, Severity.HINT, message


_SECRETS = (
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat|xox[abps]|hf)[_-][A-Za-z0-9_-]{16,}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}"),
    re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}"),
    re.compile(
        r"(?:password|passwd|secret|token|api[_ -]?key|비밀번호|암호|인증키)\s*[:=]\s*[\"']?"
        r"(?=[^\s\"']{0,60}\d)[A-Za-z0-9_\-+/=!@#$%^&*.]{8,}",
        re.IGNORECASE,
    ),
)


def _holds_secrets(instruction: Instruction) -> _Findings:
    for line, text in _lines(instruction):
        if any(pattern.search(text) for pattern in _SECRETS):
            message = "this looks like a key or password: take it out, a model may repeat it to anyone"
            yield line, Severity.WARNING, message


_HIDDEN = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\U000e0000-\U000e007f]|(?<!\A)\ufeff")


def _hides_characters(instruction: Instruction) -> _Findings:
    for line, text in _lines(instruction):
        if found := _HIDDEN.search(text):
            message = (
                f"an invisible character (U+{ord(found[0]):04X}): a model reads it, people do not; remove it"
            )
            yield line, Severity.WARNING, message


def _takes_service_tags(instruction: Instruction) -> _Findings:
    for section in instruction.sections:
        if section.tag.casefold() in {"sources", "source", "question", "asker", "service_rules"}:
            message = f"<{section.tag}> is a name that the service uses for data: choose another tag"
            yield section.line, Severity.WARNING, message


def _lines(instruction: Instruction) -> Iterator[tuple[int, str]]:
    yield from enumerate(re.split(r"\r\n|\n|\r", render(instruction)), start=1)


def _line_of_key(instruction: Instruction, key: str) -> int:
    found = re.search(rf"^{key}[ \t]*:", instruction.head, re.MULTILINE)
    return line_at(line_starts(instruction.head), found.start()) + 1 if found else 1


_RULES: tuple[Callable[[Instruction], _Findings], ...] = (
    _is_silent,
    _lacks_sections,
    _has_empty_sections,
    _has_nearly_known_tags,
    _hides_known_sections,
    _has_tags_in_running_text,
    _has_long_sections,
    _has_doubtful_examples,
    _has_examples_against_the_output,
    _has_doubtful_starters,
    _answers_from_nothing,
    _cites_by_hand,
    _holds_secrets,
    _hides_characters,
    _takes_service_tags,
)

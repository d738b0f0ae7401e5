"""The front matter of an instruction file: YAML between two lines of `---`.

Only the plain part of YAML is taken: no anchors, tags or nesting, each key once. Values are read as the
author wrote them, so that `language: no` is Norwegian and `name: 2024` is a name.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any
from unicodedata import normalize

import yaml

from instructions.errors import MAX_PROBLEMS, Problem
from instructions.tags import line_at, line_starts

_HEAD = re.compile(r"\A\ufeff?(?:[ \t]*(?:\r\n|\n|\r))*---[ \t]*(?:\r\n|\n|\r)")
_END = re.compile(r"(?:\A|(?<=[\r\n]))(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_HOST = re.compile(r"(?:\*\.)?(?:[^\W_](?:[\w-]*[^\W_])?\.)*[^\W_](?:[\w-]*[^\W_])?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_LANGUAGE_NAMES = {
    "korean": "ko",
    "한국어": "ko",
    "english": "en",
    "영어": "en",
    "japanese": "ja",
    "일본어": "ja",
}
_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
_KOREAN_KEYS = {
    "이름": "name",
    "설명": "description",
    "팀": "team",
    "모델": "model",
    "시작질문": "starters",
    "시작": "starters",
    "질문": "starters",
    "지식": "knowledge",
    "작업": "actions",
    "동작": "actions",
    "도구": "tools",
    "웹주소": "fetch_hosts",
    "허용주소": "fetch_hosts",
    "답변근거": "answer_from",
    "답변범위": "answer_from",
    "이미지": "sees",
    "인용": "citations",
    "출처": "citations",
    "언어": "language",
}


class BuiltIn(StrEnum):
    """A built-in tool that an assistant may switch on."""

    CALCULATOR = "calculator"  # exact arithmetic
    CLOCK = "clock"  # date and time in a zone
    TABLES = "tables"  # questions over its spreadsheets, computed
    FETCH = "fetch"  # web pages of the hosts in `fetch_hosts`


_BUILT_IN_NAMES = {
    "계산기": BuiltIn.CALCULATOR,
    "계산": BuiltIn.CALCULATOR,
    "시계": BuiltIn.CLOCK,
    "날짜": BuiltIn.CLOCK,
    "표": BuiltIn.TABLES,
    "표계산": BuiltIn.TABLES,
    "웹": BuiltIn.FETCH,
    "웹페이지": BuiltIn.FETCH,
}


class AnswerFrom(StrEnum):
    """Where an answer may come from."""

    KNOWLEDGE = "knowledge"  # only from the files; declines otherwise
    KNOWLEDGE_FIRST = "knowledge-first"  # from the files where they hold it; says so when they do not
    ANYTHING = "anything"  # the files are one source among others


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """The settings of an assistant that its instruction file carries; None where the file says nothing."""

    name: str | None = None
    slug: str | None = None
    description: str = ""
    team: str | None = None
    model: str | None = None
    starters: tuple[str, ...] = ()
    knowledge: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    tools: tuple[BuiltIn, ...] = ()
    fetch_hosts: tuple[str, ...] = ()
    answer_from: AnswerFrom = AnswerFrom.KNOWLEDGE_FIRST
    sees: bool | None = None
    citations: bool = True
    language: str | None = None


class _Wrong(ValueError):
    """A value that its key does not take; the message says what it does."""

    def __init__(self, node: yaml.Node, message: str) -> None:
        self.node = node
        super().__init__(message)


def split_head(text: str) -> tuple[str, str] | None:
    """BOM and front matter (both `---` lines included), and the rest; None when it is never closed."""
    opening = _HEAD.match(text)
    if opening is None:
        return ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    closing = _END.search(text, opening.end())
    return (text[: closing.end()], text[closing.end() :]) if closing else None


def read_front_matter(head: str, problems: list[Problem]) -> FrontMatter:
    """The values in `head` (as `split_head` gives it); what is wrong is added to `problems`."""
    entries = _entries(head, problems)
    values: dict[str, Any] = {}
    for key, (_, node) in entries.items():
        try:
            value = _READERS[key](node)
        except _Wrong as wrong:
            problems.append(Problem(line=_line(head, wrong.node.start_mark.index), message=f"{key}: {wrong}"))
        else:
            values |= {} if value is None else {key: value}
    return FrontMatter(**values)


def set_key(head: str, key: str, value: str | bool | Sequence[str] | None, newline: str) -> str:
    """`head` with `key` set to `value`, every other byte kept; None takes the key out.

    `newline` ends lines that are added. A head without front matter gets its two `---` lines.
    """
    entries = _entries(head, [])
    if key in entries:
        return _replaced(head, *entries[key], value)
    if value is None:
        return head
    line = f"{key}: {_dump(value)}{newline}"
    opening = _HEAD.match(head)
    if opening is None:
        return f"{head}---{newline}{line}---{newline}"
    closing = _END.search(head, opening.end())
    at = closing.start() if closing else len(head)
    return head[:at] + line + head[at:]


# Reading ------------------------------------------------------------------------------------------


def _entries(head: str, problems: list[Problem]) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Known key -> its two nodes, with marks that count characters from the start of `head`."""
    opening = _HEAD.match(head)
    if opening is None:
        return {}
    closing = _END.search(head, opening.end())
    source = head[opening.end() : closing.start() if closing else len(head)]
    # Blanks in place of what stands before keep the marks true to `head`.
    root = _compose(re.sub(r"[^\r\n]", " ", head[: opening.end()]) + source, problems)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        message = "front matter is made of lines such as `name: Handbook`"
        problems.append(Problem(line=_line(head, root.start_mark.index), message=message))
        return {}
    starts = line_starts(head)
    entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key_node, value_node in root.value:
        line = line_at(starts, key_node.start_mark.index) + 1
        key = normalize("NFC", str(key_node.value)) if isinstance(key_node, yaml.ScalarNode) else "?"
        if key in entries:
            first = line_at(starts, entries[key][0].start_mark.index) + 1
            message = f"{key} is there twice (first in line {first}): keep one"
            problems.append(Problem(line=line, message=message))
        elif key not in _READERS:
            problems.append(Problem(line=line, message=_unknown(key)))
        else:
            entries[key] = (key_node, value_node)
        if len(problems) >= MAX_PROBLEMS:
            break
    return entries


def _compose(source: str, problems: list[Problem]) -> yaml.Node | None:
    try:
        depth = 0
        for event in yaml.parse(source, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            message = _refused(event, depth)
            if message:
                problems.append(
                    Problem(
                        line=_line(source, event.start_mark.index if event.start_mark else 0), message=message
                    )
                )
                return None
        return yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark if error.problem_mark is not None else error.context_mark
        offset = mark.index if mark is not None else 0
        problems.append(Problem(line=_line(source, offset), message=_syntax(error, source[offset:])))
    except yaml.YAMLError as error:
        problems.append(Problem(line=1, message=f"front matter cannot be read as YAML: {error}"))
    return None


def _refused(event: yaml.Event, depth: int) -> str | None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        return "anchors (&) and aliases (*) are not taken here: write the value out, or put it in quotes"
    if getattr(event, "tag", None):
        return "YAML tags (!) are not taken here: put the value in quotes"
    if depth > 3:
        return "front matter is one level of keys: nothing in it goes this deep"
    return None


def _syntax(error: yaml.MarkedYAMLError, rest: str) -> str:
    if rest.startswith("\t"):
        return "a tab: YAML is indented with spaces"
    said = " ".join(part for part in (error.context, error.problem) if part)
    if "flow" in said:
        return (
            'not YAML here: inside [ ] put each text in quotes, as in ["Why?", "Who?"], and close it with ]'
        )
    return f"not YAML here ({said}): put the value in quotes if it holds : or #"


def _unknown(key: str) -> str:
    known = {**{each: each for each in _READERS}, **_KOREAN_KEYS}
    folded = re.sub(r"[\s\-]", "_", key.casefold())
    near = get_close_matches(folded.replace("_", "") if not key.isascii() else folded, known, n=1, cutoff=0.5)
    hint = f"did you mean {known[near[0]]}?" if near else f"the keys are {', '.join(_READERS)}"
    return f"unknown key {key}: {hint}"


def _line(text: str, offset: int) -> int:
    return line_at(line_starts(text), offset) + 1


def _text(node: yaml.Node) -> str | None:
    if not isinstance(node, yaml.ScalarNode):
        raise _Wrong(node, "takes one text, not a list or keys")
    value = normalize("NFC", str(node.value)).strip()
    return None if node.style is None and value in {"", "~", "null"} else value


def _one_line(node: yaml.Node) -> str | None:
    value = _text(node)
    if value is not None and ("\n" in value or len(value) > 200):
        raise _Wrong(node, "takes one line of at most 200 characters")
    return value or None


def _texts(node: yaml.Node) -> tuple[str, ...] | None:
    if isinstance(node, yaml.ScalarNode):
        if _text(node) is None:
            return None
        raise _Wrong(node, f"takes a list: write each text on a line of its own, as `  - {node.value}`")
    if not isinstance(node, yaml.SequenceNode):
        raise _Wrong(node, "takes a list of texts, not keys")
    texts = [_text(each) for each in node.value]
    return tuple(text for text in texts if text)


def _tools(node: yaml.Node) -> tuple[BuiltIn, ...] | None:
    names = _texts(node)
    if names is None:
        return None
    found = [_built_in(node, name) for name in names]
    return tuple(dict.fromkeys(found))


def _built_in(node: yaml.Node, name: str) -> BuiltIn:
    folded = re.sub(r"[\s_-]", "", name.casefold())
    known = {each.value: each for each in BuiltIn} | _BUILT_IN_NAMES
    if folded in known:
        return known[folded]
    near = get_close_matches(folded, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BuiltIn)}"
    raise _Wrong(node, f"there is no built-in tool {name}: {hint}")


def _hosts(node: yaml.Node) -> tuple[str, ...] | None:
    names = _texts(node)
    for name in names or ():
        if not _HOST.fullmatch(name.casefold()):
            raise _Wrong(
                node, f"{name} is no host: write docs.example.com, or *.example.com for all below it"
            )
    return tuple(name.casefold() for name in names) if names else None


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[yaml.Node], str | None]:
    def read(node: yaml.Node) -> str | None:
        value = _text(node)
        if value is None or pattern.fullmatch(value):
            return value
        hint = _LANGUAGE_NAMES.get(value.casefold())
        raise _Wrong(node, f"{value} is not {what}" + (f": did you mean {hint}?" if hint else ""))

    return read


def _answer_from(node: yaml.Node) -> AnswerFrom | None:
    value = _text(node)
    if value is None:
        return None
    allowed = [each.value for each in AnswerFrom]
    if value in allowed:
        return AnswerFrom(value)
    near = get_close_matches(re.sub(r"[\s_]", "-", value.casefold()), allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise _Wrong(node, f"{value} is none of {', '.join(allowed)}{hint}")


def _switch(node: yaml.Node) -> bool | None:
    value = _text(node)
    if value is not None and value.casefold() not in _SWITCH:
        raise _Wrong(node, f"{value} is neither on nor off")
    return None if value is None else _SWITCH[value.casefold()]


_READERS: dict[str, Callable[[yaml.Node], Any]] = {
    "name": _one_line,
    "slug": _matching(_SLUG, "a slug (a-z, 0-9 and single hyphens, at most 64)"),
    "description": _text,
    "team": _matching(_SLUG, "the slug of a team (a-z, 0-9 and hyphens)"),
    "model": _one_line,
    "starters": _texts,
    "knowledge": _texts,
    "actions": _texts,
    "tools": _tools,
    "fetch_hosts": _hosts,
    "answer_from": _answer_from,
    "sees": _switch,
    "citations": _switch,
    "language": _matching(_LANGUAGE, "a language tag such as ko, en or pt-BR"),
}


# Writing ------------------------------------------------------------------------------------------


def _replaced(head: str, key: yaml.Node, old: yaml.Node, value: str | bool | Sequence[str] | None) -> str:
    start, end = old.start_mark.index, _end_of(old, head)
    if value is None:
        line = line_starts(head)
        first = line[line_at(line, key.start_mark.index)]
        after = [offset for offset in line if offset >= end and offset > key.end_mark.index]
        return head[:first] + head[after[0] if after else len(head) :]
    colon = head.index(":", key.end_mark.index) + 1
    gap = head[colon:start]
    comment, broken, _ = re.split(r"(\r\n|\n|\r|\Z)", gap, maxsplit=1)
    is_block = isinstance(old, yaml.SequenceNode) and not old.flow_style
    if is_block and not isinstance(value, str | bool) and value:
        indent = gap[max(gap.rfind("\n"), gap.rfind("\r")) + 1 :]
        items = (broken + indent).join(f"- {_dump(each)}" for each in value)
        return head[:start] + items + head[end:]
    if broken:
        return f"{head[:colon]} {_dump(value)}{comment.rstrip()}{head[end:]}"
    return f"{head[:colon]}{gap or ' '}{_dump(value)}{head[end:]}"


def _end_of(node: yaml.Node, text: str) -> int:
    """Where a value ends: a block's end mark lies behind the blank lines and comments that follow it."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end_of(node.value[-1], text)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
        end = len(text[:end].rstrip())
    return end


def _dump(value: str | bool | Sequence[str]) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if not isinstance(value, str):
        return "[" + ", ".join(_dump_text(each, flow=True) for each in value) + "]"
    return _dump_text(value, flow=False)


def _dump_text(value: str, *, flow: bool) -> str:
    plain = re.fullmatch(r"[^\W_](?:[\w ./()~+?!·-]*[\w.)?!])?", value) is not None
    if plain and not (flow and "?" in value) and value.casefold() not in {"null", *_SWITCH}:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)

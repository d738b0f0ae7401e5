"""The text of a spec as data, with the line of everything in it. Bounded: a hostile text costs little."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

LONGEST = 5_000_000  # characters
_DEEPEST = 100
_MOST_NODES = 400_000
_MOST_EXPANDED = 2_000_000  # what aliases stand for, written out

# YAML 1.2, as OpenAPI asks for: `no`, `on` and dates are text.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = dict.fromkeys(("null", "Null", "NULL", "~", ""))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)

_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Pointer = tuple[str, ...]


class SpecInvalid(Exception):
    """The OpenAPI document cannot be used; the message says where and why."""

    def __init__(self, reason: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place = place
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Source:
    """A parsed document. `place` says where something stands."""

    data: Any
    _lines: Mapping[tuple[int, str], int] = field(default_factory=dict, repr=False)

    def place(self, pointer: Iterable[str]) -> str:
        """`#/paths/~1pets/get (line 12)`; the line of the nearest thing above it where it has none."""
        at, line = self.data, None
        parts = tuple(pointer)
        for part in parts:
            line = self._lines.get((id(at), part), line)
            at = _step(at, part)
        written = "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
        return f"{written} (line {line})" if line else written

    def invalid(self, pointer: Iterable[str], reason: str) -> SpecInvalid:
        """The error to raise about what stands there."""
        return SpecInvalid(reason, place=self.place(pointer))


def parse(text: str) -> Source:
    """YAML or JSON as data. Raises SpecInvalid."""
    if len(text) > LONGEST:
        raise SpecInvalid(f"The document has more than {LONGEST:,} characters; leave out what is not called.")
    if not text.strip():
        raise SpecInvalid("The document is empty.")
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        try:
            return Source(data=_from_json(text.lstrip("\ufeff")))
        except json.JSONDecodeError as error:
            problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
            if '"' in text[:200]:  # flow YAML begins with a brace too, but then not with a quoted name
                raise SpecInvalid(f"This is no valid JSON: {problem}.") from None
        except ValueError as error:
            raise SpecInvalid(f"This is no usable JSON: {error}.") from None
    return _from_yaml(text)


def _from_json(text: str) -> Any:
    depth = deepest = 0
    for bracket in re.finditer(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', text):
        if bracket.group(1):
            depth += 1
            deepest = max(deepest, depth)
        elif bracket.group(2):
            depth -= 1
    if deepest > _DEEPEST:
        raise SpecInvalid(f"The document is nested more than {_DEEPEST} levels deep.")
    return json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_number)


def _no_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise SpecInvalid(f"The name {twin!r} stands twice in one object.")
    return found


def _no_number(name: str) -> Any:
    raise SpecInvalid(f"{name} is no number in JSON.")


def _from_yaml(text: str) -> Source:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # only its events are used: nothing is constructed
    try:
        return _Builder().build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        at = f"line {marks[0].line + 1}, column {marks[0].column + 1}: " if marks else ""
        raise SpecInvalid(f"This is no valid YAML: {at}{error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise SpecInvalid(f"This is no valid YAML: {error}.") from None


class _Builder:
    """Makes data of YAML's events, without recursion."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, str], int] = {}
        self._open: list[_Container] = []
        self._anchors: dict[str, tuple[Any, int]] = {}  # and how many nodes it stands for
        self._root: Any = None
        self._nodes = 0

    def build(self, events: Iterable[Any]) -> Source:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line = _line(event)
                    raise SpecInvalid(f"line {line}: a second document begins here.")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
        return Source(data=self._root, _lines=self._lines)

    def _node(self, event: Any) -> None:
        line = _line(event)
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise SpecInvalid(f"line {line}: the document has more than {_MOST_NODES:,} parts.")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise SpecInvalid(f"line {line}: *{event.anchor} stands for nothing that was written before.")
            value, size = self._anchors[event.anchor]
            self._put(value, line, size)
        elif isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, line)
            self._put(value, line, 1)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
        else:
            if event.tag not in _PLAIN_TAGS:
                raise SpecInvalid(f"line {line}: the tag {event.tag} is not allowed here.")
            if len(self._open) >= _DEEPEST:
                raise SpecInvalid(f"line {line}: nested more than {_DEEPEST} levels deep.")
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append(_Container(value=value, line=line, anchor=event.anchor))

    def _close(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._put(done.value, done.line, done.size)

    def _put(self, value: Any, line: int, size: int) -> None:
        if not self._open:
            self._root = value
            return
        inside = self._open[-1]
        inside.size += size
        if inside.size > _MOST_EXPANDED:
            raise SpecInvalid(
                f"line {line}: aliases blow the document up to more than {_MOST_EXPANDED:,} parts."
            )
        if isinstance(inside.value, list):
            self._lines[(id(inside.value), str(len(inside.value)))] = line
            inside.value.append(value)
        elif not inside.has_key:
            inside.key, inside.has_key = _key(value, line), True
            self._lines[(id(inside.value), inside.key)] = line
        else:
            inside.has_key = False
            self._entry(inside, value, line)

    def _entry(self, inside: "_Container", value: Any, line: int) -> None:
        if inside.key == "<<" and isinstance(value, dict | list):
            for merged in value if isinstance(value, list) else [value]:
                if isinstance(merged, dict):
                    inside.value |= {name: merged[name] for name in merged if name not in inside.value}
            return
        if inside.key in inside.value and inside.key in inside.own:
            raise SpecInvalid(f"line {line}: the name {inside.key!r} stands twice in one object.")
        inside.own.add(inside.key)
        inside.value[inside.key] = value


@dataclass
class _Container:
    """A mapping or sequence that is not finished."""

    value: Any
    line: int
    anchor: str | None
    size: int = 1
    key: str = ""
    has_key: bool = False
    own: set[str] = field(default_factory=set)


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line


def _scalar(event: Any, line: int) -> Any:
    text, tag = event.value, event.tag
    if tag and tag not in ("!", "tag:yaml.org,2002:str"):
        if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"):
            tag = None
        else:
            raise SpecInvalid(f"line {line}: the tag {tag} is not allowed here.")
    if tag or event.style:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text) and len(text) < 40:
        return int(text)
    return float(text) if _FLOAT.match(text) and len(text) < 40 else text


def _key(value: Any, line: int) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict | list):
        raise SpecInvalid(f"line {line}: a name cannot be a list or an object.")
    return str(value)  # 200: of responses


def _step(at: Any, part: str) -> Any:
    if isinstance(at, dict):
        return at.get(part)
    if isinstance(at, list) and part.isdecimal() and int(part) < len(at):
        return at[int(part)]
    return None

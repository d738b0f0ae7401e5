"""JSON and JSON Lines: every value on a line of its own behind the path that leads to it."""

import json
from collections.abc import Iterator

from ingest.readers.building import PageBuilder, Source
from ingest.readers.lines import text_of
from ingest.readers.plain import one_line
from ingest.readers.tables import page_of_rows
from ingest.unreadable import DamagedFile, TooLarge
from knowledge.documents import Page

_LINES = (".jsonl", ".ndjson")


def read(source: Source) -> Iterator[Page]:
    source.total(1)
    text = text_of(source)
    if source.extension in _LINES:
        yield page_of_rows(_records(text), number=1, label="")
        return
    builder = PageBuilder()
    for record in _top(_parsed(text, "")):
        builder.paragraph("\n".join(record))
    yield builder.page(1, "")


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise TooLarge(f"The JSON{where} is nested deeper than can be read: flatten it.") from None
    except ValueError as error:
        problem = (
            f"{error.msg}, line {error.lineno}"
            if isinstance(error, json.JSONDecodeError) and not where
            else "not JSON"
        )
        raise DamagedFile(
            f"The JSON{where} is damaged ({problem}): correct it and upload it again."
        ) from None


def _records(text: str) -> Iterator[str]:
    """A line a record, "key: value | key: value"; line n is line n of the file."""
    for number, line in enumerate(text.split("\n"), start=1):
        value = _parsed(line, f" in line {number}") if line.strip() else None
        yield " | ".join(_leaves(value, "")) if line.strip() else ""


def _top(value: object) -> Iterator[list[str]]:
    """The records of a document: the items of its list, or the values under its keys."""
    if isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield list(_leaves(item, f"[{index}]"))
    elif isinstance(value, dict) and any(isinstance(item, list | dict) for item in value.values()):
        for key, item in value.items():
            if isinstance(item, list) and any(isinstance(entry, dict) for entry in item):
                yield from (
                    list(_leaves(entry, f"{key}[{index}]")) for index, entry in enumerate(item, start=1)
                )
            else:
                yield list(_leaves(item, str(key)))
    else:
        yield list(_leaves(value, ""))


def _leaves(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        for index, item in enumerate(value, start=1):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        words = ", ".join(map(_word, value)) if isinstance(value, list) else _word(value)
        yield one_line(f"{path}: {words}" if path else words)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

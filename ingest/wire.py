"""What crosses the wall of the cage: one JSON object a line, from the child to the server.

The child has a stranger's file in its hands, so the server believes nothing: `page_from` checks every field.
"""

import json
from typing import Any

from ingest.unreadable import KINDS, DamagedFile, Unreadable
from knowledge.documents import Block, BlockKind, Page

_LONGEST_SENTENCE = 400


class Garbled(ValueError):
    """A line that no honest child writes."""


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        raise Garbled(line[:80]) from None
    if not isinstance(event, dict):
        raise Garbled(line[:80])
    return event


def page_event(page: Page) -> dict[str, Any]:
    blocks = [[block.kind.value, block.start, block.end, block.level] for block in page.blocks]
    return {"page": page.number, "label": page.label, "text": page.text, "blocks": blocks}


def page_from(event: dict[str, Any], *, number: int) -> Page:
    """The page that must have the given number; raises Garbled."""
    text, label, blocks = event.get("text"), event.get("label"), event.get("blocks")
    if (
        event.get("page") != number
        or not isinstance(text, str)
        or not isinstance(label, str)
        or not isinstance(blocks, list)
    ):
        raise Garbled("page")
    return Page(number=number, label=sentence(label), text=text, blocks=_blocks(blocks, len(text)))


def _blocks(rows: list[Any], length: int) -> tuple[Block, ...]:
    blocks = []
    end = 0
    for row in rows:
        try:
            kind, start, stop, level = BlockKind(row[0]), int(row[1]), int(row[2]), int(row[3])
        except (ValueError, TypeError, IndexError):
            raise Garbled("block") from None
        if not end <= start < stop <= length or not 0 <= level <= 6:
            raise Garbled("block")
        blocks.append(Block(kind=kind, start=start, end=stop, level=level))
        end = stop
    return tuple(blocks)


def error_event(error: Unreadable) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error)}


def error_from(event: dict[str, Any]) -> Unreadable:
    kind = KINDS.get(str(event.get("error")), DamagedFile)
    return kind(sentence(str(event.get("message", ""))))


def sentence(text: str) -> str:
    """Fit to be shown: one line, not long, printable."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _LONGEST_SENTENCE]).split())
    return words[:_LONGEST_SENTENCE]

"""What people note of a document beside its text: tags, dates, numbers. Searches filter by them.

Each function but `checked` is part of the caller's transaction; `document` is the row number of the document.
"""

import json
import math
import sqlite3
from collections.abc import Mapping
from typing import Any

from knowledge.errors import UnusableAttributes

Value = str | int | float | bool
Attributes = Mapping[str, Value]

MOST = 16  # of a document
LONGEST_KEY = 64  # characters
LONGEST_VALUE = 512  # characters
# Keys of filters that are not attributes: see filters.py.
_RESERVED = ("page",)
_RESERVED_BEGINNING = "document."


def checked(attributes: Mapping[str, Any]) -> dict[str, Value]:
    """The attributes, if they can be kept. Raises UnusableAttributes."""
    if len(attributes) > MOST:
        raise UnusableAttributes(f"{len(attributes)} of them, at most {MOST}")
    return {_key(key): _value(key, value) for key, value in attributes.items()}


def kind(value: Value) -> str:
    """Values of one kind are compared with each other."""
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number"


def put(connection: sqlite3.Connection, document: int, attributes: Attributes) -> None:
    """Replace the attributes of a document."""
    connection.execute("DELETE FROM attributes WHERE document = ?", (document,))
    connection.executemany(
        "INSERT INTO attributes VALUES (?, ?, ?, ?)",
        ((document, key, kind(value), value) for key, value in attributes.items()),
    )


def read(packed: str) -> dict[str, Value]:
    """From the JSON that a row of a document carries."""
    return {key: bool(value) if kind == "truth" else value for key, kind, value in json.loads(packed)}


def _key(key: Any) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise UnusableAttributes(f"a key has 1 to {LONGEST_KEY} characters")
    if key in _RESERVED or key.startswith(_RESERVED_BEGINNING):
        raise UnusableAttributes(f"“{key}” is a name of Doumi's own")
    return _text(key)


def _value(key: str, value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_VALUE:
        return _text(value)
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise UnusableAttributes(
        f"the value of “{key}” is a text of at most {LONGEST_VALUE} characters, a number, true or false"
    )


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnusableAttributes("half of a surrogate pair is no character") from None
    return text

from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings

DOCUMENT = create_app(Settings(data=Path("nowhere"))).openapi()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema
    if "$ref" in schema:
        found = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def has_example(content: dict[str, Any]) -> bool:
    if "example" in content:
        return True
    schema = resolved(content["schema"])
    if "example" in schema:
        return True
    # A list: its items have one.
    data = schema.get("properties", {}).get("data", {})
    return "items" in data and "example" in resolved(data["items"])


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_operation_is_explained_and_has_an_example(name: str, operation: dict[str, Any]) -> None:
    assert operation["description"]
    success = next(reply for status, reply in operation["responses"].items() if status.startswith("2"))
    bodies = [
        *operation.get("requestBody", {}).get("content", {}).values(),
        *success.get("content", {}).values(),
    ]
    assert bodies or "204" in operation["responses"]
    for body in bodies:
        assert has_example(body), body


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_error_has_the_one_shape(name: str, operation: dict[str, Any]) -> None:
    for status, reply in operation["responses"].items():
        if status.startswith(("4", "5")):
            schema = reply["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorReply"}, status

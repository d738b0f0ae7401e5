"""Requests as they leave, held against the tables of the OpenAPI specification and RFC 6570."""

import json
from email import message_from_bytes
from typing import Any

import pytest

from service.actions.encoding import outbound_of, path_of
from service.actions.operations import Operation
from service.actions.spec import read_spec
from service.tools import ToolArgumentsInvalid

EMPTY, STRING = "", "blue"
ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def operation(
    parameters: list[dict[str, Any]] | None = None, body: dict[str, Any] | None = None, path: str = "/x"
) -> Operation:
    node: dict[str, Any] = {"operationId": "op", "parameters": parameters or [], "responses": {}}
    if body:
        node["requestBody"] = {"content": body}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://api.example.com/base/"}],
        "paths": {path: {"post": node}},
    }
    spec = read_spec(json.dumps(document))
    assert not spec.refused
    return spec.operations[0]


def query(value: Any, **more: Any) -> str:
    op = operation([{"name": "color", "in": "query", "schema": {}, **more}])
    return outbound_of(op, {"color": value}).url.partition("?")[2]


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("form", False, EMPTY, "color="),
        ("form", False, STRING, "color=blue"),
        ("form", False, ARRAY, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, STRING, "color=blue"),
        ("form", True, ARRAY, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
        ("pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("pipeDelimited", True, ARRAY, "color=blue&color=black&color=brown"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        (
            "deepObject",
            True,
            {"a": {"b": 1}, "c": [1, 2]},
            "color%5Ba%5D%5Bb%5D=1&color%5Bc%5D=1&color%5Bc%5D=2",
        ),
        ("form", True, [], ""),
        ("form", False, [], ""),
        ("form", True, True, "color=true"),
        ("form", True, 0.5, "color=0.5"),
        ("form", True, 7.0, "color=7"),
        ("form", True, "a&b=c d#e/f?g+h", "color=a%26b%3Dc%20d%23e%2Ff%3Fg%2Bh"),
        ("form", True, "서울", "color=%EC%84%9C%EC%9A%B8"),
        ("form", False, ["a,b", "c"], "color=a%2Cb,c"),
    ],
)
def test_a_query_parameter_is_written_in_its_style(
    style: str, explode: bool, value: Any, expected: str
) -> None:
    assert query(value, style=style, explode=explode) == expected


def test_reserved_characters_stay_where_the_spec_allows_it_but_cannot_end_the_parameter() -> None:
    assert query("a/b?c:d@e%2Ff&g#h [i]", allowReserved=True) == "color=a/b?c:d@e%2Ff%26g%23h%20%5Bi%5D"


def test_a_parameter_described_by_content_is_json() -> None:
    op = operation([{"name": "filter", "in": "query", "content": {"application/json": {"schema": {}}}}])
    assert outbound_of(op, {"filter": {"a": [1]}}).url.endswith("?filter=%7B%22a%22%3A%5B1%5D%7D")


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("simple", False, STRING, "blue"),
        ("simple", False, ARRAY, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, ARRAY, "blue,black,brown"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("label", False, STRING, ".blue"),
        ("label", False, ARRAY, ".blue,black,brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, ARRAY, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("matrix", False, STRING, ";color=blue"),
        ("matrix", False, ARRAY, ";color=blue,black,brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("simple", False, "a/b?c#d%e f", "a%2Fb%3Fc%23d%25e%20f"),
        ("simple", False, "...", "..."),
    ],
)
def test_a_path_parameter_is_written_in_its_style(
    style: str, explode: bool, value: Any, expected: str
) -> None:
    parameter = {
        "name": "color",
        "in": "path",
        "required": True,
        "style": style,
        "explode": explode,
        "schema": {},
    }
    op = operation([parameter], path="/x/{color}/y")
    assert outbound_of(op, {"color": value}).url == f"https://api.example.com/base/x/{expected}/y"


@pytest.mark.parametrize("value", [".", "..", "", [], None])
def test_a_path_parameter_cannot_lead_elsewhere(value: Any) -> None:
    op = operation([{"name": "id", "in": "path", "required": True, "schema": {}}], path="/x/{id}")
    with pytest.raises(ToolArgumentsInvalid):
        path_of(op, {"id": value})


@pytest.mark.parametrize(
    "value", ["../admin", "..%2fadmin", "a/../../b", "x?y=z", "x#y", "\\..\\", "a;b", "@evil.example"]
)
def test_a_path_parameter_stays_one_segment(value: str) -> None:
    op = operation([{"name": "id", "in": "path", "required": True, "schema": {}}], path="/x/{id}")
    path = path_of(op, {"id": value})
    assert path.startswith("/x/")
    assert not set(path.removeprefix("/x/")) & set("/?#\\")


def header(value: Any, **more: Any) -> str:
    op = operation([{"name": "X-Color", "in": "header", "schema": {}, **more}])
    return dict(outbound_of(op, {"X-Color": value}).headers)["X-Color"]


@pytest.mark.parametrize(
    ("explode", "value", "expected"),
    [
        (False, STRING, "blue"),
        (False, ARRAY, "blue,black,brown"),
        (False, OBJECT, "R,100,G,200,B,150"),
        (True, OBJECT, "R=100,G=200,B=150"),
        (False, "맑음 a", "%EB%A7%91%EC%9D%8C a"),
    ],
)
def test_a_header_is_simple(explode: bool, value: Any, expected: str) -> None:
    assert header(value, explode=explode) == expected


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", ["a", "b\r\n\r\nGET /"]])
def test_a_header_cannot_begin_another(value: Any) -> None:
    with pytest.raises(ToolArgumentsInvalid, match="line breaks"):
        header(value)


def test_cookies_stand_in_one_header() -> None:
    op = operation([{"name": name, "in": "cookie", "schema": {}} for name in ("sid", "theme")])
    assert dict(outbound_of(op, {"sid": "a;b", "theme": 1}).headers)["Cookie"] == "sid=a%3Bb; theme=1"


def test_what_is_null_is_left_out() -> None:
    op = operation([{"name": "a", "in": "query", "schema": {}}, {"name": "b", "in": "header", "schema": {}}])
    sent = outbound_of(op, {"a": None, "b": None})
    assert "?" not in sent.url
    assert "b" not in dict(sent.headers)


# Bodies


def body(media_type: str, value: Any, **described: Any) -> tuple[str, bytes]:
    op = operation(body={media_type: {"schema": {}, **described}})
    sent = outbound_of(op, {"body": value})
    assert sent.content is not None
    return dict(sent.headers)["Content-Type"], sent.content


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/vnd.api+json", "application/merge-patch+json"]
)
def test_json_is_json(media_type: str) -> None:
    assert body(media_type, {"a": ["나", 1, None]}) == (media_type, '{"a": ["나", 1, null]}'.encode())


def test_json_is_preferred_to_what_is_harder_to_write() -> None:
    op = operation(body={"application/xml": {}, "multipart/form-data": {}, "application/json": {}})
    assert op.body is not None
    assert op.body.media_type == "application/json"


def test_a_form_writes_lists_and_objects_as_the_specification_says() -> None:
    described = {"encoding": {"tags": {"style": "form", "explode": False}, "deep": {"style": "deepObject"}}}
    value = {
        "id": 1,
        "name": "a b&c",
        "address": {"zip": "1"},
        "tags": ["x", "y"],
        "each": ["1", "2"],
        "deep": {"k": "v"},
    }
    media_type, content = body("application/x-www-form-urlencoded", value, **described)
    assert media_type == "application/x-www-form-urlencoded"
    assert content.decode() == (
        "id=1&name=a+b%26c&address=%7B%22zip%22%3A%221%22%7D&tags=x,y&each=1&each=2&deep%5Bk%5D=v"
    )


def test_a_multipart_form_has_a_part_for_everything() -> None:
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    described = {"schema": schema, "encoding": {"meta": {"contentType": "application/vnd.meta+json"}}}
    value = {"name": "나", "meta": {"a": 1}, "tags": ["x", "y"], "file": "data:image/png;base64,iVBORw0KGgo="}
    media_type, content = body("multipart/form-data", value, **described)
    message = message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + content)
    parts = [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]
    assert parts == [
        ("name", None, "text/plain", "나".encode()),
        ("meta", None, "application/vnd.meta+json", b'{"a": 1}'),
        ("tags", None, "text/plain", b"x"),
        ("tags", None, "text/plain", b"y"),
        ("file", "file", "image/png", b"\x89PNG\r\n\x1a\n"),
    ]


def test_a_part_cannot_begin_another() -> None:
    _, content = body("multipart/form-data", {'a"\r\nX: 1': "b\r\n--x"})
    assert b'name="a%22%0D%0AX: 1"' in content


@pytest.mark.parametrize(
    ("media_type", "value", "sent", "content"),
    [
        ("text/plain", "a\nb", "text/plain", b"a\nb"),
        ("application/xml", "<a/>", "application/xml", b"<a/>"),
        ("application/octet-stream", "data:;base64,AAE=", "application/octet-stream", b"\x00\x01"),
    ],
)
def test_other_bodies_are_sent_as_they_are(media_type: str, value: str, sent: str, content: bytes) -> None:
    assert body(media_type, value) == (sent, content)


def test_a_request_that_is_too_long_is_refused() -> None:
    with pytest.raises(ToolArgumentsInvalid, match="100,000"):
        body("application/json", {"a": "x" * 100_001})

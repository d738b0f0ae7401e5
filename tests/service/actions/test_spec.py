import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.actions import big_document
from service.actions.source import SpecInvalid, parse
from service.actions.spec import read_spec

SHARED = Path(__file__).parents[4] / "shared" / "data" / "openapi"
WEATHER = Path(__file__).parents[3] / "instructions" / "examples" / "actions" / "weather.yaml"

HEAD = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\nservers: [{ url: 'https://api.example.com' }]\n"


def with_operation(node: dict[str, Any], path: str = "/x", method: str = "get", **root: Any) -> str:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": {path: {method: {"responses": {}, **node}}},
        **root,
    }
    return yaml.safe_dump(document, sort_keys=False)


# What imports


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public documents are not here")
@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("petstore.yaml", ["listPets", "createPets", "showPetById"]),
        ("petstore-expanded.yaml", ["findPets", "addPet", "find_pet_by_id", "deletePet"]),
        ("uspto.yaml", ["list-data-sets", "list-searchable-fields", "perform-search"]),
        ("api-with-examples.yaml", ["listVersionsv2", "getVersionDetailsv2"]),
        ("callback-example.yaml", ["post_streams"]),
        ("non-oauth-scopes.yaml", ["get_users"]),
        ("link-example.yaml", None),
    ],
)
def test_public_documents_import(name: str, names: list[str] | None) -> None:
    spec = read_spec((SHARED / name).read_text(), base_url="https://api.example.com/openapi.yaml")
    assert not spec.refused
    assert names is None or [each.name for each in spec.operations] == names


def test_a_document_of_webhooks_says_that_there_is_nothing_to_call() -> None:
    text = HEAD + "webhooks: { newPet: { post: { responses: {} } } }"
    with pytest.raises(SpecInvalid, match="webhooks only"):
        read_spec(text)


def test_servers_of_operations_come_before_those_of_the_document() -> None:
    place, forecast = read_spec(WEATHER.read_text()).operations
    assert (place.server, forecast.server) == (
        "https://geocoding-api.open-meteo.com",
        "https://api.open-meteo.com",
    )


def test_variables_of_servers_take_their_defaults() -> None:
    servers = [
        {
            "url": "{scheme}://{host}/v{n}",
            "variables": {
                "scheme": {"default": "https", "enum": ["http", "https"]},
                "host": {"default": "a.example"},
                "n": {"default": 2},
            },
        }
    ]
    assert read_spec(with_operation({}, servers=servers)).operations[0].server == "https://a.example/v2"


@pytest.mark.parametrize(
    ("server", "base", "expected"),
    [
        ("/v1", "https://a.example/docs/openapi.json", "https://a.example/v1"),
        ("v1", "https://a.example/docs/openapi.json", "https://a.example/docs/v1"),
        ("//b.example/v1", "https://a.example/", None),
    ],
)
def test_relative_servers_start_from_where_the_document_was(
    server: str, base: str, expected: str | None
) -> None:
    text = with_operation({}, servers=[{"url": server}])
    if expected is None:
        with pytest.raises(SpecInvalid):
            read_spec(text, base_url=base)
    else:
        assert read_spec(text, base_url=base).operations[0].server == expected


@pytest.mark.parametrize(
    ("method", "said", "consequential"),
    [
        ("get", None, False),
        ("post", None, True),
        ("delete", None, True),
        ("get", True, True),
        ("post", False, False),
    ],
)
def test_what_is_consequential_is_as_gpt_actions_say(
    method: str, said: bool | None, consequential: bool
) -> None:
    node = {} if said is None else {"x-openai-isConsequential": said}
    assert read_spec(with_operation(node, method=method)).operations[0].consequential is consequential


def test_names_are_made_fit_for_models_and_told_apart() -> None:
    paths = {
        f"/{at}": {"get": {"operationId": name, "responses": {}}}
        for at, name in enumerate(["get pets!", "get_pets", "동물", "x" * 90])
    }
    names = [each.name for each in read_spec(with_operation({}, paths=paths)).operations]
    assert names == ["get_pets", "get_pets_2", "get_operation", "x" * 64]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)


def test_parameters_of_the_path_hold_unless_the_operation_replaces_them() -> None:
    own = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    paths = {
        "/x/{id}": {
            "parameters": [
                {**own, "schema": {"type": "string"}},
                {"name": "v", "in": "query", "schema": {"type": "string"}},
            ],
            "get": {
                "parameters": [own, {"name": "id", "in": "query", "schema": {"type": "boolean"}}],
                "responses": {},
            },
        }
    }
    schema = read_spec(with_operation({}, paths=paths)).operations[0].schema
    assert {name: each["type"] for name, each in schema["properties"].items()} == {
        "id": "integer",
        "v": "string",
        "query_id": "boolean",
    }
    assert schema["required"] == ["id"]


def test_references_are_written_out_and_circles_end() -> None:
    schemas = {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "nullable": True},
                "secret": {"type": "string", "readOnly": True},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            },
            "required": ["name", "secret"],
        }
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}},
    }
    spec = read_spec(with_operation({"requestBody": body}, method="post", components={"schemas": schemas}))
    assert spec.operations[0].schema["properties"]["body"] == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": ["string", "null"]},
            "children": {"type": "array", "items": {"type": "object"}},
        },
    }


def test_words_of_openapi_3_0_become_json_schema() -> None:
    schema = {
        "type": "integer",
        "minimum": 1,
        "exclusiveMinimum": True,
        "maximum": 9,
        "exclusiveMaximum": False,
        "example": 3,
    }
    spec = read_spec(with_operation({"parameters": [{"name": "n", "in": "query", "schema": schema}]}))
    assert spec.operations[0].parameters[0].schema == {"type": "integer", "exclusiveMinimum": 1, "maximum": 9}


def test_yaml_is_read_as_openapi_says() -> None:
    assert parse("a: no\nb: 2021-01-01\nc: 012\nd: 1e3\ne: ~\n200: x\ntrue: y").data == {
        "a": "no",
        "b": "2021-01-01",
        "c": "012",
        "d": 1000.0,
        "e": None,
        "200": "x",
        "true": "y",
    }


def test_anchors_and_merge_keys_work() -> None:
    assert parse("x: &x { a: 1, b: 2 }\ny: { <<: *x, b: 3 }\nz: [*x]").data == {
        "x": {"a": 1, "b": 2},
        "y": {"a": 1, "b": 3},
        "z": [{"a": 1, "b": 2}],
    }


# What is refused, with the place


OPERATION_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"parameters": {}}, "/x", r"#/paths/~1x/get/parameters \(line \d+\): this is a list"),
    ({"parameters": [{"in": "query"}]}, "/x", "parameters/0.*: a parameter is an object with a name"),
    ({"parameters": [{"name": "a", "in": "body"}]}, "/x", "parameters/0/in.*'body' is not path"),
    (
        {"parameters": [{"name": "a", "in": "query", "style": "matrix"}]},
        "/x",
        "'matrix' is no style of a query",
    ),
    (
        {"parameters": [{"name": "a", "in": "query", "schema": {"type": "text"}}]},
        "/x",
        "schema/type.*'text' is no type",
    ),
    (
        {"parameters": [{"name": "a", "in": "query", "schema": {"minimum": "1"}}]},
        "/x",
        "schema/minimum.*is a number",
    ),
    ({"parameters": [{"name": "a", "in": "query", "required": "yes"}]}, "/x", "true or false"),
    ({"parameters": [{"name": "Host", "in": "header"}]}, "/x", "belongs to the connection"),
    ({"parameters": [{"name": "X\r\nY", "in": "header"}]}, "/x", "cannot be the name of a header"),
    (
        {"parameters": [{"name": "a", "in": "query", "content": {"text/csv": {}}}]},
        "/x",
        "cannot be sent as text/csv",
    ),
    ({"parameters": [{"name": "id", "in": "path"}]}, "/x", "'id' does not occur in the path"),
    ({}, "/x/{id}", r"{id} has no parameter"),
    ({}, "/x/{id", "brace"),
    ({}, "/../x", r"`\.\.`"),
    ({}, "/%2e%2E/x", r"`\.\.`"),
    ({}, "/x?a=b", "no query"),
    ({}, "x", "begins with a slash"),
    ({"requestBody": {"content": {}}}, "/x", "at least one media type"),
    ({"requestBody": {"content": {"video/mp4": {}}}}, "/x", "a body of video/mp4 cannot be written"),
    ({"x-openai-isConsequential": "no"}, "/x", "isConsequential.*true or false"),
    ({"parameters": [{"$ref": "#/components/parameters/No"}]}, "/x", "leads to nothing"),
    ({"parameters": [{"$ref": "other.yaml#/a"}]}, "/x", "lies outside this document"),
    ({"parameters": [{"$ref": "http://169.254.169.254/a.yaml"}]}, "/x", "lies outside this document"),
    ({"parameters": [{"$ref": "#/paths/~1x/get/parameters/0"}]}, "/x", "leads back to itself"),
    ({"parameters": [{"$ref": 5}]}, "/x", "a reference is text"),
    ({"servers": [{"url": "ftp://a.example"}]}, "/x", "only http and https"),
    ({"servers": [{"url": "https://user:pw@a.example"}]}, "/x", "no user name or password"),
    ({"servers": [{"url": "https://{host}"}]}, "/x", "has no default"),
    ({"servers": [{"url": "https://0x7f000001/"}]}, "/x", "unusual spelling"),
    ({"servers": [{"url": "file:///etc/passwd"}]}, "/x", "cannot be used"),
    ({"servers": [{"url": "https://a.example?x=1"}]}, "/x", "no query"),
    ({"servers": [{"url": "https://a.example/../b"}]}, "/x", "dot segments"),
    ({"servers": "https://a.example"}, "/x", "servers.*is a list"),
    (
        {"servers": [{"url": "https://{h}", "variables": {"h": {"default": "b", "enum": ["a"]}}}]},
        "/x",
        "not among",
    ),
]


@pytest.mark.parametrize(
    ("node", "path", "said"), OPERATION_FAULTS, ids=[said for *_, said in OPERATION_FAULTS]
)
def test_an_operation_that_cannot_be_used_is_refused_with_place_and_reason(
    node: dict[str, Any], path: str, said: str
) -> None:
    with pytest.raises(SpecInvalid) as raised:
        read_spec(with_operation(node, path))
    assert re.search(said, str(raised.value)), str(raised.value)
    assert "(line " in str(raised.value)


def test_one_broken_operation_leaves_the_others() -> None:
    paths = {"/a": {"get": {"responses": {}}}, "/b/{id}": {"get": {"responses": {}}}}
    spec = read_spec(with_operation({}, paths=paths))
    assert [each.name for each in spec.operations] == ["get_a"]
    assert [(each.operation, each.place) for each in spec.refused] == [
        ("GET /b/{id}", "#/paths/~1b~1{id} (line 11)")
    ]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("just words", "an OpenAPI document is an object"),
        ("swagger: '2.0'", "convert it to OpenAPI 3"),
        ("openapi: 3.2.0", "'3.2.0' is not supported"),
        ("openapi: 2", "'2' is not supported"),
        ("info: {}", "there is no `openapi`"),
        (HEAD, "`paths` is missing or empty"),
        (HEAD + "paths: []", "object that has paths"),
        (HEAD + "paths: { /a: 5 }", r"#/paths/~1a \(line 4\): a path item is an object"),
        (HEAD + "paths: { /a: { get: 5 } }", "an operation is an object"),
        (HEAD + "paths:\n  /a: {}\n  /a: {}", "line 6: the name '/a' stands twice"),
        ('{"openapi": "3.1.0", "openapi": "3.0.0"}', "stands twice"),
        ('{"openapi": "3.1.0",', "line 1, column"),
        ("a: [1", "no valid YAML: line"),
        ("a: *b", "no valid YAML|stands for nothing"),
        ("a: &a [*a]", "stands for nothing"),
        (BOMB, "blow the document up"),
        ("[" * 200_000, "levels deep"),
        ("{" * 200_000, "levels deep"),
        ('{"a":' * 200_000, "levels deep"),
        ("a: !!python/object/apply:os.system ['id']", "tag"),
        ("a: !include /etc/passwd", "tag"),
        ("--- {}\n--- {}", "second document"),
        ("- x\n" * 500_000, "parts"),
        ("x" * 5_000_001, "characters"),
        ("{? [a]: b}", "a name cannot be a list"),
        ("a: \x00", "no valid YAML"),
        ('{"a": 1' + "0" * 5000 + "}", "no usable JSON"),
    ],
    ids=range(28),
)
def test_a_hostile_or_broken_document_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(SpecInvalid, match=said):
        read_spec(text)


def test_a_schema_that_multiplies_is_cut() -> None:
    """Ten references in each of ten schemas: ten thousand million, written out."""
    schemas = {
        f"S{n}": {
            "type": "object",
            "properties": {f"p{i}": {"$ref": f"#/components/schemas/S{n + 1}"} for i in range(10)},
        }
        for n in range(10)
    }
    schemas["S10"] = {"type": "string"}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    spec = read_spec(with_operation({"requestBody": body}, method="post", components={"schemas": schemas}))
    assert len(json.dumps(spec.operations[0].schema)) < 200_000


def test_three_hundred_operations_are_all_read() -> None:
    assert len(read_spec(big_document(300)).operations) == 300

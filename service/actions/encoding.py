"""Arguments as a request: styles of parameters and media types of bodies, as OpenAPI says."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from service.actions.egress import Outbound
from service.actions.operations import Body, Operation, Parameter, Part, Where
from service.tools import ToolArgumentsInvalid

LONGEST = 100_000  # characters of a request, of GPT Actions
# Reserved expansion of RFC 6570, without what would end or split a query.
_RESERVED = ":/?@!$'()*,;="
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

Pairs = list[tuple[str, str]]  # both sides are encoded


@dataclass(frozen=True, kw_only=True)
class _Letters:
    """How a value is made safe for its place."""

    encode: Callable[[str], str]

    def of(self, value: Any) -> str:
        return self.encode(written(value))


def written(value: Any) -> str:
    """One value as text: true, 7, 0.5, words; what has parts as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def outbound_of(operation: Operation, arguments: Mapping[str, Any]) -> Outbound:
    """The request that the operation sends with these arguments. Raises ToolArgumentsInvalid."""
    given = [(each, arguments[each.argument]) for each in operation.parameters if each.argument in arguments]
    present = [(each, value) for each, value in given if value is not None]
    url = operation.server + path_of(operation, arguments)
    if query := "&".join(f"{name}={value}" for name, value in _query(present)):
        url += f"?{query}"
    headers = [(each.name, _header(each, value)) for each, value in present if each.where is Where.HEADER]
    if cookies := "; ".join(f"{name}={value}" for name, value in _cookies(present)):
        headers.append(("Cookie", cookies))
    content = None
    if operation.body and arguments.get(operation.body.argument) is not None:
        content_type, content = _content(operation.body, arguments[operation.body.argument])
        headers.append(("Content-Type", content_type))
    headers.append(("Accept", "application/json, text/*;q=0.9, */*;q=0.5"))
    if len(url) + len(content or b"") > LONGEST:
        raise ToolArgumentsInvalid(
            f"The request would be longer than {LONGEST:,} characters; send less at a time."
        )
    return Outbound(method=operation.method, url=url, headers=tuple(headers), content=content)


def path_of(operation: Operation, arguments: Mapping[str, Any]) -> str:
    """The path, filled in. Raises ToolArgumentsInvalid where a parameter would change its shape."""
    parameters = {each.name: each for each in operation.parameters if each.where is Where.PATH}

    def filled(match: re.Match[str]) -> str:
        parameter = parameters[unquote(match.group(1))]
        value = _styled_path(parameter, arguments.get(parameter.argument))
        if not value:
            raise ToolArgumentsInvalid(f"{parameter.argument}: the path needs a value that is not empty.")
        return value

    path = re.sub(r"\{([^{}]*)\}", filled, operation.path)
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise ToolArgumentsInvalid("A part of the path may not be “.” or “..”: it would lead somewhere else.")
    return path


# Styles


def _items(value: Any) -> list[Any]:
    return [each for each in value if each is not None]


def _entries(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, each) for name, each in value.items() if each is not None]


def _flat(value: Any, encode: _Letters, explode: bool, between: str) -> str:
    """Lists as a,b; objects as name,value or, exploded, name=value."""
    if isinstance(value, list):
        return between.join(encode.of(each) for each in _items(value))
    if isinstance(value, Mapping):
        joint = "=" if explode else ","
        return between.join(f"{encode.of(name)}{joint}{encode.of(each)}" for name, each in _entries(value))
    return encode.of(value)


def _strict(text: str) -> str:
    return quote(text, safe="")


def _lenient(text: str) -> str:
    """Reserved characters and percent-encoded ones stay as they are."""
    return "".join(
        part if re.fullmatch(r"%[0-9A-Fa-f]{2}", part) else quote(part, safe=_RESERVED)
        for part in re.split(r"(%[0-9A-Fa-f]{2})", text)
    )


_STRICT = _Letters(encode=_strict)
_LENIENT = _Letters(encode=_lenient)


def _styled_path(parameter: Parameter, value: Any) -> str:
    if value is None:
        return ""
    if parameter.as_json:
        return _STRICT.of(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    explode = parameter.explode
    if parameter.style == "label":
        between = "." if explode else ","
        return "." + _flat(value, _STRICT, explode, between)
    if parameter.style == "matrix":
        name = _strict(parameter.name)
        if isinstance(value, list) and explode:
            return "".join(f";{name}={_STRICT.of(each)}" for each in _items(value))
        if isinstance(value, Mapping) and explode:
            return "".join(f";{_strict(key)}={_STRICT.of(each)}" for key, each in _entries(value))
        return f";{name}={_flat(value, _STRICT, False, ',')}"
    return _flat(value, _STRICT, explode, ",")


def _query(present: Sequence[tuple[Parameter, Any]]) -> Iterator[tuple[str, str]]:
    for parameter, value in present:
        if parameter.where is Where.QUERY:
            letters = _LENIENT if parameter.allow_reserved else _STRICT
            if parameter.as_json:
                value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            yield from _pairs(parameter.name, value, parameter.style, parameter.explode, letters)


def _pairs(name: str, value: Any, style: str, explode: bool, letters: _Letters) -> Iterator[tuple[str, str]]:
    """A query parameter, or a property of a form, as name=value pairs. What is empty is left out."""
    key = _strict(name)
    if isinstance(value, list):
        items = [letters.of(each) for each in _items(value)]
        if explode:
            yield from ((key, each) for each in items)
        elif items:
            yield key, _delimiter(style).join(items)
    elif isinstance(value, Mapping) and style == "deepObject":
        yield from _deep(key, value, letters)
    elif isinstance(value, Mapping):
        entries = [(_strict(inner), letters.of(each)) for inner, each in _entries(value)]
        if explode:
            yield from entries
        elif entries:
            yield key, _delimiter(style).join(f"{inner}{_delimiter(style)}{each}" for inner, each in entries)
    else:
        yield key, letters.of(value)


def _delimiter(style: str) -> str:
    return {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(style, ",")


def _deep(key: str, value: Any, letters: _Letters) -> Iterator[tuple[str, str]]:
    """name[inner]=value. The specification stops at one level; deeper ones go on in the same way."""
    for inner, each in _entries(value):
        nested = f"{key}%5B{_strict(inner)}%5D"
        if isinstance(each, Mapping):
            yield from _deep(nested, each, letters)
        elif isinstance(each, list):
            yield from ((nested, letters.of(item)) for item in _items(each))
        else:
            yield nested, letters.of(each)


def _header(parameter: Parameter, value: Any) -> str:
    """Headers carry visible ASCII; what else a value holds is percent-encoded."""
    text = (
        json.dumps(value, separators=(",", ":"))
        if parameter.as_json
        else _flat(value, _Letters(encode=lambda each: each), parameter.explode, ",")
    )
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise ToolArgumentsInvalid(
            f"{parameter.argument}: a header holds no line breaks or control characters."
        )
    return re.sub(r"[^\x20-\x7e\t]+", lambda match: quote(match.group(0)), text).strip()


def _cookies(present: Sequence[tuple[Parameter, Any]]) -> Iterator[tuple[str, str]]:
    for parameter, value in present:
        if parameter.where is Where.COOKIE:
            if parameter.as_json:
                value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            yield from _pairs(parameter.name, value, parameter.style, parameter.explode, _STRICT)


# Bodies


def _content(body: Body, value: Any) -> tuple[str, bytes]:
    plain = body.media_type.partition(";")[0].strip().lower()
    if plain == "application/json" or plain.endswith("+json"):
        return body.media_type, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if plain == _FORM:
        pairs = _form(body, _fields(body, value))
        return _FORM, "&".join(f"{name}={each}" for name, each in pairs).encode()
    if plain == _MULTIPART:
        return _multipart(body, _fields(body, value))
    content, media_type = _raw(value, body.schema, plain)
    return media_type, content


def _fields(body: Body, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ToolArgumentsInvalid(f"{body.argument}: a form is an object.")
    return value


def _form(body: Body, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in _entries(fields):
        part = body.parts.get(name, Part())
        letters = _LENIENT if part.allow_reserved and part.style else _Letters(encode=_form_letters)
        if part.style is None and isinstance(value, Mapping):
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        yield from _pairs(name, value, part.style or "form", part.explode, letters)


def _form_letters(text: str) -> str:
    return quote(text, safe="").replace("%20", "+")


def _multipart(body: Body, fields: Mapping[str, Any]) -> tuple[str, bytes]:
    boundary = f"doumi-{secrets.token_hex(16)}"
    properties = body.schema.get("properties", {})
    pieces: list[bytes] = []
    for name, value in _entries(fields):
        schema = properties.get(name, {}) if isinstance(properties, Mapping) else {}
        inner = schema.get("items", {}) if isinstance(value, list) else schema
        for each in _items(value) if isinstance(value, list) else [value]:
            content, media_type, file = _part(each, inner, body.parts.get(name, Part()), name)
            head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
            head += f'; filename="{_quoted(file)}"' if file else ""
            head += f"\r\nContent-Type: {media_type}" if media_type else ""
            pieces.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return f"{_MULTIPART}; boundary={boundary}", b"".join(pieces) + f"--{boundary}--\r\n".encode()


def _part(value: Any, schema: Any, part: Part, name: str) -> tuple[bytes, str, str | None]:
    """Content, media type and file name of one part."""
    named = (
        part.content_type
        if part.content_type and re.fullmatch(r"[\w.+-]+/[\w.+-]+", part.content_type)
        else None
    )
    if isinstance(value, Mapping | list):
        text = json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "replace"), named or "application/json", None
    is_file = isinstance(schema, Mapping) and (
        schema.get("format") == "binary" or "contentMediaType" in schema
    )
    if is_file:
        content, media_type = _raw(value, schema, named or "application/octet-stream")
        return content, media_type, name
    return written(value).encode("utf-8", "replace"), named or "", None


def _raw(value: Any, schema: Any, media_type: str) -> tuple[bytes, str]:
    """Text as it is; `data:…;base64,…` for what is no text, with its own media type."""
    text = written(value)
    found = re.match(r"data:([\w.+-]+/[\w.+-]+)?;base64,", text)
    if not found:
        return text.encode("utf-8", "replace"), media_type
    try:
        return base64.b64decode(text[found.end() :], validate=True), found.group(1) or media_type
    except (binascii.Error, ValueError):
        raise ToolArgumentsInvalid("The content after “base64,” is no base64.") from None


def _quoted(text: str) -> str:
    """A name in Content-Disposition, as the HTML standard escapes it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def place_of(url: str) -> tuple[str, str]:
    """Host (with an unusual port) and path of an address."""
    parts = urlsplit(url)
    return parts.netloc, parts.path

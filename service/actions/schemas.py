"""Schemas of a spec as plain JSON Schema: references written out, OpenAPI's own words translated."""

from collections.abc import Mapping
from typing import Any

from service.actions.source import Pointer, Source

_DEEPEST = 12  # a model loses its way long before
_MOST_PARTS = 1500
_LONGEST_TEXT = 700  # of GPT Actions, for a parameter
_MOST_HOPS = 50

_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
_KEPT = {"title", "format", "enum", "const", "default", "minimum", "maximum", "multipleOf", "pattern"}
_KEPT |= {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
_NUMBERS = {"minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"}
_NUMBERS |= {"minProperties", "maxProperties"}


class Schemas:
    """Follows references within one document."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = 0

    def resolve(self, node: Any, pointer: Pointer) -> tuple[Any, Pointer]:
        """What stands there, or what its `$ref` leads to. Raises SpecInvalid."""
        for _ in range(_MOST_HOPS):
            if not (isinstance(node, dict) and "$ref" in node):
                return node, pointer
            node, pointer = self._follow(node["$ref"], pointer)
        raise self._source.invalid(pointer, "the reference leads back to itself.")

    def plain(self, node: Any, pointer: Pointer) -> dict[str, Any]:
        """The schema that stands there, with nothing referred to. Raises SpecInvalid."""
        self._left = _MOST_PARTS
        return self._plain(node, pointer, ())

    def _follow(self, ref: Any, pointer: Pointer) -> tuple[Any, Pointer]:
        if not isinstance(ref, str):
            raise self._source.invalid(
                (*pointer, "$ref"), "a reference is text, such as #/components/schemas/Pet."
            )
        if not ref.startswith("#"):
            raise self._source.invalid(
                (*pointer, "$ref"),
                f"{ref[:100]!r} lies outside this document; bring everything into one file.",
            )
        parts = tuple(
            part.replace("~1", "/").replace("~0", "~") for part in ref.removeprefix("#/").split("/")
        )
        node = self._source.data
        for part in parts if ref != "#" else ():
            inside = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
                inside = node[int(part)]
            if inside is None:
                raise self._source.invalid((*pointer, "$ref"), f"{ref[:100]!r} leads to nothing.")
            node = inside
        return node, parts

    def _plain(self, node: Any, pointer: Pointer, above: tuple[Pointer, ...]) -> dict[str, Any]:
        self._left -= 1
        if node is True or node is None:
            return {}
        if node is False:
            return {"not": {}}
        if not isinstance(node, dict):
            raise self._source.invalid(pointer, "a schema is an object.")
        beside: Mapping[str, Any] = {}
        if "$ref" in node:
            beside = {name: node[name] for name in ("description", "default") if name in node}
            node, pointer = self.resolve(node, pointer)
            if not isinstance(node, dict):
                return self._plain(node, pointer, above)
        if pointer in above or len(above) >= _DEEPEST or self._left < 0:
            return _shallow(node)
        found = self._translated(node, pointer, (*above, pointer))
        if isinstance(beside.get("description"), str):
            found["description"] = shortened(beside["description"], _LONGEST_TEXT)
        return found | ({"default": beside["default"]} if "default" in beside else {})

    def _translated(
        self, node: dict[str, Any], pointer: Pointer, above: tuple[Pointer, ...]
    ) -> dict[str, Any]:
        found = {name: node[name] for name in sorted(_KEPT) if name in node}
        for name in _NUMBERS & set(found):
            if isinstance(found[name], bool) or not isinstance(found[name], int | float):
                raise self._source.invalid((*pointer, name), "this is a number.")
        if found.get("multipleOf", 1) <= 0:
            raise self._source.invalid((*pointer, "multipleOf"), "this is more than 0.")
        if "enum" in found and not isinstance(found["enum"], list):
            raise self._source.invalid((*pointer, "enum"), "this is a list of values.")
        if isinstance(node.get("description"), str):
            found["description"] = shortened(node["description"], _LONGEST_TEXT)
        _bounds(node, found)
        self._type(node, found, pointer)
        self._object(node, found, pointer, above)
        for name in ("items", "not", "additionalProperties"):
            if name in node and not isinstance(node[name], list):
                inner = node[name]
                found[name] = (
                    inner if isinstance(inner, bool) else self._plain(inner, (*pointer, name), above)
                )
        for name in ("allOf", "anyOf", "oneOf", "prefixItems"):
            if name in node:
                if not isinstance(node[name], list) or not node[name]:
                    raise self._source.invalid((*pointer, name), "this is a list of schemas.")
                found[name] = [
                    self._plain(each, (*pointer, name, str(at)), above) for at, each in enumerate(node[name])
                ]
        return found

    def _type(self, node: dict[str, Any], found: dict[str, Any], pointer: Pointer) -> None:
        named = node.get("type")
        types = named if isinstance(named, list) else [named] if named is not None else []
        for name in types:
            if name not in _TYPES:
                raise self._source.invalid(
                    (*pointer, "type"), f"{str(name)[:40]!r} is no type of JSON Schema."
                )
        if node.get("nullable") is True and types and "null" not in types:
            types = [*types, "null"]
        if types:
            found["type"] = types[0] if len(types) == 1 else types

    def _object(
        self, node: dict[str, Any], found: dict[str, Any], pointer: Pointer, above: tuple[Pointer, ...]
    ) -> None:
        properties = node.get("properties", {})
        required = node.get("required", [])
        if not isinstance(properties, dict):
            raise self._source.invalid((*pointer, "properties"), "this is an object of schemas.")
        if not isinstance(required, list):
            raise self._source.invalid((*pointer, "required"), "this is a list of names.")
        silent = {
            name for name, each in properties.items() if self._read_only(each, (*pointer, "properties", name))
        }
        if properties:
            found["properties"] = {
                name: self._plain(each, (*pointer, "properties", name), above)
                for name, each in properties.items()
                if name not in silent
            }
        if names := [str(name) for name in required if name not in silent]:
            found["required"] = names

    def _read_only(self, node: Any, pointer: Pointer) -> bool:
        found, _ = self.resolve(node, pointer)
        return isinstance(found, dict) and found.get("readOnly") is True


def _bounds(node: Mapping[str, Any], found: dict[str, Any]) -> None:
    """OpenAPI 3.0 says `exclusiveMinimum: true` beside `minimum`, 3.1 says the number."""
    for name, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        bound = node.get(name)
        if bound is True and inclusive in found:
            found[name] = found.pop(inclusive)
        elif isinstance(bound, int | float) and not isinstance(bound, bool):
            found[name] = bound


def _shallow(node: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a schema where writing it out would go on for too long."""
    named = node.get("type")
    found: dict[str, Any] = {"type": named} if isinstance(named, str) and named in _TYPES else {}
    if isinstance(node.get("description"), str):
        found["description"] = shortened(node["description"], _LONGEST_TEXT)
    return found


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, in valid Unicode, without control characters."""
    clean = "".join(each for each in text if each in "\n\t" or each.isprintable() or each.isspace()).strip()
    clean = clean.encode("utf-8", "replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"

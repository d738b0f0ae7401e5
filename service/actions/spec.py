"""An OpenAPI 3.0 or 3.1 document as operations; what cannot be used is refused with place and reason."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from service.actions.egress import EgressRefused, origin_of
from service.actions.operations import Body, Operation, Parameter, Part, Refusal, Scheme, Spec, Where
from service.actions.schemas import Schemas, shortened
from service.actions.source import Pointer, Source, SpecInvalid, parse

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_MOST_OPERATIONS = 2000
_LONGEST_DESCRIPTION = 1024  # of a tool, at the providers
_STYLES = {
    Where.PATH: ("simple", "label", "matrix"),
    Where.QUERY: ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    Where.HEADER: ("simple",),
    Where.COOKIE: ("form",),
}
# The specification says that these are described elsewhere; the others belong to the connection.
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}
_FORBIDDEN_HEADERS = {"host", "connection", "content-length", "transfer-encoding", "cookie", "upgrade", "te"}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # of RFC 9110: names of headers and cookies
_BODIES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_RAW = ("application/octet-stream", "application/xml", "text/xml", "text/csv", "text/markdown")


def read_spec(text: str, *, base_url: str | None = None, server: str | None = None) -> Spec:
    """The operations of the document.

    `base_url`: where it was fetched, which servers that are relative start from. `server`: used instead of
    all the document's own. Raises SpecInvalid where nothing of it can be used.
    """
    source = parse(text)
    return _Reader(source=source, schemas=Schemas(source), base_url=base_url, server=server).spec()


@dataclass(frozen=True, kw_only=True)
class _Reader:
    source: Source
    schemas: Schemas
    base_url: str | None
    server: str | None

    def spec(self) -> Spec:
        root = self.source.data
        version = self._version(root)
        operations: list[Operation] = []
        refused: list[Refusal] = []
        for method, path, item, pointer in self._paths(root):
            if len(operations) + len(refused) >= _MOST_OPERATIONS:
                raise self.source.invalid(pointer, f"there are more than {_MOST_OPERATIONS:,} operations.")
            try:
                operations.append(self._operation(method, path, item, pointer))
            except SpecInvalid as error:
                title = f"{method.upper()} {path}"[:200]
                refused.append(Refusal(operation=title, place=error.place, reason=error.reason))
        if not operations:
            raise self._nothing(root, refused)
        info = root.get("info") if isinstance(root.get("info"), dict) else {}
        return Spec(
            title=shortened(str(info.get("title") or "Untitled"), 200),
            description=shortened(str(info.get("description") or info.get("summary") or ""), 2000),
            version=version,
            operations=_named_apart(operations),
            refused=tuple(refused),
            schemes=tuple(self._schemes(root)),
            origins=frozenset(origin_of(each.server) for each in operations),
        )

    def _version(self, root: Any) -> str:
        if not isinstance(root, dict):
            raise self.source.invalid(
                (), "an OpenAPI document is an object that begins with `openapi: 3.1.0`."
            )
        if "swagger" in root:
            raise self.source.invalid(
                ("swagger",),
                "this is Swagger 2.0; convert it to OpenAPI 3, for example with editor.swagger.io.",
            )
        version = str(root.get("openapi", ""))
        if not re.match(r"3\.[01](\.|\Z)", version):
            said = f"{version[:20]!r} is not supported" if version else "there is no `openapi`"
            raise self.source.invalid(("openapi",), f"{said}; OpenAPI 3.0 and 3.1 are.")
        return version

    def _nothing(self, root: dict[str, Any], refused: list[Refusal]) -> SpecInvalid:
        if refused:
            first = refused[0]
            others = f" All {len(refused)} operations were refused." if len(refused) > 1 else ""
            return SpecInvalid(first.reason + others, place=first.place)
        if "webhooks" in root and not root.get("paths"):
            return self.source.invalid(
                ("webhooks",), "the document describes webhooks only: there is nothing to call."
            )
        return self.source.invalid(("paths",), "there is no operation: `paths` is missing or empty.")

    def _paths(self, root: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Pointer]]:
        """Method, path, path item and where it stands, of every operation."""
        paths = root.get("paths", {})
        if not isinstance(paths, dict):
            raise self.source.invalid(("paths",), "this is an object that has paths as names.")
        for path, node in paths.items():
            if path.startswith("x-"):
                continue
            item, pointer = self.schemas.resolve(node, ("paths", path))
            if not isinstance(item, dict):
                raise self.source.invalid(("paths", path), "a path item is an object.")
            for method in METHODS:
                if method in item:
                    yield method, path, item, pointer

    # One operation

    def _operation(self, method: str, path: str, item: dict[str, Any], above: Pointer) -> Operation:
        pointer = (*above, method)
        node = item[method]
        if not isinstance(node, dict):
            raise self.source.invalid(pointer, "an operation is an object.")
        taken: set[str] = set()
        parameters = tuple(self._parameters(item, above, node, pointer, taken))
        body = (
            self._body(node["requestBody"], (*pointer, "requestBody"), taken)
            if "requestBody" in node
            else None
        )
        self._path(path, parameters, above)
        security = node.get("security", self.source.data.get("security"))
        return Operation(
            name=_name(node.get("operationId"), method, path),
            method=method.upper(),
            server=self._server(item, above, node, pointer),
            path=quote(path, safe="/{}:@!$&'()*+,;=~%"),
            summary=shortened(str(node.get("summary") or ""), 300),
            description=_description(node, f"{method.upper()} {path}"),
            parameters=parameters,
            body=body,
            consequential=self._consequential(node, pointer, method),
            anonymous=security == [],
            place=self.source.place(pointer),
        )

    def _consequential(self, node: dict[str, Any], pointer: Pointer, method: str) -> bool:
        said = node.get("x-openai-isConsequential", method not in ("get", "head", "options"))
        if not isinstance(said, bool):
            raise self.source.invalid((*pointer, "x-openai-isConsequential"), "this is true or false.")
        return said

    def _path(self, path: str, parameters: tuple[Parameter, ...], above: Pointer) -> None:
        if not path.startswith("/"):
            raise self.source.invalid(above, "a path begins with a slash.")
        if re.search(r"[?#\\\s\x00-\x1f]", path) or any(_dots(part) for part in path.split("/")):
            raise self.source.invalid(
                above, "a path holds no query, fragment, backslash, space, `.` or `..`."
            )
        wanted = set(re.findall(r"\{([^{}]*)\}", path))
        given = {each.name for each in parameters if each.where is Where.PATH}
        if missing := sorted(wanted - given):
            raise self.source.invalid(above, f"{{{missing[0]}}} has no parameter with `in: path`.")
        if extra := sorted(given - wanted):
            raise self.source.invalid(above, f"the path parameter {extra[0]!r} does not occur in the path.")
        if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", path)):
            raise self.source.invalid(above, "a brace in the path is not closed.")

    # Parameters

    def _parameters(
        self, item: dict[str, Any], above: Pointer, node: dict[str, Any], pointer: Pointer, taken: set[str]
    ) -> Iterator[Parameter]:
        """Those of the operation, and those of its path that it does not replace."""
        found: dict[tuple[str, str], tuple[dict[str, Any], Pointer]] = {}
        for holder, place in ((item, above), (node, pointer)):
            listed = holder.get("parameters", [])
            if not isinstance(listed, list):
                raise self.source.invalid((*place, "parameters"), "this is a list.")
            for at, each in enumerate(listed):
                parameter, where = self.schemas.resolve(each, (*place, "parameters", str(at)))
                if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
                    raise self.source.invalid(where, "a parameter is an object with a name.")
                found[(str(parameter.get("in")), parameter["name"])] = parameter, where
        for parameter, where in found.values():
            made = self._parameter(parameter, where, taken)
            if made is not None:
                yield made

    def _parameter(self, node: dict[str, Any], pointer: Pointer, taken: set[str]) -> Parameter | None:
        name, within = node["name"], node.get("in")
        if within not in list(Where):
            raise self.source.invalid(
                (*pointer, "in"), f"{str(within)[:40]!r} is not path, query, header or cookie."
            )
        where = Where(within)
        if where is Where.HEADER and name.lower() in _IGNORED_HEADERS:
            return None
        if where in (Where.HEADER, Where.COOKIE) and not _TOKEN.match(name):
            raise self.source.invalid((*pointer, "name"), f"{name[:40]!r} cannot be the name of a {where}.")
        if where is Where.HEADER and (
            name.lower() in _FORBIDDEN_HEADERS or name.lower().startswith("proxy-")
        ):
            raise self.source.invalid((*pointer, "name"), f"the header {name} belongs to the connection.")
        required = node.get("required", where is Where.PATH)
        if not isinstance(required, bool):
            raise self.source.invalid((*pointer, "required"), "this is true or false.")
        schema, as_json = self._parameter_schema(node, pointer)
        style = node.get("style", _STYLES[where][0])
        if style not in _STYLES[where]:
            raise self.source.invalid(
                (*pointer, "style"),
                f"{str(style)[:40]!r} is no style of a {where} parameter; {_STYLES[where]} are.",
            )
        if isinstance(node.get("description"), str):
            schema = {**schema, "description": shortened(node["description"], 700)}
        return Parameter(
            name=name,
            argument=_argument(name, where, taken),
            where=where,
            required=required or where is Where.PATH,
            schema=schema,
            style=style,
            explode=node["explode"]
            if isinstance(node.get("explode"), bool)
            else style in ("form", "deepObject"),
            allow_reserved=node.get("allowReserved") is True,
            as_json=as_json,
        )

    def _parameter_schema(self, node: dict[str, Any], pointer: Pointer) -> tuple[dict[str, Any], bool]:
        if "content" not in node:
            return self.schemas.plain(node.get("schema", {}), (*pointer, "schema")), False
        content = node["content"]
        if not isinstance(content, dict) or len(content) != 1:
            raise self.source.invalid((*pointer, "content"), "this has exactly one media type.")
        ((media_type, described),) = content.items()
        if not _is_json(media_type):
            raise self.source.invalid(
                (*pointer, "content"), f"a parameter cannot be sent as {media_type[:60]}."
            )
        schema = described.get("schema", {}) if isinstance(described, dict) else {}
        return self.schemas.plain(schema, (*pointer, "content", media_type, "schema")), True

    # Body

    def _body(self, node: Any, pointer: Pointer, taken: set[str]) -> Body | None:
        node, pointer = self.schemas.resolve(node, pointer)
        content = node.get("content") if isinstance(node, dict) else None
        if not isinstance(content, dict) or not content:
            raise self.source.invalid((*pointer, "content"), "a body has at least one media type.")
        media_type = min(content, key=_preference)
        if _preference(media_type) > len(_BODIES) + 1:
            listed = ", ".join(sorted(content))[:200]
            raise self.source.invalid((*pointer, "content"), f"a body of {listed} cannot be written.")
        place = (*pointer, "content", media_type)
        described, place = self.schemas.resolve(content[media_type], place)
        described = described if isinstance(described, dict) else {}
        schema = self.schemas.plain(described.get("schema", {}), (*place, "schema"))
        if isinstance(node.get("description"), str) and "description" not in schema:
            schema["description"] = shortened(node["description"], 700)
        return Body(
            media_type="application/json" if media_type == "*/*" else media_type,
            argument=_argument("body", None, taken),
            required=node.get("required") is True,
            schema=schema,
            parts=self._parts(described.get("encoding", {}), (*place, "encoding")),
        )

    def _parts(self, node: Any, pointer: Pointer) -> Mapping[str, Part]:
        if not isinstance(node, dict):
            raise self.source.invalid(pointer, "this is an object that has properties as names.")
        found: dict[str, Part] = {}
        for name, each in node.items():
            if not isinstance(each, dict):
                raise self.source.invalid((*pointer, name), "this is an object.")
            style = each.get("style")
            if style is not None and style not in _STYLES[Where.QUERY]:
                raise self.source.invalid(
                    (*pointer, name, "style"), f"{str(style)[:40]!r} is no style of a form."
                )
            content_type = each.get("contentType")
            explode = each.get("explode")
            found[name] = Part(
                content_type=content_type.split(",")[0].strip() if isinstance(content_type, str) else None,
                style=style or ("form" if "explode" in each or "allowReserved" in each else None),
                explode=explode if isinstance(explode, bool) else style in (None, "form", "deepObject"),
                allow_reserved=each.get("allowReserved") is True,
            )
        return found

    # Servers

    def _server(self, item: dict[str, Any], above: Pointer, node: dict[str, Any], pointer: Pointer) -> str:
        """The first that can be used, of the nearest list: the operation's, the path's, the document's."""
        if self.server is not None:
            return self._judged(self.server, ("servers",))
        for holder, place in ((node, pointer), (item, above), (self.source.data, ())):
            servers = holder.get("servers")
            if not servers:
                continue
            if not isinstance(servers, list):
                raise self.source.invalid((*place, "servers"), "this is a list.")
            first: SpecInvalid | None = None
            for at, server in enumerate(servers):
                try:
                    return self._filled(server, (*place, "servers", str(at)))
                except SpecInvalid as error:
                    first = first or error
            assert first is not None
            raise first
        return self._judged("/", ("servers",))

    def _filled(self, server: Any, pointer: Pointer) -> str:
        """The address of a server, with the defaults of its variables."""
        url = server.get("url") if isinstance(server, dict) else None
        if not isinstance(url, str):
            raise self.source.invalid(pointer, "a server is an object with a url.")
        variables = server.get("variables", {})

        def value_of(match: re.Match[str]) -> str:
            variable = variables.get(match.group(1)) if isinstance(variables, dict) else None
            place = (*pointer, "variables", match.group(1))
            if not isinstance(variable, dict) or variable.get("default") is None:
                raise self.source.invalid(place, f"the variable {match.group(0)} has no default.")
            default, allowed = str(variable["default"]), variable.get("enum")
            if isinstance(allowed, list) and default not in map(str, allowed):
                raise self.source.invalid(place, f"the default {default[:40]!r} is not among its values.")
            return default

        return self._judged(re.sub(r"\{([^{}]+)\}", value_of, url), (*pointer, "url"))

    def _judged(self, url: str, pointer: Pointer) -> str:
        if not urlsplit(url).scheme and not url.startswith("//"):
            if self.base_url is None:
                raise self.source.invalid(
                    pointer, f"the server {url[:60]!r} names no host; say where the API is (`server`)."
                )
            url = urljoin(self.base_url, url)
        try:
            origin_of(url)
        except EgressRefused as error:
            reason = str(error).removeprefix("The request was not sent: ")
            raise self.source.invalid(pointer, f"the server {url[:80]!r} cannot be used: {reason}") from None
        parts = urlsplit(url)
        if parts.query or parts.fragment or any(map(_dots, parts.path.split("/"))):
            raise self.source.invalid(
                pointer, "the address of a server has no query, fragment or dot segments."
            )
        return url.rstrip("/")

    # Credentials

    def _schemes(self, root: dict[str, Any]) -> Iterator[Scheme]:
        """What the document says of credentials; what is broken is passed over, an editor says the rest."""
        components = root.get("components")
        listed = components.get("securitySchemes") if isinstance(components, dict) else None
        for name, node in listed.items() if isinstance(listed, dict) else ():
            try:
                found, _ = self.schemas.resolve(node, ("components", "securitySchemes", name))
            except SpecInvalid:
                continue
            if isinstance(found, dict):
                yield from _scheme(name, found)


def _scheme(name: str, node: dict[str, Any]) -> Iterator[Scheme]:
    kind = node.get("type")
    if kind == "apiKey":
        yield Scheme(
            name=name, type="api_key", where=_text(node.get("in")), parameter=_text(node.get("name"))
        )
    elif kind == "http":
        yield Scheme(name=name, type=str(node.get("scheme", "")).lower()[:40])
    elif kind == "oauth2" and isinstance(node.get("flows"), dict):
        for flow, ours in (("authorizationCode", "oauth_code"), ("clientCredentials", "oauth_client")):
            if isinstance(node["flows"].get(flow), dict):
                said = node["flows"][flow]
                scopes = said.get("scopes")
                yield Scheme(
                    name=name,
                    type=ours,
                    authorization_url=_text(said.get("authorizationUrl")),
                    token_url=_text(said.get("tokenUrl")),
                    scopes=tuple(map(str, scopes)) if isinstance(scopes, dict) else (),
                )
    else:
        yield Scheme(name=name, type=str(kind)[:40])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _name(operation_id: Any, method: str, path: str) -> str:
    """The operationId, or method and path, in the letters that a tool's name may have."""
    written = operation_id if isinstance(operation_id, str) and operation_id.strip() else f"{method}{path}"
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", written).strip("_")[:64]
    return name or f"{method}_operation"


def _named_apart(operations: list[Operation]) -> tuple[Operation, ...]:
    """Operations with the same name get a number."""
    taken: set[str] = set()
    found = []
    for each in operations:
        name, number = each.name, 1
        while name in taken:
            number += 1
            name = f"{each.name[: 64 - 1 - len(str(number))]}_{number}"
        taken.add(name)
        found.append(each if name == each.name else replace(each, name=name))
    return tuple(found)


def _description(node: dict[str, Any], fallback: str) -> str:
    said = [str(node[name]).strip() for name in ("summary", "description") if node.get(name)]
    return shortened("\n".join(dict.fromkeys(said)) or fallback, _LONGEST_DESCRIPTION)


def _argument(name: str, where: Where | None, taken: set[str]) -> str:
    """What the model calls it: its name in the letters that providers take, apart from the others'."""
    plain = re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_")[:64] or "value"
    free = plain
    if free in taken:
        free = f"{where}_{plain}" if where else f"request_{plain}"
    number = 1
    while free in taken:
        number += 1
        free = f"{plain}_{number}"
    taken.add(free)
    return free


def _preference(media_type: str) -> int:
    """Of several media types the one that is surest to be written well; past the end: none."""
    plain = media_type.partition(";")[0].strip().lower()
    if plain in _BODIES:
        return _BODIES.index(plain)
    if plain == "*/*" or _is_json(plain):
        return 0
    return len(_BODIES) + 1 if plain in _RAW or plain.startswith("text/") else len(_BODIES) + 2


def _is_json(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def _dots(segment: str) -> bool:
    return segment.lower().replace("%2e", ".") in (".", "..")

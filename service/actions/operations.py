"""Frozen records of what a spec describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Where(StrEnum):
    """Where a parameter goes."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of an operation."""

    name: str  # as the other side calls it
    argument: str  # as the model calls it; differs where two parameters share a name
    where: Where
    required: bool
    schema: Mapping[str, Any]  # plain JSON Schema, nothing referred to
    style: str = "form"
    explode: bool = True
    allow_reserved: bool = False
    as_json: bool = False  # described by `content`: sent as one JSON text


@dataclass(frozen=True, kw_only=True)
class Part:
    """How one property of a form body is written."""

    content_type: str | None = None
    style: str | None = None
    explode: bool = True
    allow_reserved: bool = False


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body of an operation."""

    media_type: str
    argument: str
    required: bool
    schema: Mapping[str, Any]
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that the API does."""

    name: str  # what a model may call it by
    method: str  # upper case
    server: str  # without a slash at the end
    path: str  # with {parameters}
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    consequential: bool
    anonymous: bool  # the spec says that it takes no credentials
    place: str  # in the spec

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        properties = {each.argument: dict(each.schema) for each in self.parameters}
        required = [each.argument for each in self.parameters if each.required]
        if self.body:
            properties[self.body.argument] = dict(self.body.schema)
            required += [self.body.argument] if self.body.required else []
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An operation that cannot be used."""

    operation: str  # "GET /pets/{id}"
    place: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How the spec says that callers prove who they are; what a form for credentials begins with."""

    name: str
    type: str  # "api_key", "basic", "bearer", "oauth_code", "oauth_client", or as the spec calls it
    where: str | None = None  # of an API key
    parameter: str | None = None  # of an API key
    authorization_url: str | None = None
    token_url: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spec:
    """An OpenAPI document, as far as calls need it."""

    title: str
    description: str
    version: str  # of OpenAPI
    operations: tuple[Operation, ...]
    refused: tuple[Refusal, ...]
    schemes: tuple[Scheme, ...]
    origins: frozenset[str]  # where its operations go, and nowhere else

"""How actions look on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.actions.accounts import Accounts
from service.actions.credentials import SECRET_OF, Auth, Kind
from service.actions.offered import ActionTool, spec_of
from service.actions.operations import Operation
from service.records import StoredAction
from service.routes.shapes import seconds

NAME = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"

_OPERATION: dict[str, Any] = {
    "name": "getForecast",
    "method": "GET",
    "path": "/v1/forecast",
    "host": "https://api.open-meteo.com",
    "summary": "Get the present weather and the forecast by day for a point.",
    "consequential": False,
    "enabled": True,
    "signed": False,
    "parameters": {
        "type": "object",
        "properties": {"latitude": {"type": "number"}},
        "required": ["latitude"],
    },
}
_ACTION: dict[str, Any] = {
    "id": "act_0123456789abcdef01234567",
    "object": "action",
    "name": "weather",
    "title": "Weather",
    "description": "Places and forecasts",
    "origins": ["https://api.open-meteo.com"],
    "server": None,
    "source_url": None,
    "auth": {"type": "none"},
    "connected": None,
    "operations": [_OPERATION],
    "refused": [],
    "schemes": [],
    "created_at": 1795478400,
    "updated_at": 1795478400,
}


class AuthIn(BaseModel):
    """Credentials. What is secret is sealed at rest and never shown again."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"type": "api_key", "where": "header", "parameter": "X-API-Key", "key": "…"}
        },
    )
    type: Kind
    where: Literal["header", "query", "cookie"] = "header"
    parameter: Annotated[str, Field(max_length=100, description="Of an API key: what carries it")] = ""
    prefix: Annotated[str, Field(max_length=40, description="Before an API key in a header")] = ""
    key: Annotated[str | None, Field(max_length=8000)] = None
    username: Annotated[str, Field(max_length=400)] = ""
    password: Annotated[str | None, Field(max_length=8000)] = None
    token: Annotated[str | None, Field(max_length=8000)] = None
    client_id: Annotated[str, Field(max_length=400)] = ""
    client_secret: Annotated[str | None, Field(max_length=8000)] = None
    client_auth: Annotated[
        Literal["basic", "post", "none"], Field(description="How the client proves itself for a token")
    ] = "basic"
    authorization_url: Annotated[str, Field(max_length=2000)] = ""
    token_url: Annotated[str, Field(max_length=2000)] = ""
    scopes: Annotated[list[str], Field(max_length=100)] = []

    def parts(self) -> tuple[Auth, str | None]:
        """What may be shown, and the secret."""
        secret = SECRET_OF.get(self.type)
        shown = self.model_dump(exclude={"type", *SECRET_OF.values()})
        return Auth(kind=self.type, **{**shown, "scopes": tuple(self.scopes)}), (
            getattr(self, secret) if secret else None
        )


class OperationChoice(BaseModel):
    """What an editor decides about an operation; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"consequential": True}})
    enabled: bool | None = None
    consequential: bool | None = Field(None, description="Whether a person confirms every call")


class ActionIn(BaseModel):
    """An OpenAPI 3.0 or 3.1 document, as text or by its address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "weather", "url": "https://api.example.com/openapi.yaml"}},
    )
    name: Annotated[str | None, Field(pattern=NAME, description="Without it, the title of the document")] = (
        None
    )
    spec: str | None = Field(None, description="The document itself, YAML or JSON")
    url: Annotated[str | None, Field(max_length=4000)] = None
    server: Annotated[
        str | None,
        Field(max_length=2000, description="Where the API is, instead of the document's own servers"),
    ] = None
    auth: AuthIn | None = None
    operations: dict[str, OperationChoice] = {}


class ActionChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"operations": {"getForecast": {"consequential": True}}}},
    )
    spec: str | None = None
    url: Annotated[str | None, Field(max_length=4000)] = None
    server: Annotated[str | None, Field(max_length=2000)] = None
    auth: AuthIn | None = Field(None, description="Replaces the credentials; members connect anew")
    operations: dict[str, OperationChoice] = {}


class OperationOut(BaseModel):
    """One operation, as the model is offered it."""

    model_config = ConfigDict(json_schema_extra={"example": _OPERATION})
    name: str
    method: str
    path: str
    host: str
    summary: str
    consequential: bool
    enabled: bool
    signed: bool = Field(description="Whether credentials are added")
    parameters: dict[str, Any] | None = Field(None, description="JSON Schema; left out in lists")


class RefusedOut(BaseModel):
    """An operation that cannot be used, and why."""

    operation: str
    place: str = Field(description="JSON pointer, and the line where the document is YAML")
    reason: str


class SchemeOut(BaseModel):
    """How the document says that callers prove who they are."""

    name: str
    type: str
    where: str | None
    parameter: str | None
    authorization_url: str | None
    token_url: str | None
    scopes: list[str]


class ActionOut(BaseModel):
    """An action of an assistant. Viewers see neither its operations nor its credentials."""

    model_config = ConfigDict(json_schema_extra={"example": _ACTION})
    id: str
    object: Literal["action"] = "action"
    name: str
    title: str
    description: str
    origins: list[str] = Field(description="The only places that it goes to")
    server: str | None
    source_url: str | None
    auth: dict[str, Any] = Field(description="Without secrets")
    connected: bool | None = Field(
        description="Whether the caller's own account is connected; null: none needed"
    )
    operations: list[OperationOut]
    refused: list[RefusedOut]
    schemes: list[SchemeOut]
    created_at: int
    updated_at: int


class CallIn(BaseModel):
    """Arguments of a call."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"arguments": {"latitude": 51.9, "longitude": 4.5}}}
    )
    arguments: dict[str, Any] = {}


_REQUEST: dict[str, Any] = {
    "method": "GET",
    "url": "https://api.open-meteo.com/v1/forecast?latitude=51.9&longitude=4.5",
    "headers": {"Accept": "application/json"},
    "body": None,
    "signed": False,
    "arguments": {"latitude": 51.9, "longitude": 4.5},
}


class RequestOut(BaseModel):
    """The exact request, without credentials."""

    model_config = ConfigDict(json_schema_extra={"example": _REQUEST})
    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    signed: bool = Field(description="Whether credentials are added as it leaves")
    arguments: dict[str, Any]


class ResponseOut(BaseModel):
    """What came back."""

    status: int
    headers: dict[str, str]
    size: int = Field(description="Bytes")
    took_ms: float
    text: str | None = Field(description="Null where it is no text")
    cut: bool


class RunOut(BaseModel):
    """A request that was made, and what came back."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "request": _REQUEST,
                "response": {
                    "status": 200,
                    "headers": {"content-type": "application/json"},
                    "size": 20,
                    "took_ms": 81.5,
                    "text": '{"timezone": "GMT"}',
                    "cut": False,
                },
            }
        }
    )
    request: RequestOut
    response: ResponseOut


class ConnectOut(BaseModel):
    """Where the member gives consent, within 15 minutes and in a browser that is signed in here."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://accounts.example.com/authorize?…"}}
    )
    url: str


def action_out(
    accounts: Accounts, action: StoredAction, member: str, *, editor: bool, whole: bool = False
) -> ActionOut:
    """The action as this caller may see it."""
    spec, auth = spec_of(action), Auth.of(action.auth)
    return ActionOut(
        id=action.id,
        name=action.name,
        title=spec.title,
        description=spec.description,
        origins=sorted(spec.origins),
        server=action.server if editor else None,
        source_url=action.base_url if editor else None,
        auth=auth_out(auth) if editor else {"type": str(auth.kind)},
        connected=accounts.connected(action, member) if auth.kind is Kind.OAUTH_CODE else None,
        operations=[operation_out(accounts, action, each, whole=whole) for each in spec.operations if editor],
        refused=[RefusedOut(**vars(each)) for each in spec.refused if editor],
        schemes=[SchemeOut(**{**vars(each), "scopes": list(each.scopes)}) for each in spec.schemes if editor],
        created_at=seconds(action.created_at),
        updated_at=seconds(action.updated_at),
    )


_AUTH_FIELDS = {
    Kind.NONE: (),
    Kind.API_KEY: ("where", "parameter", "prefix"),
    Kind.BASIC: ("username",),
    Kind.BEARER: (),
    Kind.OAUTH_CODE: ("client_id", "client_auth", "authorization_url", "token_url", "scopes"),
    Kind.OAUTH_CLIENT: ("client_id", "client_auth", "token_url", "scopes"),
}


def auth_out(auth: Auth) -> dict[str, Any]:
    """Credentials without what is secret."""
    return {"type": str(auth.kind)} | {name: getattr(auth, name) for name in _AUTH_FIELDS[auth.kind]}


def operation_out(
    accounts: Accounts, action: StoredAction, operation: Operation, *, whole: bool
) -> OperationOut:
    """The operation as an editor sees it."""
    tool = ActionTool(action, operation, accounts, operation.name)
    return OperationOut(
        name=operation.name,
        method=operation.method,
        path=operation.path,
        host=operation.server,
        summary=operation.summary or operation.description[:300],
        consequential=tool.consequential,
        enabled=action.operations.get(operation.name, {}).get("enabled", True),
        signed=tool.signed,
        parameters=dict(tool.parameters) if whole else None,
    )

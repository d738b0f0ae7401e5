"""MCP servers of an assistant: add, look at, decide about tools, try one, delete."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import Editor, TheInstallation, Viewer, ViewerAssistant
from service.actions.credentials import Auth, Kind
from service.actions.importing import OperationUnknown
from service.actions.mcp_tools import McpTool, decided, name_of
from service.installation import Installation
from service.records import Assistant, Caller, Role, StoredMcpServer
from service.routes.action_shapes import NAME, AuthIn, CallIn, OperationChoice, auth_out
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.store.engine import new_id, now
from service.tools import CallContext

router = APIRouter(tags=["actions"])

_BASE = "/api/assistants/{slug}/mcp-servers"
_TOOL: dict[str, Any] = {
    "name": "read_note",
    "called": "notes__read_note",
    "description": "Read one note.",
    "read_only": True,
    "consequential": True,
    "enabled": True,
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
}
_SERVER: dict[str, Any] = {
    "id": "mcp_0123456789abcdef01234567",
    "object": "mcp_server",
    "name": "notes",
    "url": "https://notes.example.com/mcp",
    "command": None,
    "auth": {"type": "bearer"},
    "trust_hints": False,
    "tools": [_TOOL],
    "refused": [],
    "created_at": 1795478400,
    "updated_at": 1795478400,
}


class McpServerIn(BaseModel):
    """A server at a URL (streamable HTTP), or behind a command that the operator allows."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "notes",
                "url": "https://notes.example.com/mcp",
                "auth": {"type": "bearer", "token": "…"},
            }
        },
    )
    name: Annotated[str, Field(pattern=NAME)]
    url: Annotated[str | None, Field(max_length=2000)] = None
    command: Annotated[str | None, Field(max_length=64, description="By its name in DOUMI_MCP_COMMANDS")] = (
        None
    )
    auth: AuthIn | None = None
    trust_hints: bool = Field(
        False, description="Believe the server that a tool only reads, so that it needs no confirmation"
    )
    tools: dict[str, OperationChoice] = Field({}, description="By the server's own names")


class McpServerChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"tools": {"delete_note": {"enabled": False}}}}
    )
    auth: AuthIn | None = Field(None, description="Replaces the credentials")
    trust_hints: bool | None = None
    tools: dict[str, OperationChoice] = {}
    refresh: bool = Field(False, description="Ask the server for its tools again")


class McpToolOut(BaseModel):
    """A tool of a server, as the server describes it and as an editor decided."""

    model_config = ConfigDict(json_schema_extra={"example": _TOOL})
    name: str
    called: str = Field(description="What models call it by")
    description: str
    read_only: bool = Field(description="Whether the server says that it changes nothing")
    consequential: bool = Field(description="Whether a person confirms every call")
    enabled: bool
    parameters: dict[str, Any]


class McpServerOut(BaseModel):
    """An MCP server of an assistant. Viewers see neither its tools nor where it is."""

    model_config = ConfigDict(json_schema_extra={"example": _SERVER})
    id: str
    object: Literal["mcp_server"] = "mcp_server"
    name: str
    url: str | None
    command: str | None
    auth: dict[str, Any] = Field(description="Without secrets")
    trust_hints: bool
    tools: list[McpToolOut]
    refused: list[str] = Field(description="Tools that cannot be used, and why")
    created_at: int
    updated_at: int


class McpResultOut(BaseModel):
    """What a tool brought back."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"ok": True, "text": "The note.", "size": 9, "took_ms": 81.5}}
    )
    ok: bool = Field(description="False where the server says that the call failed")
    text: str
    size: int = Field(description="Bytes")
    took_ms: float


@router.get(_BASE, responses=errors(400, 404))
def list_mcp_servers(
    here: TheInstallation, caller: Viewer, assistant: ViewerAssistant, window: PageWindow
) -> Listing[McpServerOut]:
    """The MCP servers of the assistant, with their tools for those who may edit it."""
    found, more = here.store.mcp_servers.page(caller.team.id, assistant.id, window)
    return Listing(
        data=[_out(here, caller, server) for server in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post(_BASE, status_code=201, responses=errors(400, 403, 404, 409, 502))
async def create_mcp_server(
    here: TheInstallation, caller: Editor, assistant: ViewerAssistant, body: McpServerIn
) -> McpServerOut:
    """Connect to a server and keep what it offers. Nothing is kept of one that cannot be reached."""
    servers = here.servers
    servers.checked(url=body.url, command=body.command)
    auth, secret = body.auth.parts() if body.auth else (Auth(), None)
    server_id, moment = new_id("mcp"), now()
    server = StoredMcpServer(
        id=server_id,
        team_id=caller.team.id,
        assistant_id=assistant.id,
        name=body.name,
        url=body.url,
        command=body.command,
        tools=[],
        refused=[],
        choices={},
        trust_hints=body.trust_hints,
        created_at=moment,
        updated_at=moment,
        **servers.sealed(server_id, body.url, auth, secret),
    )
    server = await _listed(here, server)
    server = _with(server, choices=decided(server, _choices(body.tools)))
    return _out(here, caller, await to_thread.run_sync(here.store.mcp_servers.create, server))


@router.get(_BASE + "/{server}", responses=errors(404))
def get_mcp_server(
    here: TheInstallation, caller: Editor, assistant: ViewerAssistant, server: str
) -> McpServerOut:
    """One server by id or name."""
    return _out(here, caller, here.store.mcp_servers.get(caller.team.id, assistant.id, server))


@router.put(_BASE + "/{server}", responses=errors(400, 403, 404, 502))
async def change_mcp_server(
    here: TheInstallation, caller: Editor, assistant: ViewerAssistant, server: str, body: McpServerChange
) -> McpServerOut:
    """Change credentials or what was decided about tools. Tools change only when asked for (`refresh`)."""
    store = here.store.mcp_servers
    found = await to_thread.run_sync(store.get, caller.team.id, assistant.id, server)
    values: dict[str, Any] = {}
    if body.auth is not None:
        auth, secret = body.auth.parts()
        values |= here.servers.sealed(found.id, found.url, auth, secret)
    if body.trust_hints is not None:
        values["trust_hints"] = body.trust_hints
    changed = _with(found, **values)
    if body.refresh:
        changed = await _listed(here, changed)
        values |= {"tools": changed.tools, "refused": changed.refused}
    values["choices"] = decided(changed, _choices(body.tools))
    return _out(here, caller, await to_thread.run_sync(store.change, found, values))


@router.delete(_BASE + "/{server}", status_code=204, responses=errors(404))
def delete_mcp_server(here: TheInstallation, caller: Editor, assistant: ViewerAssistant, server: str) -> None:
    """Delete a server with its credentials."""
    here.store.mcp_servers.delete(here.store.mcp_servers.get(caller.team.id, assistant.id, server))
    here.store.database.forget_deleted()


@router.post(_BASE + "/{server}/tools/{tool}/run", responses=errors(400, 404, 502))
async def run_mcp_tool(
    here: TheInstallation,
    caller: Editor,
    assistant: ViewerAssistant,
    server: str,
    tool: str,
    body: CallIn,
) -> McpResultOut:
    """Call a tool, as an answer would."""
    found = await to_thread.run_sync(here.store.mcp_servers.get, caller.team.id, assistant.id, server)
    called = _tool(here, found, tool)
    preview = called.preview(body.arguments)
    result = await called.call(preview.arguments, _context(caller, assistant))
    return McpResultOut(ok=result.ok, text=result.text, size=result.size, took_ms=result.took_ms)


def _context(caller: Caller, assistant: Assistant) -> CallContext:
    return CallContext(team=caller.team.id, member=caller.member, assistant=assistant.id)


async def _listed(here: Installation, server: StoredMcpServer) -> StoredMcpServer:
    """With the tools that it offers now; what was decided of tools that are gone is forgotten."""
    address = await to_thread.run_sync(here.servers.address, server)
    tools, refused = await here.servers.listed(address)
    kept = {tool["name"] for tool in tools}
    choices = {name: said for name, said in server.choices.items() if name in kept}
    return _with(server, tools=tools, refused=refused, choices=choices)


def _with(server: StoredMcpServer, **values: Any) -> StoredMcpServer:
    return replace(server, **{**values, "origins": tuple(values.get("origins", server.origins))})


def _choices(given: dict[str, OperationChoice]) -> dict[str, dict[str, bool]]:
    return {name: each.model_dump(exclude_none=True) for name, each in given.items()}


def _tool(here: Installation, server: StoredMcpServer, name: str) -> McpTool:
    for tool in server.tools:
        if name in (tool["name"], name_of(server, tool["name"])):
            return McpTool(server, tool, here.servers)
    raise OperationUnknown(f"The MCP server {server.name} has no tool {name[:80]!r}.")


def _out(here: Installation, caller: Caller, server: StoredMcpServer) -> McpServerOut:
    editor = caller.role.covers(Role.EDITOR)
    auth = Auth.of(server.auth) if server.auth else Auth()
    return McpServerOut(
        id=server.id,
        name=server.name,
        url=server.url if editor else None,
        command=server.command if editor else None,
        auth=auth_out(auth) if editor else {"type": str(Kind(auth.kind))},
        trust_hints=server.trust_hints,
        tools=[_tool_out(here, server, tool) for tool in server.tools if editor],
        refused=server.refused if editor else [],
        created_at=seconds(server.created_at),
        updated_at=seconds(server.updated_at),
    )


def _tool_out(here: Installation, server: StoredMcpServer, tool: dict[str, Any]) -> McpToolOut:
    called = McpTool(server, tool, here.servers)
    return McpToolOut(
        name=tool["name"],
        called=called.name,
        description=tool["description"],
        read_only=tool["read_only"],
        consequential=called.consequential,
        enabled=server.choices.get(tool["name"], {}).get("enabled", True),
        parameters=tool["parameters"],
    )

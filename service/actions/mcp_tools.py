"""Tools of an assistant's MCP servers as tools of its answers."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from service.actions.credentials import Auth, CredentialsInvalid, Kind, signature_of
from service.actions.egress import Egress, EgressRefused, origin_of
from service.actions.importing import OperationUnknown
from service.actions.mcp import Address, McpClient
from service.actions.offered import refuse_misfit
from service.actions.vault import Vault
from service.records import StoredMcpServer
from service.store.mcp_servers import McpServers
from service.tools import CallContext, Preview, Tool, ToolArgumentsInvalid, ToolResult

_KINDS = (Kind.NONE, Kind.API_KEY, Kind.BASIC, Kind.BEARER)


class CommandNotAllowed(Exception):
    """Only commands that the operator names in DOUMI_MCP_COMMANDS can be started as MCP servers."""


class ServerUnusable(Exception):
    """An MCP server is given by either `url` or `command`; the message says what is wrong with it."""


@dataclass
class Servers:
    """The MCP servers of assistants: what editors set, and how a call reaches them."""

    store: McpServers
    vault: Vault
    egress: Egress
    commands: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        self.client = McpClient(self.egress)

    def checked(self, *, url: str | None, command: str | None) -> None:
        """Raises ServerUnusable and CommandNotAllowed."""
        if (url is None) == (command is None):
            raise ServerUnusable("Give either `url`, where the server is, or `command`, by its name.")
        if url is not None:
            try:
                origin_of(url)
            except EgressRefused as error:
                raise ServerUnusable(str(error)) from None
        if command is not None and command not in self.commands:
            known = ", ".join(self.commands) or "none"
            raise CommandNotAllowed(
                f"The operator allows no command {command[:40]!r} (DOUMI_MCP_COMMANDS; allowed: {known})."
            )

    def sealed(self, server_id: str, url: str | None, auth: Auth, secret: str | None) -> dict[str, Any]:
        """Columns that keep credentials, for the server's origin alone. Raises CredentialsInvalid."""
        auth.check(secret)
        if auth.kind not in _KINDS:
            raise CredentialsInvalid(f"An MCP server takes {', '.join(_KINDS)} credentials.")
        origins = []
        if auth.kind is not Kind.NONE:
            if url is None:
                raise CredentialsInvalid("A command takes no credentials; the operator sets its environment.")
            origins = [origin_of(url)]
            if not self.egress.keeps_secrets(origins[0]):
                raise CredentialsInvalid(f"Credentials go over https only, and {origins[0]} is not.")
        kept = self.vault.seal(secret, purpose=_purpose(server_id)) if secret else None
        return {"auth": auth.stored(), "secret": kept, "origins": origins}

    def address(self, server: StoredMcpServer) -> Address:
        """Where the server is, with its credentials. Raises CommandNotAllowed and SecretsLocked."""
        if server.command is not None:
            self.checked(url=None, command=server.command)
            return Address(command=tuple(self.commands[server.command]))
        secret = self.vault.open(server.secret, purpose=_purpose(server.id)) if server.secret else ""
        signature = signature_of(Auth.of(server.auth), secret, frozenset(server.origins))
        return Address(url=server.url, signature=signature)

    async def listed(self, address: Address) -> tuple[list[dict[str, Any]], list[str]]:
        """The tools that the server offers now, as they are stored, and why others cannot be used."""
        offers, refused = await self.client.tools(address)
        return [
            {
                "name": each.name,
                "description": each.description,
                "parameters": dict(each.parameters),
                "read_only": each.read_only,
            }
            for each in offers
        ], refused


def _purpose(server_id: str) -> str:
    return f"mcp:{server_id}"


def decided(server: StoredMcpServer, said: Mapping[str, Mapping[str, bool]]) -> dict[str, dict[str, bool]]:
    """What editors decided about tools, with this. Raises OperationUnknown."""
    known = {tool["name"] for tool in server.tools}
    if unknown := sorted(set(said) - known):
        raise OperationUnknown(f"The MCP server {server.name} has no tool {unknown[0][:80]!r}.")
    merged = {name: {**server.choices.get(name, {}), **said.get(name, {})} for name in known}
    return {name: each for name, each in merged.items() if each}


@dataclass(frozen=True)
class McpTool:
    """One tool of one server."""

    server: StoredMcpServer
    tool: Mapping[str, Any]  # as it was stored
    servers: Servers

    @property
    def name(self) -> str:
        """Below the server's, so that no server's tool passes for another's."""
        return name_of(self.server, self.tool["name"])

    @property
    def description(self) -> str:
        """As the server says it."""
        return f"{self.server.name}: {self.tool['description']}"

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """As the server says them."""
        found: Mapping[str, Any] = self.tool["parameters"]
        return found

    @property
    def consequential(self) -> bool:
        """Unless an editor said otherwise: of the tool, or that the server's own word is believed."""
        said = self.server.choices.get(self.tool["name"], {})
        believed = self.server.trust_hints and self.tool["read_only"]
        return said.get("consequential", not believed)

    @property
    def host(self) -> str:
        """Where calls go; a process may pass on what it gets, so it is a place of its own."""
        return f"stdio:{self.server.command}" if self.server.url is None else urlsplit(self.server.url).netloc

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """What a call would send. Raises ToolArgumentsInvalid."""
        used = {name: value for name, value in arguments.items() if value is not None}
        refuse_misfit(self.parameters, used)
        return Preview(method="MCP", host=self.host, path=self.tool["name"], arguments=used)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Call it, and what came back as text."""
        began = time.perf_counter()
        try:
            address = self.servers.address(self.server)
        except CommandNotAllowed as error:
            raise ToolArgumentsInvalid(str(error)) from None
        reply = await self.servers.client.call(address, self.tool["name"], arguments)
        return ToolResult(
            text=reply.text or "(nothing came back)",
            ok=reply.ok,
            size=reply.size,
            took_ms=(time.perf_counter() - began) * 1000,
            request={
                "server": self.server.name,
                "tool": self.tool["name"],
                "arguments": dict(arguments),
            },
        )


def name_of(server: StoredMcpServer, tool: str) -> str:
    """What a model calls a tool: at most 64 letters that every model takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.name[:24]}__{tool}")[:64]


def tools_of_servers(servers: Iterable[StoredMcpServer], here: Servers) -> list[Tool]:
    """A tool for every one that is switched on."""
    return [
        McpTool(server, tool, here)
        for server in servers
        for tool in server.tools
        if server.choices.get(tool["name"], {}).get("enabled", True)
    ]

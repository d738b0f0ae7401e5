"""MCP servers of assistants; every query takes the team."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from service.records import StoredMcpServer
from service.store.engine import Database, aware, now
from service.store.pages import Window, page_of
from service.store.tables import mcp_servers


class McpServerNotFound(Exception):
    """The assistant has no such MCP server; GET /api/assistants/{slug}/mcp-servers lists those it has."""


class McpServerNameTaken(Exception):
    """The assistant has an MCP server of this name; choose another, or change that one."""


class McpServers:
    """Queries about MCP servers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, server: StoredMcpServer) -> StoredMcpServer:
        """Keep a new one. Raises McpServerNameTaken."""
        table = mcp_servers.c
        with self._database.write() as connection:
            taken = select(table.id).where(
                *_of(server.team_id, server.assistant_id), table.name == server.name
            )
            if connection.scalar(taken) is not None:
                raise McpServerNameTaken(
                    f"The assistant has an MCP server {server.name}; choose another name or change that one."
                )
            values = {name: getattr(server, name) for name in StoredMcpServer.__dataclass_fields__}
            connection.execute(insert(mcp_servers).values(**{**values, "origins": list(server.origins)}))
        return self.get(server.team_id, server.assistant_id, server.id)

    def get(self, team_id: str, assistant_id: str, name_or_id: str) -> StoredMcpServer:
        """By id or by name. Raises McpServerNotFound."""
        table = mcp_servers.c
        query = select(mcp_servers).where(
            *_of(team_id, assistant_id), (table.id == name_or_id) | (table.name == name_or_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise McpServerNotFound(
                f"The assistant has no MCP server {name_or_id!r}; GET …/mcp-servers lists those it has."
            )
        return _server(row)

    def of_assistant(self, team_id: str, assistant_id: str) -> list[StoredMcpServer]:
        """All of them, oldest first."""
        query = select(mcp_servers).where(*_of(team_id, assistant_id))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(mcp_servers.c.created_at, mcp_servers.c.id))
            return [_server(row) for row in rows]

    def page(self, team_id: str, assistant_id: str, window: Window) -> tuple[list[StoredMcpServer], bool]:
        """One page of them, and whether more follow."""
        with self._database.read() as connection:
            rows, more = page_of(
                connection, select(mcp_servers).where(*_of(team_id, assistant_id)), mcp_servers, window
            )
            return [_server(row) for row in rows], more

    def change(self, server: StoredMcpServer, values: Mapping[str, Any]) -> StoredMcpServer:
        """Change columns."""
        with self._database.write() as connection:
            connection.execute(
                update(mcp_servers)
                .where(mcp_servers.c.team_id == server.team_id, mcp_servers.c.id == server.id)
                .values(**values, updated_at=now())
            )
        return self.get(server.team_id, server.assistant_id, server.id)

    def delete(self, server: StoredMcpServer) -> None:
        """Delete it, with its credentials."""
        with self._database.write() as connection:
            connection.execute(
                delete(mcp_servers).where(
                    mcp_servers.c.team_id == server.team_id, mcp_servers.c.id == server.id
                )
            )


def _of(team_id: str, assistant_id: str) -> tuple[Any, ...]:
    return (mcp_servers.c.team_id == team_id, mcp_servers.c.assistant_id == assistant_id)


def _server(row: Row[Any]) -> StoredMcpServer:
    values = {name: getattr(row, name) for name in StoredMcpServer.__dataclass_fields__}
    values |= {name: aware(value) for name, value in values.items() if isinstance(value, datetime)}
    return StoredMcpServer(**{**values, "origins": tuple(row.origins)})

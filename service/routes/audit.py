"""The audit log of the team: read and exported by its owners."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from service.access import Administrator, Owner, TheInstallation
from service.records import AuditEntry
from service.routes.shapes import errors
from service.store.audit import INSTALLATION

router = APIRouter(tags=["audit"])

_EXAMPLE: dict[str, Any] = {
    "chain": "team_0123456789abcdef01234567",
    "position": 7,
    "at": "2026-11-24T09:30:00.000+00:00",
    "actor": "member:mem_0123456789abcdef01234567",
    "operation": "DELETE /api/keys/{key_id}",
    "targets": {"key_id": "key_0123456789abcdef01234567"},
    "request": "req_0123456789abcdef01234567",
    "previous": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
}


class AuditEntryOut(BaseModel):
    """Who did what to which thing; `hash` is SHA-256 over the other fields as compact, sorted JSON."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    chain: str
    position: int
    at: str
    actor: str
    operation: str
    targets: dict[str, str]
    request: str
    previous: str
    hash: str


class AuditListing(BaseModel):
    """Entries, the newest first."""

    object: Literal["list"] = "list"
    data: list[AuditEntryOut]
    has_more: bool = Field(description="Older ones follow: ask again with `before` the last position here")


_Limit = Annotated[int, Query(ge=1, le=1000)]
_Before = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only entries with a smaller position")]
_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One entry a line, the oldest first",
        "content": {"application/jsonl": {"example": json.dumps(_EXAMPLE) + "\n"}},
    }
}


@router.get("/api/audit", responses=errors())
def list_audit(
    here: TheInstallation, caller: Owner, limit: _Limit = 100, before: _Before = None
) -> AuditListing:
    """What was done in the team, the newest first."""
    return _listing(*here.store.audit.page(caller.team.id, limit=limit, before=before))


@router.get("/api/audit/export", responses=errors() | _LINES, response_class=StreamingResponse)
def export_audit(here: TheInstallation, caller: Owner) -> StreamingResponse:
    """The whole log of the team as JSON lines; “doumi audit verify FILE” checks such a file."""
    return _lines(here.store.audit.all(caller.team.id), f"audit-{caller.team.slug}.jsonl")


@router.get("/api/admin/audit", responses=errors())
def list_installation_audit(
    here: TheInstallation, _caller: Administrator, limit: _Limit = 100, before: _Before = None
) -> AuditListing:
    """What administrators and the operator did, the newest first."""
    return _listing(*here.store.audit.page(INSTALLATION, limit=limit, before=before))


def _listing(entries: list[AuditEntry], more: bool) -> AuditListing:
    return AuditListing(data=[AuditEntryOut(**asdict(entry)) for entry in entries], has_more=more)


def _lines(entries: Iterator[AuditEntry], name: str) -> StreamingResponse:
    lines = (json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries)
    return StreamingResponse(
        lines,
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

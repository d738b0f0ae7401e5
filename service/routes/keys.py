"""Keys of the team: made, listed, rotated, revoked by its owners."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import Owner, TheInstallation
from service.records import Access, Key, Role
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.store.engine import now

router = APIRouter(prefix="/api/keys", tags=["keys"])

_LONGEST_OVERLAP_S = 30 * 24 * 3600
_EXAMPLE: dict[str, Any] = {
    "id": "key_0123456789abcdef01234567",
    "object": "key",
    "name": "Website",
    "role": "viewer",
    "access": "read",
    "assistants": ["handbook"],
    "member": None,
    "prefix": "sk-doumi-AbCd",
    "state": "active",
    "created_at": 1795478400,
    "expires_at": 1827014400,
    "revoked_at": None,
    "last_used_at": None,
    "previous_works_until": None,
}
_SECRET = "sk-doumi-AbCd…"  # noqa: S105 - an example


class KeyIn(BaseModel):
    """A new key for a program."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Website",
                "role": "viewer",
                "access": "read",
                "assistants": ["handbook"],
                "expires_at": 1827014400,
            }
        },
    )
    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role = Role.VIEWER
    access: Access = Field(Access.WRITE, description="`read`: asks and reads, changes nothing of the team")
    assistants: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Slugs of the only assistants that exist for this key; without it all of the team"
    )
    expires_at: Annotated[int, Field(ge=0, le=253_402_300_799)] | None = Field(
        None, description="Unix seconds; without it the key works until it is revoked"
    )


class RotationIn(BaseModel):
    """How long the old secret goes on working beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_s": 3600}})
    overlap_s: Annotated[int, Field(ge=0, le=_LONGEST_OVERLAP_S)] = 24 * 3600


class KeyOut(BaseModel):
    """A key; its secret is told only when it is made or rotated."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["key"] = "key"
    name: str
    role: Role
    access: Access
    assistants: list[str] | None = Field(description="Null: all assistants of the team")
    member: str | None = Field(description="Whose key it is; null for a key that acts as itself")
    prefix: str
    state: Literal["active", "expired", "revoked"]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    previous_works_until: int | None = Field(description="Until then the secret before the rotation works")


class NewKeyOut(KeyOut):
    """A key with its secret, which is shown this once."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE | {"secret": _SECRET}})
    secret: str


@router.get("", responses=errors(400))
def list_keys(here: TheInstallation, caller: Owner, window: PageWindow) -> Listing[KeyOut]:
    """The keys of the team, revoked and expired ones too."""
    found, more = here.store.keys.page(caller.team.id, window)
    return Listing(
        data=[KeyOut(**_fields(key)) for key in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("", status_code=201, responses=errors(404))
def create_key(here: TheInstallation, caller: Owner, body: KeyIn) -> NewKeyOut:
    """A new key. With `assistants`, nothing else of the team exists for it."""
    key, secret = here.store.keys.create(
        caller.team.id,
        name=body.name,
        role=body.role,
        access=body.access,
        assistants=body.assistants,
        expires_at=None if body.expires_at is None else datetime.fromtimestamp(body.expires_at, UTC),
    )
    return NewKeyOut(**_fields(key), secret=secret)


@router.get("/{key_id}", responses=errors(404))
def get_key(here: TheInstallation, caller: Owner, key_id: str) -> KeyOut:
    """One key."""
    return KeyOut(**_fields(here.store.keys.get(caller.team.id, key_id)))


@router.post("/{key_id}/rotate", responses=errors(404, 409))
def rotate_key(here: TheInstallation, caller: Owner, key_id: str, body: RotationIn) -> NewKeyOut:
    """A new secret; the key keeps its id, scope and history, and the old secret works for `overlap_s`."""
    key, secret = here.store.keys.rotate(caller.team.id, key_id, overlap=timedelta(seconds=body.overlap_s))
    return NewKeyOut(**_fields(key), secret=secret)


@router.delete("/{key_id}", responses=errors(404))
def revoke_key(here: TheInstallation, caller: Owner, key_id: str) -> KeyOut:
    """Revoke a key. Its next request is refused, its sessions end, and so do its running streams."""
    return KeyOut(**_fields(here.store.keys.revoke(caller.team.id, key_id)))


def _fields(key: Key) -> dict[str, Any]:
    moment = now()
    over = key.expires_at is not None and key.expires_at <= moment
    overlapping = key.previous_until is not None and key.previous_until > moment
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "access": key.access,
        "assistants": None if key.assistants is None else list(key.assistants),
        "member": key.member_id,
        "prefix": key.prefix,
        "state": "revoked" if key.revoked_at else "expired" if over else "active",
        "created_at": seconds(key.created_at),
        "expires_at": _seconds(key.expires_at),
        "revoked_at": _seconds(key.revoked_at),
        "last_used_at": _seconds(key.last_used_at),
        "previous_works_until": _seconds(key.previous_until) if overlapping else None,
    }


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else seconds(moment)

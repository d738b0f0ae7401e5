"""Members of the team: listed, given another role, removed, helped to a new password."""

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import Owner, TheInstallation
from service.records import Member, Role
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.store.engine import now

router = APIRouter(prefix="/api/members", tags=["members"])

_RESET_LASTS = timedelta(hours=24)
_EXAMPLE: dict[str, Any] = {
    "id": "mem_0123456789abcdef01234567",
    "object": "member",
    "name": "Kim",
    "email": "kim@example.org",
    "role": "editor",
    "managed": False,
    "created_at": 1795478400,
}


class NoResetLink(Exception):
    """An owner of one team has no say over a password that opens others, or over a provider's sign-in."""


class MemberOut(BaseModel):
    """A person in the team."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["member"] = "member"
    name: str
    email: str | None = Field(description="Null for a member whom the command line made")
    role: Role
    managed: bool = Field(description="The identity provider gave the role, and takes it away again")
    created_at: int


class MemberChange(BaseModel):
    """What the member may do from their next request on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"role": "editor"}})
    role: Role


class RemovedOut(BaseModel):
    """What went with a member."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "mem_0123456789abcdef01234567",
                "object": "member.deleted",
                "deleted": True,
                "removed": {"sessions": 2, "keys": 1, "conversations": 12},
            }
        }
    )
    id: str
    object: Literal["member.deleted"] = "member.deleted"
    deleted: Literal[True] = True
    removed: dict[str, int]


class LinkOut(BaseModel):
    """A link that works once; it is shown only now."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "http://127.0.0.1:8000/#reset=…", "expires_at": 1795564800}}
    )
    url: str
    expires_at: int


@router.get("", responses=errors(400))
def list_members(here: TheInstallation, caller: Owner, window: PageWindow) -> Listing[MemberOut]:
    """The members of the team."""
    found, more = here.store.members.page(caller.team.id, window)
    return Listing(
        data=[_out(member) for member in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.get("/{member_id}", responses=errors(404))
def get_member(here: TheInstallation, caller: Owner, member_id: str) -> MemberOut:
    """One member."""
    return _out(here.store.members.get(caller.team.id, member_id))


@router.put("/{member_id}", responses=errors(404, 409))
def change_member(here: TheInstallation, caller: Owner, member_id: str, body: MemberChange) -> MemberOut:
    """Give a member another role. The last owner stays one."""
    return _out(here.store.members.change_role(caller.team.id, member_id, body.role))


@router.delete("/{member_id}", responses=errors(404, 409))
def remove_member(here: TheInstallation, caller: Owner, member_id: str) -> RemovedOut:
    """Remove a member with their sessions, keys and conversations. The last owner stays."""
    removed = here.store.members.remove(caller.team.id, member_id)
    here.store.database.forget_deleted()
    return RemovedOut(id=member_id, removed=removed)


@router.post("/{member_id}/reset-link", responses=errors(404, 409))
def make_reset_link(here: TheInstallation, caller: Owner, member_id: str) -> LinkOut:
    """A link with which a member sets a new password, once, within a day. Give it to nobody else."""
    member = here.store.members.get(caller.team.id, member_id)
    if member.person_id is None or not here.store.people.only_in(member.person_id, caller.team.id):
        raise NoResetLink(
            "No link can be made for this member's password: it is not this team's alone, or there is none. "
            "They can change it themselves, or ask the operator for “doumi member reset-link”."
        )
    token = here.store.sessions.reset_link_token(caller.team.id, member_id, lasts=_RESET_LASTS)
    return LinkOut(url=f"{here.settings.url}/#reset={token}", expires_at=seconds(now() + _RESET_LASTS))


def _out(member: Member) -> MemberOut:
    return MemberOut(
        id=member.id,
        name=member.name,
        email=member.email,
        role=member.role,
        managed=member.managed,
        created_at=seconds(member.created_at),
    )

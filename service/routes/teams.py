"""The caller's team, and for administrators all teams: made, renamed, deleted with everything in them."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.access import Administrator, Owner, TheInstallation, Viewer
from service.installation import Installation
from service.records import Role, Team
from service.routes.assistants import SLUG
from service.routes.invitations import NewInvitationOut, new_invitation_out
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.sign_in import address_of
from service.store.audit import INSTALLATION
from service.store.teams import NotConfirmed

router = APIRouter(tags=["teams"])

_EXAMPLE: dict[str, Any] = {
    "id": "team_0123456789abcdef01234567",
    "object": "team",
    "slug": "example",
    "name": "Example team",
    "created_at": 1795478400,
    "retention_days": None,
}
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class TeamOut(BaseModel):
    """A team."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["team"] = "team"
    slug: str
    name: str
    created_at: int
    retention_days: int | None = Field(
        description="Days after its last turn that a conversation is deleted; null: never"
    )


class TeamIn(BaseModel):
    """A new team; its first owner comes with an invitation."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"slug": "sales", "name": "Sales"}}
    )
    slug: Annotated[str, Field(pattern=SLUG)]
    name: _Name | None = None


class TeamChange(BaseModel):
    """What people call the team; its slug stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Sales and support"}})
    name: _Name


class OwnTeamChange(BaseModel):
    """What an owner changes about the team; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Sales and support", "retention_days": 365}}
    )
    name: _Name | None = None
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None, description="Days that conversations, responses and threads are kept; null: for ever"
    )


class OwnerInvitationIn(BaseModel):
    """Who shall own the team."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"email": "kim@example.org", "lasts_s": 604800}}
    )
    email: str | None = None
    lasts_s: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 7 * 24 * 3600


class DeletedTeamOut(BaseModel):
    """What went with a team, and the last hash of its audit log, to check an exported copy against."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "team_0123456789abcdef01234567",
                "object": "team.deleted",
                "deleted": True,
                "slug": "sales",
                "removed": {
                    "assistants": 2,
                    "knowledge_bases": 2,
                    "documents": 14,
                    "conversations": 40,
                    "members": 3,
                    "keys": 1,
                    "audit_entries": 120,
                },
                "audit_head": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
            }
        }
    )
    id: str
    object: Literal["team.deleted"] = "team.deleted"
    deleted: Literal[True] = True
    slug: str
    removed: dict[str, int]
    audit_head: str


@router.get("/api/team", responses=errors())
def get_team(caller: Viewer) -> TeamOut:
    """The caller's team."""
    return TeamOut(**_fields(caller.team))


@router.put("/api/team", responses=errors())
def rename_team(here: TheInstallation, caller: Owner, body: OwnTeamChange) -> TeamOut:
    """Change what people call the team, and how long its conversations are kept."""
    if body.name is not None:
        here.store.teams.rename(caller.team.id, name=body.name)
    if "retention_days" in body.model_fields_set:
        here.store.teams.keep_for(caller.team.id, body.retention_days)
    return TeamOut(**_fields(here.store.teams.get(caller.team.id)))


@router.delete("/api/team", responses=errors(400))
async def delete_team(
    request: Request,
    here: TheInstallation,
    caller: Owner,
    confirm: Annotated[str, Query(description="The team's slug", examples=["sales"])],
) -> DeletedTeamOut:
    """Delete the team with everything in it: assistants, knowledge, conversations, members, keys, its log."""
    if confirm != caller.team.slug:
        raise NotConfirmed(f"Nothing was deleted. Send confirm={caller.team.slug} to delete this team.")
    request.state.audit_chain = INSTALLATION  # the team's own log is gone
    return await to_thread.run_sync(_delete, here, caller.team.id)


@router.get("/api/admin/teams", responses=errors(400))
def list_teams(here: TheInstallation, _caller: Administrator, window: PageWindow) -> Listing[TeamOut]:
    """All teams of the installation; what is in them is not for administrators."""
    found, more = here.store.teams.page(window)
    return Listing(
        data=[TeamOut(**_fields(team)) for team in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("/api/admin/teams", status_code=201, responses=errors(409))
def create_team(here: TheInstallation, _caller: Administrator, body: TeamIn) -> TeamOut:
    """A new team, empty. Invite its first owner next."""
    return TeamOut(**_fields(here.store.teams.create(slug=body.slug, name=body.name or body.slug)))


@router.get("/api/admin/teams/{team_id}", responses=errors(404))
def get_any_team(here: TheInstallation, _caller: Administrator, team_id: str) -> TeamOut:
    """One team."""
    return TeamOut(**_fields(here.store.teams.get(team_id)))


@router.put("/api/admin/teams/{team_id}", responses=errors(404))
def rename_any_team(here: TheInstallation, _caller: Administrator, team_id: str, body: TeamChange) -> TeamOut:
    """Change what people call a team."""
    return TeamOut(**_fields(here.store.teams.rename(team_id, name=body.name)))


@router.delete("/api/admin/teams/{team_id}", responses=errors(404))
async def delete_any_team(here: TheInstallation, _caller: Administrator, team_id: str) -> DeletedTeamOut:
    """Delete a team with everything in it."""
    return await to_thread.run_sync(_delete, here, team_id)


@router.post("/api/admin/teams/{team_id}/invitations", status_code=201, responses=errors(400, 404))
def invite_owner(
    here: TheInstallation, caller: Administrator, team_id: str, body: OwnerInvitationIn
) -> NewInvitationOut:
    """A link that makes its reader an owner of the team, once."""
    team = here.store.teams.get(team_id)
    invitation, token = here.store.invitations.create(
        team.id,
        role=Role.OWNER,
        email=address_of(body.email) if body.email else None,
        invited_by=caller.key,
        lasts=timedelta(seconds=body.lasts_s),
    )
    return new_invitation_out(here, invitation, token)


def _delete(here: Installation, team_id: str) -> DeletedTeamOut:
    """The rows first, in one transaction: from then on nobody reaches the folders that go after them."""
    bases = [record for record in here.store.assistants.all_bases() if record.team_id == team_id]
    documents = sum(here.bases.get(team_id, record.id).count() for record in bases)
    gone = here.store.teams.delete(team_id)
    here.bases.delete_team(team_id)
    here.store.database.forget_deleted()
    return DeletedTeamOut(
        id=gone.team.id,
        slug=gone.team.slug,
        removed=gone.removed | {"documents": documents},
        audit_head=gone.audit_head,
    )


def _fields(team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "slug": team.slug,
        "name": team.name,
        "created_at": seconds(team.created_at),
        "retention_days": team.retention_days,
    }

"""Invitations: made by owners, looked at and accepted by whoever holds the link."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.access import Owner, TheInstallation, browser_of, refuse_foreign_origin, signed_in
from service.installation import Installation
from service.records import Invitation, Role
from service.routes.shapes import Listing, PageWindow, errors, seconds
from service.sign_in import address_of, with_invitation

router = APIRouter(tags=["invitations"])

_EXAMPLE: dict[str, Any] = {
    "id": "inv_0123456789abcdef01234567",
    "object": "invitation",
    "role": "editor",
    "email": "kim@example.org",
    "created_at": 1795478400,
    "expires_at": 1796083200,
    "accepted_at": None,
}
_Token = Annotated[str, Field(min_length=1, max_length=200)]


class InvitationIn(BaseModel):
    """Whom to invite, as what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"role": "editor", "email": "kim@example.org", "lasts_s": 604800}},
    )
    role: Role = Role.VIEWER
    email: str | None = Field(None, description="The only address that may accept; without it, any")
    lasts_s: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 7 * 24 * 3600


class InvitationOut(BaseModel):
    """An invitation; its link is told only when it is made."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["invitation"] = "invitation"
    role: Role
    email: str | None
    created_at: int
    expires_at: int
    accepted_at: int | None


class NewInvitationOut(InvitationOut):
    """An invitation with its link, which works once."""

    model_config = ConfigDict(
        json_schema_extra={"example": _EXAMPLE | {"url": "http://127.0.0.1:8000/#join=…"}}
    )
    url: str


class LookIn(BaseModel):
    """The token of an invitation's link."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"token": "…"}})
    token: _Token


class LookOut(BaseModel):
    """What an invitation is for."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"team": "Sales", "role": "editor", "email": "kim@example.org"}}
    )
    team: str
    role: Role
    email: str | None


class JoinIn(BaseModel):
    """The token of an invitation's link, and who joins: somebody new, or with the account that they have."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "token": "…",
                "name": "Kim",
                "email": "kim@example.org",
                "password": "at least ten characters",
            }
        },
    )
    token: _Token
    name: Annotated[str, Field(min_length=1, max_length=200)]
    email: Annotated[str, Field(max_length=400)]
    password: Annotated[str, Field(max_length=4000)]


@router.get("/api/invitations", responses=errors(400))
def list_invitations(here: TheInstallation, caller: Owner, window: PageWindow) -> Listing[InvitationOut]:
    """The team's invitations, used and old ones too."""
    found, more = here.store.invitations.page(caller.team.id, window)
    return Listing(
        data=[InvitationOut(**_fields(invitation)) for invitation in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("/api/invitations", status_code=201, responses=errors(400))
def invite(here: TheInstallation, caller: Owner, body: InvitationIn) -> NewInvitationOut:
    """A link that makes its reader a member, once. Send it to the person yourself."""
    invitation, token = here.store.invitations.create(
        caller.team.id,
        role=body.role,
        email=address_of(body.email) if body.email else None,
        invited_by=caller.member,
        lasts=timedelta(seconds=body.lasts_s),
    )
    return new_invitation_out(here, invitation, token)


@router.delete(
    "/api/invitations/{invitation_id}", status_code=204, responses=errors(404), response_class=Response
)
def withdraw_invitation(here: TheInstallation, caller: Owner, invitation_id: str) -> None:
    """Withdraw an invitation: its link opens nothing any more."""
    here.store.invitations.withdraw(caller.team.id, invitation_id)


@router.post("/api/join/look", responses=errors(404))
def look_at_invitation(here: TheInstallation, body: LookIn) -> LookOut:
    """What a link invites to; it is not used up by this."""
    invitation, team = here.store.invitations.look(body.token)
    return LookOut(team=team.name, role=invitation.role, email=invitation.email)


@router.post("/api/join", status_code=204, responses=errors(400, 404, 409, 429, 503))
async def join(request: Request, response: Response, here: TheInstallation, body: JoinIn) -> None:
    """Accept an invitation and be signed in. Who has an account here joins with its password."""
    refuse_foreign_origin(request)
    secret = await with_invitation(
        here,
        body.token,
        email=body.email,
        name=body.name,
        password=body.password,
        browser=browser_of(request),
    )
    await to_thread.run_sync(signed_in, request, response, here, secret)


def new_invitation_out(here: Installation, invitation: Invitation, token: str) -> NewInvitationOut:
    """The invitation with its link; the token is behind "#", so that it is in no server's log."""
    return NewInvitationOut(**_fields(invitation), url=f"{here.settings.url}/#join={token}")


def _fields(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "role": invitation.role,
        "email": invitation.email,
        "created_at": seconds(invitation.created_at),
        "expires_at": seconds(invitation.expires_at),
        "accepted_at": seconds(invitation.accepted_at) if invitation.accepted_at else None,
    }

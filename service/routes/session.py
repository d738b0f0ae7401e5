"""Signing in to the page, by a link, a key or a password, and what belongs to that."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.access import (
    Administrator,
    NotSignedIn,
    TheInstallation,
    Viewer,
    browser_of,
    refuse_foreign_origin,
    signed_in,
    signed_out,
)
from service.records import Role, Session
from service.routes.shapes import Listing, errors, seconds
from service.sign_in import SESSION_LASTS, change_password, make_account, reset_password, with_password
from service.store.teams import TeamNotFound

router = APIRouter(tags=["session"])

_Password = Annotated[str, Field(max_length=4000)]
_Email = Annotated[str, Field(max_length=400)]


class SignIn(BaseModel):
    """The token of a login link or a key; or an address and a password."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "kim@example.org", "password": "at least ten characters"}}
    )
    token: Annotated[str, Field(max_length=400)] | None = None
    email: _Email | None = None
    password: _Password | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SignIn":
        if (self.token is None) == (self.email is None or self.password is None):
            raise ValueError("send either `token`, or `email` and `password`")
        return self


class SwitchIn(BaseModel):
    """The slug of another team that one belongs to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"team": "sales"}})
    team: Annotated[str, Field(max_length=64)]


class AccountIn(BaseModel):
    """An address and a password for a member who signed in with a link."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "Kim", "email": "kim@example.org", "password": "at least ten characters"}
        },
    )
    name: Annotated[str, Field(min_length=1, max_length=200)]
    email: _Email
    password: _Password


class PasswordChange(BaseModel):
    """The password that one has, and the new one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"current": "the old one", "new": "the new one, longer"}},
    )
    current: _Password
    new: _Password


class PasswordReset(BaseModel):
    """The token of an owner's link, and the new password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"token": "…", "new": "the new one, longer"}}
    )
    token: Annotated[str, Field(max_length=200)]
    new: _Password


class TeamOut(BaseModel):
    """The team that the caller is in."""

    id: str
    slug: str
    name: str


class ModelOut(BaseModel):
    """The model that answers where an assistant names none."""

    name: str
    quoting: bool


class PersonOut(BaseModel):
    """Who signed in."""

    name: str
    email: str | None
    has_password: bool


class PlaceOut(BaseModel):
    """One of the teams that the person may switch to."""

    slug: str
    name: str
    role: Role


class SessionOut(BaseModel):
    """Who is signed in, and what answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "team": {"id": "team_0123456789abcdef01234567", "slug": "example", "name": "Example team"},
                "role": "owner",
                "model": {"name": "quote", "quoting": True},
                "person": {"name": "Kim", "email": "kim@example.org", "has_password": True},
                "teams": [{"slug": "example", "name": "Example team", "role": "owner"}],
            }
        }
    )
    team: TeamOut
    role: Role
    model: ModelOut
    person: PersonOut | None = Field(description="Null for a key, and for a member without an account")
    teams: list[PlaceOut]


class OpenSessionOut(BaseModel):
    """A browser that is signed in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "sess_0123456789abcdef01234567",
                "object": "session",
                "current": True,
                "agent": "Mozilla/5.0",
                "address": "192.0.2.7",
                "created_at": 1795478400,
                "last_used_at": 1795478400,
                "expires_at": 1796688000,
            }
        }
    )
    id: str
    object: Literal["session"] = "session"
    current: bool
    agent: str
    address: str
    created_at: int
    last_used_at: int
    expires_at: int


class EndedOut(BaseModel):
    """How many sessions ended."""

    model_config = ConfigDict(json_schema_extra={"example": {"ended": 2}})
    ended: int


class AdministratorOut(BaseModel):
    """Which administrator calls."""

    model_config = ConfigDict(json_schema_extra={"example": {"key": "admin_0123456789abcdef01234567"}})
    key: str


@router.post("/api/session", status_code=204, responses=errors(400, 429, 503))
async def sign_in(request: Request, response: Response, here: TheInstallation, body: SignIn) -> None:
    """Open a session. A login link works once; the cookie is for the page only."""
    refuse_foreign_origin(request)
    browser = browser_of(request)
    if body.email is not None and body.password is not None:
        secret: str | None = await with_password(here, body.email, body.password, browser)
    else:
        secret = await to_thread.run_sync(
            lambda: here.store.sessions.open(
                (body.token or "").strip(), lasts=SESSION_LASTS, agent=browser.agent, address=browser.address
            )
        )
    if secret is None:
        raise NotSignedIn(
            "This link was used already or is too old, or the key is not valid. Get a new link with "
            "“doumi login”, or paste a key of your team."
        )
    await to_thread.run_sync(signed_in, request, response, here, secret)


@router.get("/api/session", responses=errors())
def get_session(here: TheInstallation, caller: Viewer) -> SessionOut:
    """Who is signed in."""
    team = caller.team
    person, _ = here.store.people.get(caller.person) if caller.person else (None, None)
    places = here.store.people.memberships(caller.person) if caller.person else []
    return SessionOut(
        team=TeamOut(id=team.id, slug=team.slug, name=team.name),
        role=caller.role,
        model=ModelOut(name=here.settings.model, quoting=here.quoting),
        person=PersonOut(name=person.name, email=person.email, has_password=person.has_password)
        if person
        else None,
        teams=[PlaceOut(slug=place.team.slug, name=place.team.name, role=place.role) for place in places],
    )


@router.put("/api/session", status_code=204, responses=errors(404), response_class=Response)
def switch_team(here: TheInstallation, caller: Viewer, body: SwitchIn) -> None:
    """Turn this session to another of the teams that one belongs to."""
    if not here.store.sessions.switch(caller, body.team):
        raise TeamNotFound(
            f"You belong to no team {body.team!r}; GET /api/session lists those you belong to."
        )


@router.delete("/api/session", status_code=204, responses=errors())
def sign_out(request: Request, response: Response, here: TheInstallation, _caller: Viewer) -> None:
    """End the session."""
    signed_out(request, response, here)


@router.get("/api/sessions", responses=errors())
def list_sessions(here: TheInstallation, caller: Viewer) -> Listing[OpenSessionOut]:
    """The caller's open sessions, the newest first."""
    found = here.store.sessions.of(caller)
    return Listing(
        data=[_out(session, current=session.id == caller.session) for session in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
    )


@router.delete("/api/sessions", responses=errors())
def end_other_sessions(here: TheInstallation, caller: Viewer) -> EndedOut:
    """End all of the caller's sessions but this one."""
    return EndedOut(ended=here.store.sessions.end_others(caller))


@router.delete("/api/sessions/{session_id}", status_code=204, responses=errors(404), response_class=Response)
def end_session(here: TheInstallation, caller: Viewer, session_id: str) -> None:
    """End one of the caller's sessions."""
    here.store.sessions.end(caller, session_id)


@router.post("/api/account", status_code=204, responses=errors(400, 409, 503))
async def create_account(here: TheInstallation, caller: Viewer, body: AccountIn) -> None:
    """Give oneself an address and a password, after signing in with a link."""
    await make_account(here, caller, name=body.name, email=body.email, password=body.password)


@router.put("/api/account/password", responses=errors(400, 409, 429, 503))
async def replace_password(
    request: Request, here: TheInstallation, caller: Viewer, body: PasswordChange
) -> EndedOut:
    """Change one's password; all other sessions end."""
    address = browser_of(request).address
    return EndedOut(ended=await change_password(here, caller, body.current, body.new, address))


@router.post("/api/account/reset", status_code=204, responses=errors(400, 503))
async def set_new_password(request: Request, here: TheInstallation, body: PasswordReset) -> None:
    """Set a new password with an owner's link, which works once; all sessions end."""
    refuse_foreign_origin(request)
    await reset_password(here, body.token, body.new)


@router.get("/api/admin/session", responses=errors())
def get_administrator(caller: Administrator) -> AdministratorOut:
    """Whether the caller is an administrator of the installation."""
    return AdministratorOut(key=caller.key)


@router.delete("/api/admin/session", status_code=204, responses=errors())
def sign_administrator_out(
    request: Request, response: Response, here: TheInstallation, _caller: Administrator
) -> None:
    """End an administrator's session."""
    signed_out(request, response, here)


def _out(session: Session, *, current: bool) -> OpenSessionOut:
    fields: dict[str, Any] = {
        "id": session.id,
        "agent": session.agent,
        "address": session.address,
        "created_at": seconds(session.created_at),
        "last_used_at": seconds(session.last_used_at),
        "expires_at": seconds(session.expires_at),
    }
    return OpenSessionOut(**fields, current=current)

"""Signing in to the page: a login link or a key becomes a session cookie."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from service.access import (
    NotSignedIn,
    TheInstallation,
    Viewer,
    cookie_name,
    is_https,
    refuse_foreign_origin,
    signed_in,
)
from service.records import Role
from service.routes.shapes import errors

router = APIRouter(prefix="/api/session", tags=["session"])

_LASTS = timedelta(days=14)


class SignIn(BaseModel):
    """The token of a login link, or a key of the team."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "sk-doumi-…"}})
    token: str


class TeamOut(BaseModel):
    """The team that the caller is in."""

    id: str
    slug: str
    name: str


class ModelOut(BaseModel):
    """The model that answers where an assistant names none."""

    name: str
    quoting: bool


class SessionOut(BaseModel):
    """Who is signed in, and what answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "team": {"id": "team_0123456789abcdef01234567", "slug": "example", "name": "Example team"},
                "role": "owner",
                "model": {"name": "quote", "quoting": True},
            }
        }
    )
    team: TeamOut
    role: Role
    model: ModelOut


@router.post("", status_code=204, responses=errors())
def sign_in(request: Request, response: Response, here: TheInstallation, body: SignIn) -> None:
    """Open a session. A login link works once; the cookie is for the page only."""
    refuse_foreign_origin(request)
    secret = here.store.sessions.open(
        body.token.strip(),
        lasts=_LASTS,
        agent=request.headers.get("user-agent", ""),
        address=request.client.host if request.client else "",
    )
    if secret is None:
        raise NotSignedIn(
            "This link was used already or is too old, or the key is not valid. Get a new link with "
            "“doumi login”, or paste a key of your team."
        )
    signed_in(request, here, secret)
    response.set_cookie(
        cookie_name(request, here.settings),
        secret,
        max_age=int(_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=is_https(request, here.settings),
        path="/",
    )


@router.get("", responses=errors())
def get_session(here: TheInstallation, caller: Viewer) -> SessionOut:
    """Who is signed in."""
    team = caller.team
    return SessionOut(
        team=TeamOut(id=team.id, slug=team.slug, name=team.name),
        role=caller.role,
        model=ModelOut(name=here.settings.model, quoting=here.quoting),
    )


@router.delete("", status_code=204, responses=errors())
def sign_out(request: Request, response: Response, here: TheInstallation, _caller: Viewer) -> None:
    """End the session."""
    name = cookie_name(request, here.settings)
    here.store.sessions.close(request.cookies.get(name, ""))
    response.delete_cookie(name, path="/", secure=is_https(request, here.settings), httponly=True)

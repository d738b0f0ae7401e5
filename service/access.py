"""From a key or a cookie to a Caller, and from a Caller to the things of their team.

This is the only way a route obtains a team's thing. What belongs to another team does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from knowledge.base import KnowledgeBase
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Assistant, Caller, Role
from service.store.assistants import AssistantNotFound

COOKIE = "doumi_session"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

# Shown in the OpenAPI document; the reading is done below, because a cookie serves too.
_bearer = HTTPBearer(auto_error=False, description="A key of the team: `sk-doumi-…`")


class NotSignedIn(Exception):
    """No key came with the request, or it is unknown, expired or revoked."""


class NotAllowed(Exception):
    """The caller's role does not reach this far."""


class ForeignOrigin(Exception):
    """A page of another origin tried to use the session cookie of a signed-in person."""


def installation(request: Request) -> Installation:
    """The collaborators that the lifespan opened."""
    found: Installation = request.app.state.installation
    return found


TheInstallation = Annotated[Installation, Depends(installation)]


def _caller(request: Request, here: TheInstallation, _shown: Annotated[Any, Depends(_bearer)]) -> Caller:
    header = request.headers.get("authorization", "")
    scheme, _, secret = header.partition(" ")
    if header:
        caller = here.store.teams.caller_of_key(secret.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise NotSignedIn(
                "This key is not valid: it is unknown, expired or revoked. Send a key of your team as "
                "“Authorization: Bearer sk-doumi-…”."
            )
        return caller
    cookie = request.cookies.get(COOKIE)
    caller = here.store.teams.caller_of_session(cookie) if cookie else None
    if caller is None:
        raise NotSignedIn(
            "Send a key of your team as “Authorization: Bearer sk-doumi-…”, or sign in on the page."
        )
    _refuse_foreign_origin(request)
    return caller


def _refuse_foreign_origin(request: Request) -> None:
    """A cookie goes along with requests that other pages make; a key does not."""
    origin = request.headers.get("origin")
    if request.method in _SAFE_METHODS or origin is None:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignOrigin("This request came from a page of another origin; use a key instead.")


def _with_role(needed: Role) -> Callable[..., Caller]:
    def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if not caller.role.covers(needed):
            raise NotAllowed(
                f"This needs the role {needed}; yours is {caller.role}. Ask an owner of the team."
            )
        return caller

    check.gives_access = True  # type: ignore[attr-defined]  # a test holds every route against this
    return check


Viewer = Annotated[Caller, Depends(_with_role(Role.VIEWER))]
Editor = Annotated[Caller, Depends(_with_role(Role.EDITOR))]
Owner = Annotated[Caller, Depends(_with_role(Role.OWNER))]

Slug = Annotated[str, Path(description="The assistant's slug", examples=["handbook"])]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An assistant of the caller's team, and the knowledge base that its uploads go to."""

    caller: Caller
    assistant: Assistant
    bases: tuple[KnowledgeBase, ...]
    address: str  # of the first base, as durable jobs name it

    @property
    def base(self) -> KnowledgeBase:
        """The first knowledge base: the one that uploads go to."""
        return self.bases[0]


def desk_of(here: Installation, caller: Caller, assistant: Assistant) -> Desk:
    """Open the knowledge bases of an assistant that the caller was given."""
    team = caller.team.id
    return Desk(
        caller=caller,
        assistant=assistant,
        bases=tuple(here.bases.get(team, base) for base in assistant.knowledge_bases),
        address=f"{team}/{assistant.knowledge_bases[0]}" if assistant.knowledge_bases else "",
    )


def find_assistant(here: Installation, caller: Caller, model: str) -> Assistant:
    """`slug` is the newest version, `slug@3` pins one. Raises AssistantNotFound."""
    slug, _, version = model.partition("@")
    if version and not version.isdecimal():
        raise AssistantNotFound(f"{model!r} names no version; write the assistant's slug, or slug@3.")
    return here.store.assistants.get(caller.team.id, slug, int(version) if version else None)


def _viewer_assistant(here: TheInstallation, caller: Viewer, slug: Slug) -> Assistant:
    return find_assistant(here, caller, slug)


def _viewer_desk(here: TheInstallation, caller: Viewer, slug: Slug) -> Desk:
    return desk_of(here, caller, find_assistant(here, caller, slug))


def _editor_desk(here: TheInstallation, caller: Editor, slug: Slug) -> Desk:
    return desk_of(here, caller, find_assistant(here, caller, slug))


def _citing_desk(here: TheInstallation, caller: Viewer, slug: Slug) -> Desk:
    assistant = find_assistant(here, caller, slug)
    if not caller.role.covers(Role.EDITOR) and not instruction_of(assistant).front.citations:
        raise NotAllowed(
            f"The editors of {slug} keep its documents to themselves (citations: off). Ask one of them."
        )
    return desk_of(here, caller, assistant)


ViewerAssistant = Annotated[Assistant, Depends(_viewer_assistant)]
ViewerDesk = Annotated[Desk, Depends(_viewer_desk)]
EditorDesk = Annotated[Desk, Depends(_editor_desk)]
CitingDesk = Annotated[Desk, Depends(_citing_desk)]  # viewers see documents only where answers cite them

"""From a key or a cookie to a Caller, and from a Caller to the things of their team.

This is the only way a route obtains a team's thing. What belongs to another team does not exist.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from knowledge.base import KnowledgeBase
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Assistant, Caller, KnowledgeBaseRecord, Role
from service.store.assistants import AssistantNotFound

COOKIE = "doumi_session"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

# Shown in the OpenAPI document; the reading is done below, because a cookie serves too.
_bearer = HTTPBearer(auto_error=False, description="A key of the team: `sk-doumi-…`")


class NotSignedIn(Exception):
    """No key came with the request, or it is unknown, expired or revoked."""


class NotAllowed(Exception):
    """The caller's role does not reach this far."""


class NoKnowledgeBase(Exception):
    """The assistant reads no knowledge base, so there is nowhere to put a document."""


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


def _refuse_below(caller: Caller, needed: Role) -> None:
    if not caller.role.covers(needed):
        raise NotAllowed(f"This needs the role {needed}; yours is {caller.role}. Ask an owner of the team.")


def _with_role(needed: Role) -> Callable[..., Caller]:
    def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        _refuse_below(caller, needed)
        return caller

    check.gives_access = True  # type: ignore[attr-defined]  # a test holds every route against this
    return check


Viewer = Annotated[Caller, Depends(_with_role(Role.VIEWER))]
Editor = Annotated[Caller, Depends(_with_role(Role.EDITOR))]
Owner = Annotated[Caller, Depends(_with_role(Role.OWNER))]

Slug = Annotated[str, Path(description="The assistant's slug", examples=["handbook"])]
BaseSlug = Annotated[str, Path(description="The knowledge base's slug", examples=["policies"])]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An assistant of the caller's team, with what it knows."""

    caller: Caller
    assistant: Assistant
    bases: tuple[KnowledgeBase, ...]


def desk_of(here: Installation, caller: Caller, assistant: Assistant) -> Desk:
    """Open the knowledge bases of an assistant that the caller was given."""
    bases = tuple(here.bases.get(caller.team.id, base) for base in assistant.knowledge_bases)
    return Desk(caller=caller, assistant=assistant, bases=bases)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The documents of one knowledge base, or of all that an assistant reads. Parallel."""

    caller: Caller
    records: tuple[KnowledgeBaseRecord, ...]
    bases: tuple[KnowledgeBase, ...]

    @property
    def first(self) -> tuple[KnowledgeBaseRecord, KnowledgeBase]:
        """The knowledge base that uploads go to. Raises NoKnowledgeBase."""
        if not self.bases:
            raise NoKnowledgeBase(
                "The assistant reads no knowledge base: name one in its `knowledge`, then upload again."
            )
        return self.records[0], self.bases[0]


def shelf_of(here: Installation, caller: Caller, records: Sequence[KnowledgeBaseRecord]) -> Shelf:
    """Open knowledge bases that the caller was given."""
    bases = tuple(here.bases.get(caller.team.id, record.id) for record in records)
    return Shelf(caller=caller, records=tuple(records), bases=bases)


def find_assistant(here: Installation, caller: Caller, model: str) -> Assistant:
    """`slug` is the newest version, `slug@3` pins one. Raises AssistantNotFound."""
    slug, _, version = model.partition("@")
    if version and not version.isdecimal():
        raise AssistantNotFound(f"{model!r} names no version; write the assistant's slug, or slug@3.")
    return here.store.assistants.get(caller.team.id, slug, int(version) if version else None)


def _viewer_assistant(here: TheInstallation, caller: Viewer, slug: Slug) -> Assistant:
    return find_assistant(here, caller, slug)


def find_base(here: Installation, caller: Caller, slug: str) -> KnowledgeBaseRecord:
    """The knowledge base with this slug. Raises KnowledgeBaseNotFound."""
    return here.store.knowledge_bases.get(caller.team.id, slug)


def _editor_base(here: TheInstallation, caller: Editor, base: BaseSlug) -> KnowledgeBaseRecord:
    return find_base(here, caller, base)


def of_assistant(slug: Slug) -> None:
    """Says that routes below an assistant have its slug in their address."""


def of_base(base: BaseSlug) -> None:
    """Says that routes below a knowledge base have its slug in their address."""


def _shelf(here: Installation, caller: Caller, request: Request, *, where_cited: bool = False) -> Shelf:
    """What the address names: an assistant or a knowledge base.

    A knowledge base by itself is for editors, because its viewers are those of its assistants.
    """
    if "base" in request.path_params:
        _refuse_below(caller, Role.EDITOR)
        return shelf_of(here, caller, [find_base(here, caller, request.path_params["base"])])
    assistant = find_assistant(here, caller, request.path_params["slug"])
    if where_cited:
        _refuse_uncited(caller, assistant)
    records = here.store.knowledge_bases.some(caller.team.id, assistant.knowledge_bases)
    return shelf_of(here, caller, records)


def _refuse_uncited(caller: Caller, assistant: Assistant) -> None:
    if not caller.role.covers(Role.EDITOR) and not instruction_of(assistant).front.citations:
        raise NotAllowed(
            f"The editors of {assistant.slug} keep its documents to themselves (citations: off). "
            "Ask one of them."
        )


def _viewer_shelf(here: TheInstallation, caller: Viewer, request: Request) -> Shelf:
    return _shelf(here, caller, request)


def _editor_shelf(here: TheInstallation, caller: Editor, request: Request) -> Shelf:
    return _shelf(here, caller, request)


def _citing_shelf(here: TheInstallation, caller: Viewer, request: Request) -> Shelf:
    return _shelf(here, caller, request, where_cited=True)


ViewerAssistant = Annotated[Assistant, Depends(_viewer_assistant)]
EditorBase = Annotated[KnowledgeBaseRecord, Depends(_editor_base)]
ViewerShelf = Annotated[Shelf, Depends(_viewer_shelf)]
EditorShelf = Annotated[Shelf, Depends(_editor_shelf)]
CitingShelf = Annotated[Shelf, Depends(_citing_shelf)]  # viewers see documents only where answers cite them

"""From a key or a cookie to a Caller, and from a Caller to the things of their team.

This is the only way a route obtains a team's thing. What belongs to another team does not exist, and
for a key with a scope neither does what lies outside of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request, Response
from fastapi.security import HTTPBearer

from knowledge.base import KnowledgeBase
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Access, AdministratorCaller, Assistant, Caller, KnowledgeBaseRecord, Role
from service.settings import Settings
from service.sign_in import SESSION_LASTS, Browser
from service.store.assistants import AssistantNotFound, assistant_missing
from service.store.keys import sha256_of
from service.store.knowledge_bases import KnowledgeBaseNotFound, base_missing
from service.store.pages import Window

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_ASKING_ENDS = ("/search",)  # a POST that changes nothing: a read-only key of an editor may send it

# Where a key with a scope may go: what these routes show came through find_assistant and its cousins below,
# or is the caller's own. A new room opens to such keys when it is named here, not by being forgotten.
_SCOPED_ROOMS = (
    "/v1/chat/",
    "/v1/models",
    "/v1/responses",
    "/v1/conversations",
    "/v1/embeddings",
    "/v1/assistants",
    "/v1/threads",
    "/v1/vector_stores",
    "/v1/files",
    "/api/assistants",
    "/api/conversations",
    "/api/confirmations",
    "/api/approvals",
    "/api/budgets/mine",
    "/api/session",
    "/api/team",
    "/oauth/",
)

_MAKING_ASSISTANTS = ("/api/assistants", "/v1/assistants", "/v1/assistants/import")

_AnyCaller = TypeVar("_AnyCaller", Caller, AdministratorCaller)

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


async def installation(request: Request) -> Installation:
    """The collaborators that the lifespan opened."""
    found: Installation = request.app.state.installation
    return found


TheInstallation = Annotated[Installation, Depends(installation)]


def is_https(request: Request, settings: Settings) -> bool:
    """Whether people reach the service over TLS."""
    return request.url.scheme == "https" or settings.url.startswith("https:")


def cookie_name(request: Request, settings: Settings) -> str:
    """`__Host-` ties the cookie to this host alone, but browsers take such a name only over TLS."""
    return "__Host-doumi_session" if is_https(request, settings) else "doumi_session"


def browser_of(request: Request) -> Browser:
    """Where the request comes from, for the list of sessions and the count of guesses."""
    return Browser(
        agent=request.headers.get("user-agent", ""), address=request.client.host if request.client else ""
    )


def _bearer_secret(request: Request) -> str | None:
    """The key that came with the request; None when no Authorization header did."""
    header = request.headers.get("authorization", "")
    scheme, _, secret = header.partition(" ")
    if not header:
        return None
    return secret.strip() if scheme.lower() == "bearer" else ""


def _caller(request: Request, here: TheInstallation, _shown: Annotated[Any, Depends(_bearer)]) -> Caller:
    credentials = here.store.credentials
    secret = _bearer_secret(request)
    if secret is not None:
        caller = credentials.caller_of_key(secret)
        if caller is None and credentials.administrator_of_key(secret):
            raise NotAllowed(_OF_NO_TEAM)
        if caller is None:
            raise NotSignedIn(
                "This key is not valid: it is unknown, expired or revoked. Send a key of your team as "
                "“Authorization: Bearer sk-doumi-…”."
            )
        return _noted(request, caller, secret)
    cookie = request.cookies.get(cookie_name(request, here.settings))
    caller = credentials.caller_of_session(cookie) if cookie else None
    if cookie and caller is None and credentials.administrator_of_session(cookie):
        raise NotAllowed(_OF_NO_TEAM)
    if cookie is None or caller is None:
        raise NotSignedIn(
            "Send a key of your team as “Authorization: Bearer sk-doumi-…”, or sign in on the page."
        )
    refuse_foreign_origin(request)
    return _noted(request, caller, cookie)


_OF_NO_TEAM = "An administrator's key manages teams and reads nothing in them; use a key of the team."


def _administrator(
    request: Request, here: TheInstallation, _shown: Annotated[Any, Depends(_bearer)]
) -> AdministratorCaller:
    credentials = here.store.credentials
    secret, cookie = _bearer_secret(request), request.cookies.get(cookie_name(request, here.settings))
    if secret is not None:
        found = credentials.administrator_of_key(secret)
        known = credentials.caller_of_key(secret) is not None
    else:
        found = credentials.administrator_of_session(cookie) if cookie else None
        known = bool(cookie) and credentials.caller_of_session(cookie or "") is not None
    if found is None and known:
        raise NotAllowed("This needs an administrator's key; “doumi admin-key” prints one.")
    if found is None:
        raise NotSignedIn("Send an administrator's key as “Authorization: Bearer sk-doumi-admin-…”.")
    if secret is None:
        refuse_foreign_origin(request)
    return _noted(request, found, secret or cookie or "")


_administrator.gives_access = True  # type: ignore[attr-defined]  # a test holds every route against this


def _noted(request: Request, caller: _AnyCaller, secret: str) -> _AnyCaller:
    """Leave who calls for the audit log, and with what for the watch over running streams."""
    request.state.caller = caller
    request.state.credential = sha256_of(secret)
    return caller


def signed_in(request: Request, response: Response, here: Installation, secret: str) -> None:
    """Give the browser the cookie of the session just opened, and note whose it is for the audit log."""
    credentials = here.store.credentials
    caller = credentials.caller_of_session(secret) or credentials.administrator_of_session(secret)
    if caller is not None:
        request.state.caller = caller
    response.set_cookie(
        cookie_name(request, here.settings),
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=is_https(request, here.settings),
        path="/",
    )


def signed_out(request: Request, response: Response, here: Installation) -> None:
    """End the session of the cookie that came, and take the cookie back."""
    name = cookie_name(request, here.settings)
    here.store.sessions.close(request.cookies.get(name, ""))
    response.delete_cookie(name, path="/", secure=is_https(request, here.settings), httponly=True)


def refuse_foreign_origin(request: Request) -> None:
    """A cookie goes along with requests that other pages make; a key does not.

    A browser says where a request that changes something comes from, in one of two headers at least.
    """
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    same = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not same or (site is not None and site not in ("same-origin", "none")):
        raise ForeignOrigin("This request came from a page of another origin; use a key instead.")


def _refuse_below(caller: Caller, needed: Role) -> None:
    if not caller.role.covers(needed):
        raise NotAllowed(f"This needs the role {needed}; yours is {caller.role}. Ask an owner of the team.")


def _with_role(needed: Role) -> Callable[..., Awaitable[Caller]]:
    async def check(request: Request, caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        _refuse_below(caller, needed)
        _refuse_beyond_scope(request, caller, needed)
        return caller

    check.gives_access = True  # type: ignore[attr-defined]  # a test holds every route against this
    check.needs_role = needed  # type: ignore[attr-defined]
    return check


def _refuse_beyond_scope(request: Request, caller: Caller, needed: Role) -> None:
    """What the key's own scope forbids, whatever its role is."""
    path = request.url.path
    changes = request.method not in _SAFE_METHODS and needed is not Role.VIEWER
    if caller.access is Access.READ and changes and not path.endswith(_ASKING_ENDS):
        raise NotAllowed("This key only reads; ask an owner of the team for one that may write.")
    if caller.assistants is None:
        return
    makes_assistant = request.method == "POST" and path.rstrip("/") in _MAKING_ASSISTANTS
    if makes_assistant or not path.startswith(_SCOPED_ROOMS):
        raise NotAllowed("This key is for some of the team's assistants; this needs a key for all of them.")


Viewer = Annotated[Caller, Depends(_with_role(Role.VIEWER))]
Editor = Annotated[Caller, Depends(_with_role(Role.EDITOR))]
Owner = Annotated[Caller, Depends(_with_role(Role.OWNER))]
Administrator = Annotated[AdministratorCaller, Depends(_administrator)]

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

    def only(self, slug: str) -> "Shelf":
        """The one base with this slug. Raises KnowledgeBaseNotFound."""
        for record, base in zip(self.records, self.bases, strict=True):
            if record.slug == slug:
                return Shelf(caller=self.caller, records=(record,), bases=(base,))
        raise KnowledgeBaseNotFound(f"The knowledge base {slug!r} does not exist, or is not read here.")


def shelf_of(here: Installation, caller: Caller, records: Sequence[KnowledgeBaseRecord]) -> Shelf:
    """Open knowledge bases that the caller was given."""
    bases = tuple(here.bases.get(caller.team.id, record.id) for record in records)
    return Shelf(caller=caller, records=tuple(records), bases=bases)


def find_assistant(here: Installation, caller: Caller, model: str) -> Assistant:
    """`slug` is the newest version, `slug@3` pins one. Raises AssistantNotFound."""
    slug, _, version = model.partition("@")
    if version and not version.isdecimal():
        raise AssistantNotFound(f"{model!r} names no version; write the assistant's slug, or slug@3.")
    found = here.store.assistants.get(caller.team.id, slug, int(version) if version else None)
    if not caller.may_use(found.id):
        name = slug if not version else f"{slug}@{int(version)}"
        raise AssistantNotFound(f"The assistant {name!r} does not exist; GET /v1/models lists those that do.")
    return found


def find_assistant_by_id(here: Installation, caller: Caller, wanted: str) -> Assistant:
    """`asst_…`, or a slug as everywhere else. Raises AssistantNotFound."""
    if not wanted.startswith("asst_"):
        return find_assistant(here, caller, wanted)
    found = here.store.assistants.by_id(caller.team.id, wanted)
    if not caller.may_use(found.id):
        raise assistant_missing(wanted)
    return found


def find_assistants(here: Installation, caller: Caller, window: Window) -> tuple[list[Assistant], bool]:
    """One page of the assistants that the caller may use, and whether more follow."""
    return here.store.assistants.page(caller.team.id, window, among=caller.assistants)


def _viewer_assistant(here: TheInstallation, caller: Viewer, slug: Slug) -> Assistant:
    return find_assistant(here, caller, slug)


def find_base(here: Installation, caller: Caller, slug: str) -> KnowledgeBaseRecord:
    """The knowledge base with this slug. Raises KnowledgeBaseNotFound.

    For a key with a scope, only those exist that its assistants read.
    """
    found = here.store.knowledge_bases.get(caller.team.id, slug)
    if not may_read(here, caller, found.id):
        raise KnowledgeBaseNotFound(base_missing(slug))
    return found


def may_read(here: Installation, caller: Caller, base_id: str) -> bool:
    """Whether a knowledge base of the team is within the scope of the caller's key."""
    readable = readable_bases(here, caller)
    return readable is None or base_id in readable


def readable_bases(here: Installation, caller: Caller) -> frozenset[str] | None:
    """Ids of the knowledge bases that its assistants read or that the key made; None for all of the team."""
    if caller.assistants is None:
        return None
    usable, _ = find_assistants(here, caller, Window(limit=len(caller.assistants) + 1))
    read = {base_id for assistant in usable for base_id in assistant.knowledge_bases}
    return here.store.belongings.of(caller, "kb_") | read


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


def may_see_sources(caller: Caller, assistant: Assistant) -> bool:
    """Whether the caller may know which documents were found: editors, and where answers cite them anyway."""
    return caller.role.covers(Role.EDITOR) or instruction_of(assistant).front.citations


def _refuse_uncited(caller: Caller, assistant: Assistant) -> None:
    if not may_see_sources(caller, assistant):
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

"""Actions of an assistant: import, read, decide, try; accounts at the services behind them."""

from html import escape
from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from service.access import Editor, TheInstallation, Viewer, ViewerAssistant
from service.actions.accounts import CALLBACK, CONNECT
from service.actions.importing import (
    OperationUnknown,
    create,
    decide,
    document_of,
    read_document,
    replace_document,
)
from service.actions.offered import ActionTool, readable, shown, spec_of
from service.installation import Installation
from service.records import Assistant, Caller, Role, StoredAction
from service.routes.action_shapes import (
    ActionChange,
    ActionIn,
    ActionOut,
    CallIn,
    ConnectOut,
    OperationChoice,
    RequestOut,
    ResponseOut,
    RunOut,
    action_out,
)
from service.routes.shapes import Listing, PageWindow, errors
from service.store.actions import ActionNotFound
from service.tools import CallContext

router = APIRouter(tags=["actions"])

_BASE = "/api/assistants/{slug}/actions"


@router.get(_BASE, responses=errors(400, 404))
def list_actions(
    here: TheInstallation, caller: Viewer, assistant: ViewerAssistant, window: PageWindow
) -> Listing[ActionOut]:
    """The actions of the assistant, with their operations for those who may edit it."""
    found, more = here.store.actions.page(caller.team.id, assistant.id, window)
    return Listing(
        data=[_out(here, caller, action) for action in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post(_BASE, status_code=201, responses=errors(400, 404, 409, 502))
async def create_action(
    here: TheInstallation, caller: Editor, assistant: ViewerAssistant, body: ActionIn
) -> ActionOut:
    """Import an OpenAPI document. `refused` lists operations that cannot be used, with place and reason."""
    accounts = here.accounts
    document = await document_of(accounts, text=body.spec, url=body.url, server=body.server)
    if body.auth is not None:
        body.auth.parts()[0].check(body.auth.parts()[1])

    def stored() -> ActionOut:
        action = create(accounts, caller.team.id, assistant.id, document, body.name)
        try:
            action = _decided(here, action, body)
        except Exception:
            accounts.store.delete(action)  # whole or not at all
            raise
        return _out(here, caller, action, whole=True)

    return await to_thread.run_sync(stored)


@router.get(_BASE + "/{action}", responses=errors(404))
def get_action(here: TheInstallation, caller: Editor, assistant: ViewerAssistant, action: str) -> ActionOut:
    """One action by id or name, with the parameters of its operations."""
    return _out(here, caller, _find(here, caller, assistant, action), whole=True)


@router.put(_BASE + "/{action}", responses=errors(400, 404, 502))
async def change_action(
    here: TheInstallation, caller: Editor, assistant: ViewerAssistant, action: str, body: ActionChange
) -> ActionOut:
    """Change the document, the credentials or what was decided about operations.

    Credentials stay with a new document only where it goes to no host that the old one did not go to.
    """
    accounts = here.accounts
    found = await to_thread.run_sync(_find, here, caller, assistant, action)
    document = None
    if body.spec is not None or body.url is not None:
        server = body.server or found.server
        document = await document_of(accounts, text=body.spec, url=body.url, server=server)
    elif body.server is not None:
        document = await to_thread.run_sync(read_document, found.spec, found.base_url, body.server)

    def stored() -> ActionOut:
        changed = replace_document(accounts, found, document) if document else found
        return _out(here, caller, _decided(here, changed, body), whole=True)

    return await to_thread.run_sync(stored)


@router.delete(_BASE + "/{action}", status_code=204, responses=errors(404))
def delete_action(here: TheInstallation, caller: Editor, assistant: ViewerAssistant, action: str) -> None:
    """Delete an action with its credentials and the accounts of members."""
    here.store.actions.delete(_find(here, caller, assistant, action))
    here.store.database.forget_deleted()


@router.post(_BASE + "/{action}/operations/{operation}/preview", responses=errors(400, 404))
def preview_operation(
    here: TheInstallation,
    caller: Editor,
    assistant: ViewerAssistant,
    action: str,
    operation: str,
    body: CallIn,
) -> RequestOut:
    """The exact request that a call would send, without credentials. Nothing is sent."""
    return _request(_tool(here, caller, assistant, action, operation), body)


@router.post(_BASE + "/{action}/operations/{operation}/run", responses=errors(400, 404, 502))
async def run_operation(
    here: TheInstallation,
    caller: Editor,
    assistant: ViewerAssistant,
    action: str,
    operation: str,
    body: CallIn,
) -> RunOut:
    """Send it, with the credentials that the caller's own answers would use."""
    tool = await to_thread.run_sync(_tool, here, caller, assistant, action, operation)
    context = CallContext(team=caller.team.id, member=caller.member, assistant=assistant.id)
    request = _request(tool, body)
    reply = (await tool.exchange(body.arguments, context)).reply
    response = ResponseOut(
        status=reply.status,
        headers=dict(reply.headers),
        size=reply.size,
        took_ms=round(reply.took_ms, 1),
        text=readable(reply),
        cut=reply.cut,
    )
    return RunOut(request=request, response=response)


@router.post(_BASE + "/{action}/connect", responses=errors(404, 409))
def connect_account(
    here: TheInstallation, caller: Viewer, assistant: ViewerAssistant, action: str
) -> ConnectOut:
    """Begin to connect the caller's own account; open the address in a browser that is signed in here."""
    return ConnectOut(url=here.accounts.connect(_find(here, caller, assistant, action), caller).url)


@router.delete(_BASE + "/{action}/connect", status_code=204, responses=errors(404))
def disconnect_account(
    here: TheInstallation, caller: Viewer, assistant: ViewerAssistant, action: str
) -> None:
    """Forget the caller's own account."""
    found = _find(here, caller, assistant, action)
    here.store.actions.forget_account(caller.team.id, found.id, caller.member)
    here.store.database.forget_deleted()


# In a browser


@router.get(CONNECT + "/{action}", include_in_schema=False)
def go_to_consent(here: TheInstallation, caller: Viewer, action: str) -> RedirectResponse:
    """Where an answer sends a member whose account is not connected."""
    found = here.store.actions.by_id(caller.team.id, action)
    if found is None or not caller.may_use(found.assistant_id):
        raise ActionNotFound("This action does not exist any more.")
    return RedirectResponse(here.accounts.connect(found, caller).url, status_code=303)


@router.get(CALLBACK, include_in_schema=False)
def come_back(
    state: Annotated[str, Query(max_length=400)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=400)] = "",
) -> HTMLResponse:
    """The outside service sends the browser here, without our cookie, because it comes from elsewhere.

    So this page says nothing but where to go on; that request is our own, and carries the cookie.
    """
    given = {name: value for name, value in (("state", state), ("code", code), ("error", error)) if value}
    return _page("One moment …", refresh="/oauth/finish?" + urlencode(given))


@router.get("/oauth/finish", include_in_schema=False)
async def finish_consent(
    here: TheInstallation,
    caller: Viewer,
    state: Annotated[str, Query(max_length=400)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=400)] = "",
) -> HTMLResponse:
    """The end of a consent, by the member who began it."""
    if error or not code:
        return _page(f"The account was not connected: {error[:100] or 'the service gave no code'}.")
    action = await here.accounts.finish(caller, state, code)
    return _page(f"Your account of {action.name} is connected. You can close this window and ask again.")


def _page(text: str, *, refresh: str = "") -> HTMLResponse:
    again = f'<meta http-equiv="refresh" content="0;url={escape(refresh)}">' if refresh else ""
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8">{again}<title>Doumi</title><p>{escape(text)}</p>'
        + (f'<p><a href="{escape(refresh)}">Go on</a></p>' if refresh else "")
    )


def _find(here: Installation, caller: Caller, assistant: Assistant, action: str) -> StoredAction:
    return here.store.actions.get(caller.team.id, assistant.id, action)


def _tool(
    here: Installation, caller: Caller, assistant: Assistant, action: str, operation: str
) -> ActionTool:
    found = _find(here, caller, assistant, action)
    for each in spec_of(found).operations:
        if each.name == operation:
            return ActionTool(found, each, here.accounts, each.name)
    raise OperationUnknown(f"The action {found.name} has no operation {operation[:80]!r}.")


def _request(tool: ActionTool, body: CallIn) -> RequestOut:
    used, request = tool.request(body.arguments)
    return RequestOut(**shown(request), signed=tool.signed, arguments=used)


def _decided(here: Installation, action: StoredAction, body: ActionIn | ActionChange) -> StoredAction:
    """With the choices about operations and the credentials that came along."""
    if body.operations:
        action = decide(here.accounts, action, _choices(body.operations))
    if body.auth is not None:
        auth, secret = body.auth.parts()
        action = here.accounts.set(action, auth, secret, spec_of(action).origins)
    return action


def _choices(given: dict[str, OperationChoice]) -> dict[str, dict[str, bool]]:
    return {name: each.model_dump(exclude_none=True) for name, each in given.items()}


def _out(here: Installation, caller: Caller, action: StoredAction, *, whole: bool = False) -> ActionOut:
    editor = caller.role.covers(Role.EDITOR)
    return action_out(here.accounts, action, caller.member, editor=editor, whole=whole)

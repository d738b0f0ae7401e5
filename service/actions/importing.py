"""From what an editor gives (text or an address) to a stored action."""

import re
from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from service.actions.accounts import Accounts
from service.actions.egress import Outbound
from service.actions.offered import spec_of
from service.actions.operations import Spec
from service.actions.source import LONGEST, SpecInvalid
from service.actions.spec import read_spec
from service.records import Assistant, StoredAction
from service.store.actions import ActionNotFound

_REDIRECTS = 3


class OperationUnknown(Exception):
    """The action has no operation of this name; the action itself lists those it has."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A spec that was read and found usable."""

    text: str
    base_url: str | None
    server: str | None
    spec: Spec


async def document_of(
    accounts: Accounts, *, text: str | None, url: str | None, server: str | None
) -> Document:
    """Read the text, or what lies at the address. Raises SpecInvalid and ToolCallFailed."""
    if (text is None) == (url is None):
        raise SpecInvalid("Give either `spec`, the text of an OpenAPI document, or `url`, where one is.")
    base_url = None
    if url is not None:
        text, base_url = await _fetched(accounts, url)
    assert text is not None
    return await to_thread.run_sync(read_document, text, base_url, server)


def read_document(text: str, base_url: str | None = None, server: str | None = None) -> Document:
    """Raises SpecInvalid."""
    spec = read_spec(text, base_url=base_url, server=server)
    return Document(text=text, base_url=base_url, server=server, spec=spec)


async def _fetched(accounts: Accounts, url: str) -> tuple[str, str]:
    """The text at the address, and where it was in the end."""
    accept = ("Accept", "application/yaml, application/json, text/*;q=0.9, */*;q=0.5")
    request = Outbound(method="GET", url=url, headers=(accept,))
    reply = await accounts.egress.send(request, limit=LONGEST, redirects=_REDIRECTS)
    if reply.status != 200:
        raise SpecInvalid(f"{url} answered with HTTP {reply.status}; check the address.")
    if reply.cut:
        raise SpecInvalid(f"The document at {url} is longer than {LONGEST:,} bytes.")
    return reply.text, reply.url


def create(
    accounts: Accounts, team_id: str, assistant_id: str, document: Document, name: str | None = None
) -> StoredAction:
    """Raises ActionNameTaken."""
    return accounts.store.create(
        team_id,
        assistant_id,
        name=name or _slug(document.spec.title),
        spec=document.text,
        base_url=document.base_url,
        server=document.server,
    )


def apply_document(accounts: Accounts, assistant: Assistant, name: str, document: Document) -> StoredAction:
    """The action of this name with this document; made where there is none, kept where nothing differs."""
    team = assistant.team_id
    try:
        action = accounts.store.get(team, assistant.id, name)
    except ActionNotFound:
        return create(accounts, team, assistant.id, document, name)
    return action if action.spec == document.text else replace_document(accounts, action, document)


def replace_document(accounts: Accounts, action: StoredAction, document: Document) -> StoredAction:
    """The action with another document. Credentials stay only where they go nowhere new."""
    kept = {each.name for each in document.spec.operations}
    values: dict[str, Any] = {
        "spec": document.text,
        "base_url": document.base_url,
        "server": document.server,
        "operations": {name: said for name, said in action.operations.items() if name in kept},
    }
    if action.auth and not document.spec.origins <= set(action.origins):
        values |= {"auth": {}, "secret": None, "origins": []}
    return accounts.store.change(action, values)


def decide(accounts: Accounts, action: StoredAction, said: dict[str, dict[str, bool]]) -> StoredAction:
    """Switch operations on or off, or say whether they need a confirmation. Raises OperationUnknown."""
    known = {each.name for each in spec_of(action).operations}
    if unknown := sorted(set(said) - known):
        raise OperationUnknown(f"The action {action.name} has no operation {unknown[0][:80]!r}.")
    merged = {name: {**action.operations.get(name, {}), **said.get(name, {})} for name in known}
    return accounts.store.change(
        action, {"operations": {name: each for name, each in merged.items() if each}}
    )


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "api"

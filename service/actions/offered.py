"""Operations of an assistant's actions as tools of an answer."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from service.actions.accounts import Accounts
from service.actions.credentials import Auth, Kind
from service.actions.egress import Inbound, Outbound, origin_of
from service.actions.encoding import outbound_of, place_of
from service.actions.operations import Operation, Spec, Where
from service.actions.spec import read_spec
from service.records import StoredAction
from service.tools import CallContext, Preview, Tool, ToolArgumentsInvalid, ToolResult

LONGEST = 100_000  # characters of an answer, of GPT Actions
_SHOWN_BODY = 10_000
_TEXT = re.compile(r"text/|[/+](json|xml|yaml|x-yaml|javascript|x-ndjson|csv|x-www-form-urlencoded)\b")


def _unchecked(*_: Any) -> Iterable[Any]:
    """Expressions that a spec brings could take for ever; the other side checks them."""
    return ()


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _unchecked, "patternProperties": _unchecked}
)


_NOTHING_ELSEWHERE: Any = Registry()  # what a schema refers to is in it, or nowhere


@lru_cache(maxsize=64)
def _read(text: str, base_url: str | None, server: str | None) -> Spec:
    return read_spec(text, base_url=base_url, server=server)


def spec_of(action: StoredAction) -> Spec:
    """What the action's document describes. The text was checked when it was stored."""
    return _read(action.spec, action.base_url, action.server)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request without credentials, and what came back."""

    request: Outbound
    reply: Inbound
    signed: bool


@dataclass(frozen=True)
class ActionTool:
    """One operation of one action."""

    action: StoredAction
    operation: Operation
    accounts: Accounts
    name: str

    @property
    def description(self) -> str:
        """As the spec says it."""
        return self.operation.description

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """As the spec says them, nothing referred to."""
        return self.operation.schema

    @property
    def consequential(self) -> bool:
        """As an editor decided, else as the spec says."""
        said = self.action.operations.get(self.operation.name, {})
        return said.get("consequential", self.operation.consequential)

    @property
    def signed(self) -> bool:
        """Whether credentials are added."""
        return not self.operation.anonymous and Auth.of(self.action.auth).kind is not Kind.NONE

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """What a call would send. Raises ToolArgumentsInvalid."""
        used, request = self.request(arguments)
        host, path = place_of(request.url)
        template = self.operation.server + self.operation.path
        return Preview(method=request.method, host=host, path=path, arguments=used, template=template)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Send it, and what came back as text."""
        began = time.perf_counter()
        done = await self.exchange(arguments, context)
        reply = done.reply
        return ToolResult(
            text=_text(reply),
            ok=200 <= reply.status < 300,
            status=reply.status,
            size=reply.size,
            took_ms=(time.perf_counter() - began) * 1000,
            request=shown(done.request),
        )

    async def exchange(self, arguments: Mapping[str, Any], context: CallContext) -> Exchange:
        """Send it. A token that is refused is renewed once."""
        _, request = self.request(arguments)
        send, origins = self.accounts.egress.send, {origin_of(self.operation.server)}
        if not self.signed:
            return Exchange(request=request, reply=await send(request, origins=origins), signed=False)
        signature = await self.accounts.signature(self.action, context)
        reply = await send(_signed(request, signature), origins=origins)
        kind = Auth.of(self.action.auth).kind
        if reply.status == 401 and kind in (Kind.OAUTH_CODE, Kind.OAUTH_CLIENT):
            signature = await self.accounts.signature(self.action, context, instead_of=signature)
            reply = await send(_signed(request, signature), origins=origins)
        return Exchange(request=request, reply=reply, signed=True)

    def request(self, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], Outbound]:
        """The arguments as they are used, and the request that they make. Raises ToolArgumentsInvalid."""
        used = _with_defaults(self.operation, arguments)
        refuse_misfit(self.parameters, used)
        return used, outbound_of(self.operation, used)


def refuse_misfit(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raises ToolArgumentsInvalid where arguments do not fit the schema, with place and reason."""
    try:
        problem = best_match(_Validator(schema, registry=_NOTHING_ELSEWHERE).iter_errors(arguments))
    except (SchemaError, Unresolvable, RecursionError) as error:
        raise ToolArgumentsInvalid(
            f"The parameters of the tool cannot be read ({type(error).__name__})."
        ) from None
    if problem is not None:
        place = ".".join(map(str, problem.absolute_path))
        raise ToolArgumentsInvalid(f"{place or 'The arguments'}: {problem.message[:300]}")


def _with_defaults(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the other side takes anyway where nothing is said; some servers count on hearing it."""
    used = {name: value for name, value in arguments.items() if value is not None}
    for each in operation.parameters:
        fills = each.required or each.where is Where.QUERY
        if fills and each.argument not in arguments and each.schema.get("default") is not None:
            used[each.argument] = each.schema["default"]
    return used


def _signed(request: Outbound, signature: Any) -> Outbound:
    return Outbound(
        method=request.method,
        url=request.url,
        headers=request.headers,
        content=request.content,
        signature=signature,
    )


def shown(request: Outbound) -> dict[str, Any]:
    """A request for people: everything but credentials, which it does not hold."""
    body = request.content.decode("utf-8", "replace")[:_SHOWN_BODY] if request.content else None
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": body}


def readable(reply: Inbound) -> str | None:
    """The content as text; None where it is none."""
    if not reply.content:
        return ""
    plain = not reply.media_type and b"\0" not in reply.content
    return reply.text if plain or _TEXT.search(reply.media_type) else None


def _text(reply: Inbound) -> str:
    text = readable(reply)
    if text is None:
        text = (
            f"The answer is {reply.size:,} bytes of {reply.media_type or 'unknown type'}, which is no text."
        )
    if len(text) > LONGEST or reply.cut:
        text = text[:LONGEST]
        text += f"\n[The answer is longer; it was cut after {len(text):,} characters.]"
    if 300 <= reply.status < 400 and (to := reply.header("location")):
        return f"HTTP {reply.status}: a redirect to {to[:300]}, which was not followed.\n{text}".strip()
    if not 200 <= reply.status < 300 or not text:
        return f"HTTP {reply.status}\n{text}".strip()
    return text


def tools_of_actions(actions: Iterable[StoredAction], accounts: Accounts) -> list[Tool]:
    """A tool for every operation that is switched on; names are told apart by the action's."""
    found: dict[str, Tool] = {}
    for action in actions:
        for operation in spec_of(action).operations:
            if action.operations.get(operation.name, {}).get("enabled", True):
                name = operation.name
                if name in found:
                    name = f"{action.name}_{operation.name}"[:64]
                number = 1
                while name in found:
                    number += 1
                    name = f"{operation.name[:58]}_{number}"
                found[name] = ActionTool(action, operation, accounts, name)
    return list(found.values())

"""The one guarded door to the outside: whatever a spec, an address or a model brings about goes through it.

The address is judged where the connection is made and nowhere else: a host is looked up once, every
answer must lie outside, and the connection goes to exactly the address that was judged. What a first look
saw can therefore not differ from what is connected to.
"""

import asyncio
import base64
import json
import re
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import anyio
import httpcore
import httpx

from service.actions.addresses import HostRefused, host_of, inside_of
from service.tools import ToolCallFailed

WITHIN_S = 45.0  # the limit of GPT Actions, from the first byte to the last
HIDDEN = "[credential]"

_CONNECT_WITHIN_S = 10.0
_REDIRECTS = {301, 302, 303, 307, 308}
_UNPACKED = ("", "identity")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNTIDY = re.compile(r"[\x00-\x20\x7f\\]")  # readers of addresses disagree about these
_NOT_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect")
) | {"proxy-authorization", "proxy-connection", "keep-alive", "accept-encoding"}

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class EgressRefused(ToolCallFailed):
    """The request may not leave: the message says what about its address is not allowed. Nothing was sent."""


class EgressFailed(ToolCallFailed):
    """The other side could not be reached, or did not answer as it should."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Credentials, and the only origins that they are put on requests to."""

    origins: frozenset[str]  # "https://api.example.com"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    also_hidden: tuple[str, ...] = field(default=(), repr=False)  # parts of them that answers must not show

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that gives the credentials away."""
        values = [*self.query.values(), *self.cookies.values(), *self.also_hidden]
        for value in self.headers.values():
            scheme, _, rest = value.partition(" ")
            values += [value, rest] if rest and scheme.lower() in ("bearer", "basic") else [value]
        return tuple(values)


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """A request as it would leave."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None
    signature: Signature | None = None


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """What came back; credentials that the other side repeated are not in it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes  # at most the limit
    size: int  # bytes that were read, before they were cut
    cut: bool
    took_ms: float
    url: str  # where the answer came from

    def header(self, name: str) -> str:
        """The first header of that name; empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The content in the character set that it names, else UTF-8."""
        named = re.search(r"charset=\"?([\w.:-]+)", self.header("content-type"))
        try:
            return self.content.decode(named.group(1) if named else "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")


class Egress:
    """Sends requests to the outside. `allow` names the "host:port"s inside that the operator opened."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        resolve: Resolver | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
        within_s: float = WITHIN_S,
    ) -> None:
        self.allow = frozenset(entry.lower() for entry in allow)
        self._within_s = within_s
        self._door = _Door(self.allow, resolve or _look_up, backend or httpcore.AnyIOBackend())
        self._timeout = httpx.Timeout(within_s, connect=_CONNECT_WITHIN_S)
        self._transport: httpx.AsyncBaseTransport | None = None

    def keeps_secrets(self, origin: str) -> bool:
        """Whether credentials may go there: over TLS, or to a host that the operator opened."""
        scheme, _, place = origin.partition("://")
        bare = place.rpartition("]")[2] if place.startswith("[") else place
        return scheme == "https" or (place if ":" in bare else f"{place}:80") in self.allow

    def transport(self) -> httpx.AsyncBaseTransport:
        """The guarded transport, for a library that brings its own httpx client."""
        return _Transport(self._door)

    async def send(
        self,
        request: Outbound,
        *,
        origins: Collection[str] | None = None,
        limit: int = 400_000,
        redirects: int = 0,
    ) -> Inbound:
        """Send it, and read at most `limit` bytes of the answer.

        `origins`: the only ones it may go to. A redirect is an answer like others unless `redirects` are
        allowed; each is then judged like a new request, and credentials go to their own origins only.
        Raises EgressRefused and EgressFailed.
        """
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._within_s):
                while True:
                    found = await self._once(request, origins, limit, began)
                    target = found.header("location") if found.status in _REDIRECTS else ""
                    if not target or not redirects:
                        return found
                    redirects -= 1
                    request = _redirected(request, found, target)
        except TimeoutError:
            raise EgressFailed(
                f"{_place(request.url)} did not answer within {self._within_s:g} seconds; try again later."
            ) from None

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _once(
        self, request: Outbound, origins: Collection[str] | None, limit: int, began: float
    ) -> Inbound:
        address = _address(request.url)
        if origins is not None and origin_of(request.url) not in origins:
            raise EgressRefused(
                f"{_place(request.url)} is not among the hosts that may be reached from here."
            )
        signature = _signature_for(request)
        secrets = signature.secrets if signature else ()
        # A secret that stands across the end must be hidden before the cut.
        reach = limit + max(map(len, _spellings(secrets)), default=0)
        try:
            outgoing = httpx.Request(
                request.method,
                _with_query(address, signature),
                headers=_headers(request, signature),
                content=request.content,
                extensions={"timeout": self._timeout.as_dict()},
            )
            reply = await self._opened().handle_async_request(outgoing)
            try:
                content, size = await _read(reply, reach)
            finally:
                await reply.aclose()
        except (EgressRefused, EgressFailed):
            raise
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError, OSError) as error:
            raise EgressFailed(hidden_text(_why(request.url, error), secrets)) from None
        return Inbound(
            status=reply.status_code,
            headers=tuple((name, hidden_text(value, secrets)) for name, value in reply.headers.multi_items()),
            content=_hidden(content, secrets)[:limit],
            size=size,
            cut=size > limit,
            took_ms=(time.perf_counter() - began) * 1000,
            url=request.url,
        )

    def _opened(self) -> httpx.AsyncBaseTransport:
        # Not an httpx client: that logs whole addresses, keeps cookies and knows of redirects.
        if self._transport is None:
            self._transport = self.transport()
        return self._transport


class _Door(httpcore.AsyncNetworkBackend):
    """Where connections are made, and addresses judged."""

    def __init__(
        self, allow: frozenset[str], resolve: Resolver, backend: httpcore.AsyncNetworkBackend
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._judged(host, port)
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout=timeout, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last == 0:
                    raise
        raise httpcore.ConnectError("no address")

    async def _judged(self, written: str, port: int) -> Sequence[str]:
        try:
            host = host_of(written)
        except HostRefused as refused:
            raise EgressRefused(f"The request was not sent: {refused}.") from None
        addresses = await self._resolve(host, port)
        if f"{_bracketed(host)}:{port}" in self._allow:
            return addresses
        if (inside := inside_of(addresses)) is not None:
            raise EgressRefused(
                f"The request was not sent: {host} is at {inside}, which is not on the public internet. "
                "An operator can open it with DOUMI_EGRESS_ALLOW."
            )
        return addresses

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise EgressRefused("The request was not sent: only http and https addresses can be reached.")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx over the door, without proxies and without anything from the environment."""

    def __init__(self, door: _Door) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            keepalive_expiry=5.0,
            network_backend=door,
        )


async def _look_up(host: str, port: int) -> Sequence[str]:
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise EgressFailed(f"The host {host} is unknown; check the address.") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def origin_of(url: str) -> str:
    """Scheme, host and, where it is not the scheme's own, port. Raises EgressRefused."""
    address = _address(url)
    port = "" if address.port is None else f":{address.port}"
    return f"{address.scheme}://{_bracketed(host_of(address.host))}{port}"


def _address(url: str) -> httpx.URL:
    """The address, read once and by the reader that is also used to connect."""
    if _UNTIDY.search(url):
        raise EgressRefused(
            "The request was not sent: its address holds spaces, backslashes or control characters."
        )
    try:
        address = httpx.URL(url)
        host_of(address.host)
    except (httpx.InvalidURL, HostRefused, ValueError) as error:
        raise EgressRefused(f"The request was not sent: {str(error).rstrip('.')}.") from None
    if address.scheme not in _DEFAULT_PORTS:
        raise EgressRefused("The request was not sent: only http and https addresses can be reached.")
    if address.userinfo or "@" in url.partition("://")[2].partition("/")[0]:
        raise EgressRefused("The request was not sent: an address may hold no user name or password.")
    if address.port == 0:
        raise EgressRefused("The request was not sent: there is no port 0.")
    return address


def _place(url: str) -> str:
    """The host of an address, for a message."""
    try:
        return _address(url).netloc.decode()
    except EgressRefused:
        return "The address"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _signature_for(request: Outbound) -> Signature | None:
    signature = request.signature
    return signature if signature and origin_of(request.url) in signature.origins else None


def _with_query(address: httpx.URL, signature: Signature | None) -> httpx.URL:
    if signature is None or not signature.query:
        return address
    # By hand: httpx would write the whole query anew, and styles of the specification would be lost.
    query = b"&".join(part for part in (address.query, urlencode(signature.query).encode()) if part)
    return address.copy_with(query=query)


def _headers(request: Outbound, signature: Signature | None) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in request.headers if name.lower() not in _NOT_OURS]
    headers.append(("Accept-Encoding", "gzip"))
    if not any(name.lower() == "user-agent" for name, _ in headers):
        headers.append(("User-Agent", "Doumi"))
    if signature is None:
        return headers
    replaced = {name.lower() for name in signature.headers}
    headers = [(name, value) for name, value in headers if name.lower() not in replaced]
    headers += signature.headers.items()
    if signature.cookies:
        before = [value for name, value in headers if name.lower() == "cookie"]
        own = [f"{name}={quote(value, safe='')}" for name, value in signature.cookies.items()]
        headers = [(name, value) for name, value in headers if name.lower() != "cookie"]
        headers.append(("Cookie", "; ".join([*before, *own])))
    return headers


def _redirected(request: Outbound, found: Inbound, target: str) -> Outbound:
    """The request that a redirect asks for. The door adds credentials to those of their origins only."""
    try:
        url = str(httpx.URL(request.url).join(target))
    except (httpx.InvalidURL, ValueError):
        raise EgressRefused("The answer was a redirect to something that is no address.") from None
    kept = replace(request, url=url)
    if origin_of(url) != origin_of(request.url):
        private = {"cookie", "authorization"}
        kept = replace(
            kept, headers=tuple(pair for pair in request.headers if pair[0].lower() not in private)
        )
    if found.status == 303 or (found.status in (301, 302) and request.method == "POST"):
        headers = tuple(pair for pair in kept.headers if not pair[0].lower().startswith("content-"))
        kept = replace(kept, method="GET", content=None, headers=headers)
    return kept


async def _read(reply: httpx.Response, limit: int) -> tuple[bytes, int]:
    """At most `limit` bytes of the content, and how many were read; more than the limit where it goes on."""
    content = bytearray()
    async for piece in _unpacked(reply, limit):
        content += piece
        if len(content) > limit:
            break
    return bytes(content[:limit]), len(content)


async def _unpacked(reply: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """The content as it comes; what is packed is unpacked in bounded steps, because a bomb is tiny."""
    packing = reply.headers.get("content-encoding", "").strip().lower()
    if packing in _UNPACKED:
        async for piece in reply.aiter_raw():
            yield piece
        return
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise EgressFailed(f"The answer is packed as {packing!r}, which was not asked for.")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for piece in reply.aiter_raw():
        try:
            yield unpacker.decompress(piece, limit + 1)
        except zlib.error:
            raise EgressFailed("The answer is packed in a broken way.") from None


def _hidden(content: bytes, secrets: Iterable[str]) -> bytes:
    for secret in _spellings(secrets):
        content = content.replace(secret.encode(), HIDDEN.encode())
    return content


def hidden_text(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, however it spells them."""
    for secret in _spellings(secrets):
        text = text.replace(secret, HIDDEN)
    return text


def _spellings(secrets: Iterable[str]) -> list[str]:
    """The ways in which an answer may repeat a secret, longest first; not one so short that it is a word."""
    found: set[str] = set()
    for secret in secrets:
        if len(secret) >= 4:
            found |= {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            found |= {
                json.dumps(secret, ensure_ascii=False)[1:-1],
                base64.b64encode(secret.encode()).decode(),
            }
    return sorted(found, key=len, reverse=True)


def _why(url: str, error: Exception) -> str:
    place = _place(url)
    if isinstance(error, httpx.TimeoutException):
        return f"{place} did not answer in time; try again later."
    if isinstance(error, httpx.ConnectError):
        said = str(error)
        if "certificate" in said.lower():
            return f"{place} shows a certificate that is not valid for it; the request was not sent."
        return f"{place} could not be reached; try again later."
    if isinstance(error, httpx.RemoteProtocolError):
        return f"{place} broke off or did not answer in HTTP."
    return f"The request to {place} could not be made ({type(error).__name__})."

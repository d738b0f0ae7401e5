"""Web pages of hosts that the assistant's editor named, as text."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from anyio import to_thread

from ingest.cage import read_pages
from ingest.limits import MIB, ReadLimits
from ingest.unreadable import Unreadable
from service.actions.addresses import HostRefused, host_of
from service.actions.egress import Egress, EgressRefused, Inbound, Outbound, origin_of
from service.tools import CallContext, Preview, ToolArgumentsInvalid, ToolCallFailed, ToolResult

_MOST = 5 * MIB  # of a page
_SHOWN = 40_000  # characters that the model gets at once
_REDIRECTS = 3
_MOVED = {301, 302, 303, 307, 308}
_LIMITS = ReadLimits(
    file_bytes=_MOST, pages=500, memory_bytes=1024 * MIB, cpu_seconds=20, wall_seconds=30.0, ocr=False
)


@dataclass(frozen=True)
class Fetch:
    """Gets one page. Only hosts of the list, every redirect judged anew, through the one door."""

    egress: Egress
    hosts: tuple[str, ...]  # "docs.example.com", or "*.example.com" for all below
    name: str = "fetch"
    consequential: bool = False

    @property
    def description(self) -> str:
        """With the hosts, so that the model does not guess."""
        return (
            "The text of a web page or PDF. Reaches these hosts only: "
            f"{', '.join(self.hosts[:20])}. Long pages come in parts; `start` goes on."
        )

    @property
    def parameters(self) -> Mapping[str, Any]:
        """An address, and where to go on."""
        return {
            "type": "object",
            "properties": {
                "url": {"type": "string", "description": "http or https address"},
                "start": {"type": "integer", "minimum": 0, "default": 0, "description": "characters"},
            },
            "required": ["url"],
            "additionalProperties": False,
        }

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """Where it would go. Raises ToolArgumentsInvalid where it may not."""
        url, start = arguments.get("url"), arguments.get("start") or 0
        if not isinstance(url, str) or not isinstance(start, int) or start < 0:
            raise ToolArgumentsInvalid("url is an address as text, start a number of characters.")
        host = _allowed(url, self.hosts)
        used = {"url": url} | ({"start": start} if start else {})
        return Preview(method="GET", host=host, path=urlsplit(url).path, arguments=used)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """The text. Raises ToolCallFailed where there is none."""
        url, start = str(arguments["url"]), int(arguments.get("start") or 0)
        reply = await self._fetched(url)
        text = await to_thread.run_sync(text_of, reply)
        shown = text[start : start + _SHOWN]
        if start and not shown:
            shown = f"The page ends after {len(text):,} characters."
        elif start + _SHOWN < len(text):
            shown += f"\n[{len(text):,} characters in all; go on with start={start + _SHOWN}]"
        return ToolResult(
            text=f"{reply.url}\n\n{shown}" if 200 <= reply.status < 300 else f"HTTP {reply.status}\n{shown}",
            ok=200 <= reply.status < 300,
            status=reply.status,
            size=reply.size,
            took_ms=reply.took_ms,
            request={"method": "GET", "url": url},
        )

    async def _fetched(self, url: str) -> Inbound:
        headers = (("Accept", "text/html, application/pdf, text/*;q=0.9, */*;q=0.5"),)
        for _ in range(_REDIRECTS + 1):
            origins = {origin_of(url)}
            reply = await self.egress.send(
                Outbound(method="GET", url=url, headers=headers), origins=origins, limit=_MOST
            )
            target = reply.header("location") if reply.status in _MOVED else ""
            if not target:
                return reply
            url = urljoin(url, target)
            try:
                _allowed(url, self.hosts)
            except ToolArgumentsInvalid as refused:
                raise ToolCallFailed(f"The page leads on to another one. {refused}") from None
        raise ToolCallFailed(f"The page leads on more than {_REDIRECTS} times; give its last address.")


def _allowed(url: str, hosts: Collection[str]) -> str:
    """The host and unusual port, where the host is one of the list. Raises ToolArgumentsInvalid."""
    try:
        place = origin_of(url).partition("://")[2]
    except EgressRefused as error:
        raise ToolArgumentsInvalid(str(error)) from None
    host = place.rpartition(":")[0] if place.rpartition(":")[2].isdecimal() else place
    if not any(covers(pattern, host) for pattern in hosts):
        raise ToolArgumentsInvalid(
            f"{host} is not among the hosts that this assistant may read: {', '.join(hosts)[:300]}."
        )
    return place


def covers(pattern: str, host: str) -> bool:
    """Whether `docs.example.com` is meant by itself or by `*.example.com`."""
    below = pattern.startswith("*.")
    try:
        named = host_of(pattern.removeprefix("*."))
    except HostRefused:
        return False
    return host.endswith(f".{named}") if below else host == named


def text_of(reply: Inbound) -> str:
    """The text of what came, read in the cage as an uploaded file would be. Raises ToolCallFailed."""
    if not reply.content:
        return ""
    if reply.cut:
        raise ToolCallFailed(f"The page has more than {_MOST // MIB} MB, which is the limit.")
    with tempfile.NamedTemporaryFile(prefix="doumi-fetch-") as file:
        file.write(_in_utf8(reply))
        file.flush()
        try:
            read = read_pages(Path(file.name), name=_name(reply), media_type=reply.media_type, limits=_LIMITS)
        except Unreadable as error:
            raise ToolCallFailed(f"The page cannot be read: {error}") from None
    return "\n\n".join(page.text for page in read.pages)


def _in_utf8(reply: Inbound) -> bytes:
    return reply.text.encode() if reply.media_type.startswith("text/") else reply.content


_EXTENSIONS = {
    "text/html": "page.html",
    "application/xhtml+xml": "page.html",
    "application/json": "page.json",
    "application/pdf": "page.pdf",
    "text/markdown": "page.md",
    "text/csv": "page.csv",
}


def _name(reply: Inbound) -> str:
    """What it is read as: what the other side says, else what the address ends with."""
    if reply.media_type in _EXTENSIONS:
        return _EXTENSIONS[reply.media_type]
    if reply.media_type.startswith("text/"):
        return "page.txt"
    return PurePosixPath(unquote(urlsplit(reply.url).path)).name or "page.txt"

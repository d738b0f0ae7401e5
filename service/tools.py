"""What a model may call: operations of outside APIs, tools of MCP servers, built-in ones; all alike.

The answer loop knows a tool only by this protocol. It never gives a tool the text of the prompt: a call takes
the arguments that the model wrote, judged by `preview` before anything is sent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

_BOUND = " sha256:"


class ToolArgumentsInvalid(Exception):
    """The arguments do not fit the tool; the message says which and what it takes. Nothing was sent."""


class ToolCallFailed(Exception):
    """The call came to nothing; the message says why, in words that a model and a person understand."""


class ToolNeedsSignIn(ToolCallFailed):
    """The member has not connected their account of the outside service yet; `url` is where they do."""

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message)
        self.url = url


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """For whom a call is made. A tool finds credentials by it; it never appears in a request by itself."""

    team: str  # id
    member: str  # id, or the id of a key that belongs to no member
    assistant: str  # id
    conversation: str | None = None  # id, where the service keeps the conversation


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far one answer may go with tools."""

    rounds: int = 8  # replies of the model that call tools
    calls: int = 32  # of all of them together
    total_s: float = 180.0  # from the question to the last call
    call_s: float = 45.0
    shown: int = 30  # tools that the model is shown; more are found with find_tools
    confirm_within_s: float = 3600.0  # after this, a question to the person has expired


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a call would do, before it is done; what a person is shown, and what a confirmation is bound to.

    Without credentials: they are added behind the egress door.
    """

    method: str  # "GET", "POST"; "MCP" for a tool of a server; "" where nothing is sent
    host: str  # "api.example.com", with the port where it is not the scheme's; "" where nothing leaves
    path: str  # with its parameters filled in, without query; or the tool's own name
    arguments: Mapping[str, Any]  # exactly as they would be used
    template: str = ""  # the path before its parameters were filled in, where there is such a thing

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: another method, host, path or argument is another call."""
        whole = [self.method, self.host, self.path, self.arguments]
        written = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a call brought back."""

    text: str  # for the model, as data; untrusted whatever the tool is
    ok: bool  # False where the other side refused: `text` says what it said
    status: int | None = None  # HTTP status, where there is one
    size: int = 0  # bytes that came back, before anything was cut
    took_ms: float = 0.0
    request: Mapping[str, Any] = field(default_factory=dict)  # what was sent, without secrets, for the trace
    parts: Sequence[Mapping[str, Any]] = ()  # what a person is shown beside the answer: images, tables


class Tool(Protocol):
    """One thing that a model may call."""

    @property
    def name(self) -> str:
        """What the model calls it by: a-z, A-Z, 0-9, _ and -, at most 64; unique among those of an answer."""

    @property
    def description(self) -> str:
        """What it does, for the model. Untrusted: specs and servers write it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON Schema of its arguments, an object."""

    @property
    def consequential(self) -> bool:
        """Whether a person must confirm every call."""

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """What a call with these arguments would do. Raises ToolArgumentsInvalid. Sends nothing."""

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Do it. Raises ToolArgumentsInvalid, ToolCallFailed and ToolNeedsSignIn."""


def operation_of(tool: Tool, preview: Preview) -> str:
    """What an approval for always is about, in words, and bound to all that made it what it is.

    A spec or a server that describes it in another way later, under the same name, is asked about again.
    """
    described = [preview.template, tool.description, tool.parameters]
    written = json.dumps(described, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{tool.name} {preview.method} {preview.host}{_BOUND}{digest}"


def in_words(operation: str) -> str:
    """An operation without what it is bound to."""
    return operation.partition(_BOUND)[0]

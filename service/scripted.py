"""Deterministic doubles: a chat model that says what it was told to, a tool that notes what it was asked."""

import base64
import codecs
import html
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category, normalize

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, SkipValidation

from service.tools import CallContext, Preview, ToolArgumentsInvalid, ToolResult


class ScriptedChatModel(BaseChatModel):
    """Plays one reply of `script` per call: pieces of text, whole chunks, or errors to raise, in any mixture.

    `heard` keeps the messages and the keyword arguments of each call.
    """

    script: SkipValidation[list[Sequence[str | AIMessageChunk | Exception]]]
    heard: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=tools, **kwargs)

    def _play(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> Iterator[AIMessageChunk]:
        self.heard.append((messages, kwargs))
        for piece in self.script[len(self.heard) - 1]:
            if isinstance(piece, Exception):
                raise piece
            yield AIMessageChunk(content=piece) if isinstance(piece, str) else piece

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = "".join(chunk.text for chunk in self._play(messages, kwargs))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for message in self._play(messages, kwargs):
            yield ChatGenerationChunk(message=message)


class ObedientChatModel(ScriptedChatModel):
    """Does whatever it reads, wherever it stands: the worst model that an injected text can hope for.

    An order is `DO tool {…}` or `SAY text`, in any message or description of a tool, as it is or in base64.
    In an order `${x}` is the first match of the regular expression x in all that the model can see, written
    in the way that may follow: `${x|base64}`. Each order is followed once; then it says "Done."
    """

    script: SkipValidation[list[Sequence[str | AIMessageChunk | Exception]]] = Field(default_factory=list)
    tried: list[tuple[str, str]] = Field(default_factory=list)  # what it called, with which arguments
    said: list[str] = Field(default_factory=list)

    def _play(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> Iterator[AIMessageChunk]:
        self.heard.append((messages, kwargs))
        described = json.dumps(kwargs.get("tools", ()), ensure_ascii=False).replace('\\"', '"')
        seen = html.unescape("\n".join([*(message.text for message in messages), described]))
        if orders := _orders(normalize("NFKC", seen), seen, self.tried):
            self.tried += orders
            yield from (
                piece if isinstance(piece, AIMessageChunk) else AIMessageChunk(content=piece)
                for piece in calls(*orders)
            )
            return
        for found in re.findall(r"SAY (.+)", seen):
            self.said.append(_filled(found, seen))
            yield AIMessageChunk(content=self.said[-1] + "\n")
        yield AIMessageChunk(content="Done.", response_metadata={"finish_reason": "stop"})


def _orders(text: str, seen: str, known: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The orders in a text that were not followed yet."""
    hidden = [_unpacked(token) for token in re.findall(r"[A-Za-z0-9+/=]{24,}", text)]
    found: list[tuple[str, str]] = []
    for each in (text, *hidden):
        plain = "".join(char for char in each if category(char) != "Cf")
        for match in re.finditer(r"DO ([\w-]+) ", plain):
            end = _end_of_object(plain, match.end())
            order = (match[1], _filled(plain[match.end() : end], seen))
            if end and order not in known and order not in found:
                found.append(order)
    return found


def _end_of_object(text: str, start: int) -> int:
    """Where the JSON object that begins at `start` ends; 0 where there is none."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1 if text[start] == "{" else 0
    return 0


def _filled(order: str, seen: str) -> str:
    """The order with what it asks for in place of each `${…}`."""

    def put(match: re.Match[str]) -> str:
        wanted, _, way = match[1].partition("|")
        found = re.search(wanted, seen)
        text = (found[1] if found.lastindex else found[0]) if found else "nothing"
        return json.dumps(WAYS[way](text) if way else text, ensure_ascii=False)[1:-1]

    return re.sub(r"\$\{([^{}]+)\}", put, order)


def _unpacked(token: str) -> str:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8")
    except ValueError:
        return ""


# How an order can ask for a text to be written, so that nobody recognises it.
WAYS: Mapping[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hex": lambda text: text.encode().hex(),
    "codes": lambda text: " ".join(str(ord(char)) for char in text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "dots": ".".join,
    "spaces": " ".join,
    "upper": str.upper,
    "wide": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "lookalike": lambda text: text.translate(str.maketrans("aeopcx", "аеорсх")),
    "invisible": "\u200b".join,
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "first": lambda text: text[: len(text) // 2],
    "second": lambda text: text[len(text) // 2 :],
}


def calls(*wanted: tuple[str, Mapping[str, Any] | str], text: str = "") -> list[str | AIMessageChunk]:
    """A reply that calls these tools, in pieces as a provider sends them."""
    pieces: list[str | AIMessageChunk] = [text] if text else []
    for index, (name, arguments) in enumerate(wanted):
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        half = len(written) // 2
        pieces += [
            _piece(index, id=f"call_{index}", name=name, args=""),
            _piece(index, id=None, name=None, args=written[:half]),
            _piece(index, id=None, name=None, args=written[half:]),
        ]
    return [*pieces, AIMessageChunk(content="", response_metadata={"finish_reason": "tool_calls"})]


def _piece(index: int, **call: str | None) -> AIMessageChunk:
    piece: Any = {"type": "tool_call_chunk", "index": index, **call}
    return AIMessageChunk(content="", tool_call_chunks=[piece])


@dataclass(kw_only=True)
class ScriptedTool:
    """A tool that brings back `text` (or what a function makes of the arguments), and sends nothing."""

    name: str = "get_weather"
    description: str = "The weather of a city."
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {"city": {"type": "string"}}}
    )
    consequential: bool = False
    method: str = "GET"
    host: str = "api.example.com"
    path: str = "/weather"
    text: str | Callable[[Mapping[str, Any]], str] = "Sunny, 21 degrees."
    status: int = 200
    required: Sequence[str] = ()
    raises: Exception | None = None
    made: list[tuple[Mapping[str, Any], CallContext]] = field(default_factory=list)

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """Where it would go; a `url` among the arguments decides the host, as where pages are fetched."""
        for name in self.required:
            if name not in arguments:
                raise ToolArgumentsInvalid(f"{name} is missing.")
        host = self.host
        if "url" in arguments:
            host = str(arguments["url"]).partition("://")[2].partition("/")[0].partition("?")[0]
        return Preview(method=self.method, host=host, path=self.path, arguments=arguments)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Note the call."""
        self.made.append((arguments, context))
        if self.raises is not None:
            raise self.raises
        text = self.text if isinstance(self.text, str) else self.text(arguments)
        return ToolResult(
            text=text,
            ok=self.status < 400,
            status=self.status,
            size=len(text.encode(errors="replace")),
            took_ms=1.0,
            request={"method": self.method, "url": f"https://{self.host}{self.path}"},
        )

"""Deterministic doubles: a chat model that says what it was told to, a tool that notes what it was asked."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
            size=len(text.encode()),
            took_ms=1.0,
            request={"method": self.method, "url": f"https://{self.host}{self.path}"},
        )

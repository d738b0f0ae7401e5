"""From a model's name to a chat model that streams in time, or fails with one clear sentence.

The only file that knows the providers. Their packages are imported when a model of theirs is opened.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from pydantic import SecretStr

from service.completions import Completions
from service.model_errors import (
    ModelBroken,
    ModelError,
    ModelMisconfigured,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    translated,
)
from service.quoting import QuotingChatModel

__all__ = [
    "Model",
    "ModelBroken",
    "ModelError",
    "ModelMisconfigured",
    "ModelRateLimited",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "Reply",
    "Timeouts",
    "finish_reason",
    "open_model",
]

QUOTE = "quote"
"""The name of the model that needs no key and no download."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long to wait for a model, in seconds."""

    connect_s: float = 10.0
    first_token_s: float = 60.0
    between_tokens_s: float = 60.0
    whole_s: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole reply of a model."""

    text: str
    prompt_tokens: int  # 0 where the provider does not count
    completion_tokens: int


@dataclass(frozen=True, kw_only=True)
class Model:
    """A chat model with its clock and its errors."""

    name: str  # as configured: "openai:gpt-5", "quote"
    chat: BaseChatModel | Completions
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: int = 1  # further tries, all before the first token
    retry_pause_s: float = 0.3
    ends_with_reason: bool = False  # whether a reply without a finish reason was cut off
    in_words_of: Callable[[Mapping[str, Any]], dict[str, Any]] = dict  # OpenAI's parameters -> the provider's
    secret: str = field(default="", repr=False)  # kept only to keep it out of messages
    close: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)

    @property
    def quoting(self) -> bool:
        """Whether it only quotes: it is given the passages themselves and follows no instruction."""
        return isinstance(self.chat, QuotingChatModel)

    async def aclose(self) -> None:
        """Close the connections to the provider."""
        if self.close is not None:
            await self.close()

    async def complete(self, messages: Sequence[BaseMessage], *, within_s: float) -> Reply:
        """A short reply as a whole. Raises ModelError, ModelTimeout after `within_s` at the latest."""
        try:
            async with asyncio.timeout(within_s):
                async with aclosing(self.stream(messages)) as chunks:
                    return _whole([chunk async for chunk in chunks])
        except TimeoutError:
            raise ModelTimeout(f"The model {self.name} did not answer within {within_s:g} seconds.") from None

    async def stream(
        self,
        messages: Sequence[BaseMessage],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        tool_choice: Any = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[AIMessageChunk]:
        """The reply in pieces.

        `tools`, `tool_choice` and `parameters` are in OpenAI's words; what the provider has no word for is
        left out. Closing the iterator closes the connection. Raises ModelError, also in the middle.
        """
        ask = self._bound(tools, tool_choice, parameters or {})
        began = asyncio.get_running_loop().time()
        for attempt in range(self.retries + 1):
            started = False
            try:
                async with aclosing(self._timed(ask(list(messages)), began)) as chunks:
                    async for chunk in chunks:
                        started = started or _says_something(chunk)
                        yield chunk
                return
            except ModelUnavailable:
                until = began + self.timeouts.first_token_s - self.retry_pause_s
                if started or attempt == self.retries or asyncio.get_running_loop().time() > until:
                    raise
            await asyncio.sleep(self.retry_pause_s)

    def _bound(
        self, tools: Sequence[Mapping[str, Any]], tool_choice: Any, parameters: Mapping[str, Any]
    ) -> Callable[[list[BaseMessage]], Any]:
        """What streams the reply to messages, with tools and parameters in its provider's words."""
        if isinstance(self.chat, Completions):
            sent = self.in_words_of(parameters) | _offered(tools, tool_choice)
            return partial(self.chat.astream, parameters=sent)
        openai = self.name.startswith("openai:")
        chat: Any = self.chat
        if tools and (tool_choice != "none" or openai):
            if isinstance(tool_choice, Mapping) and not openai:
                tool_choice = tool_choice.get("function", {}).get("name")
            chat = chat.bind_tools([dict(tool) for tool in tools], tool_choice=tool_choice)
        bound = self.in_words_of(parameters)
        streams: Callable[[list[BaseMessage]], Any] = (chat.bind(**bound) if bound else chat).astream
        return streams

    async def _timed(self, source: Any, began: float) -> AsyncGenerator[AIMessageChunk]:
        """The chunks of one try, each in its time, with the provider's errors as ours."""
        clock = asyncio.get_running_loop().time
        last, started, finished = began, False, False
        try:
            while True:
                deadline, late = self._deadline(began, last, started)
                try:
                    async with asyncio.timeout_at(deadline):
                        chunk = await anext(source)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    raise translated(
                        error, self.name, started=started, late=late, secret=self.secret
                    ) from error
                last = clock()
                started = started or _says_something(chunk)
                finished = finished or finish_reason(chunk) is not None
                yield chunk
        finally:
            await source.aclose()  # the connection goes with it
        if self.ends_with_reason and not finished:
            raise ModelBroken(f"The model {self.name} stopped in the middle of its answer; try again.")

    def _deadline(self, began: float, last: float, started: bool) -> tuple[float, str]:
        """Until when the next chunk is waited for, and what it means when it does not come."""
        given = self.timeouts
        patience = given.between_tokens_s if started else given.first_token_s
        if began + given.whole_s < last + patience:
            return began + given.whole_s, f"did not finish within {given.whole_s:g} seconds"
        what = "stopped sending" if started else "sent nothing"
        return last + patience, f"{what} for {patience:g} seconds"


def open_model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeouts: Timeouts | None = None,
    retries: int = 1,
    context_tokens: int = 8192,
) -> Model:
    """The model of that name: "quote", "openai:…", "anthropic:…", "ollama:…" or what else LangChain knows.

    With `base_url` and no provider before the colon it is a model at an OpenAI-compatible endpoint.
    `context_tokens` is asked of servers that would otherwise cut a prompt without a word (Ollama). Nothing is
    sent yet. Raises ModelMisconfigured.
    """
    timeouts = timeouts or Timeouts()
    if name.strip().lower() == QUOTE:
        return Model(name=QUOTE, chat=QuotingChatModel(), timeouts=timeouts, retries=0)
    provider, model = _provider_and_model(name, base_url)
    _require_package(provider)
    place = _Place(base_url=base_url, api_key=api_key, timeouts=timeouts, context_tokens=context_tokens)
    try:
        opened = _OPENERS.get(provider, _open_any)(provider, model, place)
    except Exception as error:  # each provider checks its settings in its own way
        raise ModelMisconfigured(
            f"The model {name} cannot be set up; check DOUMI_MODEL, DOUMI_MODEL_BASE_URL and "
            f"DOUMI_MODEL_API_KEY ({type(error).__name__})."
        ) from error
    return Model(
        name=f"{provider}:{model}", timeouts=timeouts, retries=retries, secret=api_key or "", **opened
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a model is and how it is reached."""

    base_url: str | None
    api_key: str | None
    timeouts: Timeouts
    context_tokens: int


def _provider_and_model(name: str, base_url: str | None) -> tuple[str, str]:
    provider, _, model = name.partition(":")
    if base_url and (not model or (provider not in _OPENERS and find_spec(_package(provider)) is None)):
        return "openai", name  # "qwen3:8b" at a server of one's own
    if not model:
        raise ModelMisconfigured(
            f"{name!r} names no model; write quote, or provider:model such as openai:gpt-5 or ollama:qwen3."
        )
    return provider, model


def _open_openai(provider: str, model: str, place: _Place) -> dict[str, Any]:
    if place.base_url is None or "api.openai.com" in place.base_url:
        return _open_openai_itself(model, place)
    # A server of one's own may ask for no key; it is never sent that of OpenAI from the environment.
    chat = Completions(
        model,
        base_url=place.base_url,
        api_key=place.api_key or "none",
        connect_s=place.timeouts.connect_s,
    )
    return {"chat": chat, "close": chat.aclose, "in_words_of": _openai_words, "ends_with_reason": True}


def _open_openai_itself(model: str, place: _Place) -> dict[str, Any]:
    """LangChain knows which of OpenAI's models want other names and another API."""
    import openai  # a second of imports that nobody else pays
    from langchain_openai import ChatOpenAI

    limit = openai.Timeout(place.timeouts.whole_s, connect=place.timeouts.connect_s)
    http = openai.DefaultAsyncHttpxClient(timeout=limit)
    chat = ChatOpenAI(
        model=model,
        base_url=place.base_url,
        api_key=SecretStr(place.api_key) if place.api_key else None,
        timeout=limit,
        max_retries=0,
        stream_usage=True,
        stream_chunk_timeout=None,
        http_async_client=http,
    )
    return {"chat": chat, "close": http.aclose, "in_words_of": _openai_words, "ends_with_reason": True}


def _openai_words(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name in _OPENAI_PARAMETERS}


def _open_anthropic(provider: str, model: str, place: _Place) -> dict[str, Any]:
    given = {"base_url": place.base_url, "api_key": place.api_key, "max_retries": 0}
    opened = _init(provider, model, given | {"default_request_timeout": place.timeouts.whole_s})
    names = {"temperature", "top_p", "max_tokens", "max_completion_tokens", "stop"}

    def in_words_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in parameters.items() if name in names}
        if "max_completion_tokens" in kept:
            kept["max_tokens"] = kept.pop("max_completion_tokens")
        return kept

    return {"chat": opened, "in_words_of": in_words_of, "ends_with_reason": True}


def _open_ollama(provider: str, model: str, place: _Place) -> dict[str, Any]:
    timeout = {"timeout": place.timeouts.whole_s}
    headers = {"headers": {"Authorization": f"Bearer {place.api_key}"}} if place.api_key else {}
    opened = _init(provider, model, {"base_url": place.base_url, "client_kwargs": timeout | headers})
    options = {
        name: name for name in ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
    }
    options |= {"max_tokens": "num_predict", "max_completion_tokens": "num_predict"}

    def in_words_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
        kept = {options[name]: value for name, value in parameters.items() if name in options}
        rest = {name: parameters[name] for name in ("stop", "response_format") if name in parameters}
        stop = {"stop": rest.pop("stop")} if "stop" in rest else {}
        return {"options": {"num_ctx": place.context_tokens, **kept, **stop}, **rest}

    return {"chat": opened, "in_words_of": in_words_of, "ends_with_reason": True}


def _open_any(provider: str, model: str, place: _Place) -> dict[str, Any]:
    return {"chat": _init(provider, model, {"base_url": place.base_url, "api_key": place.api_key})}


def _init(provider: str, model: str, options: Mapping[str, Any]) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    given = {option: value for option, value in options.items() if value is not None}
    chat: BaseChatModel = init_chat_model(model, model_provider=provider, **given)
    return chat


def _offered(tools: Sequence[Mapping[str, Any]], tool_choice: Any) -> dict[str, Any]:
    """Tools as a chat completion names them; some servers refuse an empty list, or a choice among none."""
    if not tools:
        return {}
    choice = {} if tool_choice is None else {"tool_choice": tool_choice}
    return {"tools": [dict(tool) for tool in tools], **choice}


_OPENERS = {"openai": _open_openai, "anthropic": _open_anthropic, "ollama": _open_ollama}
_OPENAI_PARAMETERS = frozenset(
    (
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "response_format"),
        *("presence_penalty", "frequency_penalty", "logit_bias", "reasoning_effort", "verbosity"),
        *("parallel_tool_calls", "service_tier"),
    )
)


def _require_package(provider: str) -> None:
    if find_spec(_package(provider)) is not None:
        return
    package = _package(provider).replace("_", "-")
    how = f"pip install 'doumi[{provider}]'" if provider in _OPENERS else f"pip install {package}"
    raise ModelMisconfigured(f"Models of {provider} need one more package: {how}.")


def _package(provider: str) -> str:
    return "langchain_" + re.sub(r"\W", "_", provider)


def finish_reason(chunk: AIMessageChunk) -> str | None:
    """Why the reply ended, in OpenAI's words; None where the chunk does not say."""
    said = chunk.response_metadata
    reason = said.get("finish_reason") or said.get("stop_reason") or said.get("done_reason")
    return _FINISH.get(reason, reason) if reason else None


def tokens_of(chunks: Sequence[AIMessageChunk]) -> tuple[int, int]:
    """Tokens of prompt and completion; 0 where the provider does not count.

    Some providers count up from chunk to chunk, others send each count once: the largest is right.
    """
    counts = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    return (
        max((count["input_tokens"] for count in counts), default=0),
        max((count["output_tokens"] for count in counts), default=0),
    )


def _whole(chunks: Sequence[AIMessageChunk]) -> Reply:
    prompt, completion = tokens_of(chunks)
    return Reply(
        text="".join(chunk.text for chunk in chunks), prompt_tokens=prompt, completion_tokens=completion
    )


def _says_something(chunk: AIMessageChunk) -> bool:
    return bool(chunk.content or chunk.tool_call_chunks)


_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}

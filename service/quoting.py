"""The answerer that needs no key and no download: it answers with the best sentences of the passages."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from service.quotes import Quote, Source, choose
from service.terms import language_of

__all__ = ["DECLINED", "QuotingChatModel", "Source"]

DECLINED = "declined"
"""Key in the response metadata of a reply that says that nothing answers."""

_CHARACTERS_A_TOKEN = 4  # about; it writes no tokens of its own

_NOTHING_FITS = {
    "en": "I found no sentence in the files that answers this. Try other words, or ask one thing at a time.",
    "ko": "파일에서 이 질문에 답하는 문장을 찾지 못했습니다. 다른 말로 묻거나 한 가지씩 물어봐 주세요.",
}
_NOTHING_TO_QUOTE = {
    "en": (
        "No language model is connected: I can only quote from files, and there is nothing here to quote. To "
        "connect one, set DOUMI_MODEL, for example to openai:gpt-5 or ollama:qwen3, and start Doumi again."
    ),
    "ko": (
        "연결된 언어 모델이 없습니다. 저는 파일의 문장을 인용할 수만 있는데, 여기에는 인용할 것이 없습니다. "
        "DOUMI_MODEL을 openai:gpt-5나 ollama:qwen3처럼 정하고 Doumi를 다시 시작하면 모델이 연결됩니다."
    ),
}


class QuotingChatModel(BaseChatModel):
    """Answers with one to three sentences of the passages, cited, and says so when none fits.

    It is given the passages as they are, because it reads no prompt: `model.bind(sources=[Source(...), ...],
    question=...)`. Persona, guidelines and examples are nothing that it could follow.
    """

    @property
    def _llm_type(self) -> str:
        return "quoting"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """It calls none."""
        return self.bind(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, metadata = _ended(*_reply(messages, kwargs), stop, kwargs)
        message = AIMessage(content=text, response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text, metadata = _ended(*_reply(messages, kwargs), stop, kwargs)
        for word in re.findall(r"\S+\s*", text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        last = AIMessageChunk(content="", response_metadata=metadata, chunk_position="last")
        yield ChatGenerationChunk(message=last)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, None, **kwargs):
            yield chunk


def _reply(messages: Sequence[BaseMessage], given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text of the answer, and what is to be said about it."""
    sources: Sequence[Source] = given.get("sources") or ()
    question = given.get("question") or _last_question(messages)
    language = language_of(question)
    if not sources:
        return _NOTHING_TO_QUOTE[language], {"finish_reason": "stop", DECLINED: True}
    quotes = choose(question, sources)
    if not quotes:
        return _NOTHING_FITS[language], {"finish_reason": "stop", DECLINED: True}
    return " ".join(_cited(quote) for quote in quotes), {"finish_reason": "stop"}


def _ended(
    text: str, metadata: dict[str, Any], stop: str | Sequence[str] | None, given: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The reply up to where the client wants it to end: a stop text, or a number of tokens."""
    for end in [stop] if isinstance(stop, str) else stop or ():
        text = text.partition(end)[0] if end else text
    most = given.get("max_completion_tokens") or given.get("max_tokens")
    kept = text[: most * _CHARACTERS_A_TOKEN] if most else text
    return kept, metadata if kept == text else metadata | {"finish_reason": "length"}


def _cited(quote: Quote) -> str:
    text = quote.text if quote.text[-1] in ".!?。…\"'”’)" else f"{quote.text}."
    return text if quote.label is None else f"{text} [{quote.label}]"


def _last_question(messages: Sequence[BaseMessage]) -> str:
    return next((message.text for message in reversed(messages) if isinstance(message, HumanMessage)), "")

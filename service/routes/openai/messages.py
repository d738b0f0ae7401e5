"""From the messages of an OpenAI client to a question with its history."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.answering import Exchange, Question

_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}


class UnusableMessages(Exception):
    """The messages hold no question that could be answered; the message says what is missing."""


def question_of(messages: Sequence[Mapping[str, Any]]) -> Question:
    """The last user message as the question, what came before it as history. Raises UnusableMessages."""
    _check(messages)
    last = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise UnusableMessages("There is no message of the role “user” among the messages; add the question.")
    text, parts = _content(messages[last].get("content"), last)
    if not text.strip() and not parts:
        raise UnusableMessages("The last user message is empty; write a question.")
    system = [
        _content(message.get("content"), at)[0]
        for at, message in enumerate(messages)
        if message["role"] in ("system", "developer")
    ]
    return Question(
        text=text,
        history=tuple(_exchanges(messages[:last])),
        system="\n\n".join(part for part in system if part.strip()) or None,
        parts=(*_earlier_files(messages[:last]), *parts),
        # An assistant that only calls has no content; clients leave it out or send null.
        tool_messages=tuple(
            {**message, "content": message.get("content") or ""} for message in messages[last + 1 :]
        ),
    )


def _check(messages: Sequence[Mapping[str, Any]]) -> None:
    for at, message in enumerate(messages):
        role = message.get("role")
        if role not in _ROLES:
            raise UnusableMessages(
                f"messages[{at}].role is {role!r}; it can be system, developer, user, assistant or tool."
            )


def _content(content: Any, at: int) -> tuple[str, list[Mapping[str, Any]]]:
    """The text of a message, and its other parts."""
    if content is None or isinstance(content, str):
        return content or "", []
    if not isinstance(content, list):
        raise UnusableMessages(f"messages[{at}].content must be text or a list of parts.")
    texts: list[str] = []
    others: list[Mapping[str, Any]] = []
    for part in content:
        if not isinstance(part, dict):
            raise UnusableMessages(f"messages[{at}].content holds something that is no part.")
        if part.get("type") in ("text", "input_text", "output_text"):
            texts.append(str(part.get("text", "")))
        else:
            others.append(part)
    return "\n".join(texts), others


def _earlier_files(messages: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """A file that came with an earlier question is there for the later ones, too."""
    for at, message in enumerate(messages):
        if message["role"] == "user":
            parts = _content(message.get("content"), at)[1]
            yield from (part for part in parts if part.get("type") == "file")


def _exchanges(messages: Iterable[Mapping[str, Any]]) -> Iterable[Exchange]:
    """Earlier questions with their answers; several messages in a row of one role belong together."""
    question: list[str] = []
    answer: list[str] = []
    for at, message in enumerate(messages):
        text = _content(message.get("content"), at)[0]
        if message["role"] == "user":
            if answer:
                yield Exchange(question="\n".join(question), answer="\n".join(answer))
                question, answer = [], []
            question.append(text)
        elif message["role"] == "assistant" and text:
            answer.append(text)
    if question or answer:
        yield Exchange(question="\n".join(question), answer="\n".join(answer))

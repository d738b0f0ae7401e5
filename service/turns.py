"""From what a client asks to a running answer that is stored once: the one way to an answer.

Chat completions, responses, runs of the Assistants API and the MCP server all come through here, whatever
their wire looks like.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import to_thread

from knowledge.errors import DocumentNotFound
from service.access import Desk, desk_of, find_assistant
from service.answering import AnswerDone, Event, Exchange, Generation, Question, Setup, ToolCallDelta, answer
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Caller
from service.shown import citations_out, retrieval_out
from service.store.conversations import new_conversation_id, new_turn

NEW = "new"
"""The `conversation` of a turn that begins one."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a client asks, whichever wire it came over."""

    model: str  # an assistant's slug; slug@3 pins a version
    question: Question
    generation: Generation = field(default_factory=Generation)
    # Where the turn is kept: NEW, an id, or None for nowhere. The history of a kept one is the server's.
    conversation: str | None = None


def prepare(here: Installation, caller: Caller, asked: Asked) -> "RunningTurn":
    """Everything that reads the records, before anything is asked; it blocks.

    Raises AssistantNotFound, ConversationNotFound and ModelMisconfigured.
    """
    assistant = find_assistant(here, caller, asked.model)
    question = asked.question
    if asked.conversation == NEW:
        question = replace(question, history=())
    elif asked.conversation:
        turns = here.store.conversations.turns(caller, asked.conversation)
        history = tuple(Exchange(question=turn.question, answer=turn.answer) for turn in turns)
        question = replace(question, history=history)
    instruction = instruction_of(assistant)
    desk = desk_of(here, caller, assistant)
    setup = Setup(
        name=assistant.name,
        instruction=instruction,
        bases=desk.bases,
        model=here.model(instruction.front.model),
        budget_tokens=here.settings.context_tokens,
    )
    return RunningTurn(here, desk, setup, replace(asked, question=question))


async def prepared(here: Installation, caller: Caller, asked: Asked) -> "RunningTurn":
    """`prepare`, beside the event loop."""
    return await to_thread.run_sync(prepare, here, caller, asked)


class RunningTurn:
    """A question on its way to an answer, and the answer on its way to the client and the store."""

    def __init__(self, here: Installation, desk: Desk, setup: Setup, asked: Asked) -> None:
        self.desk = desk
        self.setup = setup
        self.question = asked.question
        self.generation = asked.generation
        self.model = asked.model  # as the client named it
        self._new = asked.conversation == NEW
        self.conversation = new_conversation_id() if self._new else asked.conversation
        self._here = here
        self._calls: dict[int, dict[str, Any]] = {}

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """Calls of the client's own tools so far, as a chat message carries them."""
        return [self._calls[index] for index in sorted(self._calls)]

    async def events(self) -> AsyncGenerator[Event]:
        """The answer as it comes; when AnswerDone is handed over, the turn is stored. To be read once.

        Raises what `answer` raises; then nothing is stored.
        """
        async with aclosing(answer(self.question, self.setup, self.generation)) as events:
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    self._note(event)
                elif isinstance(event, AnswerDone):
                    await self._keep(event)
                yield event

    async def whole(self) -> AnswerDone:
        """The answer at its end."""
        async with aclosing(self.events()) as events:
            async for event in events:
                if isinstance(event, AnswerDone):
                    return event
        raise RuntimeError("an answer ended without AnswerDone")

    def forget_deleted(self, done: AnswerDone) -> None:
        """A document that was deleted while the answer was made must not live on in what was stored of it."""
        for document in {citation.document_id for citation in done.citations} | {
            offered.passage.document_id for offered in done.retrieval.passages
        }:
            if not self._exists(document):
                self._here.store.forget_document(self.desk.caller.team.id, document)

    def _note(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(
            delta.index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = call["id"] or delta.id
        call["function"]["name"] += delta.name or ""
        call["function"]["arguments"] += delta.arguments

    async def _keep(self, done: AnswerDone) -> None:
        """Store the turn, whole; a conversation of the server's is the only thing that is kept."""
        if self.conversation and not self.question.tool_messages and done.finish_reason != "tool_calls":
            await to_thread.run_sync(self._store, done, self.conversation)

    def _store(self, done: AnswerDone, conversation: str) -> None:
        kept = new_turn(
            question=self.question.text,
            answer=done.text,
            citations=citations_out(done, self.desk.assistant.slug),
            retrieval=retrieval_out(done.retrieval),
            model=self.setup.model.name,
        )
        store, caller = self._here.store.conversations, self.desk.caller
        store.add_turn(caller, self.desk.assistant.id, conversation, kept, new=self._new)
        self.forget_deleted(done)

    def _exists(self, document_id: str) -> bool:
        for base in self.desk.bases:
            with suppress(DocumentNotFound):
                base.document(document_id)
                return True
        return False

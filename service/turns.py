"""From what a client asks to a running answer that is stored once: the one way to an answer.

Chat completions, responses, runs of the Assistants API and the MCP server all come through here, whatever
their wire looks like.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import to_thread

from knowledge.errors import DocumentNotFound
from service.access import Desk, desk_of, find_assistant
from service.answering import (
    AnswerDone,
    ConfirmationStale,
    Event,
    Exchange,
    Generation,
    Question,
    Setup,
    ToolCallDelta,
    answer,
    resume,
)
from service.events import Decision, ToolWaiting
from service.installation import Installation
from service.instruction import instruction_of
from service.pausing import Resumed, read_paused
from service.records import Assistant, Caller, StoredConfirmation
from service.shown import action_out, can_be_always, citations_out, confirmation_out, retrieval_out
from service.store.confirmations import ConfirmationNotFound, ConfirmationOver
from service.store.conversations import new_conversation_id, new_turn
from service.store.engine import now
from service.tools import CallContext, Limits

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
    return RunningTurn(here, caller, assistant, replace(asked, question=question))


def prepare_rest(
    here: Installation, caller: Caller, confirmation_id: str, decision: Decision, model: str | None = None
) -> "RunningTurn":
    """The rest of an answer that stopped for this confirmation, which is decided hereby; it blocks.

    `model`: the assistant that the client believes it belongs to.
    Raises ConfirmationNotFound, ConfirmationOver, ConfirmationStale, AssistantNotFound, ModelMisconfigured.
    """
    found = here.store.confirmations.get(caller, confirmation_id)
    if model is not None and model.partition("@")[0] != found.model.partition("@")[0]:
        raise ConfirmationNotFound(f"The assistant {model!r} has no confirmation {confirmation_id!r}.")
    assistant = find_assistant(here, caller, found.model)
    if (assistant.id, assistant.version) != (found.assistant_id, found.version):
        raise ConfirmationStale("The assistant was changed since it asked; ask the question again.")
    if found.state is None:
        raise ConfirmationOver(ConfirmationOver.__doc__)
    paused = read_paused(found.state)
    operation = paused.confirmation.operation if can_be_always(paused.confirmation) else None
    always = operation if decision is Decision.ALWAYS else None
    here.store.confirmations.decide(caller, confirmation_id, decision, always=always)
    asked = Asked(
        model=found.model,
        question=paused.question,
        generation=paused.generation,
        conversation=found.conversation_id,
    )
    resumed = Resumed(paused=paused, decision=decision)
    return RunningTurn(here, caller, assistant, asked, resumed=resumed, turn_id=found.turn_id)


async def prepared_rest(
    here: Installation, caller: Caller, confirmation_id: str, decision: Decision, model: str | None = None
) -> "RunningTurn":
    """`prepare_rest`, beside the event loop."""
    return await to_thread.run_sync(prepare_rest, here, caller, confirmation_id, decision, model)


async def prepared(here: Installation, caller: Caller, asked: Asked) -> "RunningTurn":
    """`prepare`, beside the event loop."""
    return await to_thread.run_sync(prepare, here, caller, asked)


class RunningTurn:
    """A question on its way to an answer, and the answer on its way to the client and the store."""

    def __init__(
        self,
        here: Installation,
        caller: Caller,
        assistant: Assistant,
        asked: Asked,
        *,
        resumed: Resumed | None = None,
        turn_id: str | None = None,
    ) -> None:
        """`resumed`: what stopped for a confirmation, with `turn_id` where it was stored."""
        self.desk = desk_of(here, caller, assistant)
        self.question = asked.question
        self.generation = asked.generation
        self.model = asked.model  # as the client named it
        self._new = asked.conversation == NEW
        self.conversation = new_conversation_id() if self._new else asked.conversation
        self.setup = _setup(here, self.desk, self.conversation)
        self._here = here
        self._resumed = resumed
        self._turn_id = turn_id
        self._calls: dict[int, dict[str, Any]] = {}

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """Calls of the client's own tools so far, as a chat message carries them."""
        return [self._calls[index] for index in sorted(self._calls)]

    async def events(self) -> AsyncGenerator[Event]:
        """The answer as it comes; when AnswerDone is handed over, the turn is stored. To be read once.

        A confirmation that the answer stops for is stored before it is handed over. Raises what `answer`
        raises; then nothing is stored.
        """
        waiting: ToolWaiting | None = None
        async with aclosing(self._answer()) as events:
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    self._note(event)
                elif isinstance(event, ToolWaiting):
                    waiting = event  # AnswerDone follows at once
                    continue
                elif isinstance(event, AnswerDone):
                    await self._keep(event)
                    if waiting is not None:
                        await to_thread.run_sync(self._keep_waiting, waiting)
                        yield waiting
                yield event

    def _answer(self) -> AsyncGenerator[Event]:
        if self._resumed is not None:
            return resume(self._resumed.paused, self._resumed.decision, self.setup)
        return answer(self.question, self.setup, self.generation)

    async def whole(self) -> AnswerDone:
        """The answer at its end."""
        async with aclosing(self.events()) as events:
            async for event in events:
                if isinstance(event, AnswerDone):
                    return event
        raise RuntimeError("an answer ended without AnswerDone")

    def forget_deleted(self, done: AnswerDone) -> None:
        """A document that was deleted while the answer was made must not live on in what was stored of it."""
        self._forget(
            {citation.document_id for citation in done.citations}
            | {offered.passage.document_id for offered in done.retrieval.passages}
        )

    def _forget(self, documents: Iterable[str]) -> None:
        for document in documents:
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
        store, caller = self._here.store.conversations, self.desk.caller
        citations = citations_out(done, self.desk.assistant.slug)
        actions = [action_out(call) for call in done.calls]
        if self._turn_id is not None:
            store.extend_turn(
                caller, conversation, self._turn_id, text=done.text, citations=citations, actions=actions
            )
        else:
            kept = new_turn(
                question=self.question.text,
                answer=done.text,
                citations=citations,
                retrieval=retrieval_out(done.retrieval),
                model=self.setup.model.name,
                actions=actions,
            )
            store.add_turn(caller, self.desk.assistant.id, conversation, kept, new=self._new)
            self._turn_id = kept.id
        self.forget_deleted(done)

    def _keep_waiting(self, waiting: ToolWaiting) -> None:
        """Store what the answer waits for, and all that it takes to go on."""
        asked, assistant = waiting.confirmation, self.desk.assistant
        documents = read_paused(waiting.paused).documents
        self._here.store.confirmations.add(
            StoredConfirmation(
                id=asked.id,
                team_id=self.desk.caller.team.id,
                member=self.desk.caller.member,
                assistant_id=assistant.id,
                version=assistant.version,
                model=self.model,
                conversation_id=self.conversation if self._turn_id else None,
                turn_id=self._turn_id,
                call=confirmation_out(asked),
                state=dict(waiting.paused),
                documents=sorted(documents),
                decision=None,
                created_at=now(),
                expires_at=asked.expires_at,
            )
        )
        self._forget(documents)

    def _exists(self, document_id: str) -> bool:
        for base in self.desk.bases:
            with suppress(DocumentNotFound):
                base.document(document_id)
                return True
        return False


def _setup(here: Installation, desk: Desk, conversation: str | None) -> Setup:
    """What the assistant is made of, for this caller."""
    assistant, caller, settings = desk.assistant, desk.caller, here.settings
    instruction = instruction_of(assistant)
    tools = here.tools(caller, assistant)
    return Setup(
        name=assistant.name,
        instruction=instruction,
        bases=desk.bases,
        model=here.model(instruction.front.model),
        budget_tokens=settings.context_tokens,
        tools=tools,
        context=CallContext(
            team=caller.team.id, member=caller.member, assistant=assistant.id, conversation=conversation
        ),
        limits=Limits(
            rounds=settings.tool_rounds,
            calls=settings.tool_calls,
            total_s=settings.tool_time_s,
            confirm_within_s=settings.confirm_within_minutes * 60,
        ),
        trusted_hosts=frozenset(settings.trusted_hosts),
        approved=here.store.confirmations.approved(caller, assistant.id) if tools else frozenset(),
    )

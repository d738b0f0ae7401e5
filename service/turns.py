"""From what a client asks to a running answer that is stored once: the one way to an answer.

Chat completions, responses, runs of the Assistants API and the MCP server all come through here, whatever
their wire looks like.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import to_thread

from knowledge.base import KnowledgeBase
from knowledge.documents import Document
from knowledge.errors import DocumentNotFound
from knowledge.filters import Filter
from service.access import Desk, NotAllowed, desk_of, find_assistant, may_see_sources
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
from service.attachments import AttachedFile, reader_of, taken_apart
from service.auditing import DECISION, REQUEST_ID, actor_of
from service.bases import passages_of
from service.budgeting import Allowance, admit, settle
from service.events import Decision, ToolWaiting, Usage
from service.installation import Installation
from service.instruction import instruction_of
from service.pausing import Resumed, read_paused
from service.pictures import received
from service.records import Assistant, Caller, Role, StoredConfirmation, Turn
from service.shown import INLINE, action_out, can_be_always, citations_out, confirmation_out, retrieval_out
from service.store.confirmations import ConfirmationNotFound, ConfirmationOver
from service.store.conversations import new_conversation_id, new_turn, new_turn_id
from service.store.engine import now
from service.store.files import FileNotFound
from service.tools import CallContext, Limits
from service.vector_stores import page_document, page_file_id, refuse_expired, shelf, store_id

NEW = "new"
"""The `conversation` of a turn that begins one."""


@dataclass(frozen=True, kw_only=True)
class FileSearch:
    """How a client wants the files searched."""

    stores: tuple[str, ...] = ()  # vector stores, searched instead of the assistant's own knowledge
    filter: Filter | None = None  # of the documents that are searched
    passages: int | None = None  # at most; None for as many as the bases are set to
    floor: float | None = None  # relevance below which nothing is offered; None for that of the bases


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a client asks, whichever wire it came over."""

    model: str  # an assistant's slug; slug@3 pins a version
    question: Question
    generation: Generation = field(default_factory=Generation)
    search: FileSearch = field(default_factory=FileSearch)
    # Where the turn is kept: NEW, an id, or None for nowhere. The history of a kept one is the server's.
    conversation: str | None = None
    ephemeral: bool = False  # the conversation is read, and nothing is stored
    says_only_new: bool = False  # what the question brings as history comes after that of the conversation
    run: Mapping[str, str] | None = None  # id and thread_id of the run of a thread that asks


class NothingAsked(ValueError):
    """There is neither a question nor a call that waits for its result; send a user message."""


class ConfirmationInRun(Exception):
    """A run waits for this confirmation: send it to submit_tool_outputs, or POST /api/confirmations/{id}."""


class ModelCannot(ValueError):
    """The assistant's model only quotes from files; connect a language model for what is asked of it."""


def prepare(here: Installation, caller: Caller, asked: Asked) -> "RunningTurn":
    """Everything that reads the records, before anything is asked; it blocks.

    Raises AssistantNotFound, ConversationNotFound, NothingAsked, ModelMisconfigured, ModelCannot, NotAllowed,
    VectorStoreNotFound, VectorStoreExpired, UnusableAttachment, FileNotFound, StillStarting, what `admit`
    raises, and what `received` does of images.
    """
    assistant = find_assistant(here, caller, asked.model)
    question, begun = asked.question, None
    if asked.conversation == NEW:
        question = replace(question, history=question.history if asked.says_only_new else ())
    elif asked.conversation:
        question, begun = _continued(here.store.conversations.turns(caller, asked.conversation), asked)
    parts, files = taken_apart(here, caller, question.parts)
    asked = replace(asked, question=replace(question, parts=parts))
    turn = RunningTurn(here, caller, assistant, asked, files=files, begun=begun)
    here.store.vector_stores.use(caller.team.id, turn.searched)
    if turn.setup.model.quoting:
        _refuse_for_quoting(asked.generation)
    turn.question = received(here, assistant, turn.question)
    turn.allowance = admit(here, caller, assistant)
    return turn


def _continued(turns: Sequence[Turn], asked: Asked) -> tuple[Question, Turn | None]:
    """The question after what was kept, and the turn that its tool results belong to, if they do."""
    question = asked.question
    last = turns[-1] if turns else None
    if last is not None and last.open and question.tool_messages:
        own = question.tool_messages
        if asked.says_only_new:  # the calls themselves are the server's to remember
            own = (*last.tool_messages, *own)
        history = _exchanges(turns[:-1])
        return replace(question, text=last.question, history=history, tool_messages=own), last
    history = _exchanges(turns)
    if not (question.text or question.parts):
        raise NothingAsked(
            "The conversation waits for no results of functions; ask a question with a user message."
        )
    more = question.history if asked.says_only_new else ()
    return replace(question, history=(*history, *more)), None


def _exchanges(turns: Iterable[Turn]) -> tuple[Exchange, ...]:
    return tuple(Exchange(question=turn.question, answer=turn.answer) for turn in turns)


def _refuse_for_quoting(generation: Generation) -> None:
    """What a client relies on must not be missing without a word."""
    wanted = generation.parameters.get("response_format")
    if isinstance(wanted, Mapping) and wanted.get("type") not in (None, "text"):
        raise ModelCannot(
            "This assistant's model only quotes from files and writes no JSON; leave response_format out, or "
            "connect a language model (DOUMI_MODEL)."
        )
    if generation.tools and generation.tool_choice not in (None, "auto", "none"):
        raise ModelCannot(
            "This assistant's model only quotes from files and calls no tools; leave tool_choice at auto, or "
            "connect a language model (DOUMI_MODEL)."
        )


def prepare_rest(
    here: Installation,
    caller: Caller,
    confirmation_id: str,
    decision: Decision,
    model: str | None = None,
    *,
    run_id: str | None = None,
) -> "RunningTurn":
    """The rest of an answer that stopped for this confirmation, which is decided hereby; it blocks.

    `model`: the assistant that the client believes it belongs to; `run_id`: of the run that goes on with it.
    Raises ConfirmationNotFound, ConfirmationOver, ConfirmationStale, ConfirmationInRun, AssistantNotFound and
    ModelMisconfigured.
    """
    found = here.store.confirmations.get(caller, confirmation_id)
    run = found.call.get("run")
    if run is not None and run["id"] != run_id:
        raise ConfirmationInRun(ConfirmationInRun.__doc__)
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
    allowance = admit(here, caller, assistant)  # a decision that could not be acted upon is not taken
    here.store.confirmations.decide(caller, confirmation_id, decision, always=always)
    here.store.audit.append(
        caller.team.id,
        actor=actor_of(caller),
        operation=DECISION,
        targets={
            "assistant": assistant.slug,
            "confirmation_id": confirmation_id,
            "decision": decision,
            "tool": paused.confirmation.name,
        },
        request=REQUEST_ID.get(),
    )
    asked = Asked(
        model=found.model,
        question=paused.question,
        generation=paused.generation,
        conversation=found.conversation_id,
        run=run,
    )
    resumed = Resumed(paused=paused, decision=decision)
    turn = RunningTurn(here, caller, assistant, asked, resumed=resumed, turn_id=found.turn_id)
    turn.allowance = allowance
    return turn


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
        begun: Turn | None = None,
        files: Sequence[AttachedFile] = (),
    ) -> None:
        """`resumed`: what stopped for a confirmation, with `turn_id` where it was stored.

        `begun`: what was stored of the turn when it stopped for results of the client's tools.
        """
        self.id = turn_id or (begun.id if begun else new_turn_id())
        self.desk, self.searched = _desk(here, caller, assistant, asked.search.stores)
        self.question = asked.question
        self.generation = asked.generation
        self.model = asked.model  # as the client named it
        self._run = asked.run
        self._new = asked.conversation == NEW
        kept = None if asked.ephemeral else asked.conversation
        self.conversation = new_conversation_id() if kept and self._new else kept
        self.setup = _setup(here, self.desk, self.conversation, asked.search)
        self.allowance = Allowance.NONE
        self.setup = replace(self.setup, read_attached=reader_of(here, files))
        self._here = here
        self._resumed = resumed
        self._extends = turn_id is not None  # else it is stored whole
        self._calls: dict[int, dict[str, Any]] = {}
        self._counted = False

    @property
    def shows_sources(self) -> bool:
        """Whether the caller may know which documents were found."""
        return may_see_sources(self.desk.caller, self.desk.assistant)

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """Calls of the client's own tools so far, as a chat message carries them."""
        return [self._calls[index] for index in sorted(self._calls)]

    async def events(self) -> AsyncGenerator[Event]:
        """The answer as it comes; when AnswerDone is handed over, the turn is stored. To be read once.

        A confirmation that the answer stops for is stored before it is handed over. Raises what `answer`
        raises; then nothing is stored.
        """
        with self._here.seats.taken():
            try:
                async with aclosing(self._told()) as events:
                    async for event in events:
                        yield event
            finally:
                if not self._counted:  # it broke off, and what it used was used all the same
                    # Not awaited: who is being cancelled may be cancelled again while it waits.
                    asyncio.get_running_loop().run_in_executor(None, self._count, self.setup.meter.usage)

    async def _told(self) -> AsyncGenerator[Event]:
        waiting: ToolWaiting | None = None
        async with aclosing(self._answer()) as events:
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    self._note(event)
                elif isinstance(event, ToolWaiting):
                    waiting = event  # AnswerDone follows at once
                    continue
                elif isinstance(event, AnswerDone):
                    await to_thread.run_sync(self._end, event)
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

    def citations(self, done: AnswerDone) -> list[dict[str, Any]]:
        """The citations for the wire and the store, with the files that they are about; it blocks."""
        found = citations_out(done, self.desk.assistant.slug)
        ids = self.file_ids({each["document"]["id"] for each in found})
        own = set(self.desk.assistant.knowledge_bases)
        for each in found:
            document, file = each["document"]["id"], ids[each["document"]["id"]]
            each["file_id"] = file
            for record, base in zip(self.searched, self.desk.bases, strict=False):
                if record not in own and _document(base, document):  # which the page does not show
                    each["url"] = f"/v1/vector_stores/{store_id(record)}/files/{file}/content"
        return found

    def file_ids(self, documents: Iterable[str]) -> dict[str, str]:
        """What documents are called under /v1/files; it blocks."""
        wanted = list(dict.fromkeys(documents))
        known = self._here.store.vector_stores.files_of_documents(self.desk.caller.team.id, wanted)
        return {document: known.get(document, page_file_id(document)) for document in wanted}

    def attributes(self, document_id: str) -> dict[str, str | int | float | bool]:
        """Those of a document that was searched; it blocks."""
        found = next(filter(None, (_document(base, document_id) for base in self.desk.bases)), None)
        return dict(found.attributes) if found else {}

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

    def _end(self, done: AnswerDone) -> None:
        """Count what the turn used and store it, whole, or up to the calls that the client is to make."""
        self._count(done.usage)
        if self.conversation:
            self._store(done, self.conversation)

    def _count(self, usage: Usage) -> None:
        self._counted = True
        desk = self.desk
        settle(self._here, desk.caller, desk.assistant, self.setup.model.name, usage)

    def _store(self, done: AnswerDone, conversation: str) -> None:
        store, caller = self._here.store.conversations, self.desk.caller
        citations = self.citations(done)
        actions = [action_out(call) for call in done.calls]
        if self._extends:
            store.extend_turn(
                caller, conversation, self.id, text=done.text, citations=citations, actions=actions
            )
        else:
            said = [dict(message) for message in self.question.tool_messages]
            if self._calls:
                said.append({"role": "assistant", "content": done.text, "tool_calls": self.tool_calls})
            kept = new_turn(
                id=self.id,
                question=self.question.text,
                answer="" if self._calls else done.text,
                citations=citations,
                retrieval=retrieval_out(done.retrieval),
                model=self.setup.model.name,
                actions=actions,
                tool_messages=said,
            )
            store.add_turn(caller, self.desk.assistant.id, conversation, kept, new=self._new)
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
                conversation_id=self.conversation,
                turn_id=self.id if self.conversation else None,
                call=confirmation_out(asked) | ({"run": dict(self._run)} if self._run else {}),
                state=dict(waiting.paused),
                documents=sorted(documents),
                decision=None,
                created_at=now(),
                expires_at=asked.expires_at,
            )
        )
        self._forget(documents)

    def _exists(self, document_id: str) -> bool:
        if document_id.startswith(INLINE):
            return True
        if document_id.startswith("file-"):
            return bool(self._here.store.files.named(self.desk.caller.team.id, [document_id]))
        if any(_document(base, document_id) for base in self.desk.bases):
            return True
        with suppress(FileNotFound):  # the rest of an answer may rest on what its beginning searched
            page_document(self._here, self.desk.caller.team.id, page_file_id(document_id))
            return True
        return False


def _document(base: KnowledgeBase, document_id: str) -> Document | None:
    try:
        return base.document(document_id)
    except DocumentNotFound:
        return None


def _desk(
    here: Installation, caller: Caller, assistant: Assistant, stores: Sequence[str]
) -> tuple[Desk, tuple[str, ...]]:
    """The assistant with what is searched for it, and the ids of those bases.

    Whoever names a vector store reads it, so that takes the right to read all of it, unless the assistant
    reads it anyway. Raises NotAllowed, VectorStoreNotFound and VectorStoreExpired.
    """
    desk = desk_of(here, caller, assistant)
    if not stores:
        return desk, tuple(assistant.knowledge_bases)
    own = {store_id(base) for base in assistant.knowledge_bases}
    if not caller.role.covers(Role.EDITOR) and not own.issuperset(stores):
        raise NotAllowed(
            "Vector stores that the assistant does not read need the role editor; leave vector_store_ids "
            "out to search what it reads."
        )
    found = shelf(here, caller, stores)
    refuse_expired(here, found.records)
    return replace(desk, bases=found.bases), tuple(record.id for record in found.records)


def _setup(here: Installation, desk: Desk, conversation: str | None, wanted: FileSearch) -> Setup:
    """What the assistant is made of, for this caller."""
    assistant, caller, settings = desk.assistant, desk.caller, here.settings
    instruction = instruction_of(assistant)
    tools = here.tools(caller, assistant)
    return Setup(
        name=assistant.name,
        instruction=instruction,
        bases=desk.bases,
        top_k=wanted.passages or passages_of(desk.bases),
        filter=wanted.filter,
        floor=wanted.floor,
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
        notes=tuple(
            f"The instruction file names the action {name}, which the assistant does not have."
            for name in here.missing_actions(caller, assistant)
        ),
    )

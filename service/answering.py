"""Retrieve, assemble, ask the model, cite, judge: an answer as a stream of events. No HTTP, no SQL.

Retrieval comes before the model and does not depend on it, so every answer says what was searched, or why
nothing was.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, convert_to_messages

from instructions.data_region import harmless
from instructions.follow_up import looks_like_follow_up, self_standing_by_rule, standalone_question_messages
from instructions.format import AnswerFrom
from instructions.prompt import Attached, Cut, Exchange, Prompt, assemble, estimate_tokens
from instructions.prompt import Source as PromptSource
from knowledge.base import KnowledgeBase
from knowledge.documents import Passage, SearchResult
from knowledge.search import search
from service.events import (
    AnswerDone,
    Decision,
    Event,
    Generation,
    Offered,
    Question,
    Retrieval,
    RetrievalDone,
    RetrievalStatus,
    Setup,
    TextDelta,
    ToolCallDelta,
    ToolWaiting,
    Trace,
    Usage,
)
from service.grounding import cite
from service.labels import LabelReader
from service.markup import MarkupReader
from service.model import ModelBroken, ModelError, Reply, finish_reason, tokens_of
from service.pausing import Paused, Resumed
from service.quoting import DECLINED, Source
from service.rounds import ConfirmationStale, NewRound, Rounds
from service.taint import Taint
from service.terms import language_of
from service.toolbox import Toolbox

__all__ = [
    "AnswerDone",
    "Attached",
    "ConfirmationStale",
    "Event",
    "Exchange",
    "Generation",
    "Offered",
    "Question",
    "Retrieval",
    "RetrievalDone",
    "RetrievalStatus",
    "Setup",
    "TextDelta",
    "ToolCallDelta",
    "Trace",
    "UnusableToolMessages",
    "Usage",
    "answer",
    "resume",
]

_REWRITE_WITHIN_S = 8.0  # a question made self-standing by a model; the rule takes over after that
_LONGEST_REWRITE = 600  # characters
_NOT_HELD = {
    "en": "The files do not hold an answer to this question.",
    "ko": "파일에서 이 질문에 대한 답을 찾지 못했습니다.",
}
_TOOL_ROLES = ("assistant", "tool")  # a system message after the question would have too much authority
_TOOLS_SHARE = 0.35  # of the prompt's budget, at most, for the tools that the model is shown
_RESULTS_SHARE = 0.25  # at least, for what they bring back
_HIDDEN_TASK = "### Task:"  # how chat pages begin the prompts that nobody sees: titles, tags, follow-ups


class UnusableToolMessages(ValueError):
    """Messages after the question must be an assistant's tool_calls and their results by tool_call_id."""


async def answer(
    question: Question, setup: Setup, generation: Generation | None = None
) -> AsyncGenerator[Event]:
    """RetrievalDone, then TextDelta, ToolCallDelta and the events of tools, then AnswerDone.

    Closing the generator closes the connection to the model. Raises ModelError, PromptTooLong and
    UnusableToolMessages; nothing follows an error.
    """
    run = _Run(question=question, setup=setup, generation=generation or Generation())
    setup.meter.reads(lambda: _used(run))
    retrieval = await _retrieve(run)
    await _take_tools(run)
    text = _without_model(run, retrieval)
    if text is not None:
        yield RetrievalDone(retrieval=retrieval)
        run.first_token = time.perf_counter()
        yield TextDelta(text=text)
        yield _declined(run, retrieval, text)
        return
    prompt = _assembled(run, retrieval)
    retrieval = _as_offered(retrieval, prompt)
    yield RetrievalDone(retrieval=retrieval)
    async with aclosing(_spoken(run, retrieval, prompt)) as events:
        async for event in events:
            yield event


async def resume(paused: Paused, decision: Decision, setup: Setup) -> AsyncGenerator[Event]:
    """The rest of an answer that stopped for a confirmation: the same events, of what comes now.

    Raises ConfirmationStale, and what `answer` raises.
    """
    run = _Run(
        question=paused.question,
        setup=setup,
        generation=paused.generation,
        query=paused.searched,
        standing_by=paused.made_self_standing_by,
    )
    setup.meter.reads(lambda: _used(run))
    await _take_tools(run)
    run.toolbox.show(paused.shown)
    prompt = _assembled(run, paused.retrieval)
    yield RetrievalDone(retrieval=paused.retrieval)
    resumed = Resumed(paused=paused, decision=decision)
    async with aclosing(_spoken(run, paused.retrieval, prompt, resumed)) as events:
        async for event in events:
            yield event


@dataclass(kw_only=True)
class _Run:
    """One answer in the making."""

    question: Question
    setup: Setup
    generation: Generation
    began: float = field(default_factory=time.perf_counter)
    query: str | None = None
    standing_by: str | None = None  # "model" or "rule": who made the question self-standing
    first_token: float | None = None
    text: str = ""
    prompt: Prompt | None = None  # that the model was asked with
    spoken_before: int = 0  # characters of `text` that are not of the model's present reply
    rewriting: Reply | None = None  # what making the question self-standing cost
    # those that count tokens, by reply of the model
    chunks: list[list[AIMessageChunk]] = field(default_factory=lambda: [[]])
    toolbox: Toolbox = field(default_factory=lambda: Toolbox(()))
    offered: tuple[str, ...] = ()  # tools that the model was shown at first
    rounds: Rounds | None = None
    reason: str | None = None  # why the model ended
    gap: bool = False  # whether what comes next begins a paragraph
    declined: bool = False

    @property
    def hidden(self) -> bool:
        """Whether a chat page sent one of its own prompts instead of a person's question."""
        history = self.question.history
        return (history[0].question if history else self.question.text).lstrip().startswith(_HIDDEN_TASK)

    @property
    def structured(self) -> bool:
        """Whether the reply is for a program: brackets in it are no labels."""
        wanted = self.generation.parameters.get("response_format")
        return isinstance(wanted, Mapping) and wanted.get("type") not in (None, "text")


# Retrieval


async def _retrieve(run: _Run) -> Retrieval:
    bases = run.setup.bases
    if run.hidden:
        return _skipped("This is a hidden prompt of a chat page, not a person's question.")
    attached = run.setup.read_attached
    if not bases and attached is None:
        return _skipped("The assistant has no knowledge base.")
    run.query = await _self_standing(run)
    began = time.perf_counter()
    came_along = await attached(run.query) if attached else ()
    result = SearchResult(query=run.query, passages=())
    if bases:
        result = await asyncio.to_thread(
            search, bases, run.query, k=run.setup.top_k, floor=run.setup.floor, filter=run.setup.filter
        )
    if came_along:
        result = _after(came_along, result)
    elif not result.passages and not result.below_floor:
        reason = await asyncio.to_thread(_why_nothing, bases)
        if reason is not None:
            return replace(_skipped(reason), query=run.query)
    took_ms = (time.perf_counter() - began) * 1000
    return _retrieved(result, took_ms)


def _after(came_along: Sequence[Passage], found: SearchResult) -> SearchResult:
    """What was found, behind what the person sent along: that is what they ask about."""
    relevant = max(passage.relevance for passage in came_along)
    return replace(
        found,
        passages=(*came_along, *found.passages),
        answerability=max(relevant, found.answerability),
    )


def _retrieved(result: SearchResult, took_ms: float) -> Retrieval:
    used = bool(result.passages)
    return Retrieval(
        status=RetrievalStatus.USED if used else RetrievalStatus.EMPTY,
        reason=None if used else "No passage of the files bears on the question.",
        query=result.query,
        passages=tuple(Offered(label=at, passage=passage) for at, passage in enumerate(result.passages, 1)),
        answerability=result.answerability,
        took_ms=took_ms,
    )


def _skipped(reason: str) -> Retrieval:
    return Retrieval(status=RetrievalStatus.SKIPPED, reason=reason)


def _why_nothing(bases: Sequence[KnowledgeBase]) -> str | None:
    """Why there was nothing to be found, where the bases hold nothing that can be searched yet."""
    if not any(base.count() for base in bases):
        return "The knowledge base is still empty."
    if any(base.unfinished() for base in bases):
        return "The documents are still being read."
    return None


async def _self_standing(run: _Run) -> str:
    """The question as it is searched for: a follow-up gets what it leans on."""
    asked, history = run.question.text, run.question.history
    if not looks_like_follow_up(asked, history):
        return asked
    model = run.setup.model
    if not model.quoting:
        messages = standalone_question_messages(history, asked)
        try:
            reply = await model.complete(messages, within_s=_REWRITE_WITHIN_S)
        except ModelError:
            reply = None  # when the model stays silent, the answer itself will say so
        if reply is not None:
            run.rewriting = reply
            rewritten = " ".join(reply.text.split()).strip("\"'“”")
            if 0 < len(rewritten) <= _LONGEST_REWRITE:
                run.standing_by = "model"
                return rewritten
    run.standing_by = "rule"
    return self_standing_by_rule(history, asked)


# Tools


async def _take_tools(run: _Run) -> None:
    """What the model may call: nothing for a hidden prompt of a page, and for the quoting model."""
    setup = run.setup
    if run.hidden or run.generation.tool_choice == "none":
        return
    clients = [str(tool.get("function", tool).get("name")) for tool in run.generation.tools]
    run.toolbox = Toolbox(
        () if setup.model.quoting else setup.tools,
        taken=clients,
        shown=setup.limits.shown,
        tokens=int(setup.budget_tokens * _TOOLS_SHARE),
        embedder=setup.bases[0].embedder if setup.bases else None,
    )
    if setup.model.quoting and setup.tools:
        run.toolbox.notes.append("The quoting model calls no tools; set DOUMI_MODEL to a model that can.")
    if run.toolbox:
        await asyncio.to_thread(run.toolbox.choose, run.query or run.question.text)
    run.offered = run.toolbox.offered


def _taint(run: _Run, retrieval: Retrieval) -> Taint:
    """What of the prompt nobody in charge wrote."""
    question, setup = run.question, run.setup
    asked = [*(each.question for each in question.history), question.system or "", question.text]
    source = "".join(part.source for part in setup.instruction.parts)
    taint = Taint(written="\n".join(asked), instruction=source)
    for offered in retrieval.passages:
        passage = offered.passage
        taint.read(passage.chunk.text)
        taint.read(" ".join((passage.document_name, passage.chunk.locator, *passage.chunk.section)))
    for attached in question.attached:
        taint.read(f"{attached.name}\n{attached.text}")
    for exchange in question.history:
        taint.read(exchange.answer)
    for message in question.tool_messages:
        taint.read(str(message.get("content") or ""))
    return taint


# Without a model


def _without_model(run: _Run, retrieval: Retrieval) -> str | None:
    """What is said where no model is asked; None where one is."""
    if run.hidden and run.setup.model.quoting:
        return "{}"  # the page expects JSON, and takes its own title from an empty one
    if run.toolbox:
        return None  # a tool may hold the answer
    only_files = run.setup.instruction.front.answer_from is AnswerFrom.KNOWLEDGE
    nothing_found = retrieval.status is RetrievalStatus.EMPTY
    nothing_there = retrieval.status is RetrievalStatus.SKIPPED and not run.hidden
    if (nothing_found and (only_files or run.setup.model.quoting)) or (nothing_there and only_files):
        return _says_no(run, nothing_found)
    return None


def _says_no(run: _Run, searched: bool) -> str:
    """That the files do not hold the answer, in the language of the question, and which files those are."""
    korean = _language(run) == "ko"
    if searched and not run.setup.instruction.front.citations:  # such an assistant names no documents
        return _NOT_HELD["ko" if korean else "en"]
    names = _names(run.setup.bases) if searched else ""
    if not names:
        if korean:
            return "이 어시스턴트는 파일에 근거해서만 답하는데, 아직 읽을 수 있는 파일이 없습니다."
        return "This assistant answers from its files only, and there are none that it can read yet."
    if korean:
        return f"{_NOT_HELD['ko']} 찾아본 파일: {names}."
    return f"{_NOT_HELD['en']} I searched {names}."


def _language(run: _Run) -> str:
    """The language to speak where the service itself speaks: the question's."""
    letters = any(character.isalpha() for character in run.question.text)
    declared = run.setup.instruction.front.language or "en"
    return language_of(run.question.text) if letters else declared


def _names(bases: Sequence[KnowledgeBase], shown: int = 3) -> str:
    """The documents that were searched: a few by name, the others counted."""
    total = sum(base.count() for base in bases)
    names = [document.name for base in bases for document in base.documents(limit=shown)][:shown]
    more = f", … ({total})" if total > len(names) else ""
    return ", ".join(names) + more


def _declined(run: _Run, retrieval: Retrieval, text: str) -> AnswerDone:
    run.text, run.declined, run.reason = text, True, "stop"
    return _done(run, retrieval, (), None)


# With a model


def _assembled(run: _Run, retrieval: Retrieval) -> Prompt:
    question, setup = run.question, run.setup
    if run.hidden:
        tokens = estimate_tokens(question.text)
        return Prompt(messages=(HumanMessage(question.text),), sources=(), cut=Cut(), tokens=tokens)
    searched = retrieval.status is not RetrievalStatus.SKIPPED
    return assemble(
        setup.instruction,
        passages=[_prompt_source(each) for each in retrieval.passages] if searched else None,
        history=question.history,
        # The client's own system text has a person's authority, not the instruction's.
        question=f"{question.system}\n\n{question.text}" if question.system else question.text,
        budget_tokens=setup.budget_tokens - _room_for_tools(run),
        today=setup.today or date.today(),
        attached=question.attached,
        acts=bool(run.toolbox),
    )


def _room_for_tools(run: _Run) -> int:
    """Tokens that the prompt leaves to the tools and to what they bring back."""
    if not run.toolbox:
        return 0
    return run.toolbox.tokens() + int(run.setup.budget_tokens * _RESULTS_SHARE)


def _prompt_source(offered: Offered) -> PromptSource:
    passage = offered.passage
    place = " › ".join((passage.chunk.locator, *passage.chunk.section))
    return PromptSource(
        label=offered.label, document=passage.document_name, place=place, text=passage.chunk.text
    )


def _as_offered(retrieval: Retrieval, prompt: Prompt) -> Retrieval:
    """Without the passages that did not fit into the prompt: they cannot be cited."""
    kept = {source.label for source in prompt.sources}
    return replace(retrieval, passages=tuple(each for each in retrieval.passages if each.label in kept))


async def _spoken(
    run: _Run, retrieval: Retrieval, prompt: Prompt, resumed: Resumed | None = None
) -> AsyncGenerator[Event]:
    """What the model says, with its labels read, and what came of it."""
    offered = {each.label: each.passage for each in retrieval.passages}
    cites = run.setup.instruction.front.citations
    reads = retrieval.status is not RetrievalStatus.SKIPPED and not run.structured
    reader = LabelReader(offered if cites else ()) if reads else None
    markup = None if run.structured else MarkupReader()
    run.rounds = _rounds(run, retrieval, prompt, resumed)
    run.prompt = prompt
    async with aclosing(_paid(run, _asked(run, retrieval, prompt, resumed))) as pieces:
        async for piece in pieces:
            if isinstance(piece, NewRound):
                _begin_round(run)
            elif isinstance(piece, AIMessageChunk):
                said = _note(run, piece)
                said = markup.feed(said) if markup else said
                if text := reader.feed(said) if reader else said:
                    run.text += text
                    yield TextDelta(text=text)
            else:
                yield piece
    held = markup.close() if markup else ""
    if rest := (reader.feed(held) + reader.close() if reader else held):
        run.text += rest
        yield TextDelta(text=rest)
    if run.rounds.waits_for is not None:
        yield _waiting(run, retrieval)
    elif not run.text.strip() and not run.rounds.handed_on and run.reason in (None, "stop", "tool_calls"):
        raise ModelBroken(f"The model {run.setup.model.name} sent an empty answer; try again.")
    places = reader.places if reader else ()
    citations = cite(run.text, places, offered, question=run.query or run.question.text)
    yield _done(run, retrieval, citations, prompt)


async def _paid(run: _Run, pieces: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    """The pieces; a model that refuses or fails before its first word is not paid for the prompt."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except ModelError:
        if run.first_token is None:
            run.prompt = None
        raise


def _rounds(run: _Run, retrieval: Retrieval, prompt: Prompt, resumed: Resumed | None) -> Rounds:
    paused = resumed.paused if resumed else None
    taint = _taint(run, retrieval)
    for each in paused.rounds if paused else ():
        for outcome in each.outcomes.values():
            taint.read(outcome.text, origin=outcome.origin)
    for call in paused.calls if paused else ():
        if call.preview:
            taint.sent(call.preview.arguments, host=call.preview.host)
    return Rounds(
        setup=run.setup,
        generation=run.generation,
        messages=_with_parts(prompt.messages, run.question),
        toolbox=run.toolbox,
        taint=taint,
        room=max(0, run.setup.budget_tokens - prompt.tokens - run.toolbox.tokens()),
        korean=_language(run) == "ko",
        done=list(paused.rounds) if paused else [],
        calls={call.id: call for call in paused.calls} if paused else {},
    )


def _waiting(run: _Run, retrieval: Retrieval) -> ToolWaiting:
    """The confirmation that the answer stops for, and all that it takes to go on."""
    rounds = run.rounds
    assert rounds is not None
    asked = rounds.waits_for
    assert asked is not None
    paused = Paused(
        question=run.question,
        generation=run.generation,
        retrieval=retrieval,
        searched=run.query,
        made_self_standing_by=run.standing_by,
        rounds=tuple(rounds.done),
        calls=tuple(call for call in rounds.calls.values() if call.id != asked.call),
        shown=run.toolbox.offered,
        confirmation=asked,
    )
    return ToolWaiting(call=rounds.calls[asked.call], confirmation=asked, paused=paused.write())


def _asked(run: _Run, retrieval: Retrieval, prompt: Prompt, resumed: Resumed | None) -> AsyncGenerator[Any]:
    """The model's stream, and what becomes of its calls."""
    model = run.setup.model
    if not model.quoting:
        assert run.rounds is not None
        return run.rounds.play(resumed)
    cites = run.setup.instruction.front.citations
    sources = [
        Source(label=each.label if cites else None, passage=each.passage) for each in retrieval.passages
    ]
    material = {"sources": sources, "question": run.query or run.question.text}
    given = run.generation.parameters
    material |= {
        name: given[name] for name in ("stop", "max_tokens", "max_completion_tokens") if name in given
    }
    return model.stream(prompt.messages, parameters=material)


def _with_parts(messages: Sequence[BaseMessage], question: Question) -> list[BaseMessage]:
    """The messages with the question's images, and with what the client's own tools were called for."""
    *before, last = messages
    if question.parts:
        last = HumanMessage([{"type": "text", "text": last.text}, *(dict(part) for part in question.parts)])
    calls = [_as_data(each) for each in question.tool_messages if each.get("role") in _TOOL_ROLES]
    try:
        return [*before, last, *convert_to_messages(calls)]
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableToolMessages(UnusableToolMessages.__doc__) from error


def _as_data(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the client's; what its own tools brought back cannot open or close a region."""
    content = message.get("content")
    if message.get("role") != "tool" or not content:
        return dict(message)
    if isinstance(content, str):
        return {**message, "content": harmless(content)}
    parts = [
        {**part, "text": harmless(str(part["text"]))}
        if isinstance(part, Mapping) and "text" in part
        else part
        for part in content
    ]
    return {**message, "content": parts}


def _begin_round(run: _Run) -> None:
    run.reason = None
    run.chunks.append([])
    run.spoken_before = len(run.text)
    run.gap = bool(run.text.strip())


def _note(run: _Run, chunk: AIMessageChunk) -> str:
    """What a chunk says, apart from what an earlier reply said."""
    if run.first_token is None and (chunk.text or chunk.tool_call_chunks):
        run.first_token = time.perf_counter()
    run.reason = finish_reason(chunk) or run.reason
    run.declined = run.declined or bool(chunk.response_metadata.get(DECLINED))
    if chunk.usage_metadata:
        run.chunks[-1].append(chunk)
    if run.gap and chunk.text.strip():
        run.gap = False
        return "\n\n" + chunk.text.lstrip()
    return chunk.text


def _done(run: _Run, retrieval: Retrieval, citations: Sequence[Any], prompt: Prompt | None) -> AnswerDone:
    now = time.perf_counter()
    rounds = run.rounds
    calls = tuple(rounds.calls.values()) if rounds else ()
    return AnswerDone(
        text=run.text,
        citations=tuple(citations),
        retrieval=retrieval,
        usage=_usage(run, prompt),
        finish_reason=_reason(run),
        declined=run.declined,
        trace=Trace(
            asked=run.question.text,
            searched=run.query,
            made_self_standing_by=run.standing_by,
            model=run.setup.model.name if prompt else None,
            cut=_cut(prompt.cut) if prompt else (),
            prompt_tokens=prompt.tokens if prompt else 0,
            search_ms=retrieval.took_ms,
            first_token_ms=(run.first_token - run.began) * 1000 if run.first_token else None,
            total_ms=(now - run.began) * 1000,
            calls=calls,
            tools_offered=run.offered,
            notes=(*run.setup.notes, *run.toolbox.notes, *(rounds.notes if rounds else ())),
        ),
        calls=calls,
        confirmation=rounds.waits_for if rounds else None,
    )


def _reason(run: _Run) -> str:
    """Why the answer ended; calls of the server's own tools are none of the client's business."""
    reason = run.reason or "stop"
    if run.rounds and run.rounds.handed_on:
        return "tool_calls" if reason == "stop" else reason
    return "stop" if reason == "tool_calls" else reason


def _cut(cut: Cut) -> tuple[str, ...]:
    labels = ", ".join(map(str, cut.sources))
    named = (
        (cut.exchanges, f"{cut.exchanges} earlier turns"),
        (len(cut.sources), f"passages {labels}"),
        (cut.examples, f"{cut.examples} examples"),
    )
    return tuple(what for count, what in named if count)


def _used(run: _Run) -> Usage:
    """What is used so far: a reply that broke off is counted by the length of its prompt and its text."""
    usage = _usage(run, run.prompt)
    if usage.estimated or run.chunks[-1] or run.prompt is None:
        return usage
    return Usage(
        prompt_tokens=usage.prompt_tokens + run.prompt.tokens,
        completion_tokens=usage.completion_tokens + estimate_tokens(run.text[run.spoken_before :]),
        estimated=True,
    )


def _usage(run: _Run, prompt: Prompt | None) -> Usage:
    counted = [tokens_of(chunks) for chunks in run.chunks]
    asked, said = sum(each[0] for each in counted), sum(each[1] for each in counted)
    estimated = not (asked or said)
    if estimated and prompt:
        asked, said = prompt.tokens, estimate_tokens(run.text)
    if run.rewriting:
        asked, said = asked + run.rewriting.prompt_tokens, said + run.rewriting.completion_tokens
    return Usage(prompt_tokens=asked, completion_tokens=said, estimated=estimated)

"""One stretch of a run: what an assistant does with a thread, step by step."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from anyio import to_thread

from knowledge.base import KnowledgeBase
from service import faults
from service.access import find_assistant_by_id
from service.answering import AnswerDone, Generation, Question, RetrievalDone, TextDelta
from service.errors import describe
from service.events import CallStatus, Confirmation, Decision, ToolCall, ToolDone, ToolFailed
from service.grounding import Citation
from service.installation import Installation
from service.records import Caller, Run, RunStatus, RunStep, Thread, ThreadMessage
from service.routes.openai.messages import UnusableMessages, question_of
from service.routes.openai.telling import Work
from service.routes.openai.thread_shapes import functions, message_out, run_out, step_out
from service.shown import action_out, confirmation_out, usage_out
from service.store.engine import now
from service.store.pages import Window
from service.store.threads import new_message, new_step
from service.turns import Asked, FileSearch, RunningTurn, prepare, prepare_rest
from service.vector_stores import page_file_id, shelf

_FILES_WAIT_S = 60.0  # for files that the client has just attached to be read
_MOST_MESSAGES = 1000  # of a thread that are looked at
_PARAMETERS = ("temperature", "top_p", "max_completion_tokens", "parallel_tool_calls", "response_format")
_LIMITED = {"length": "max_completion_tokens"}


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a person said to the call that a run waits for."""

    confirmation_id: str
    decision: Decision


class Player:
    """Plays one stretch of a run, to its end or to what it waits for.

    It begins with the run, with outputs of the client's tools, or with what a person decided.
    """

    def __init__(
        self, here: Installation, caller: Caller, run: Run, work: Work, decided: Decided | None
    ) -> None:
        self._here = here
        self._caller = caller
        self._run = run
        self._work = work
        self._decided = decided
        self._goes_on = run.started_at is not None
        self._threads = here.store.threads
        self._step: RunStep | None = None
        self._message: ThreadMessage | None = None
        self._text = ""

    @property
    def run_id(self) -> str:
        return self._run.id

    async def play(self) -> None:
        await self._say("thread.run.queued")
        await self._become(RunStatus.IN_PROGRESS, started_at=self._run.started_at or now())
        thread = await to_thread.run_sync(self._threads.get, self._run.team_id, self._run.thread_id)
        turn = await self._turn(thread)
        if self._goes_on:
            await self._close_call_step()
        async with aclosing(turn.events()) as events:
            async for event in events:
                if isinstance(event, RetrievalDone):
                    await self._searched(event)
                elif isinstance(event, TextDelta):
                    await self._wrote(event.text)
                elif isinstance(event, ToolDone | ToolFailed):
                    await self._called(event.call)
                elif isinstance(event, AnswerDone):
                    await self._answered(turn, event)

    async def failed(self, error: BaseException) -> None:
        """The run ends with an error that says what to do."""
        status, body = describe(error, faults.TABLE)
        code = "rate_limit_exceeded" if status == 429 else "server_error"
        if isinstance(error, UnusableMessages) or status == 400:
            code = "invalid_prompt"
        await self._close_step("failed")
        message = {"code": code, "message": body["error"]["message"]}
        await self._become(RunStatus.FAILED, error=message, ended_at=now())

    async def cancelled(self) -> None:
        """The run ends because somebody said so."""
        await self._close_step("cancelled")
        await self._become(RunStatus.CANCELLED, ended_at=now())

    # The turn

    async def _turn(self, thread: Thread) -> RunningTurn:
        turn, extra = await to_thread.run_sync(self._prepared, thread)
        await _until_read(extra)
        known = {id(base) for base in turn.setup.bases}
        added = [base for base in extra if id(base) not in known]
        if added:
            bases = (*turn.setup.bases, *added)
            turn.setup = replace(turn.setup, bases=bases)
            turn.desk = replace(turn.desk, bases=bases)
        return turn

    def _prepared(self, thread: Thread) -> tuple[RunningTurn, list[KnowledgeBase]]:
        extra = shelf(self._here, self._caller, thread.vector_stores)
        self._here.store.vector_stores.use(self._run.team_id, [record.id for record in extra.records])
        return self._rest() or self._asked(), list(extra.bases)

    def _rest(self) -> RunningTurn | None:
        if self._decided is None:
            return None
        said = self._decided
        return prepare_rest(
            self._here, self._caller, said.confirmation_id, said.decision, run_id=self._run.id
        )

    def _asked(self) -> RunningTurn:
        run, asked = self._run, self._run.asked
        assistant = find_assistant_by_id(self._here, self._caller, run.assistant_id)
        notes = self._here.store.assistants.notes(run.team_id, run.assistant_id)
        found, _ = self._threads.messages(
            run.team_id, run.thread_id, Window(limit=_MOST_MESSAGES, order="desc")
        )
        question = _question(found[::-1], asked)
        wanted = {name: asked.get(name, notes.get(name)) for name in _PARAMETERS}
        parameters = {name: value for name, value in wanted.items() if value not in (None, "auto")}
        choice = asked.get("tool_choice")
        if isinstance(choice, dict) and choice.get("type") != "function":
            choice = None  # retrieval comes before every answer anyway
        return prepare(
            self._here,
            self._caller,
            Asked(
                model=assistant.slug,
                question=replace(question, tool_messages=tuple(run.rounds)),
                generation=Generation(
                    tools=functions(asked.get("tools", ())),
                    tool_choice=choice if functions(asked.get("tools", ())) else None,
                    parameters=parameters,
                ),
                search=_search(asked.get("tools") or ()),
                run={"id": run.id, "thread_id": run.thread_id},
            ),
        )

    # What happens

    async def _searched(self, done: RetrievalDone) -> None:
        """The search is a step of its own, as file search is at OpenAI; only once in a run."""
        searches = any(tool.get("type") == "file_search" for tool in self._run.asked.get("tools", ()))
        if self._goes_on or not searches:
            return
        passages = [offered.passage for offered in done.retrieval.passages]
        ids = await self._file_ids([passage.document_id for passage in passages])
        call = {
            "id": f"call_{self._run.id.removeprefix('run_')}",
            "type": "file_search",
            "file_search": {
                "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
                "results": [
                    {
                        "file_id": ids[passage.document_id],
                        "file_name": passage.document_name,
                        "score": round(float(passage.relevance), 6),
                    }
                    for passage in passages
                ],
            },
        }
        await self._open_step("tool_calls", {"type": "tool_calls", "tool_calls": [call]})
        await self._close_step("completed")

    async def _wrote(self, text: str) -> None:
        if self._message is None:
            self._message = new_message(
                role="assistant",
                content=[],
                thread_id=self._run.thread_id,
                assistant_id=self._run.assistant_id,
                run_id=self._run.id,
            )
            creation = {"message_id": self._message.id}
            await self._open_step(
                "message_creation", {"type": "message_creation", "message_creation": creation}
            )
            await self._work.say("thread.message.created", message_out(self._message, "in_progress"))
            await self._work.say("thread.message.in_progress", message_out(self._message, "in_progress"))
        self._text += text
        await self._delta({"value": text, "annotations": []})

    async def _answered(self, turn: RunningTurn, done: AnswerDone) -> None:
        limit = _LIMITED.get(done.finish_reason)
        if self._message is not None:
            await self._close_message(turn, done, limit)
        usage = _sum(self._run.usage, usage_out(done.usage))
        if done.confirmation is not None:
            await self._wait_for_person(done.confirmation, usage)
        elif done.finish_reason == "tool_calls":
            await self._call(turn.tool_calls, usage)
        elif limit:
            await self._become(RunStatus.INCOMPLETE, usage=usage, incomplete=limit, ended_at=now())
        else:
            await self._become(RunStatus.COMPLETED, usage=usage, ended_at=now())

    async def _close_message(self, turn: RunningTurn, done: AnswerDone, limit: str | None) -> None:
        assert self._message is not None
        annotations = await self._annotations(done.citations)
        if annotations:
            numbered = [{"index": at, **annotation} for at, annotation in enumerate(annotations)]
            await self._delta({"annotations": numbered})
        content = [{"type": "text", "text": {"value": self._text, "annotations": annotations}}]
        message = replace(self._message, content=content, incomplete="max_tokens" if limit else None)
        documents = [offered.passage.document_id for offered in done.retrieval.passages]
        await to_thread.run_sync(self._threads.add_answer, self._run.team_id, message, documents)
        await to_thread.run_sync(turn.forget_deleted, done)
        self._message = None
        await self._work.say(
            "thread.message.incomplete" if limit else "thread.message.completed", message_out(message)
        )
        await self._close_step("completed")

    async def _called(self, call: ToolCall) -> None:
        """A call of one of the server's own tools is a step; what came back is the model's alone."""
        arguments = dict(call.preview.arguments) if call.preview else {}
        shown = _function(call.id, call.name, arguments) | {"action": action_out(call)}
        shown["function"]["output"] = None
        before, self._step = self._step, None  # of a message that is still being written
        await self._open_step("tool_calls", {"type": "tool_calls", "tool_calls": [shown]})
        await self._close_step("completed" if call.status is CallStatus.DONE else "failed")
        self._step = before

    async def _wait_for_person(self, asked: Confirmation, usage: dict[str, int]) -> None:
        """The run waits for what a person says to a call: its output is their decision."""
        call = _function(asked.id, asked.name, dict(asked.preview.arguments))
        await self._call([call | {"confirmation": confirmation_out(asked)}], usage, until=asked.expires_at)

    async def _call(
        self, calls: list[dict[str, Any]], usage: dict[str, int], until: datetime | None = None
    ) -> None:
        """The run waits for what the client's own tools bring."""
        shown = [{**call, "function": {**call["function"], "output": None}} for call in calls]
        begun = [
            {**call, "function": {**call["function"], "arguments": "", "output": None}} for call in calls
        ]
        await self._open_step("tool_calls", {"type": "tool_calls", "tool_calls": []})
        assert self._step is not None
        for at, (empty, call) in enumerate(zip(begun, calls, strict=True)):
            await self._step_delta({"index": at, **empty})
            arguments = {"arguments": call["function"]["arguments"]}
            await self._step_delta({"index": at, "type": "function", "function": arguments})
        self._step = replace(self._step, details={"type": "tool_calls", "tool_calls": shown})
        await to_thread.run_sync(self._threads.change_step, self._run.team_id, self._step)
        self._step = None  # it ends when the outputs come
        longer = {"expires_at": until} if until else {}
        await self._become(RunStatus.REQUIRES_ACTION, calls=calls, usage=usage, **longer)

    async def _close_call_step(self) -> None:
        """The calls have their outputs now."""
        window = Window(limit=1000, order="desc")
        steps, _ = await to_thread.run_sync(self._threads.steps, self._run.team_id, self._run, window)
        outputs = {each.get("tool_call_id"): each.get("content") for each in self._run.rounds}
        if self._decided:
            outputs[self._decided.confirmation_id] = self._decided.decision
        for step in steps:
            if step.status != "in_progress":
                continue
            calls = [
                {**call, "function": {**call["function"], "output": outputs.get(call["id"])}}
                for call in step.details["tool_calls"]
            ]
            self._step = replace(step, details={"type": "tool_calls", "tool_calls": calls})
            await self._close_step("completed")

    # Telling and keeping

    async def _become(self, status: RunStatus, **values: Any) -> None:
        run = self._run
        self._run = await to_thread.run_sync(lambda: self._threads.change_run(run, status=status, **values))
        await self._say(f"thread.run.{self._run.status}")

    async def _say(self, event: str) -> None:
        await self._work.say(event, run_out(self._run))

    async def _open_step(self, kind: str, details: dict[str, Any]) -> None:
        self._step = new_step(self._run.id, kind, details)
        await to_thread.run_sync(self._threads.add_step, self._run.team_id, self._step)
        for event in ("created", "in_progress"):
            await self._work.say(f"thread.run.step.{event}", step_out(self._run, self._step))

    async def _close_step(self, status: str) -> None:
        if self._step is None:
            return
        step = replace(self._step, status=status, ended_at=now())
        self._step = None
        await to_thread.run_sync(self._threads.change_step, self._run.team_id, step)
        await self._work.say(f"thread.run.step.{status}", step_out(self._run, step))

    async def _delta(self, text: dict[str, Any]) -> None:
        assert self._message is not None
        part = {"index": 0, "type": "text", "text": text}
        await self._work.say(
            "thread.message.delta",
            {"id": self._message.id, "object": "thread.message.delta", "delta": {"content": [part]}},
        )

    async def _step_delta(self, call: dict[str, Any]) -> None:
        assert self._step is not None
        details = {"type": "tool_calls", "tool_calls": [call]}
        await self._work.say(
            "thread.run.step.delta",
            {
                "id": self._step.id,
                "object": "thread.run.step.delta",
                "delta": {"step_details": details},
            },
        )

    async def _annotations(self, citations: Sequence[Citation]) -> list[dict[str, Any]]:
        ids = await self._file_ids([citation.document_id for citation in citations])
        return [
            {
                "type": "file_citation",
                "text": self._text[citation.start : citation.end],
                "start_index": citation.start,
                "end_index": citation.end,
                "file_citation": {"file_id": ids[citation.document_id]},
                "page": citation.page,
                "locator": citation.locator,
                "quote": citation.quote,
                "verdict": citation.verdict,
                "filename": citation.document_name,
            }
            for citation in citations
        ]

    async def _file_ids(self, documents: Sequence[str]) -> dict[str, str]:
        known = await to_thread.run_sync(
            self._here.store.vector_stores.files_of_documents, self._run.team_id, list(set(documents))
        )
        return {document: known.get(document, page_file_id(document)) for document in documents}


def _question(messages: Sequence[ThreadMessage], asked: dict[str, Any]) -> Question:
    """The thread as a question with its history. Raises UnusableMessages."""
    last = (asked.get("truncation_strategy") or {}).get("last_messages")
    shown = messages[-last:] if isinstance(last, int) and last > 0 else messages
    chat: list[dict[str, Any]] = [
        {
            "role": message.role,
            "content": [
                {"type": "text", "text": part["text"]["value"]} if part.get("type") == "text" else part
                for part in message.content
            ],
        }
        for message in shown
    ]
    texts = [asked.get(name) for name in ("instructions", "additional_instructions")]
    system = "\n\n".join(text for text in texts if text)
    return question_of([*([{"role": "system", "content": system}] if system else []), *chat])


def _search(tools: Sequence[dict[str, Any]]) -> FileSearch:
    """What the tool `file_search` says about the search; where to search is said by `tool_resources`."""
    tool = next((tool for tool in tools if tool.get("type") == "file_search"), {})
    said = tool.get("file_search") or {}
    most, ranking = said.get("max_num_results"), said.get("ranking_options") or {}
    threshold = ranking.get("score_threshold")
    return FileSearch(
        passages=min(50, max(1, most)) if isinstance(most, int) else None,
        floor=threshold if isinstance(threshold, int | float) and 0 < threshold <= 1 else None,
    )


async def _until_read(bases: Sequence[KnowledgeBase]) -> None:
    """A program attaches a file and asks at once: the answer waits for it, but not for ever."""
    deadline = time.monotonic() + _FILES_WAIT_S
    while time.monotonic() < deadline:
        unfinished = [await to_thread.run_sync(base.unfinished) for base in bases]
        if not any(unfinished):
            return
        await asyncio.sleep(0.1)


def _function(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    written = json.dumps(arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": written}}


def _sum(before: dict[str, int] | None, more: dict[str, int]) -> dict[str, int]:
    return {name: (before or {}).get(name, 0) + value for name, value in more.items()}

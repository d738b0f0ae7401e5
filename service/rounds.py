"""The model and its tools, in turns: it speaks, calls, is told what came of it, and speaks again."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage

from instructions.prompt import estimate_tokens, result_text
from service.calls import Call, CallReader, Outcome, Round, arguments_of
from service.events import (
    CallStatus,
    Confirmation,
    Decision,
    Generation,
    Setup,
    ToolCall,
    ToolCallDelta,
    ToolDone,
    ToolEvent,
    ToolFailed,
    ToolRunning,
    WhyConfirm,
)
from service.pausing import Resumed
from service.taint import Taint
from service.toolbox import Toolbox
from service.tools import (
    Preview,
    Tool,
    ToolArgumentsInvalid,
    ToolCallFailed,
    ToolNeedsSignIn,
    ToolResult,
    operation_of,
)


class ConfirmationStale(Exception):
    """What was to be confirmed is no longer what the call would do; ask the question again."""


@dataclass(frozen=True)
class NewRound:
    """Something new begins to be said: by the model, or by the service."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A call that may go out."""

    call: Call
    tool: Tool
    preview: Preview


@dataclass(kw_only=True)
class Rounds:
    """The turns of one answer. After `play`, its fields say how it ended."""

    setup: Setup
    generation: Generation
    messages: Sequence[BaseMessage]  # the prompt
    toolbox: Toolbox
    taint: Taint
    room: int  # tokens that results may take
    korean: bool = False
    done: list[Round] = field(default_factory=list)
    calls: dict[str, ToolCall] = field(default_factory=dict)  # by id, in the order they were made
    handed_on: bool = False  # calls of the client's own tools went out
    waits_for: Confirmation | None = None
    notes: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    async def play(
        self, resumed: Resumed | None = None
    ) -> AsyncGenerator[AIMessageChunk | NewRound | ToolCallDelta | ToolEvent]:
        """The model's chunks, and what becomes of its calls. Raises ModelError and ConfirmationStale."""
        if resumed is not None:
            async with aclosing(self._go_on(resumed)) as events:
                async for event in events:
                    yield event
        while self.waits_for is None:
            last = self._spent()
            reader = CallReader(self.toolbox, self._names_of_client())
            said: list[str] = []
            yield NewRound()
            async with aclosing(self._stream(last)) as chunks:
                async for chunk in chunks:
                    yield chunk
                    said.append(chunk.text)
                    for begun in reader.read(chunk):
                        yield begun
            self.handed_on = reader.handed_on
            calls = reader.calls()
            if not calls:
                return
            if self.handed_on or last:
                for event in self._leave(calls, last):
                    yield event
                return
            self._add(Round(text="".join(said), calls=calls, outcomes={}))
            async with aclosing(self._settle()) as settled:
                async for each in settled:
                    yield each

    # The model

    def _stream(self, last: bool) -> AsyncGenerator[AIMessageChunk]:
        choice = self.generation.tool_choice
        if self.done and choice != "none":  # a tool that had to be called has been
            choice = None if choice in (None, "auto") else "auto"
        return self.setup.model.stream(
            [*self.messages, *self._told()],
            tools=[*self.generation.tools, *self.toolbox.wires()],
            tool_choice="none" if last else choice,
            parameters=self.generation.parameters,
        )

    def _told(self) -> list[BaseMessage]:
        """The rounds so far as messages; of the oldest results only that they were there, over budget."""
        texts = self._fitting()
        messages: list[BaseMessage] = []
        for each in self.done:
            wanted = [
                {
                    "type": "tool_call",
                    "id": call.given_id,
                    "name": call.name,
                    "args": arguments_of(call) or {},
                }
                for call in each.calls
            ]
            messages.append(AIMessage(content=each.text, tool_calls=wanted))
            messages += [
                ToolMessage(content=texts[call.id], tool_call_id=call.given_id) for call in each.calls
            ]
        return messages

    def _fitting(self) -> dict[str, str]:
        """What the model is told about each call, newest first while there is room."""
        left, texts = self.room, {}
        for each in reversed(self.done):
            share = max(200, left // (2 * max(1, len(each.calls))))
            for call in each.calls:
                text = _as_told(each.outcomes[call.id], call, share if left > 0 else 0)
                left -= estimate_tokens(text)
                texts[call.id] = text
        return texts

    def _names_of_client(self) -> frozenset[str]:
        return frozenset(str(tool.get("function", tool).get("name")) for tool in self.generation.tools)

    def _spent(self) -> bool:
        """Whether the next reply must be the last."""
        limits = self.setup.limits
        return (
            len(self.done) >= limits.rounds or self._made() >= limits.calls or self._time_left() <= 0
        ) and bool(self.toolbox)

    def _made(self) -> int:
        return sum(len(each.calls) for each in self.done)

    def _time_left(self) -> float:
        return self.setup.limits.total_s - (time.monotonic() - self._began)

    # Calls

    def _add(self, new: Round) -> None:
        self.done.append(new)

    def _leave(self, calls: Sequence[Call], last: bool) -> Iterable[ToolEvent]:
        """Calls that are not made, because the answer ends with this reply."""
        why = (
            "The answer had used all the calls that it may make."
            if last
            else "The client's own tools go first; the call was not made."
        )
        self.notes.append(f"Calls of {', '.join(call.name for call in calls)} were left out: {why}")
        return [self._failed(call, None, why) for call in calls]

    async def _go_on(self, resumed: Resumed) -> AsyncGenerator[AIMessageChunk | NewRound | ToolEvent]:
        """Do what was confirmed, or tell the model that it was refused; then the calls beside it."""
        asked = resumed.paused.confirmation
        call = next(call for call in self.done[-1].calls if call.id == asked.call)
        if resumed.decision is Decision.REFUSE:
            self.calls[call.id] = ToolCall(
                id=call.id, name=call.name, status=CallStatus.REFUSED, preview=asked.preview
            )
            self._note(
                call, Outcome(text="The person refused this call. Do not try it again.", status="refused")
            )
            yield ToolFailed(call=self.calls[call.id])
        else:
            judged = self._as_confirmed(call, asked)
            self.taint.sent(_chosen(judged.tool, judged.preview), host=judged.preview.host)
            async with aclosing(self._run([judged])) as events:
                async for event in events:
                    yield event
        async with aclosing(self._settle()) as rest:
            async for each in rest:
                yield each

    def _as_confirmed(self, call: Call, asked: Confirmation) -> _Judged:
        """The call, when it still is what the person saw. Raises ConfirmationStale."""
        tool, arguments = self.toolbox.get(call.name), arguments_of(call)
        if tool is None or arguments is None or self.setup.context is None:
            raise ConfirmationStale(ConfirmationStale.__doc__)
        try:
            preview = tool.preview(arguments)
        except (ToolArgumentsInvalid, ToolCallFailed) as error:
            raise ConfirmationStale(ConfirmationStale.__doc__) from error
        if preview.digest != asked.preview.digest:
            raise ConfirmationStale(ConfirmationStale.__doc__)
        return _Judged(call=call, tool=tool, preview=preview)

    async def _settle(self) -> AsyncGenerator[AIMessageChunk | NewRound | ToolEvent]:
        """Make the calls of the newest round that may be made; stop before the first that may not."""
        ready: list[_Judged] = []
        for call in self.done[-1].calls:
            if call.id in self.done[-1].outcomes:
                continue
            judged = self._judge(call)
            if isinstance(judged, _Judged):
                self.taint.sent(_chosen(judged.tool, judged.preview), host=judged.preview.host)
                ready.append(judged)
            elif isinstance(judged, Confirmation):
                self.waits_for = self.waits_for or judged
            else:
                yield judged
        async with aclosing(self._run(ready)) as events:
            async for event in events:
                yield event
        if self.waits_for is not None:
            asked = self.waits_for
            self.calls[asked.call] = ToolCall(
                id=asked.call, name=asked.name, status=CallStatus.WAITING, preview=asked.preview
            )
            yield NewRound()
            yield AIMessageChunk(content=waiting_text(asked, korean=self.korean))

    def _judge(self, call: Call) -> "_Judged | Confirmation | ToolFailed":
        """Whether a call may go out, must be confirmed, or is of no use. Sends nothing."""
        tool = self.toolbox.get(call.name)
        if tool is None:
            return self._told_failed(call, None, f"There is no tool named {call.name}.")
        arguments = arguments_of(call)
        if arguments is None:
            return self._told_failed(call, None, "The arguments are not a JSON object; write them as one.")
        if self.setup.context is None:
            return self._told_failed(call, None, "Tools cannot be called here.")
        try:
            preview = tool.preview(arguments)
        except (ToolArgumentsInvalid, ToolCallFailed) as error:
            return self._told_failed(call, None, str(error))
        operation = operation_of(tool, preview)
        carries = None
        if preview.host and preview.host not in self.setup.trusted_hosts:
            carries = self.taint.carried(_chosen(tool, preview), host=preview.host)
        if carries is None and (not tool.consequential or operation in self.setup.approved):
            return _Judged(call=call, tool=tool, preview=preview)
        within = timedelta(seconds=self.setup.limits.confirm_within_s)
        return Confirmation(
            id=f"conf_{secrets.token_hex(12)}",
            call=call.id,
            name=call.name,
            preview=preview,
            operation=operation,
            why=WhyConfirm.CARRIES_TEXT if carries else WhyConfirm.CONSEQUENTIAL,
            carries=carries,
            expires_at=datetime.now(UTC) + within,
        )

    async def _run(self, ready: Sequence[_Judged]) -> AsyncGenerator[ToolEvent]:
        """Make these calls at once; each event as it comes."""
        for each in ready:
            yield ToolRunning(id=each.call.id, name=each.call.name, preview=each.preview)
        tasks = [asyncio.create_task(self._make(each)) for each in ready]
        try:
            for finished in asyncio.as_completed(tasks):
                yield await finished
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, judged: _Judged) -> ToolEvent:
        """One call. It never raises: what went wrong is told to the model."""
        call, preview = judged.call, judged.preview
        context = self.setup.context
        patience = min(self.setup.limits.call_s, max(1.0, self._time_left()))
        began = time.perf_counter()
        try:
            assert context is not None
            async with asyncio.timeout(patience):
                result = await judged.tool.call(preview.arguments, context)
        except ToolNeedsSignIn as error:
            return self._told_failed(call, preview, str(error), began=began, url=error.url)
        except (ToolArgumentsInvalid, ToolCallFailed) as error:
            return self._told_failed(call, preview, str(error), began=began)
        except TimeoutError:
            return self._told_failed(call, preview, f"No answer within {patience:g} seconds.", began=began)
        except Exception as error:  # a tool is somebody else's code: the answer goes on without it
            why = f"The tool {call.name} broke ({type(error).__name__})."
            return self._told_failed(call, preview, why, began=began)
        return self._brought(call, preview, result, (time.perf_counter() - began) * 1000)

    def _brought(self, call: Call, preview: Preview, result: ToolResult, took_ms: float) -> ToolEvent:
        self.taint.read(result.text, origin=preview.host)
        self._note(
            call,
            Outcome(text=result.text, status="ok" if result.ok else "failed", origin=preview.host),
        )
        made = ToolCall(
            id=call.id,
            name=call.name,
            status=CallStatus.DONE if result.ok else CallStatus.FAILED,
            preview=preview,
            error=None if result.ok else _refusal(preview, result),
            http_status=result.status,
            size=result.size,
            took_ms=result.took_ms or took_ms,
            request=result.request,
            parts=result.parts,
        )
        self.calls[call.id] = made
        return ToolDone(call=made) if result.ok else ToolFailed(call=made)

    def _told_failed(
        self, call: Call, preview: Preview | None, why: str, *, began: float = 0.0, url: str | None = None
    ) -> ToolFailed:
        """A call that came to nothing; the model is told why."""
        self.taint.read(why, origin=preview.host if preview else "")
        self._note(call, Outcome(text=why, status="failed", origin=preview.host if preview else ""))
        return self._failed(call, preview, why, began=began, url=url)

    def _failed(
        self, call: Call, preview: Preview | None, why: str, *, began: float = 0.0, url: str | None = None
    ) -> ToolFailed:
        self.calls[call.id] = ToolCall(
            id=call.id,
            name=call.name,
            status=CallStatus.FAILED,
            preview=preview,
            error=why,
            took_ms=(time.perf_counter() - began) * 1000 if began else 0.0,
            sign_in_url=url,
        )
        return ToolFailed(call=self.calls[call.id])

    def _note(self, call: Call, outcome: Outcome) -> None:
        last = self.done[-1]
        self.done[-1] = replace(last, outcomes={**last.outcomes, call.id: outcome})


def _chosen(tool: Tool, preview: Preview) -> dict[str, Any]:
    """The arguments without those that are the tool's own defaults: these tell nothing of what was read."""
    properties = tool.parameters.get("properties", {})
    defaults = {
        name: each["default"]
        for name, each in properties.items()
        if isinstance(each, dict) and "default" in each
    }
    return {
        name: value
        for name, value in preview.arguments.items()
        if name not in defaults or defaults[name] != value
    }


def waiting_text(asked: Confirmation, *, korean: bool) -> str:
    """What stands in the answer of a call that waits, for clients that show nothing else."""
    preview = asked.preview
    call = f"{preview.method} {preview.host}{preview.path}".replace("`", "'").replace("\n", " ")[:300]
    carries = asked.why is WhyConfirm.CARRIES_TEXT
    if korean:
        because = " 파일이나 다른 곳에서 읽은 내용이 이 요청에 실려 나갑니다." if carries else ""
        what = f"이 작업에는 확인이 필요합니다: `{call}` ({asked.name}).{because}"
        return f"{what} 아직 아무것도 보내지 않았습니다."
    because = " It would carry text that was read from a file or another service." if carries else ""
    return f"This needs your confirmation: `{call}` ({asked.name}).{because} Nothing has been sent yet."


def _refusal(preview: Preview, result: ToolResult) -> str:
    status = f" with status {result.status}" if result.status else ""
    return f"{preview.host or preview.path} refused the call{status}."


def _as_told(outcome: Outcome, call: Call, tokens: int) -> str:
    """An outcome as the model reads it: data, in at most about this many tokens."""
    text = outcome.text
    if estimate_tokens(text) <= tokens:
        return result_text(text, tool=call.name, status=outcome.status)
    kept = text[: len(text) * tokens // max(1, estimate_tokens(text))]
    shown = f"the first {len(kept)} of {len(text)} characters"
    return result_text(kept, tool=call.name, status=outcome.status, shown=shown)

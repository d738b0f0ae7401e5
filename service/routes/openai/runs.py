"""/v1/threads/…/runs: an assistant at work on a thread."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from service.access import TheInstallation, Viewer, find_assistant_by_id
from service.events import Decision
from service.installation import Installation
from service.records import Caller, Run, RunStatus, Thread
from service.routes.openai.playing import Decided
from service.routes.openai.run_errors import ToolOutputsWrong
from service.routes.openai.running import Runs, TheRuns
from service.routes.openai.telling import Event
from service.routes.openai.thread_shapes import (
    RUN,
    MetadataIn,
    OutputsIn,
    RunIn,
    RunOut,
    StepOut,
    ThreadIn,
    ThreadRunIn,
    listing,
    run_out,
    step_out,
    thread_out,
)
from service.routes.openai.threads import OWN_THREADS, bring_along, client_message, made_thread
from service.routes.shapes import Listing, PageWindow, errors
from service.store.engine import now
from service.store.threads import RunNotWaiting

router = APIRouter(prefix="/v1/threads", tags=["openai"], dependencies=OWN_THREADS)

_RUN_OR_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The run; with `stream: true` its events as server-sent events",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": RUN},
            "text/event-stream": {
                "example": "event: thread.run.created\ndata: {…}\n\nevent: done\ndata: [DONE]\n\n"
            },
        },
    }
}


@router.post("/runs", response_model=None, responses=errors(400, 404) | _RUN_OR_STREAM)
async def create_thread_and_run(
    here: TheInstallation, caller: Viewer, runs: TheRuns, body: ThreadRunIn
) -> dict[str, Any] | StreamingResponse:
    """Begin a thread and a run on it."""
    assistant = await to_thread.run_sync(find_assistant_by_id, here, caller, body.assistant_id)
    wanted = body.thread or ThreadIn()
    if body.tool_resources is not None:
        wanted = wanted.model_copy(update={"tool_resources": body.tool_resources})
    thread = await to_thread.run_sync(made_thread, here, caller, wanted)
    run = await to_thread.run_sync(_add, here, caller, thread, body, assistant.id)
    return _begin(runs, caller, run, body.stream, [("thread.created", thread_out(thread))])


@router.post("/{thread_id}/runs", response_model=None, responses=errors(400, 404) | _RUN_OR_STREAM)
async def create_run(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, body: RunIn
) -> dict[str, Any] | StreamingResponse:
    """Let an assistant answer the thread. It goes on when nobody listens; one run at a time."""
    await runs.free(caller.team.id, thread_id)
    thread = await to_thread.run_sync(here.store.threads.get, caller.team.id, thread_id)
    assistant = await to_thread.run_sync(find_assistant_by_id, here, caller, body.assistant_id)
    run = await to_thread.run_sync(_add, here, caller, thread, body, assistant.id)
    return _begin(runs, caller, run, body.stream)


@router.get("/{thread_id}/runs", responses=errors(400, 404))
async def list_runs(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, window: PageWindow
) -> Listing[RunOut]:
    """The runs of a thread, the newest first."""
    found, more = await to_thread.run_sync(here.store.threads.runs, caller.team.id, thread_id, window)
    shown = [run_out(await runs.current(run)) for run in found]
    return Listing[RunOut].model_validate(listing(shown, more))


@router.get("/{thread_id}/runs/{run_id}", responses=errors(404))
async def get_run(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str
) -> RunOut:
    """One run."""
    return RunOut.model_validate(run_out(await find_run(here, caller, runs, thread_id, run_id)))


@router.post("/{thread_id}/runs/{run_id}", responses=errors(404))
async def change_run(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str, body: MetadataIn
) -> RunOut:
    """Change its metadata."""
    run = await find_run(here, caller, runs, thread_id, run_id)
    metadata = body.metadata or {}
    changed = await to_thread.run_sync(lambda: here.store.threads.change_run(run, metadata=metadata))
    return RunOut.model_validate(run_out(changed))


@router.post("/{thread_id}/runs/{run_id}/cancel", responses=errors(400, 404))
async def cancel_run(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str
) -> RunOut:
    """Stop a run; an answer that was on its way is not kept."""
    run = await find_run(here, caller, runs, thread_id, run_id)
    if run.status.over:
        raise RunNotWaiting(f"The run is {run.status} and cannot be cancelled.")
    await runs.stop(run)
    threads, moment = here.store.threads, now()
    stopped = await to_thread.run_sync(
        lambda: threads.change_run(run, status=RunStatus.CANCELLED, ended_at=moment)
    )
    return RunOut.model_validate(run_out(stopped))


@router.post(
    "/{thread_id}/runs/{run_id}/submit_tool_outputs",
    response_model=None,
    responses=errors(400, 404) | _RUN_OR_STREAM,
)
async def submit_tool_outputs(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str, body: OutputsIn
) -> dict[str, Any] | StreamingResponse:
    """Send what the client's tools brought; the run goes on with it.

    Where it waits for a person (the call has a `confirmation`), the output is `once`, `always` or `refuse`.
    """
    run = await find_run(here, caller, runs, thread_id, run_id)
    if run.status is RunStatus.REQUIRES_ACTION:
        _refuse_other_calls(run, body)
        if waits_for_person(run):
            decided = _decided(run, body.tool_outputs[0].output)
            return await decide_in_run(here, caller, runs, run, decided, stream=bool(body.stream))
    outputs = [
        {"role": "tool", "tool_call_id": each.tool_call_id, "content": each.output}
        for each in body.tool_outputs
    ]
    claimed = await to_thread.run_sync(here.store.threads.claim, run, outputs)
    return _begin(runs, caller, claimed, body.stream)


@router.get("/{thread_id}/runs/{run_id}/steps", responses=errors(400, 404))
async def list_steps(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str, window: PageWindow
) -> Listing[StepOut]:
    """The steps of a run: its search, calls of tools, messages."""
    run = await find_run(here, caller, runs, thread_id, run_id)
    found, more = await to_thread.run_sync(here.store.threads.steps, caller.team.id, run, window)
    return Listing[StepOut].model_validate(listing([step_out(run, step) for step in found], more))


@router.get("/{thread_id}/runs/{run_id}/steps/{step_id}", responses=errors(404))
async def get_step(
    here: TheInstallation, caller: Viewer, runs: TheRuns, thread_id: str, run_id: str, step_id: str
) -> StepOut:
    """One step."""
    run = await find_run(here, caller, runs, thread_id, run_id)
    step = await to_thread.run_sync(here.store.threads.step, caller.team.id, run, step_id)
    return StepOut.model_validate(step_out(run, step))


def _refuse_other_calls(run: Run, body: OutputsIn) -> None:
    waits = {call["id"] for call in run.calls}
    sent = [each.tool_call_id for each in body.tool_outputs]
    if set(sent) != waits or len(sent) != len(waits):
        raise ToolOutputsWrong(
            f"The run waits for the outputs of {', '.join(sorted(waits))}; send each once, and no others."
        )


def waits_for_person(run: Run) -> bool:
    """Whether what the run waits for is a decision, not the output of a tool."""
    return any("confirmation" in call for call in run.calls)


def _decided(run: Run, output: str) -> Decided:
    """Only the very word approves: a program that answers every call with something must not."""
    decisions = run.calls[0]["confirmation"]["decisions"]
    if output.strip() not in decisions:
        raise ToolOutputsWrong(
            f"The call of {run.calls[0]['function']['name']} waits for a person: send their decision as the "
            f"output, one of {', '.join(decisions)}."
        )
    return Decided(confirmation_id=run.calls[0]["id"], decision=Decision(output.strip()))


async def decide_in_run(
    here: Installation, caller: Caller, runs: Runs, run: Run, decided: Decided, *, stream: bool
) -> dict[str, Any] | StreamingResponse:
    """The run goes on with what its caller decided. Raises ConfirmationNotFound and RunNotWaiting."""
    await to_thread.run_sync(here.store.confirmations.get, caller, decided.confirmation_id)
    await to_thread.run_sync(find_assistant_by_id, here, caller, run.assistant_id)
    if [call["id"] for call in run.calls] != [decided.confirmation_id]:
        raise RunNotWaiting(f"The run is {run.status} and does not wait for this confirmation.")
    claimed = await to_thread.run_sync(here.store.threads.claim, run, None)
    return _begin(runs, caller, claimed, stream, decided=decided)


def _add(here: Installation, caller: Caller, thread: Thread, body: RunIn, assistant_id: str) -> Run:
    more = body.additional_messages or []
    messages = [client_message(each, thread.id) for each in more]
    bring_along(here, caller, thread, more)
    notes = here.store.assistants.notes(caller.team.id, assistant_id)
    assistant = here.store.assistants.by_id(caller.team.id, assistant_id)
    searches = [{"type": "file_search"}] if assistant.knowledge_bases else []
    asked = {
        "model": notes.get("model") or here.settings.model,
        "tools": notes.get("tools", searches),
        "temperature": notes.get("temperature"),
        "top_p": notes.get("top_p"),
        "response_format": notes.get("response_format"),
    } | body.asked()
    return here.store.threads.add_run(
        caller.team.id,
        thread.id,
        assistant_id,
        asked={name: value for name, value in asked.items() if value is not None},
        metadata=body.metadata or {},
        messages=messages,
    )


def _begin(
    runs: Runs,
    caller: Caller,
    run: Run,
    stream: bool | None,
    before: list[Event] | None = None,
    decided: Decided | None = None,
) -> dict[str, Any] | StreamingResponse:
    created = [] if run.started_at else [("thread.run.created", run_out(run))]
    work = runs.start(caller, run, [*(before or []), *created], decided)
    if not stream:
        return run_out(run)
    return StreamingResponse(
        _events(work.follow()),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _events(source: AsyncGenerator[Event | None]) -> AsyncGenerator[str]:
    async with aclosing(source) as events:
        async for item in events:
            if item is None:
                yield ": still thinking\n\n"
            else:
                yield f"event: {item[0]}\ndata: {json.dumps(item[1], ensure_ascii=False)}\n\n"
    yield "event: done\ndata: [DONE]\n\n"


async def find_run(here: Installation, caller: Caller, runs: Runs, thread_id: str, run_id: str) -> Run:
    run = await to_thread.run_sync(here.store.threads.run, caller.team.id, thread_id, run_id)
    return await runs.current(run)

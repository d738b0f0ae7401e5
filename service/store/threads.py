"""Threads of the Assistants API: messages, runs and steps. A message is stored whole or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from service.records import Run, RunStatus, RunStep, Thread, ThreadMessage
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import run_steps, runs, thread_message_sources, thread_messages, threads

_FORGOTTEN = "[This answer rested on a document that has been deleted.]"
_RUN_LASTS = timedelta(minutes=10)
_ACTIVE = tuple(status for status in RunStatus if not status.over)

_Record = TypeVar("_Record", Thread, ThreadMessage, Run, RunStep)


class ThreadNotFound(Exception):
    """The team has no thread with this id; begin one with POST /v1/threads."""


class MessageNotFound(Exception):
    """The thread has no message with this id."""


class RunNotFound(Exception):
    """The thread has no run with this id."""


class StepNotFound(Exception):
    """The run has no step with this id."""


class ThreadBusy(Exception):
    """A run is at work on the thread: wait until it is over, send what it waits for, or cancel it."""


class RunNotWaiting(Exception):
    """The run waits for no tool outputs, or is over; the message says which."""


class Threads:
    """Queries about threads; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        team_id: str,
        *,
        metadata: dict[str, str],
        vector_stores: Sequence[str],
        messages: Sequence[ThreadMessage] = (),
    ) -> Thread:
        """A thread with its first messages (see `new_message`), whose thread ids are filled in."""
        thread = Thread(
            id=new_id("thread"),
            team_id=team_id,
            metadata=metadata,
            vector_stores=list(vector_stores),
            created_at=now(),
        )
        with self._database.write() as connection:
            _insert(connection, threads, thread)
            _add(connection, team_id, [replace(each, thread_id=thread.id) for each in messages])
        return thread

    def get(self, team_id: str, thread_id: str) -> Thread:
        """Raises ThreadNotFound."""
        with self._database.read() as connection:
            return _thread(connection, team_id, thread_id)

    def change(self, team_id: str, thread_id: str, **values: Any) -> Thread:
        """Set metadata or vector_stores. Raises ThreadNotFound."""
        with self._database.write() as connection:
            _thread(connection, team_id, thread_id)
            if values:
                mine = (threads.c.team_id == team_id, threads.c.id == thread_id)
                connection.execute(update(threads).where(*mine).values(**values))
            return _thread(connection, team_id, thread_id)

    def delete(self, team_id: str, thread_id: str) -> None:
        """With its messages, runs and steps. Raises ThreadNotFound."""
        with self._database.write() as connection:
            _thread(connection, team_id, thread_id)
            connection.execute(delete(threads).where(threads.c.team_id == team_id, threads.c.id == thread_id))

    # Messages

    def add_messages(self, team_id: str, messages: Sequence[ThreadMessage]) -> None:
        """Messages of the client. Raises ThreadNotFound, and ThreadBusy while a run is at work."""
        with self._database.write() as connection:
            for thread_id in {message.thread_id for message in messages}:
                _thread(connection, team_id, thread_id)
                _refuse_busy(connection, team_id, thread_id)
            _add(connection, team_id, messages)

    def add_answer(self, team_id: str, message: ThreadMessage, documents: Sequence[str]) -> None:
        """A message of a run, with the documents that it rests on."""
        with self._database.write() as connection:
            _add(connection, team_id, [message])
            for document_id in set(documents):
                connection.execute(
                    insert(thread_message_sources).values(
                        message_id=message.id, document_id=document_id, team_id=team_id
                    )
                )

    def messages(
        self, team_id: str, thread_id: str, window: Window, *, run_id: str | None = None
    ) -> tuple[list[ThreadMessage], bool]:
        """One page of messages, and whether more follow. Raises ThreadNotFound."""
        query = select(thread_messages).where(
            thread_messages.c.team_id == team_id, thread_messages.c.thread_id == thread_id
        )
        if run_id:
            query = query.where(thread_messages.c.run_id == run_id)
        with self._database.read() as connection:
            _thread(connection, team_id, thread_id)
            rows, more = page_of(connection, query, thread_messages, window)
            return [_record(row, ThreadMessage) for row in rows], more

    def message(self, team_id: str, thread_id: str, message_id: str) -> ThreadMessage:
        """Raises MessageNotFound."""
        with self._database.read() as connection:
            return _message(connection, team_id, thread_id, message_id)

    def change_message(
        self, team_id: str, thread_id: str, message_id: str, metadata: dict[str, str]
    ) -> ThreadMessage:
        """Set its metadata. Raises MessageNotFound."""
        with self._database.write() as connection:
            _message(connection, team_id, thread_id, message_id)
            mine = (thread_messages.c.team_id == team_id, thread_messages.c.id == message_id)
            connection.execute(update(thread_messages).where(*mine).values(metadata=metadata))
            return _message(connection, team_id, thread_id, message_id)

    def delete_message(self, team_id: str, thread_id: str, message_id: str) -> None:
        """Raises MessageNotFound."""
        with self._database.write() as connection:
            _message(connection, team_id, thread_id, message_id)
            connection.execute(
                delete(thread_messages).where(
                    thread_messages.c.team_id == team_id, thread_messages.c.id == message_id
                )
            )

    def forget_document(self, team_id: str, document_id: str) -> int:
        """Take the text of a deleted document out of answers in threads; how many that were."""
        mine = (
            thread_message_sources.c.team_id == team_id,
            thread_message_sources.c.document_id == document_id,
        )
        content = [
            {
                "type": "text",
                "text": {
                    "value": _FORGOTTEN,
                    "annotations": [],
                },
            }
        ]
        with self._database.write() as connection:
            cited = list(connection.scalars(select(thread_message_sources.c.message_id).where(*mine)))
            connection.execute(
                update(thread_messages)
                .where(thread_messages.c.team_id == team_id, thread_messages.c.id.in_(cited))
                .values(content=content)
            )
            connection.execute(delete(thread_message_sources).where(*mine))
        return len(cited)

    # Runs

    def add_run(
        self,
        team_id: str,
        thread_id: str,
        assistant_id: str,
        *,
        asked: dict[str, Any],
        metadata: dict[str, str],
        messages: Sequence[ThreadMessage] = (),
    ) -> Run:
        """A run that waits to begin, with the messages it adds. Raises ThreadNotFound and ThreadBusy."""
        moment = now()
        run = Run(
            id=new_id("run"),
            team_id=team_id,
            thread_id=thread_id,
            assistant_id=assistant_id,
            status=RunStatus.QUEUED,
            asked=asked,
            metadata=metadata,
            calls=[],
            rounds=[],
            error=None,
            incomplete=None,
            usage=None,
            created_at=moment,
            expires_at=moment + _RUN_LASTS,
            started_at=None,
            ended_at=None,
        )
        with self._database.write() as connection:
            _thread(connection, team_id, thread_id)
            _refuse_busy(connection, team_id, thread_id)
            _add(connection, team_id, messages)
            _insert(connection, runs, run)
        return run

    def run(self, team_id: str, thread_id: str, run_id: str) -> Run:
        """Raises RunNotFound."""
        with self._database.read() as connection:
            return _run(connection, team_id, thread_id, run_id)

    def runs(self, team_id: str, thread_id: str, window: Window) -> tuple[list[Run], bool]:
        """One page of runs, and whether more follow. Raises ThreadNotFound."""
        query = select(runs).where(runs.c.team_id == team_id, runs.c.thread_id == thread_id)
        with self._database.read() as connection:
            _thread(connection, team_id, thread_id)
            rows, more = page_of(connection, query, runs, window)
            return [_record(row, Run) for row in rows], more

    def active_runs(self, team_id: str, thread_id: str) -> list[Run]:
        """The run that is not over, as a list of at most one."""
        query = select(runs).where(
            runs.c.team_id == team_id, runs.c.thread_id == thread_id, runs.c.status.in_(_ACTIVE)
        )
        with self._database.read() as connection:
            return [_record(row, Run) for row in connection.execute(query)]

    def change_run(self, run: Run, **values: Any) -> Run:
        """Set what became of a run, unless it is over: then it stays as it is. Its metadata always change."""
        change = update(runs).where(runs.c.team_id == run.team_id, runs.c.id == run.id)
        if set(values) != {"metadata"}:
            change = change.where(runs.c.status.in_(_ACTIVE))
        with self._database.write() as connection:
            connection.execute(change.values(**values))
            return _run(connection, run.team_id, run.thread_id, run.id)

    def claim(self, run: Run, outputs: Sequence[dict[str, Any]] | None) -> Run:
        """Go on with a run that waits, with the outputs of its calls; None where a person decided.

        Raises RunNotWaiting.
        """
        with self._database.write() as connection:
            before = _run(connection, run.team_id, run.thread_id, run.id)
            if before.status is not RunStatus.REQUIRES_ACTION:
                raise RunNotWaiting(f"The run is {before.status} and waits for no tool outputs.")
            if before.calls != run.calls:
                raise RunNotWaiting("The run has gone on meanwhile and waits for something else; look again.")
            called = {"role": "assistant", "content": "", "tool_calls": before.calls}
            added = [] if outputs is None else [called, *outputs]
            mine = (runs.c.team_id == run.team_id, runs.c.id == run.id)
            connection.execute(
                update(runs)
                .where(*mine)
                .values(status=RunStatus.QUEUED, calls=[], rounds=[*before.rounds, *added])
            )
            return _run(connection, run.team_id, run.thread_id, run.id)

    # Steps

    def add_step(self, team_id: str, step: RunStep) -> None:
        """A step as it is now."""
        with self._database.write() as connection:
            _insert(connection, run_steps, step, team_id=team_id)

    def change_step(self, team_id: str, step: RunStep) -> None:
        """The step as it became."""
        with self._database.write() as connection:
            connection.execute(
                update(run_steps)
                .where(run_steps.c.team_id == team_id, run_steps.c.id == step.id)
                .values(status=step.status, details=step.details, usage=step.usage, ended_at=step.ended_at)
            )

    def steps(self, team_id: str, run: Run, window: Window) -> tuple[list[RunStep], bool]:
        """One page of steps, and whether more follow."""
        query = select(run_steps).where(run_steps.c.team_id == team_id, run_steps.c.run_id == run.id)
        with self._database.read() as connection:
            rows, more = page_of(connection, query, run_steps, window)
            return [_record(row, RunStep) for row in rows], more

    def step(self, team_id: str, run: Run, step_id: str) -> RunStep:
        """Raises StepNotFound."""
        query = select(run_steps).where(
            run_steps.c.team_id == team_id, run_steps.c.run_id == run.id, run_steps.c.id == step_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise StepNotFound(f"The run has no step {step_id!r}.")
        return _record(row, RunStep)


def thread_missing(thread_id: str) -> ThreadNotFound:
    """What is said of a thread that is not there, or not for the caller."""
    return ThreadNotFound(f"No thread {thread_id!r}; begin one with POST /v1/threads.")


def new_message(
    *,
    role: str,
    content: list[dict[str, Any]],
    thread_id: str = "",
    attachments: Sequence[dict[str, Any]] = (),
    metadata: dict[str, str] | None = None,
    assistant_id: str | None = None,
    run_id: str | None = None,
) -> ThreadMessage:
    """A message with an id, said now."""
    return ThreadMessage(
        id=new_id("msg"),
        thread_id=thread_id,
        role=role,
        content=content,
        attachments=list(attachments),
        metadata=metadata or {},
        assistant_id=assistant_id,
        run_id=run_id,
        incomplete=None,
        created_at=now(),
    )


def new_step(run_id: str, kind: str, details: dict[str, Any]) -> RunStep:
    """A step with an id, begun now."""
    return RunStep(
        id=new_id("step"),
        run_id=run_id,
        kind=kind,
        status="in_progress",
        details=details,
        usage=None,
        created_at=now(),
        ended_at=None,
    )


def _thread(connection: Connection, team_id: str, thread_id: str) -> Thread:
    query = select(threads).where(threads.c.team_id == team_id, threads.c.id == thread_id)
    row = connection.execute(query).first()
    if row is None:
        raise thread_missing(thread_id)
    return _record(row, Thread)


def _message(connection: Connection, team_id: str, thread_id: str, message_id: str) -> ThreadMessage:
    query = select(thread_messages).where(
        thread_messages.c.team_id == team_id,
        thread_messages.c.thread_id == thread_id,
        thread_messages.c.id == message_id,
    )
    row = connection.execute(query).first()
    if row is None:
        raise MessageNotFound(f"No message {message_id!r} in the thread {thread_id!r}.")
    return _record(row, ThreadMessage)


def _run(connection: Connection, team_id: str, thread_id: str, run_id: str) -> Run:
    query = select(runs).where(runs.c.team_id == team_id, runs.c.thread_id == thread_id, runs.c.id == run_id)
    row = connection.execute(query).first()
    if row is None:
        raise RunNotFound(f"No run {run_id!r} in the thread {thread_id!r}.")
    return _record(row, Run)


def _refuse_busy(connection: Connection, team_id: str, thread_id: str) -> None:
    active = connection.scalar(
        select(runs.c.id).where(
            runs.c.team_id == team_id, runs.c.thread_id == thread_id, runs.c.status.in_(_ACTIVE)
        )
    )
    if active:
        raise ThreadBusy(
            f"The run {active} is at work on the thread: wait until it is over, send what it waits for, "
            "or cancel it."
        )


def _add(connection: Connection, team_id: str, messages: Sequence[ThreadMessage]) -> None:
    for at, message in enumerate(messages):
        # Lists go by time: messages of one moment keep their order.
        ordered = replace(message, created_at=message.created_at + timedelta(microseconds=at))
        _insert(connection, thread_messages, ordered, team_id=team_id)


def _insert(connection: Connection, table: Table, record: Any, **more: Any) -> None:
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    connection.execute(insert(table).values(**values, **more))


def _record(row: Row[Any], kind: type[_Record]) -> _Record:
    found = {name: getattr(row, name) for name in kind.__dataclass_fields__}
    found = {name: aware(value) if isinstance(value, datetime) else value for name, value in found.items()}
    if kind is Run:
        found["status"] = RunStatus(found["status"])
    return kind(**found)

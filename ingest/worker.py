"""The job queue: the only file that knows DBOS.

A job is (base, document, content hash); its id is document id, content hash and attempt, so queueing twice is
harmless. What is done lies in the knowledge base, DBOS keeps that it is to be done: after a crash it starts
unfinished jobs again by itself, and the pipeline goes on where it was.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, Queue, SetWorkflowID

from ingest.limits import ReadLimits
from ingest.pipeline import Interrupted, ingest_document
from knowledge.base import KnowledgeBase
from knowledge.errors import DocumentNotFound, Superseded

_P = ParamSpec("_P")
_R = TypeVar("_R")

_log = logging.getLogger(__name__)
_NAME = "doumi"
_QUEUE = "ingest"
# Of the shape of a job, not of the program: an upgrade goes on with the jobs of the version before it.
_JOB_VERSION = "1"
_POLL_S = 0.5  # how long a job waits at most before it starts; every poll costs a few queries
_UNUSED_POLL_S = 3600.0  # of DBOS features that are not used here
_MOST_STARTS = 5
_SHUTDOWN_S = 20  # for the running job to come to the end of its batch
_WAITING = ("ENQUEUED", "DELAYED")
_POISON = (
    "Reading this file stopped the whole service {} times, so it is not tried again: "
    "save it in another format and upload that."
)


class Worker:
    """Runs the ingest of documents in the background, one job at a time unless told otherwise.

    DBOS allows one of these in a process. `open_base` maps the base id of a job to its open base.
    """

    def __init__(
        self,
        *,
        database_url: str,
        open_base: Callable[[str], KnowledgeBase],
        limits: ReadLimits | None = None,
        concurrency: int = 1,
    ) -> None:
        self._url = database_url
        self._open_base = open_base
        self._limits = limits or ReadLimits()
        self._concurrency = concurrency
        self._stopping = threading.Event()
        # DBOS refuses calls from a thread with an event loop, and takes calls within a job for its steps.
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")
        self._started: set[str] = set()  # ids of the jobs that this process began, finished or not
        self._busy: set[str] = set()  # documents in work
        self._turn = threading.Condition()
        self._queue: Queue | None = None
        self._ingest: Callable[[str, str, str], None] | None = None

    def launch(self) -> None:
        """Start working; jobs that a crash cut off start again."""
        _route_log()
        self._call(self._launch)

    def submit(self, base_id: str, document_id: str, sha256: str) -> None:
        """Queue the pending content of a document. Does nothing when it waits in the queue already."""
        self._call(self._submit, base_id, document_id, sha256)

    def shutdown(self) -> None:
        """Stop at the end of the running batch; what is unfinished goes on at the next launch."""
        self._stopping.set()
        with self._turn:
            working = bool(self._busy)
            self._turn.notify_all()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=_SHUTDOWN_S if working else 0)
        self._calls.shutdown()

    def _call(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self._calls.submit(function, *args, **kwargs).result()

    def _launch(self) -> None:
        config: DBOSConfig = {
            "name": _NAME,
            "system_database_url": self._url,
            "application_version": _JOB_VERSION,
            "serializer": DBOSPortableJSONSerializer(),  # its default is pickle
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.2,  # how long a shutdown waits for that thread
            "scheduler_polling_interval_sec": _UNUSED_POLL_S,
        }

        def job(
            base_id: str, document_id: str, sha256: str
        ) -> None:  # DBOS marks it; a method takes no marks
            self._job(base_id, document_id, sha256)

        # A job is never given up by DBOS: `_work` counts its starts, so that the document learns of it.
        self._ingest = DBOS.workflow(name="ingest_document", max_recovery_attempts=None)(job)
        DBOS(config=config)
        DBOS.launch()
        self._queue = DBOS.register_queue(
            _QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=_POLL_S
        )

    def _submit(self, base_id: str, document_id: str, sha256: str) -> None:
        attempts = DBOS.list_workflows(
            workflow_id_prefix=f"{document_id}:{sha256}:", load_input=False, load_output=False
        )
        last = max(attempts, key=lambda attempt: _number(attempt.workflow_id), default=None)
        if last is not None and last.status in _WAITING:
            return
        if last is not None and last.status == "PENDING" and last.workflow_id not in self._started:
            return  # cut off by a crash; DBOS is about to queue it again
        # A running job may have looked at the document for the last time: one more finds nothing to do.
        self._enqueue(base_id, document_id, sha256, _number(last.workflow_id) + 1 if last else 1)

    def _enqueue(self, base_id: str, document_id: str, sha256: str, attempt: int) -> None:
        assert self._queue is not None, "launch() comes first"
        assert self._ingest is not None
        with SetWorkflowID(f"{document_id}:{sha256}:{attempt}"):
            self._queue.enqueue(self._ingest, base_id, document_id, sha256)

    def _job(self, base_id: str, document_id: str, sha256: str) -> None:
        """What DBOS runs, again after a crash."""
        workflow_id = DBOS.workflow_id
        assert workflow_id is not None
        starts = self._call(self._count_start, workflow_id)
        try:
            with self._document(document_id):
                self._work(base_id, document_id, sha256, starts)
        except Interrupted:
            self._call(self._enqueue, base_id, document_id, sha256, _number(workflow_id) + 1)

    def _count_start(self, workflow_id: str) -> int:
        """How often this job was started, this time included."""
        self._started.add(workflow_id)
        status = DBOS.get_workflow_status(workflow_id)
        starts = int(((status.attributes if status else None) or {}).get("starts", 0)) + 1
        DBOS.update_workflow_attributes(workflow_id, {"starts": starts})
        return starts

    def _work(self, base_id: str, document_id: str, sha256: str, starts: int) -> None:
        try:
            base = self._open_base(base_id)
        except DocumentNotFound:
            return  # the base was deleted, and this document with it
        if starts > _MOST_STARTS:
            _log.error("%s: given up after %d starts", document_id, starts - 1)
            with suppress(Superseded, DocumentNotFound):
                base.pending(document_id, sha256).fail(_POISON.format(starts - 1))
            return
        ingest_document(base, document_id, sha256, limits=self._limits, stop=self._stopping.is_set)

    @contextmanager
    def _document(self, document_id: str) -> Iterator[None]:
        """One job at a time on a document; raises Interrupted when that is not to be waited for."""
        with self._turn:
            while document_id in self._busy and not self._stopping.is_set():
                self._turn.wait()
            if self._stopping.is_set():
                raise Interrupted
            self._busy.add(document_id)
        try:
            yield
        finally:
            with self._turn:
                self._busy.discard(document_id)
                self._turn.notify_all()


def _number(workflow_id: str) -> int:
    return int(workflow_id.rsplit(":", 1)[1])


def _route_log() -> None:
    """DBOS writes to the console unless its logger has a handler; what it says belongs to our log."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())

"""Bases made anew, behind the running service, one at a time.

What is made lies in the base itself, so nothing else is kept: after a crash the bases say what is left to do.
"""

import logging
import threading
import time
from collections.abc import Callable

from ingest.pipeline import Interrupted, rebuild
from knowledge.base import KnowledgeBase
from knowledge.errors import DocumentNotFound

_RETRY_S = 30.0  # after an error, such as an endpoint that does not answer

log = logging.getLogger("doumi")


class Rebuilder:
    """A thread that works through the bases that wait to be made anew."""

    def __init__(self, open_base: Callable[[str], KnowledgeBase]) -> None:
        self._open_base = open_base
        self._turn = threading.Condition()
        self._due: dict[str, float] = {}  # address of a base -> when it is tried
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def submit(self, where: str) -> None:
        """Make the base at this address anew, where its settings ask for that."""
        with self._turn:
            self._due[where] = time.monotonic()
            if self._thread is None:  # most installations never need it
                self._thread = threading.Thread(target=self._work, name="rebuilding", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    def shutdown(self) -> None:
        """Stop at the end of the batch; what is unfinished goes on at the next start."""
        self._stopping.set()
        with self._turn:
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (where := self._next()) is not None:
            try:
                self._rebuild(where)
            except Interrupted:
                return

    def _next(self) -> str | None:
        """The address of the base that is due first, once it is; None at the end."""
        with self._turn:
            while not self._stopping.is_set():
                soonest = min(self._due, key=self._due.__getitem__, default=None)
                wait = None if soonest is None else self._due[soonest] - time.monotonic()
                if soonest is not None and wait is not None and wait <= 0:
                    del self._due[soonest]
                    return soonest
                self._turn.wait(wait)
        return None

    def _rebuild(self, where: str) -> None:
        base: KnowledgeBase | None = None
        try:
            base = self._open_base(where)
            rebuild(base, stop=self._stopping.is_set)
            base.rebuild_error = None
        except Interrupted:
            raise
        except DocumentNotFound:
            return  # the base was deleted
        except Exception as error:
            if base is None or not base.folder.is_dir():
                return
            log.error("Making %s anew failed, and is tried again: %s", where, error, exc_info=error)
            base.rebuild_error = str(error) or type(error).__name__
            with self._turn:
                self._due.setdefault(where, time.monotonic() + _RETRY_S)

"""Knowledge bases by team, opened on demand."""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from knowledge.base import KnowledgeBase
from knowledge.errors import DocumentNotFound
from knowledge.recipe import BaseSettings, Embedders
from knowledge.reranking import Rerankers
from service.records import KnowledgeBaseRecord

_KEPT = 64


class OpenBases:
    """Opens knowledge bases and keeps the ones used last.

    There is never more than one open object for a folder: a base that falls out of the kept ones
    stays reachable for as long as somebody, such as a running job, still holds it.
    """

    def __init__(self, folder: Path, embedders: Embedders) -> None:
        self._folder = folder
        self._embedders = embedders
        self._rerankers = Rerankers()
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, KnowledgeBase] = OrderedDict()
        self._open: WeakValueDictionary[str, KnowledgeBase] = WeakValueDictionary()

    def get(self, team_id: str, base_id: str) -> KnowledgeBase:
        """The base of this team, made when its folder is missing; waits for the embedder at the start."""
        return self._at(address(team_id, base_id))

    def existing(self, where: str) -> KnowledgeBase:
        """The base at an `address`, which is how durable jobs name it.

        Raises DocumentNotFound when the base was deleted, and its documents with it.
        """
        if not (self._folder / where).is_dir():
            raise DocumentNotFound(where)
        return self._at(where)

    def _at(self, where: str) -> KnowledgeBase:
        self._embedders.get(self._embedders.default)  # waited for outside of the lock
        with self._lock:
            base = self._open.get(where)
            if base is None:
                base = KnowledgeBase.open(
                    self._folder / where, embedder=self._embedders, rerankers=self._rerankers
                )
                self._open[where] = base
            self._kept[where] = base
            self._kept.move_to_end(where)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return base

    def delete(self, team_id: str, base_id: str) -> None:
        """Close the base and delete its folder, with everything in it."""
        where = address(team_id, base_id)
        with self._lock:
            self._kept.pop(where, None)
            base = self._open.pop(where, None)
            if base is not None:
                base.close()
            shutil.rmtree(self._folder / where, ignore_errors=True)

    def delete_team(self, team_id: str) -> None:
        """Close the team's bases and delete its folder: bases, uploaded files, everything."""
        with self._lock:
            for where in [each for each in self._open if each.startswith(f"{team_id}/")]:
                self._kept.pop(where, None)
                if base := self._open.pop(where, None):
                    base.close()
            shutil.rmtree(self._folder / team_id, ignore_errors=True)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for base in list(self._open.values()):
                base.close()
            self._kept.clear()


def address(team_id: str, base_id: str) -> str:
    """Where a base lies, below the folder of all bases."""
    return f"{team_id}/{base_id}"


def address_of(record: KnowledgeBaseRecord) -> str:
    """Where the base of this record lies."""
    return address(record.team_id, record.id)


def passages_of(bases: Sequence[KnowledgeBase]) -> int:
    """How many passages a search gives unless it says so: the most that one of the bases is set to."""
    return max((base.settings.top_k for base in bases), default=BaseSettings().top_k)

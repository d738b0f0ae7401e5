"""The audit log: entries in chains, each hashed together with the one before it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.records import AuditEntry
from service.store.engine import Database, now
from service.store.tables import audit, audit_heads

INSTALLATION = "installation"  # the chain of what concerns no team
_FIRST = "0" * 64
_READ_AT_ONCE = 500


class AuditBroken(Exception):
    """The audit log was changed behind the service's back; the message names the first wrong entry."""


class Audit:
    """Appends to chains and reads them; nothing here changes or takes away an entry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, chain: str, *, actor: str, operation: str, targets: Mapping[str, str], request: str = ""
    ) -> AuditEntry:
        """The new last entry of the chain."""
        try:
            return self._append(chain, actor, operation, targets, request)
        except IntegrityError:  # two first entries of a chain at the same moment: one of them waits
            return self._append(chain, actor, operation, targets, request)

    def _append(
        self, chain: str, actor: str, operation: str, targets: Mapping[str, str], request: str
    ) -> AuditEntry:
        with self._database.write() as connection:
            position, previous = _take_head(connection, chain)
            said = {
                "chain": chain,
                "position": position + 1,
                "at": now().isoformat(timespec="milliseconds"),
                "actor": actor,
                "operation": operation,
                "targets": dict(targets),
                "request": request,
                "previous": previous,
            }
            entry = {**said, "hash": hash_of(said)}
            connection.execute(insert(audit).values(**entry))
            connection.execute(
                update(audit_heads)
                .where(audit_heads.c.chain == chain)
                .values(position=entry["position"], hash=entry["hash"])
            )
        return AuditEntry(**entry)  # type: ignore[arg-type]  # the fields are those of the table

    def page(self, chain: str, *, limit: int, before: int | None = None) -> tuple[list[AuditEntry], bool]:
        """The newest entries (before a position), newest first, and whether older ones follow."""
        query = select(audit).where(audit.c.chain == chain)
        if before is not None:
            query = query.where(audit.c.position < before)
        with self._database.read() as connection:
            rows = list(connection.execute(query.order_by(audit.c.position.desc()).limit(limit + 1)))
        return [_entry(row) for row in rows[:limit]], len(rows) > limit

    def all(self, chain: str) -> Iterator[AuditEntry]:
        """Every entry, oldest first, read in stretches so that a long log is never held whole."""
        last = 0
        while True:
            query = select(audit).where(audit.c.chain == chain, audit.c.position > last)
            with self._database.read() as connection:
                rows = list(connection.execute(query.order_by(audit.c.position).limit(_READ_AT_ONCE)))
            yield from map(_entry, rows)
            if not rows:
                return
            last = rows[-1].position

    def chains(self) -> list[str]:
        """The chains that have entries."""
        with self._database.read() as connection:
            return list(connection.scalars(select(audit_heads.c.chain).order_by(audit_heads.c.chain)))

    def head(self, chain: str) -> tuple[int, str]:
        """Position and hash of the last entry."""
        query = select(audit_heads.c.position, audit_heads.c.hash).where(audit_heads.c.chain == chain)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.position, row.hash) if row else (0, _FIRST)

    def verify(self, chain: str) -> int:
        """Recompute the whole chain; how many entries it has. Raises AuditBroken."""
        position, previous = self.head(chain)
        end = check(self.all(chain))
        if end != (position, previous):
            raise AuditBroken(
                f"The log of {chain} ends at entry {end[0]}, but {position} were written: its end is missing."
            )
        return position


def check(entries: Iterator[AuditEntry]) -> tuple[int, str]:
    """Position and hash at the end of a whole chain, recomputed. Raises AuditBroken."""
    position, previous = 0, _FIRST
    for entry in entries:
        said = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__ if name != "hash"}
        if (entry.position, entry.previous) != (position + 1, previous) or hash_of(said) != entry.hash:
            raise AuditBroken(f"The log of {entry.chain} is not what was written at entry {position + 1}.")
        position, previous = entry.position, entry.hash
    return position, previous


def hash_of(said: Mapping[str, Any]) -> str:
    """SHA-256 over the entry as JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _take_head(connection: Connection, chain: str) -> tuple[int, str]:
    """The end of the chain, which no other writer gets before this transaction ends."""
    query = select(audit_heads).where(audit_heads.c.chain == chain).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        connection.execute(insert(audit_heads).values(chain=chain, position=0, hash=_FIRST))
        return 0, _FIRST
    return row.position, row.hash


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__dataclass_fields__})

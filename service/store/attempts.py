"""Guesses at passwords, counted by account and by address."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from service.store.engine import Database, aware, now
from service.store.tables import attempts

_FORGOTTEN_AFTER = timedelta(minutes=15)
_FIRST_LOCK = timedelta(seconds=30)
_LONGEST_LOCK = timedelta(minutes=15)


class TooManyAttempts(Exception):
    """Too many wrong passwords for this account or from this address; wait, or use a link of an owner."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class Guesser:
    """Whose attempts are counted, and how many are free before the locks begin to double."""

    whose: str
    free: int


def guessers(account: str, address: str) -> tuple[Guesser, Guesser]:
    """An account allows few guesses; an address, which many people may share, some more.

    Accounts that do not exist count like those that do, so the answers tell nothing about either.
    """
    return (
        Guesser(whose="account:" + hashlib.sha256(account.encode()).hexdigest(), free=5),
        Guesser(whose="address:" + hashlib.sha256(address.encode()).hexdigest(), free=30),
    )


class Attempts:
    """Counts before the password is looked at, so that guesses sent at once count, too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, who: tuple[Guesser, ...]) -> None:
        """Count one attempt. Raises TooManyAttempts while one of them is locked."""
        moment = now()
        with self._database.write() as connection:
            waits = [_wait(connection, guesser, moment) for guesser in who]
            if any(waits):
                wait = max(waits)
                raise TooManyAttempts(
                    f"Too many attempts to sign in; try again in {round(wait.total_seconds())} seconds.",
                    wait.total_seconds(),
                )
            for guesser in who:
                _count(connection, guesser, moment)

    def succeed(self, who: tuple[Guesser, ...]) -> None:
        """It was the right password: the account begins anew, the address gets its attempt back."""
        account, *others = (guesser.whose for guesser in who)
        with self._database.write() as connection:
            connection.execute(delete(attempts).where(attempts.c.whose == account))
            connection.execute(
                update(attempts)
                .where(attempts.c.whose.in_(others), attempts.c.failures > 0)
                .values(failures=attempts.c.failures - 1, locked_until=None)
            )
            connection.execute(delete(attempts).where(attempts.c.last_at < now() - 4 * _FORGOTTEN_AFTER))


def _wait(connection: Connection, guesser: Guesser, moment: datetime) -> timedelta:
    until = connection.scalar(
        select(attempts.c.locked_until).where(attempts.c.whose == guesser.whose).with_for_update()
    )
    return max(timedelta(), aware(until) - moment) if until else timedelta()


def _count(connection: Connection, guesser: Guesser, moment: datetime) -> None:
    row = connection.execute(select(attempts).where(attempts.c.whose == guesser.whose)).first()
    fresh = row is None or moment - aware(row.last_at) > _FORGOTTEN_AFTER
    failures = 1 if fresh or row is None else row.failures + 1
    over = failures - guesser.free
    lock = min(_FIRST_LOCK * 2 ** min(over, 10), _LONGEST_LOCK) if over >= 0 else None
    values = {"failures": failures, "last_at": moment, "locked_until": moment + lock if lock else None}
    if row is None:
        connection.execute(insert(attempts).values(whose=guesser.whose, **values))
    else:
        connection.execute(update(attempts).where(attempts.c.whose == guesser.whose).values(**values))

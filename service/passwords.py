"""Passwords: argon2id, worked out beside the event loop by few threads."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Found = TypeVar("Found")

_SHORTEST = 10
_LONGEST = 1000
_THREADS = 2  # each works with 64 MiB
_WAITING = 32  # beyond this many, a sign-in is told to come back


class PasswordTooWeak(Exception):
    """A password needs at least ten characters that are more than one repeated."""


class SignInBusy(Exception):
    """Many people are signing in at this moment; try again in a few seconds."""


class Passwords:
    """Hashes and checks passwords. What is unknown takes as long as what is wrong."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """What is stored of the password. Raises PasswordTooWeak and SignInBusy."""
        said = _normal(password)
        if not _SHORTEST <= len(said) <= _LONGEST or len(set(said)) < 4:
            raise PasswordTooWeak(
                f"Choose a password of {_SHORTEST} to {_LONGEST} characters that is not one repeated."
            )
        return await self._work(self._hasher.hash, said)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password is the stored one; for nobody's, always false. Raises SignInBusy."""
        return await self._work(self._check, stored, _normal(password)[:_LONGEST])

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check(self, stored: str | None, said: str) -> bool:
        if stored is None and self._nobodys is None:
            self._nobodys = self._hasher.hash("the password of nobody")
        try:
            self._hasher.verify(stored or self._nobodys or "", said)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    async def _work(self, work: Callable[..., Found], *arguments: str | None) -> Found:
        if self._waiting >= _WAITING:
            raise SignInBusy("Many people are signing in at this moment; try again in a few seconds.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """Keyboards write the same Hangul or accent in different ways; here it is one."""
    return unicodedata.normalize("NFC", password)

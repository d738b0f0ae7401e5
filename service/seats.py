"""How many answers may be made at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager


class TooManyAnswers(Exception):
    """As many answers as this service makes at a time are being made; try again in a few seconds."""


class Seats:
    """Counts running answers. One over the bound is refused at once, so that those that run stay quick."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._taken = 0

    def check(self) -> None:
        """Raises TooManyAnswers where no seat is free."""
        if self._taken >= self._bound:
            raise TooManyAnswers(
                f"{self._bound} answers are being made right now, as many as this service makes at a time "
                "(DOUMI_MAX_ANSWERS); try again in a few seconds."
            )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A seat for as long as the block lasts; within the event loop alone. Raises TooManyAnswers."""
        self.check()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

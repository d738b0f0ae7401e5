from collections.abc import Iterator

import pytest

from tests.service.actions.outside import OutsideProcess


@pytest.fixture(scope="session")
def shared_outside() -> Iterator[OutsideProcess]:
    process = OutsideProcess().start()
    yield process
    process.stop()


@pytest.fixture
def outside(shared_outside: OutsideProcess) -> OutsideProcess:
    """A real API on loopback, with nothing heard yet."""
    shared_outside.seen()
    return shared_outside

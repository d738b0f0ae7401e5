"""Fixtures that several folders share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.embeddings import open_embedder
from tests.journeys.server import ServerProcess, settled


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest) -> Path:
    """The converted default embedder, kept between runs of the suite."""
    folder = request.config.cache.mkdir("models")
    open_embedder("all-MiniLM-L6-v2", cache=folder)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[ServerProcess]:
    """A running service with the example assistants, shared by the journeys that only add to it."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data", models).start()
    with process.client() as client:  # the start waits for the documents of its own request only
        for slug in ("handbook", "regulations"):
            for document in client.get(f"/api/assistants/{slug}/documents").json()["data"]:
                assert settled(client, slug, document["id"])["status"] == "ready"
    yield process
    process.stop()

"""The storage side of the OpenAI surface, with the newest SDK against a running service."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tests.journeys import openai_storage
from tests.journeys.server import ServerProcess


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.owner_key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    "resource",
    [openai_storage.embeddings, openai_storage.files, openai_storage.uploads],
    ids=lambda resource: resource.__name__,
)
def test_the_sdk_uses_the_resource_from_end_to_end(
    client: openai.OpenAI, resource: Callable[[Any], None]
) -> None:
    resource(client)

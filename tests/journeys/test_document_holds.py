"""Requests made from the OpenAPI document at random: no accident, and no answer that it does not name."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.journeys.server import ServerProcess

schemathesis = pytest.importorskip("schemathesis", reason="installed with the tests' other needs")
ENDS_THE_TEST = {("DELETE", "/api/team")}
EXAMPLES = 4  # of each operation
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("document") / "data", models, DOUMI_EXAMPLES="off")
    yield process.start()
    process.stop()


@pytest.mark.filterwarnings("ignore")  # of the tool, about documents and data that it finds odd
def test_no_request_brings_an_accident_or_a_status_that_the_document_does_not_name(
    service: ServerProcess,
) -> None:
    with service.client() as client:
        document = client.get("/openapi.json").json()
    wrong: list[Any] = []
    asked = 0
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) not in ENDS_THE_TEST:
            asked += probed(service, operation, wrong)
    assert wrong == []
    assert asked > 300


def probed(service: ServerProcess, operation: Any, wrong: list[Any]) -> int:
    """How many requests were made of the operation; what went wrong is added to `wrong`."""
    named = {*operation.definition.raw["responses"], "405"}
    headers = {"Authorization": f"Bearer {service.owner_key}"}
    asked = 0

    @bounded
    @given(case=operation.as_strategy())
    def probe(case: Any) -> None:
        nonlocal asked
        asked += 1
        reply = case.call(base_url=service.url, headers=headers, timeout=30)
        if reply.status_code == 500 or str(reply.status_code) not in named:
            wrong.append((operation.label, reply.status_code, reply.text[:300]))

    probe()
    return asked

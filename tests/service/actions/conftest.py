from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.installation import Installation
from service.records import Role
from service.settings import Settings
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


@pytest.fixture(scope="session")
def provider() -> Iterator[OutsideProcess]:
    """A real OAuth server, whose resource is an API."""
    process = OutsideProcess("tests.service.actions.oauth_server").start()
    yield process
    process.stop()


@dataclass
class Doumi:
    """A service with an assistant `desk`, asked as its owner."""

    client: TestClient
    here: Installation
    team: str

    def key(self, role: Role = Role.OWNER, *, team: str | None = None) -> dict[str, str]:
        """The headers of another member."""
        of = team or self.team
        member = self.here.store.members.add(of, name="Other", role=role)
        _, secret = self.here.store.keys.create(of, name="k", role=role, member_id=member)
        return {"Authorization": f"Bearer {secret}"}

    def assistant(self, slug: str) -> str:
        """The address of its actions; made where the team has none of this name."""
        self.client.post("/api/assistants", json={"slug": slug, "instruction": "Answer."})
        return f"/api/assistants/{slug}/actions"

    def made(self, slug: str, **body: Any) -> dict[str, Any]:
        """A new action of the assistant."""
        reply = self.client.post(self.assistant(slug), json=body)
        assert reply.status_code == 201, reply.text
        action: dict[str, Any] = reply.json()
        return action


@pytest.fixture(scope="session")
def shared_doumi(
    tmp_path_factory: pytest.TempPathFactory,
    models: Path,
    shared_outside: OutsideProcess,
    provider: OutsideProcess,
) -> Iterator[Doumi]:
    data = tmp_path_factory.mktemp("actions") / "data"
    data.mkdir()
    (data / "models").symlink_to(models, target_is_directory=True)
    allow = (shared_outside.place, provider.place)
    app = create_app(Settings(data=data, examples=False, egress_allow=allow, _env_file=None))
    owner = "sk-doumi-" + "b" * 43
    with TestClient(app, headers={"Authorization": f"Bearer {owner}"}) as client:
        here = app.state.installation
        here.loaded.result(timeout=60)
        team = here.store.teams.create(slug="desk", name="Desk").id
        member = here.store.members.add(team, name="Owner", role=Role.OWNER)
        here.store.keys.create(team, name="k", role=Role.OWNER, member_id=member, secret=owner)
        yield Doumi(client, here, team)


@pytest.fixture
def doumi(shared_doumi: Doumi) -> Doumi:
    return shared_doumi

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from service.records import Access, Caller, Role, Team
from service.store import Store
from service.store.assistants import AssistantNotFound
from service.store.engine import Database, now
from service.store.keys import KeyNotFound, KeyNotUsable, sha256_of

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def team(store: Store) -> Team:
    return store.teams.create(slug="one", name="One")


def caller_of(store: Store, secret: str) -> Caller:
    caller = store.credentials.caller_of_key(secret)
    assert caller is not None
    return caller


def test_a_rotated_key_keeps_its_id_and_its_old_secret_works_for_the_overlap(
    store: Store, team: Team
) -> None:
    key, old = store.keys.create(team.id, name="k", role=Role.EDITOR)
    _, new = store.keys.rotate(team.id, key.id, overlap=HOUR)
    assert caller_of(store, old) == caller_of(store, new)
    assert caller_of(store, new).key == key.id
    with store.database.write() as connection:
        connection.execute(text("UPDATE keys SET previous_until = :m"), {"m": now() - timedelta(seconds=1)})
    assert store.credentials.caller_of_key(old) is None
    assert caller_of(store, new).key == key.id


def test_without_overlap_the_old_secret_ends_at_once(store: Store, team: Team) -> None:
    key, old = store.keys.create(team.id, name="k", role=Role.EDITOR)
    store.keys.rotate(team.id, key.id, overlap=timedelta())
    assert store.credentials.caller_of_key(old) is None


def test_revoking_ends_both_secrets_and_a_revoked_key_cannot_be_rotated(store: Store, team: Team) -> None:
    key, old = store.keys.create(team.id, name="k", role=Role.EDITOR)
    _, new = store.keys.rotate(team.id, key.id, overlap=HOUR)
    digests = {sha256_of(old), sha256_of(new)}
    assert store.credentials.alive(digests) == digests
    store.keys.revoke(team.id, key.id)
    assert store.credentials.alive(digests) == set()
    assert store.credentials.caller_of_key(old) is None
    assert store.credentials.caller_of_key(new) is None
    with pytest.raises(KeyNotUsable):
        store.keys.rotate(team.id, key.id, overlap=HOUR)


def test_another_teams_key_is_not_found(store: Store, team: Team) -> None:
    other = store.teams.create(slug="two", name="Two")
    key, secret = store.keys.create(other.id, name="k", role=Role.OWNER)
    for attempt in (
        lambda: store.keys.get(team.id, key.id),
        lambda: store.keys.revoke(team.id, key.id),
        lambda: store.keys.rotate(team.id, key.id, overlap=HOUR),
    ):
        with pytest.raises(KeyNotFound):
            attempt()
    assert store.credentials.caller_of_key(secret) is not None


def test_a_scope_is_of_assistants_not_of_slugs(store: Store, team: Team) -> None:
    mine = store.assistants.create(team.id, slug="a", name="A", instruction="")
    key, secret = store.keys.create(team.id, name="k", role=Role.VIEWER, assistants=["a"])
    assert key.assistants == ("a",)
    assert caller_of(store, secret).may_use(mine.id)
    store.assistants.delete(team.id, "a")
    again = store.assistants.create(team.id, slug="a", name="A", instruction="")
    assert not caller_of(store, secret).may_use(again.id)
    assert caller_of(store, secret).assistants == frozenset()


def test_a_scope_cannot_hold_another_teams_assistant(store: Store, team: Team) -> None:
    other = store.teams.create(slug="two", name="Two")
    store.assistants.create(other.id, slug="theirs", name="T", instruction="")
    with pytest.raises(AssistantNotFound):
        store.keys.create(team.id, name="k", role=Role.VIEWER, assistants=["theirs"])
    assert store.keys.all(team.id) == []


def test_a_session_has_the_scope_of_the_key_that_opened_it(store: Store, team: Team) -> None:
    store.assistants.create(team.id, slug="a", name="A", instruction="")
    _, secret = store.keys.create(team.id, name="k", role=Role.EDITOR, access=Access.READ, assistants=["a"])
    session = store.sessions.open(secret, lasts=HOUR)
    assert session is not None
    signed_in = store.credentials.caller_of_session(session)
    assert signed_in is not None
    assert replace(signed_in, session=None) == caller_of(store, secret)


def test_a_members_key_reaches_no_further_than_the_member(store: Store, team: Team) -> None:
    owner = store.members.add(team.id, name="O", role=Role.OWNER)
    store.members.add(team.id, name="P", role=Role.OWNER)
    _, secret = store.keys.create(team.id, name="k", role=Role.OWNER, member_id=owner)
    store.members.change_role(team.id, owner, Role.VIEWER)
    assert caller_of(store, secret).role is Role.VIEWER


def test_an_administrators_key_is_no_key_of_a_team(store: Store, team: Team) -> None:
    key, secret = store.keys.create_administrators(name="first")
    assert store.credentials.caller_of_key(secret) is None
    found = store.credentials.administrator_of_key(secret)
    assert found is not None
    assert found.key == key.id
    session = store.sessions.open(secret, lasts=HOUR)
    assert session is not None
    assert store.credentials.caller_of_session(session) is None
    assert store.credentials.administrator_of_session(session) is not None
    assert store.keys.revoke_administrators(key.id)
    assert store.credentials.administrator_of_key(secret) is None
    assert store.credentials.administrator_of_session(session) is None


def test_an_installation_of_the_first_version_keeps_its_keys_and_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import command
    from alembic.config import Config

    from service.store.engine import MIGRATIONS

    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    old = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    moment, later = now(), now() + HOUR
    with old.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        run = lambda sql, **values: connection.execute(text(sql), values)  # noqa: E731
        run("INSERT INTO teams VALUES ('team_1', 'example', 'Example', :m)", m=moment)
        run("INSERT INTO members VALUES ('mem_1', 'team_1', 'Owner', 'owner', :m)", m=moment)
        run(
            "INSERT INTO keys (id, team_id, member_id, name, role, prefix, sha256, created_at) "
            "VALUES ('key_1', 'team_1', 'mem_1', 'k', 'owner', 'sk-doumi-x', :d, :m)",
            d=sha256_of("sk-doumi-old"),
            m=moment,
        )
        run(
            "INSERT INTO tokens (sha256, team_id, kind, member_id, created_at, expires_at) "
            "VALUES (:d, 'team_1', 'session', 'mem_1', :m, :l)",
            d=sha256_of("cookie"),
            m=moment,
            l=later,
        )
    old.close()
    upgraded = Store(url)
    caller = caller_of(upgraded, "sk-doumi-old")
    assert (caller.team.slug, caller.role, caller.member) == ("example", Role.OWNER, "mem_1")
    assert (caller.access, caller.assistants) == (Access.WRITE, None)
    assert upgraded.credentials.caller_of_session("cookie") is not None
    assert upgraded.sessions.open("cookie", lasts=HOUR) is None
    upgraded.close()

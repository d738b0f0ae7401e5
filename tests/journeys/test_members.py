"""People in teams: invited, signed in with a password, given roles, removed; and who manages the teams."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.server import ServerProcess, ask, upload
from tests.journeys.test_command_line import doumi

ADMIN = "sk-doumi-admin-for-the-journey"
PASSWORD = "four quiet owls at noon"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models: Any) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("members") / "data"
    process = ServerProcess(folder, models, DOUMI_EXAMPLES="off", DOUMI_ADMIN_KEY=ADMIN).start()
    yield process
    process.stop()


@pytest.fixture
def owner(service: ServerProcess) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def admin(service: ServerProcess) -> Iterator[httpx.Client]:
    with service.client(ADMIN) as client:
        yield client


def browser(service: ServerProcess) -> httpx.Client:
    return httpx.Client(base_url=service.url, timeout=60, trust_env=False)


def token_of(reply: httpx.Response) -> str:
    assert reply.status_code in (200, 201), reply.text
    url: str = reply.json()["url"]
    return url.split("=", 1)[1]


@contextmanager
def joins(service: ServerProcess, token: str, email: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """The browser of somebody who has accepted the invitation."""
    with browser(service) as guest:
        body = {"token": token, "name": "Guest", "email": email, "password": password}
        reply = guest.post("/api/join", json=body)
        assert reply.status_code == 204, reply.text
        yield guest


def signs_in(service: ServerProcess, email: str, password: str = PASSWORD) -> httpx.Response:
    with browser(service) as somebody:
        return somebody.post("/api/session", json={"email": email, "password": password})


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_an_invitation_makes_a_member_once_with_the_role_it_names(
    service: ServerProcess, owner: httpx.Client
) -> None:
    token = token_of(owner.post("/api/invitations", json={"role": "editor", "email": "Kim@Example.org"}))
    with browser(service) as guest:
        look = guest.post("/api/join/look", json={"token": token}).json()
        assert look == {"team": "Example team", "role": "editor", "email": "kim@example.org"}
        body = {"token": token, "name": "Lee", "email": "lee@example.org", "password": PASSWORD}
        assert code(guest.post("/api/join", json=body)) == (400, "invalid_address")
        weak = body | {"email": "kim@example.org", "password": "aaaaaaaaaaaa"}
        assert code(guest.post("/api/join", json=weak)) == (400, "password_too_weak")
    with joins(service, token, "kim@example.org") as kim:
        session = kim.get("/api/session").json()
        assert (session["role"], session["person"]["email"]) == ("editor", "kim@example.org")
        assert kim.post("/api/assistants", json={"slug": "kims"}).status_code == 201
        assert code(kim.get("/api/members")) == (403, "not_allowed")
        [cookie] = kim.cookies.jar
        assert cookie.name == "doumi_session"
        assert cookie.has_nonstandard_attr("HttpOnly")
    with browser(service) as late:
        assert code(late.post("/api/join/look", json={"token": token})) == (404, "invitation_not_found")
        again = {"token": token, "name": "X", "email": "kim@example.org", "password": PASSWORD}
        assert code(late.post("/api/join", json=again)) == (404, "invitation_not_found")
    reply = signs_in(service, "kim@EXAMPLE.org ")
    assert reply.status_code == 204
    assert "HttpOnly" in reply.headers["set-cookie"]
    assert "samesite=strict" in reply.headers["set-cookie"].lower()


def test_a_withdrawn_invitation_opens_nothing(service: ServerProcess, owner: httpx.Client) -> None:
    made = owner.post("/api/invitations", json={"role": "viewer"})
    assert owner.delete(f"/api/invitations/{made.json()['id']}").status_code == 204
    with browser(service) as guest:
        assert guest.post("/api/join/look", json={"token": token_of(made)}).status_code == 404


def test_a_removed_members_sessions_and_conversations_end_at_once(
    service: ServerProcess, owner: httpx.Client
) -> None:
    owner.post("/api/assistants", json={"slug": "gates", "answer_from": "knowledge"})
    upload(owner, "gates", "gates.md", b"# Gates\n\nThe gates open at 05:40.\n")
    token = token_of(owner.post("/api/invitations", json={"role": "viewer"}))
    with joins(service, token, "gone@example.org") as guest:
        ask(guest, "gates", "When do the gates open?", conversation="new")
        [member] = [
            each for each in owner.get("/api/members").json()["data"] if each["email"] == "gone@example.org"
        ]
        removed = owner.delete(f"/api/members/{member['id']}").json()["removed"]
        assert removed == {"sessions": 1, "keys": 0, "conversations": 1}
        assert guest.get("/api/session").status_code == 401
    assert code(signs_in(service, "gone@example.org")) == (401, "wrong_password")


def test_the_last_owner_can_be_neither_removed_nor_demoted(owner: httpx.Client) -> None:
    owners = [each for each in owner.get("/api/members").json()["data"] if each["role"] == "owner"]
    assert len(owners) == 1
    path = f"/api/members/{owners[0]['id']}"
    assert code(owner.put(path, json={"role": "editor"})) == (409, "last_owner")
    assert code(owner.delete(path)) == (409, "last_owner")


def test_another_role_counts_from_the_next_request(service: ServerProcess, owner: httpx.Client) -> None:
    token = token_of(owner.post("/api/invitations", json={"role": "owner"}))
    with joins(service, token, "second@example.org") as second:
        assert second.get("/api/keys").status_code == 200
        [member] = [
            each for each in owner.get("/api/members").json()["data"] if each["email"] == "second@example.org"
        ]
        owner.put(f"/api/members/{member['id']}", json={"role": "viewer"})
        assert code(second.get("/api/keys")) == (403, "not_allowed")


def test_a_person_of_two_teams_switches_between_them_and_sees_one_at_a_time(
    service: ServerProcess, owner: httpx.Client, admin: httpx.Client
) -> None:
    made = admin.post("/api/admin/teams", json={"slug": "sales", "name": "Sales"}).json()
    first = token_of(owner.post("/api/invitations", json={"role": "viewer"}))
    with joins(service, first, "both@example.org") as both:
        second = token_of(
            admin.post(f"/api/admin/teams/{made['id']}/invitations", json={"email": "both@example.org"})
        )
        wrong = {"token": second, "name": "X", "email": "both@example.org", "password": "not this at all"}
        assert code(both.post("/api/join", json=wrong)) == (401, "wrong_password")
        with joins(service, second, "both@example.org"):
            pass
        session = both.get("/api/session").json()
        assert {team["slug"]: team["role"] for team in session["teams"]} == {
            "example": "viewer",
            "sales": "owner",
        }
        assert both.put("/api/session", json={"team": "sales"}).status_code == 204
        assert both.get("/api/session").json()["team"]["slug"] == "sales"
        assert both.get("/api/assistants").json()["data"] == []
        assert code(both.put("/api/session", json={"team": "nobody"})) == (404, "team_not_found")
        assert len(both.get("/api/sessions").json()["data"]) == 2
        # An owner of one team gets no hand on a password that opens another.
        [member] = [
            each for each in owner.get("/api/members").json()["data"] if each["email"] == "both@example.org"
        ]
        assert code(owner.post(f"/api/members/{member['id']}/reset-link")) == (409, "no_reset_link")


def test_a_password_is_changed_and_the_other_sessions_end(
    service: ServerProcess, owner: httpx.Client
) -> None:
    token = token_of(owner.post("/api/invitations", json={"role": "viewer"}))
    new = "five loud owls at dusk"
    with joins(service, token, "park@example.org") as here, browser(service) as there:
        assert there.post("/api/session", json={"email": "park@example.org", "password": PASSWORD}).is_success
        wrong = {"current": "never this one", "new": new}
        assert code(here.put("/api/account/password", json=wrong)) == (401, "wrong_password")
        reply = here.put("/api/account/password", json={"current": PASSWORD, "new": new})
        assert reply.json() == {"ended": 1}
        assert there.get("/api/session").status_code == 401
        assert here.get("/api/session").status_code == 200
    assert code(signs_in(service, "park@example.org")) == (401, "wrong_password")
    [member] = [
        each for each in owner.get("/api/members").json()["data"] if each["email"] == "park@example.org"
    ]
    link = token_of(owner.post(f"/api/members/{member['id']}/reset-link"))
    with browser(service) as guest:
        body = {"token": link, "new": "six more owls at dawn"}
        assert guest.post("/api/account/reset", json=body).status_code == 204
        assert code(guest.post("/api/account/reset", json=body)) == (400, "link_unusable")
    assert signs_in(service, "park@example.org", "six more owls at dawn").status_code == 204


def test_guessing_locks_an_account_whether_it_exists_or_not(
    service: ServerProcess, owner: httpx.Client
) -> None:
    token = token_of(owner.post("/api/invitations", json={"role": "viewer"}))
    with joins(service, token, "target@example.org"):
        pass
    said = {
        email: [signs_in(service, email, f"guess number {n}") for n in range(6)]
        for email in ("target@example.org", "nobody@example.org")
    }
    for replies in said.values():
        assert [reply.status_code for reply in replies] == [401] * 5 + [429]
        assert 0 < int(replies[-1].headers["retry-after"]) <= 30
    one, other = said.values()
    assert [reply.json() for reply in one[:5]] == [reply.json() for reply in other[:5]]
    assert code(signs_in(service, "target@example.org")) == (429, "too_many_attempts")


def test_a_member_who_came_by_a_link_makes_an_account(service: ServerProcess) -> None:
    with browser(service) as page:
        token = service.login_url.split("=", 1)[1]
        assert page.post("/api/session", json={"token": token}).status_code == 204
        assert page.get("/api/session").json()["person"] is None
        body = {"name": "Founder", "email": "founder@example.org", "password": PASSWORD}
        assert page.post("/api/account", json=body).status_code == 204
        assert page.get("/api/session").json()["person"]["email"] == "founder@example.org"
        assert code(page.post("/api/account", json=body)) == (409, "no_account")
    assert signs_in(service, "founder@example.org").status_code == 204


def test_a_page_of_another_origin_can_neither_change_anything_nor_sign_in(service: ServerProcess) -> None:
    with browser(service) as page:
        body = {"email": "founder@example.org", "password": PASSWORD}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert code(page.post("/api/session", json=body, headers=headers)) == (403, "foreign_origin")
        assert page.post("/api/session", json=body).status_code == 204
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            reply = page.delete("/api/sessions", headers=headers)
            assert code(reply) == (403, "foreign_origin")
        assert page.delete("/api/sessions", headers={"Origin": service.url}).status_code == 200


def test_an_administrator_manages_teams_and_reads_nothing_in_them(
    service: ServerProcess, owner: httpx.Client, admin: httpx.Client
) -> None:
    made = admin.post("/api/admin/teams", json={"slug": "brief"}).json()
    path = f"/api/admin/teams/{made['id']}"
    assert code(admin.post("/api/admin/teams", json={"slug": "brief"})) == (409, "slug_taken")
    assert admin.put(path, json={"name": "Brief"}).json()["name"] == "Brief"
    assert {"example", "brief"} <= {team["slug"] for team in admin.get("/api/admin/teams").json()["data"]}
    for reading in ("/v1/models", "/api/assistants", "/api/members", "/api/audit", "/api/conversations"):
        assert code(admin.get(reading)) == (403, "not_allowed"), reading
    assert code(owner.get("/api/admin/teams")) == (403, "not_allowed")
    with browser(service) as page:
        assert page.post("/api/session", json={"token": ADMIN}).status_code == 204
        assert page.get("/api/admin/teams").status_code == 200
        assert code(page.get("/api/assistants")) == (403, "not_allowed")
        assert page.delete("/api/admin/session").status_code == 204
        assert page.get("/api/admin/teams").status_code == 401
    log = admin.get("/api/admin/audit").json()["data"]
    assert "PUT /api/admin/teams/{team_id}" in {entry["operation"] for entry in log}


def test_a_deleted_team_leaves_nothing_and_a_receipt(service: ServerProcess, admin: httpx.Client) -> None:
    made = admin.post("/api/admin/teams", json={"slug": "passing"}).json()
    link = token_of(admin.post(f"/api/admin/teams/{made['id']}/invitations", json={}))
    with joins(service, link, "passing@example.org") as owner:
        owner.post("/api/assistants", json={"slug": "gates", "answer_from": "knowledge"})
        upload(owner, "gates", "gates.md", b"# Gates\n\nThe word of this team is Vanapagan.\n")
        ask(owner, "gates", "What is the word of this team?", conversation="new")
        key = owner.post("/api/keys", json={"name": "k"}).json()["secret"]
        files = [path for path in service.data.rglob("*") if made["id"] in str(path)]
        assert files
        assert code(owner.delete("/api/team", params={"confirm": "other"})) == (400, "not_confirmed")
        receipt = owner.delete("/api/team", params={"confirm": "passing"}).json()
        assert owner.get("/api/session").status_code == 401
    counted = {name: receipt["removed"][name] for name in ("assistants", "documents", "members", "keys")}
    assert counted == {"assistants": 1, "documents": 1, "members": 1, "keys": 1}
    assert receipt["removed"]["conversations"] == 1
    with service.client(key) as holder:
        assert holder.get("/v1/models").status_code == 401
    assert code(signs_in(service, "passing@example.org")) == (401, "wrong_password")
    assert [path for path in service.data.rglob("*") if made["id"] in str(path)] == []
    for path in service.data.glob("records.sqlite*"):
        for word in (b"Vanapagan", b"passing@example.org"):
            assert word not in path.read_bytes()
    entry = json.dumps(admin.get("/api/admin/audit").json()["data"][0])
    assert "DELETE /api/team" in entry
    assert made["id"] in entry


def test_the_operators_commands_are_in_the_log_and_a_changed_log_is_found_out(
    service: ServerProcess, owner: httpx.Client, tmp_path: Path
) -> None:
    link = doumi("member", "invite", "--role", "editor", server=service)
    assert "#join=" in link.stdout, link.stderr
    secret = doumi("admin-key", "--name", "second", server=service).stdout.strip()
    with service.client(secret) as second:
        assert second.get("/api/admin/teams").status_code == 200
    newest = owner.get("/api/audit").json()["data"][0]
    assert (newest["actor"], newest["operation"]) == ("operator", "doumi member invite")
    checked = doumi("audit", "verify", server=service)
    assert checked.returncode == 0, checked.stderr
    exported = tmp_path / "log.jsonl"
    exported.write_text(owner.get("/api/audit/export").text)
    assert doumi("audit", "verify", str(exported), server=service).returncode == 0
    lines = exported.read_text().splitlines()
    for damaged in (lines[1:], [lines[0].replace(': "20', ': "19', 1), *lines[1:]], [*lines[:2], *lines[3:]]):
        exported.write_text("\n".join(damaged))
        assert "is not what was written" in doumi("audit", "verify", str(exported), server=service).stderr

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpcore
import pytest

from service.actions.egress import (
    HIDDEN,
    Egress,
    EgressFailed,
    EgressRefused,
    Inbound,
    Outbound,
    Signature,
    origin_of,
)
from tests.service.actions.outside import API_KEY, OutsideProcess

# A spelling, and what a name server says where it is asked. None of them may be connected to.
INTERNAL: list[tuple[str, Sequence[str]]] = [
    # plain
    ("http://127.0.0.1/", ["127.0.0.1"]),
    ("http://127.8.9.10/", ["127.8.9.10"]),
    ("http://0.0.0.0/", ["0.0.0.0"]),
    ("http://10.0.0.1/", ["10.0.0.1"]),
    ("http://172.16.4.4/", ["172.16.4.4"]),
    ("http://192.168.0.1/", ["192.168.0.1"]),
    ("http://169.254.169.254/latest/meta-data/", ["169.254.169.254"]),
    ("http://168.63.129.16/", ["168.63.129.16"]),
    ("http://100.64.0.1/", ["100.64.0.1"]),
    ("http://198.18.0.1/", ["198.18.0.1"]),
    ("http://192.0.0.8/", ["192.0.0.8"]),
    ("http://192.88.99.1/", ["192.88.99.1"]),
    ("http://224.0.0.1/", ["224.0.0.1"]),
    ("http://240.0.0.1/", ["240.0.0.1"]),
    ("http://255.255.255.255/", ["255.255.255.255"]),
    # numbers in other dress
    ("http://2130706433/", ["127.0.0.1"]),
    ("http://3232235521/", ["192.168.0.1"]),
    ("http://0x7f000001/", ["127.0.0.1"]),
    ("http://0x7f.0.0.1/", ["127.0.0.1"]),
    ("http://0x7f.1/", ["127.0.0.1"]),
    ("http://0177.0.0.1/", ["127.0.0.1"]),
    ("http://017700000001/", ["127.0.0.1"]),
    ("http://0000177.0.0.1/", ["127.0.0.1"]),
    ("http://127.1/", ["127.0.0.1"]),
    ("http://127.0.1/", ["127.0.0.1"]),
    ("http://0/", ["0.0.0.0"]),
    ("http://00000000000000000000127.0.0.1/", ["127.0.0.1"]),
    ("http://127.000.000.001/", ["127.0.0.1"]),
    ("http://0xa9fea9fe/", ["169.254.169.254"]),
    ("http://2852039166/", ["169.254.169.254"]),
    ("http://127.0.0.1./", ["127.0.0.1"]),
    ("http://10.0.0.1..../", ["10.0.0.1"]),
    ("http://4294967297/", ["0.0.0.1"]),
    # letters and dots of other scripts
    ("http://１２７.０.０.１/", ["127.0.0.1"]),
    ("http://①②⑦.⓪.⓪.①/", ["127.0.0.1"]),
    ("http://127。0。0。1/", ["127.0.0.1"]),
    ("http://127．0．0．1/", ["127.0.0.1"]),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", ["127.0.0.1"]),
    ("http://١٢٧.٠.٠.١/", ["127.0.0.1"]),
    # IPv6
    ("http://[::1]/", ["::1"]),
    ("http://[::]/", ["::"]),
    ("http://[0:0:0:0:0:0:0:1]/", ["::1"]),
    ("http://[::ffff:127.0.0.1]/", ["::ffff:127.0.0.1"]),
    ("http://[::ffff:7f00:1]/", ["::ffff:7f00:1"]),
    ("http://[::ffff:a9fe:a9fe]/", ["::ffff:a9fe:a9fe"]),
    ("http://[::127.0.0.1]/", ["::7f00:1"]),
    ("http://[2002:7f00:1::]/", ["2002:7f00:1::"]),
    ("http://[2002:c0a8:1::1]/", ["2002:c0a8:1::1"]),
    ("http://[64:ff9b::127.0.0.1]/", ["64:ff9b::7f00:1"]),
    ("http://[64:ff9b::a9fe:a9fe]/", ["64:ff9b::a9fe:a9fe"]),
    ("http://[64:ff9b:1::7f00:1]/", ["64:ff9b:1::7f00:1"]),
    ("http://[2001:0:7f00:1::]/", ["2001:0:7f00:1::"]),
    ("http://[fe80::1]/", ["fe80::1"]),
    ("http://[fe80::1%25eth0]/", ["fe80::1%eth0"]),
    ("http://[::1%25lo]/", ["::1%lo"]),
    ("http://[fc00::1]/", ["fc00::1"]),
    ("http://[fd00:ec2::254]/", ["fd00:ec2::254"]),
    ("http://[fec0::1]/", ["fec0::1"]),
    ("http://[ff02::1]/", ["ff02::1"]),
    ("http://[100::1]/", ["100::1"]),
    ("http://[2001:db8::1]/", ["2001:db8::1"]),
    # names
    ("http://localhost/", ["127.0.0.1"]),
    ("http://LOCALHOST./", ["127.0.0.1"]),
    ("http://localhost.localdomain/", ["::1", "127.0.0.1"]),
    ("http://metadata.google.internal/", ["169.254.169.254"]),
    ("http://127.0.0.1.nip.io/", ["127.0.0.1"]),
    ("http://one-inside.example/", ["93.184.215.14", "10.0.0.7"]),
    ("http://inside-first.example/", ["fd00::7", "93.184.215.14"]),
    ("http://mapped.example/", ["::ffff:10.0.0.7"]),
    ("http://scoped.example/", ["fe80::1%2"]),
    # readers that disagree
    ("http://93.184.215.14@127.0.0.1/", ["127.0.0.1"]),
    ("http://api.example.com:80@localhost/", ["127.0.0.1"]),
    ("http://user:secret@93.184.215.14/", ["93.184.215.14"]),
    ("http://127.0.0.1\\@93.184.215.14/", ["93.184.215.14"]),
    ("http://93.184.215.14\\.localhost/", ["127.0.0.1"]),
    ("http://93.184.215.14 .localhost/", ["127.0.0.1"]),
    ("http://localhost\t/", ["127.0.0.1"]),
    ("http://example.com\r\nHost: localhost/", ["93.184.215.14"]),
    ("http://localhost%00.example.com/", ["127.0.0.1"]),
    ("http://loc%61lhost/", ["127.0.0.1"]),
    ("http://@localhost/", ["127.0.0.1"]),
    ("http://[::1/", ["::1"]),
    ("http://[127.0.0.1]/", ["127.0.0.1"]),
    ("http://example.com:0/", ["93.184.215.14"]),
    # other ways out
    ("file:///etc/passwd", ["127.0.0.1"]),
    ("gopher://127.0.0.1:6379/_INFO", ["127.0.0.1"]),
    ("ftp://10.0.0.1/", ["10.0.0.1"]),
    ("//127.0.0.1/", ["127.0.0.1"]),
    ("/relative", ["127.0.0.1"]),
    ("http:///nothing", ["127.0.0.1"]),
    ("unix:///var/run/docker.sock", ["127.0.0.1"]),
    ("data:text/plain,hello", ["127.0.0.1"]),
]


class NoNetwork(httpcore.AsyncNetworkBackend):
    """Notes what is connected to, and answers with what it was given; no packet leaves."""

    def __init__(self, *answers: bytes) -> None:
        self.connected: list[tuple[str, int]] = []
        self._answers = answers

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        return httpcore.AsyncMockStream([self._answers[len(self.connected) - 1]])


def egress(backend: NoNetwork, *answers: Sequence[str], **more: Any) -> tuple[Egress, list[str]]:
    """A door to nowhere; the n-th look-up gives the n-th of `answers`, the last one serves for the rest."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return Egress(resolve=resolve, backend=backend, **more), asked


def send(door: Egress, url: str, **more: Any) -> Inbound:
    async def sent() -> Inbound:
        try:
            return await door.send(Outbound(method="GET", url=url), **more)
        finally:
            await door.aclose()

    return asyncio.run(sent())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def to(url: str) -> bytes:
    head = f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return head.encode("utf-8")


def test_the_table_of_spellings_is_long_enough() -> None:
    assert len({url for url, _ in INTERNAL}) >= 60


@pytest.mark.parametrize(("url", "answer"), INTERNAL, ids=[ascii(url) for url, _ in INTERNAL])
def test_no_spelling_of_an_internal_address_is_connected_to(url: str, answer: Sequence[str]) -> None:
    backend = NoNetwork()
    door, _ = egress(backend, answer)
    with pytest.raises(EgressRefused):
        send(door, url)
    assert backend.connected == []


@pytest.mark.parametrize(("url", "answer"), INTERNAL, ids=[ascii(url) for url, _ in INTERNAL])
def test_no_redirect_leads_inside(url: str, answer: Sequence[str]) -> None:
    backend = NoNetwork(to(url), OK, OK)
    door, _ = egress(backend, ["93.184.215.14"], answer)
    with suppress(EgressRefused, EgressFailed):  # some are paths of the host that sent them
        send(door, "http://api.example.com/", redirects=3)
    assert {host for host, _ in backend.connected} == {"93.184.215.14"}


@pytest.mark.parametrize(
    ("url", "answer", "connected"),
    [
        ("http://api.example.com/", ["93.184.215.14"], ("93.184.215.14", 80)),
        ("http://93.184.215.14:8080/", ["93.184.215.14"], ("93.184.215.14", 8080)),
        ("http://[2606:2800:21f:cb07::1]/", ["2606:2800:21f:cb07::1"], ("2606:2800:21f:cb07::1", 80)),
        ("http://한국.example/", ["1.1.1.1"], ("1.1.1.1", 80)),
        ("http://nat64.example/", ["64:ff9b::5db8:d70e"], ("64:ff9b::5db8:d70e", 80)),
        ("http://10.example.com/", ["93.184.215.14"], ("93.184.215.14", 80)),
        ("http://_dmarc.example.com/", ["93.184.215.14"], ("93.184.215.14", 80)),
    ],
)
def test_an_address_of_the_internet_is_connected_to(
    url: str, answer: Sequence[str], connected: tuple[str, int]
) -> None:
    backend = NoNetwork(OK)
    door, _ = egress(backend, answer)
    assert send(door, url).content == b"ok"
    assert backend.connected == [connected]


def test_a_name_that_changes_between_check_and_connect_gains_nothing() -> None:
    backend = NoNetwork(OK)
    door, asked = egress(backend, ["93.184.215.14"], ["127.0.0.1"])
    assert send(door, "http://rebinding.example/").status == 200
    assert backend.connected == [("93.184.215.14", 80)]
    assert asked == ["rebinding.example"]  # once, and what it said is what was connected to


def test_a_new_connection_is_judged_anew() -> None:
    backend = NoNetwork(OK, OK)
    door, _ = egress(backend, ["93.184.215.14"], ["127.0.0.1"])

    async def twice() -> None:
        await door.send(Outbound(method="GET", url="http://rebinding.example/"))
        with pytest.raises(EgressRefused):
            await door.send(Outbound(method="GET", url="http://rebinding.example/"))
        await door.aclose()

    asyncio.run(twice())
    assert backend.connected == [("93.184.215.14", 80)]


def test_only_hosts_of_the_list_are_reached() -> None:
    backend = NoNetwork(to("http://other.example/"), OK)
    door, _ = egress(backend, ["93.184.215.14"])
    with pytest.raises(EgressRefused, match=r"other\.example is not among"):
        send(door, "http://api.example.com/", origins={"http://api.example.com"}, redirects=1)
    assert len(backend.connected) == 1


def test_what_the_operator_opened_is_that_host_and_port_alone() -> None:
    door, _ = egress(NoNetwork(OK), ["127.0.0.1"], allow=["127.0.0.1:8099"])
    assert send(door, "http://127.0.0.1:8099/").status == 200
    for url in ("http://127.0.0.1:8098/", "http://localhost:8099/", "http://127.0.0.2:8099/"):
        with pytest.raises(EgressRefused):
            send(door, url)


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:3128")
    backend = NoNetwork(OK)
    door, _ = egress(backend, ["93.184.215.14"])
    send(door, "http://api.example.com/")
    assert backend.connected == [("93.184.215.14", 80)]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example.com:443/a?b", "https://api.example.com"),
        ("http://api.example.com:8080", "http://api.example.com:8080"),
        ("https://[2606:2800::1]/", "https://[2606:2800::1]"),
    ],
)
def test_an_origin_is_scheme_host_and_unusual_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


# Against a real server


def real(
    outside: OutsideProcess, path: str, *, within_s: float = 20.0, signed: bool = False, **more: Any
) -> Inbound:
    key = Signature(
        origins=frozenset({outside.url}), headers={"X-API-Key": API_KEY}, query={"token": "qu€ry/secret"}
    )

    async def sent() -> Inbound:
        door = Egress(allow=[outside.place], within_s=within_s)
        request = Outbound(method="GET", url=outside.url + path, signature=key if signed else None)
        try:
            return await door.send(request, **more)
        finally:
            await door.aclose()

    return asyncio.run(sent())


def test_an_answer_is_cut_while_it_streams(outside: OutsideProcess) -> None:
    reply = real(outside, "/huge", limit=100_000)
    assert (len(reply.content), reply.cut) == (100_000, True)
    assert reply.size < 1_000_000


def test_a_packed_bomb_is_unpacked_no_further_than_the_limit(outside: OutsideProcess) -> None:
    reply = real(outside, "/bomb", limit=100_000)
    assert (reply.content, reply.cut) == (b"0" * 100_000, True)


@pytest.mark.parametrize("path", ["/slow", "/dripping"])
def test_an_answer_that_takes_too_long_is_given_up(outside: OutsideProcess, path: str) -> None:
    with pytest.raises(EgressFailed, match=r"did not answer within 0\.3 seconds"):
        real(outside, path, within_s=0.3)


def test_an_answer_that_breaks_off_is_an_error(outside: OutsideProcess) -> None:
    with pytest.raises(EgressFailed, match="broke off"):
        real(outside, "/broken")


def test_a_host_that_is_not_there_is_said_to_be(outside: OutsideProcess) -> None:
    door = Egress(allow=["127.0.0.1:9"])
    with pytest.raises(EgressFailed, match=r"127\.0\.0\.1:9 could not be reached"):
        send(door, "http://127.0.0.1:9/")


def test_a_redirect_is_an_answer_like_others(outside: OutsideProcess) -> None:
    reply = real(outside, "/redirect?to=/echo")
    assert (reply.status, reply.header("location")) == (302, "/echo")
    assert len(outside.seen()) == 1


def test_credentials_arrive_and_are_hidden_where_the_answer_repeats_them(outside: OutsideProcess) -> None:
    reply = real(outside, "/echo", signed=True)
    (heard,) = outside.seen()
    assert heard["headers"]["x-api-key"] == API_KEY
    assert heard["query"] == "token=qu%E2%82%ACry%2Fsecret"
    assert API_KEY not in reply.text
    assert "secret" not in reply.text
    assert HIDDEN in reply.text


def test_credentials_do_not_follow_a_redirect_to_another_origin(outside: OutsideProcess) -> None:
    other = f"http://localhost:{outside.port}"
    key = Signature(origins=frozenset({outside.url}), headers={"Authorization": f"Bearer {API_KEY}"})

    async def sent() -> Inbound:
        door = Egress(allow=[outside.place, f"localhost:{outside.port}"])
        url = f"{outside.url}/redirect?to={other}/echo"
        request = Outbound(method="GET", url=url, headers=(("Cookie", "a=b"), ("X-Own", "1")), signature=key)
        try:
            return await door.send(request, redirects=1)
        finally:
            await door.aclose()

    assert asyncio.run(sent()).status == 200
    first, second = outside.seen()
    assert first["headers"]["authorization"] == f"Bearer {API_KEY}"
    assert not {"authorization", "cookie"} & set(second["headers"])
    assert second["headers"]["x-own"] == "1"


def test_an_answer_is_read_in_the_characters_that_it_names(outside: OutsideProcess) -> None:
    assert real(outside, "/korean").text == "오늘은 맑음"


class NoTls(httpcore.AsyncMockStream):
    """Notes the name that a certificate is asked for."""

    def __init__(self, backend: "Unencrypted") -> None:
        super().__init__([backend.answer])
        self._backend = backend

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self._backend.asked_for.append(server_hostname)
        return self

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._backend.written += buffer


class Unencrypted(NoNetwork):
    def __init__(self, answer: bytes = OK) -> None:
        super().__init__()
        self.answer = answer
        self.asked_for: list[str | None] = []
        self.written = b""

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        return NoTls(self)


def test_the_other_side_is_asked_for_by_name_though_its_address_is_connected_to() -> None:
    backend = Unencrypted()
    door, _ = egress(backend, ["93.184.215.14"])
    assert send(door, "https://api.example.com/a").status == 200
    assert (backend.connected, backend.asked_for) == ([("93.184.215.14", 443)], ["api.example.com"])
    assert b"Host: api.example.com\r\n" in backend.written


def test_cookies_that_one_answer_sets_are_not_sent_again() -> None:
    backend = Unencrypted(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: sid=1; Path=/\r\n\r\n"))
    door, _ = egress(backend, ["93.184.215.14"])

    async def twice() -> list[Inbound]:
        request = Outbound(method="GET", url="https://api.example.com/")
        try:
            return [await door.send(request) for _ in range(2)]
        finally:
            await door.aclose()

    assert [reply.header("set-cookie") for reply in asyncio.run(twice())] == ["sid=1; Path=/"] * 2
    assert backend.written.count(b"GET / HTTP/1.1") == 2
    assert b"cookie" not in backend.written.lower()


def test_no_log_shows_a_credential(outside: OutsideProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert real(outside, "/echo", signed=True).status == 200
    assert "secret" not in caplog.text
    assert API_KEY not in caplog.text

"""What people upload by mistake or on purpose: each ends as an error that says what to do."""

import random
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from pypdf import PdfReader, PdfWriter

from tests.journeys.files import pdf_of
from tests.journeys.server import ServerProcess, settled, upload


def encrypted() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_of(["Secret."]))))
    writer.encrypt("password", algorithm="RC4-128")
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def bomb() -> bytes:
    """A DOCX of less than a megabyte that unpacks to 300 MiB."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w") as entry:
            for _ in range(300):
                entry.write(b" " * 1024 * 1024)
    return buffer.getvalue()


def entities() -> bytes:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{levels}]><x>&e9;</x>'.encode()


BAD = {
    "empty.pdf": b"",
    "truncated.pdf": pdf_of(["A page."] * 3)[:400],
    "locked.pdf": encrypted(),
    "random.pdf": random.Random(7).randbytes(20_000),
    "blank.pdf": pdf_of(["", ""]),
    "picture.pdf": b"\x89PNG\r\n\x1a\n" + bytes(400),
    "bomb.docx": bomb(),
    "entities.xml": entities(),
    "program.exe": b"MZ" + bytes(2000),
}


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.post("/api/assistants", json={"slug": "bad", "name": "Bad"})
        yield client


def test_bad_files_fail_by_name_while_the_service_and_other_uploads_go_on(client: httpx.Client) -> None:
    ids = {}
    for name, content in BAD.items():
        reply = client.post("/api/assistants/bad/documents", files={"file": (name, content)})
        assert reply.status_code == 202, (name, reply.text)
        ids[name] = reply.json()["id"]
    good = upload(client, "bad", "good.md", b"The good file is read in between.")
    assert good["status"] == "ready"
    errors = {}
    for name, document_id in ids.items():
        document = settled(client, "bad", document_id)
        assert document["status"] == "failed", name
        assert len(document["error"].split()) > 5, (name, document["error"])
        assert "Traceback" not in document["error"]
        errors[name] = document["error"]
    assert len(set(errors.values())) >= 6, errors  # not one sentence for everything
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd.md", "..\\..\\windows.md", "가" * 100 + ".md", "a\u0000b.md", "한글.md"],
)
def test_a_name_is_a_label_and_never_a_path(client: httpx.Client, server: ServerProcess, name: str) -> None:
    document = upload(client, "bad", name, b"Contents of no importance.")
    assert document["status"] == "ready"
    assert "/" not in document["name"]
    assert "\\" not in document["name"]
    assert "\u0000" not in document["name"]
    outside = [path for path in server.data.parent.rglob("passwd*") if path.is_file()]
    assert outside == []


@pytest.mark.parametrize(
    ("kwargs", "status", "code"),
    [
        ({"json": {"file": "x"}}, 400, "invalid_upload"),
        ({"data": {"other": "x"}, "files": {"more": ("a.md", b"x")}}, 400, "invalid_upload"),
        ({"files": {"wrong": ("a.md", b"x")}}, 400, "invalid_upload"),
        ({"headers": {"content-type": "multipart/form-data"}, "content": b"x"}, 400, "invalid_upload"),
    ],
)
def test_a_request_that_is_no_upload_says_what_to_send(
    client: httpx.Client, kwargs: dict[str, object], status: int, code: str
) -> None:
    reply = client.post("/api/assistants/bad/documents", **kwargs)  # type: ignore[arg-type]
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_a_file_over_the_limit_is_refused_with_the_limit(tmp_path: Path, models: Path) -> None:
    process = ServerProcess(tmp_path / "data", models, DOUMI_EXAMPLES="off", DOUMI_MAX_UPLOAD_MB="1").start()
    try:
        with process.client() as client:
            client.post("/api/assistants", json={"slug": "small", "name": "Small"})
            files = {"file": ("big.txt", b"x" * (3 * 1024 * 1024))}
            reply = client.post("/api/assistants/small/documents", files=files)
            assert (reply.status_code, reply.json()["error"]["code"]) == (413, "file_too_large")
            assert "1 MB" in reply.json()["error"]["message"]
            assert client.get("/api/assistants/small/documents").json()["data"] == []
            several = [
                ("file", ("a.md", b"# A\n\nThe first file is fine.")),
                ("file", ("big.txt", b"x" * (3 * 1024 * 1024))),
                ("file", ("b.md", b"# B\n\nThe last file is fine.")),
            ]
            reply = client.post("/api/assistants/small/documents", files=several)
            assert reply.status_code == 202, reply.text
            assert [each["name"] for each in reply.json()["data"]] == ["a.md", "b.md"]
            [refused] = reply.json()["errors"]
            assert (refused["name"], refused["error"]["code"]) == ("big.txt", "file_too_large")
            for document in reply.json()["data"]:
                assert settled(client, "small", document["id"])["status"] == "ready"
            assert list((process.data / "incoming").glob("*")) == []
    finally:
        process.stop()

"""Images in questions to a real service: intact for a model that sees, as text for one that does not."""

import base64
import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.journeys.server import ServerProcess
from tests.journeys.upstream import Upstream


def picture(text: str = "") -> bytes:
    image = Image.new("RGB", (900, 200), "white")
    if text:
        ImageDraw.Draw(image).text((40, 60), text, fill="black", font=ImageFont.load_default(60))
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def enormous() -> bytes:
    """A PNG of a few bytes that says that it has 10,000 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IEND", b"")


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = picture("REMOTE")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def remote() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, models: Any, remote: str, upstream: Upstream
) -> Iterator[httpx.Client]:
    process = ServerProcess(
        tmp_path_factory.mktemp("images") / "data",
        models,
        DOUMI_EXAMPLES="off",
        DOUMI_MODEL="openai:well",
        DOUMI_MODEL_BASE_URL=upstream.url,
        DOUMI_EGRESS_ALLOW=remote,
        DOUMI_MAX_IMAGES="2",
        DOUMI_MAX_IMAGE_MB="1",
    ).start()
    with process.client() as client:
        for slug, more in (
            ("eye", {"sees": True, "fetch_hosts": ["127.0.0.1"]}),
            ("blind", {"sees": False}),
            ("quoter", {"model": "quote"}),
        ):
            body = {"slug": slug, "instruction": "Say what is there.", "answer_from": "anything"} | more
            assert client.post("/api/assistants", json=body).status_code == 201
        yield client
    process.stop()


def ask(client: httpx.Client, slug: str, *images: Any) -> httpx.Response:
    parts = [{"type": "image_url", "image_url": image} for image in images]
    content = [{"type": "text", "text": "What does it say?"}, *parts]
    return client.post(
        "/v1/chat/completions", json={"model": slug, "messages": [{"role": "user", "content": content}]}
    )


def told(upstream: Upstream) -> str:
    return json.dumps(upstream.requests[-1]["messages"][-1], ensure_ascii=False)


def test_a_model_that_sees_gets_the_image_intact(client: httpx.Client, upstream: Upstream) -> None:
    url = data_uri(picture("GATES 0540"))
    reply = ask(client, "eye", {"url": url, "detail": "high"})
    assert reply.status_code == 200, reply.text
    content = upstream.requests[-1]["messages"][-1]["content"]
    assert {"type": "image_url", "image_url": {"url": url, "detail": "high"}} in content


def test_an_uploaded_file_is_an_image_too_and_only_of_its_team(
    client: httpx.Client, upstream: Upstream
) -> None:
    content = picture("UPLOADED")
    file = {"file": ("p.png", content)}
    file_id = client.post("/v1/files", data={"purpose": "vision"}, files=file).json()["id"]
    assert ask(client, "eye", {"file_id": file_id}).status_code == 200
    assert data_uri(content) in told(upstream)
    foreign = ask(client, "eye", {"file_id": "file-000000000000000000000000"})
    assert foreign.status_code == 404
    item = {"type": "input_image", "file_id": file_id}
    asked = {"model": "eye", "input": [{"role": "user", "content": [item]}]}
    assert client.post("/v1/responses", json=asked).status_code == 200
    assert data_uri(content) in told(upstream)


def test_a_model_that_does_not_see_gets_the_text_and_a_note(client: httpx.Client, upstream: Upstream) -> None:
    reply = ask(client, "blind", data_uri(picture("GATES 0540")), data_uri(picture()))
    assert reply.status_code == 200, reply.text
    said = told(upstream)
    assert "GATES 0540" in said
    assert "You cannot see this image" in said
    assert "There is no text in it" in said
    assert "base64" not in said


def test_an_address_is_read_only_where_the_assistant_may(
    client: httpx.Client, upstream: Upstream, remote: str
) -> None:
    assert ask(client, "eye", {"url": f"http://{remote}/p.png"}).status_code == 200
    assert data_uri(picture("REMOTE")) in told(upstream)
    refused = ask(client, "blind", {"url": f"http://{remote}/p.png"})
    assert refused.status_code == 400
    assert "fetch_hosts" in refused.json()["error"]["message"]
    assert ask(client, "eye", {"url": "http://169.254.169.254/p.png"}).status_code == 400


@pytest.mark.parametrize(
    ("images", "says"),
    [
        ([data_uri(b"no picture")], "no PNG, JPEG, GIF or WebP"),
        ([data_uri(b"\x89PNG\r\n\x1a\n")], "damaged"),
        ([data_uri(enormous())], "10,000 megapixels"),
        ([data_uri(picture() + b"x" * (2 << 20))], "the limit is 1"),
        ([data_uri(picture())] * 3, "the limit is 2"),
        (["data:image/png;base64,%%%"], "not in base64"),
        (["data:image/svg+xml,<svg/>"], "no PNG"),
        ([{"url": ""}], "is empty"),
        ([None], "no image_url"),
    ],
)
def test_what_is_no_usable_image_is_refused_with_the_limit_it_met(
    client: httpx.Client, images: list[Any], says: str
) -> None:
    for slug in ("eye", "blind"):
        reply = ask(client, slug, *images)
        assert reply.status_code == 400, reply.text
        assert says in reply.json()["error"]["message"]
        assert reply.json()["error"]["code"] == "invalid_image"


def test_a_model_that_only_quotes_says_that_it_sees_nothing(client: httpx.Client) -> None:
    reply = ask(client, "quoter", data_uri(picture()))
    assert "only quotes" in reply.json()["error"]["message"]

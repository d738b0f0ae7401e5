"""A real outside API in a process of its own, for the tests: `python -m tests.service.actions.outside PORT`.

Tests let Doumi reach it with DOUMI_EGRESS_ALLOW=127.0.0.1:PORT.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse

API_KEY = "outside-key-4f9a1c"
app = FastAPI(title="Outside")
NOTES: list[dict[str, Any]] = []
SEEN: list[dict[str, Any]] = []  # every request, so that tests know what really arrived


@app.middleware("http")
async def _remember(request: Request, call_next: Any) -> Response:
    if request.url.path != "/seen":
        SEEN.append(
            {
                "method": request.method,
                "path": request.scope["raw_path"].decode(),
                "query": request.scope["query_string"].decode(),
                "headers": dict(request.headers),
                "body": (await request.body()).decode("utf-8", "replace"),
            }
        )
    reply: Response = await call_next(request)
    return reply


@app.get("/seen")
def seen() -> list[dict[str, Any]]:
    """What arrived since the last time this was asked."""
    found = list(SEEN)
    SEEN.clear()
    return found


@app.api_route("/echo{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def echo(request: Request, rest: str) -> dict[str, Any]:
    """Says what it heard, credentials too."""
    return SEEN[-1]


def _key(request: Request) -> None:
    given = (
        request.headers.get("x-api-key")
        or request.query_params.get("api_key")
        or request.cookies.get("api_key")
        or request.headers.get("authorization", "").removeprefix("Bearer ")
    )
    if given != API_KEY:
        raise HTTPException(401, f"not the key: {given}")


@app.get("/notes", dependencies=[Depends(_key)])
def list_notes() -> list[dict[str, Any]]:
    return NOTES


@app.post("/notes", status_code=201, dependencies=[Depends(_key)])
async def add_note(request: Request) -> dict[str, Any]:
    note = {"id": len(NOTES) + 1, **await request.json()}
    NOTES.append(note)
    return note


@app.get("/v1/search")
def find_place(name: str) -> dict[str, Any]:
    """As the weather example's first operation."""
    place = {"name": name, "country": "Netherlands", "latitude": 51.92, "longitude": 4.48}
    return {"results": [place]} if name.lower() == "rotterdam" else {}


@app.get("/v1/forecast")
def forecast(latitude: float, longitude: float, timezone: str) -> dict[str, Any]:
    """As the weather example's second operation."""
    current = {"time": "2026-11-24T08:00", "temperature_2m": 7.4, "weather_code": 61}
    daily = {"time": ["2026-11-24"], "precipitation_probability_max": [85], "temperature_2m_max": [9.1]}
    return {"timezone": timezone, "current": current, "daily": daily}


@app.get("/slow")
async def slow(seconds: float = 60) -> str:
    await asyncio.sleep(seconds)
    return "at last"


@app.get("/dripping")
async def dripping() -> StreamingResponse:
    """Never ends, and never stops for long."""

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.05)

    return StreamingResponse(drops(), media_type="text/plain")


@app.get("/huge")
def huge(size: int = 50_000_000) -> StreamingResponse:
    return StreamingResponse((b"x" * 10_000 for _ in range(size // 10_000)), media_type="text/plain")


@app.get("/bomb")
def bomb() -> Response:
    """50 MB of zeros in 50 kB."""
    import gzip

    packed = gzip.compress(b"0" * 50_000_000)
    return Response(packed, headers={"Content-Encoding": "gzip"}, media_type="text/plain")


@app.get("/redirect")
def redirect(to: str, status: int = 302) -> RedirectResponse:
    return RedirectResponse(to, status_code=status)


@app.get("/failing/{status}")
def failing(status: int) -> JSONResponse:
    return JSONResponse({"detail": "It does not work today."}, status_code=status)


@app.get("/broken")
def broken() -> StreamingResponse:
    """Breaks off in the middle."""

    async def half() -> AsyncIterator[bytes]:
        yield b"half of the ans"
        raise ConnectionError

    return StreamingResponse(half(), headers={"Content-Length": "100"}, media_type="text/plain")


@app.get("/picture")
def picture() -> Response:
    return Response(b"\x89PNG\r\n\x1a\n" + bytes(64), media_type="image/png")


@app.get("/korean")
def korean() -> Response:
    return PlainTextResponse(
        "오늘은 맑음".encode("euc-kr"), headers={"Content-Type": "text/plain; charset=euc-kr"}
    )


@app.get("/spec.yaml")
def spec(request: Request) -> Response:
    """An OpenAPI document whose server is relative."""
    text = Path(__file__).with_name("outside.yaml").read_text()
    return PlainTextResponse(text, media_type="application/yaml")


class OutsideProcess:
    """The server, on a free port."""

    def __init__(self, module: str = "tests.service.actions.outside") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "OutsideProcess":
        self._process = subprocess.Popen([sys.executable, "-m", self._module, str(self.port)])
        deadline = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, "the outside server ended"
            try:
                httpx.get(f"{self.url}/seen", trust_env=False, timeout=5)
                return self
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def seen(self) -> list[dict[str, Any]]:
        """What arrived since the last time, from the other side of the wire."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/seen", trust_env=False).json()
        return found

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=20)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", timeout_graceful_shutdown=1
    )

"""A model server for the journeys: speaks OpenAI's stream, and misbehaves by the name of the model."""

import json
import re
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

WORDS = ["The ", "files ", "say ", "so ", "[1]", "."]


class Upstream:
    """`well` answers, `dies` ends in mid-stream, `garbage` is no JSON, `silent` says nothing, `refuses` is 401,
    `drips` goes on for a minute.

    `calls` calls the first tool it is given and then says its result, `writes` answers with JSON, `slow` takes its
    time, `pairs` calls the first tool twice at once, `vision` says which images it was shown.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        handler = type("Handler", (_Handler,), {"requests": self.requests})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "Upstream":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    requests: list[dict[str, Any]]
    body: dict[str, Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.requests.append(body)
        self.body = body
        getattr(self, f"_{body['model']}")()

    def _well(self) -> None:
        self._begin()
        for word in WORDS:
            self._chunk({"content": word})
        self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _calls(self) -> None:
        body = self.body
        self._begin()
        results = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        if results or not body.get("tools"):
            self._chunk({"content": f"The tool says: {results[-1] if results else 'nothing'}."})
            self._chunk({}, "stop")
        else:
            name = body["tools"][0]["function"]["name"]
            for delta in (
                {"id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}},
                {"function": {"arguments": '{"city": '}},
                {"function": {"arguments": '"Tallinn"}'}},
            ):
                self._chunk({"tool_calls": [{"index": 0, **delta}]})
            self._chunk({}, "tool_calls")
        self.wfile.write(b"data: [DONE]\n\n")

    def _vision(self) -> None:
        """Says what it was shown."""
        parts = self.body["messages"][-1]["content"]
        shown = [part["image_url"]["url"][:14] for part in parts if part["type"] == "image_url"]
        self._begin()
        self._chunk({"content": f"I see {', '.join(shown)}."})
        self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _writes(self) -> None:
        self._begin()
        self._chunk({"content": '{"opens": '})
        self._chunk({"content": '"05:40"}'})
        self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _slow(self) -> None:
        self._begin()
        for number in range(40):
            self._chunk({"content": f"{number} "})
            time.sleep(0.1)
        self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _pairs(self) -> None:
        """Calls the tool for two cities at once, then says what came back."""
        body = self.body
        outputs = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        self._begin()
        if body.get("tools") and not outputs:
            name = body["tools"][0]["function"]["name"]
            for at, city in enumerate(("Tallinn", "부산")):
                function = {"name": name, "arguments": ""}
                begun = {"index": at, "id": f"call_{at}", "type": "function", "function": function}
                self._chunk({"tool_calls": [begun]})
                arguments = json.dumps({"city": city}, ensure_ascii=False)
                self._chunk({"tool_calls": [{"index": at, "function": {"arguments": arguments}}]})
            self._chunk({}, "tool_calls")
        else:
            for word in ("Tools say ", " and ".join(outputs), ", files say ", "05:40 [1]."):
                self._chunk({"content": word})
            self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _acts(self) -> None:
        messages = self.requests[-1]["messages"]
        self._begin()
        if messages[-1]["role"] == "tool":
            told = [message["content"] for message in messages if message["role"] == "tool"]
            self._chunk({"content": f"I was told: {told[-1]}"})
            self._chunk({}, "stop")
        else:
            name, arguments = re.findall(r"call (\w+) (\{.*\})", messages[-1]["content"])[-1]
            call = {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": name, "arguments": ""},
            }
            self._chunk({"tool_calls": [call]})
            self._chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})
            self._chunk({}, "tool_calls")
        self.wfile.write(b"data: [DONE]\n\n")

    def _dies(self) -> None:
        self._begin()
        for word in WORDS[:3]:
            self._chunk({"content": word})
        self.connection.close()

    def _drips(self) -> None:
        """A word every tenth of a second, for longer than any test listens."""
        self._begin()
        with suppress(OSError):  # the listener went away
            for _ in range(600):
                self._chunk({"content": "drip "})
                time.sleep(0.1)

    def _garbage(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>It works!</html>")

    def _silent(self) -> None:
        time.sleep(5)

    def _refuses(self) -> None:
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"error": {"message": "Incorrect API key provided: sk-very-secret"}}')

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._chunk({"role": "assistant", "content": ""})

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Quiet."""

"""What the OpenAI-compatible layer costs: latency it adds, many streams at once, overload, memory.

    python -m bench.wire [--chats 400] [--streams 50] [--offered 200] [--tokens 100]

Starts a real `doumi serve` and a fake model server that answers at once or at 20 tokens a second, each a
process of its own. The same requests go to the model server directly, so that what is printed is what Doumi
adds. Beside what a clock says stands the processor time of the service, which other work on the machine
changes little. The full run for memory: --chats 20000 --memory-s 1800. No network, no key.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
_TOKENS_PER_S = 20
_FAST_TOKENS = 5  # of a reply of the model that answers at once
_CAPACITY = 100  # DOUMI_MAX_ANSWERS of the service that is measured

# Speaks OpenAI's stream: “fast” says five tokens at once, “paced:N” N tokens at 20 a second.
_UPSTREAM = """
import asyncio, json, sys
def line(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    data = f"data: {json.dumps(chunk)}\\n\\n".encode()
    return b"%x\\r\\n%s\\r\\n" % (len(data), data)
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            lines = head.lower().split(b"\\r\\n")
            length = next(int(h.split(b":")[1]) for h in lines if h.startswith(b"content-length"))
            model = json.loads(await reader.readexactly(length))["model"]
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n")
            writer.write(b"Transfer-Encoding: chunked\\r\\n\\r\\n")
            writer.write(line({"role": "assistant", "content": ""}))
            tokens = int(model.split("-")[1]) if model.startswith("paced-") else 5
            began = asyncio.get_running_loop().time()
            for at in range(tokens):
                if model.startswith("paced-"):
                    await asyncio.sleep(max(0, began + at / 20 - asyncio.get_running_loop().time()))
                writer.write(line({"content": f"word{at} "}))
                await writer.drain()
            done = b"data: [DONE]\\n\\n"
            writer.write(line({}, "stop") + b"%x\\r\\n%s\\r\\n0\\r\\n\\r\\n" % (len(done), done))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    print("up", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a chat is sent."""

    url: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """One stream, as its client saw it."""

    status: int
    retry_after: bool
    first_s: float  # until the first token
    rate: float  # tokens a second after it
    tokens: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chats", type=int, default=400, help="Of the memory test; 20000 for the full run")
    parser.add_argument("--memory-s", type=float, default=300, help="The memory test ends after this long")
    parser.add_argument("--latency", type=int, default=100, help="Chats of the latency test")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--offered", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=100, help="Of each stream")
    asyncio.run(measure(parser.parse_args()))


async def measure(wanted: argparse.Namespace) -> None:
    """All four, one after the other, against the same processes."""
    paced = f"paced-{wanted.tokens}"
    with tempfile.TemporaryDirectory() as folder, upstream() as direct, doumi(Path(folder), direct) as ours:
        place, pid = ours
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:
            for slug, model in (("fast", "fast"), ("paced", paced)):
                body = {"slug": slug, "name": slug, "instruction": "Be brief.", "model": f"openai:{model}"}
                made = await client.post(
                    f"{place.url}/api/assistants", json=body, headers={"Authorization": f"Bearer {place.key}"}
                )
                made.raise_for_status()
            print(
                f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True
            )
            chat_s = await latency(client, direct, place, pid, wanted.latency)
            used = cpu_s(pid)
            await streams(client, direct, place, paced, wanted.streams, wanted.tokens)
            spent = cpu_s(pid) - used - wanted.streams * chat_s
            each = spent / (wanted.streams * (wanted.tokens - _FAST_TOKENS)) * 1000
            print(
                f"  processor time of the service: {each:.2f} ms a token, besides that of a chat", flush=True
            )
            await overload(client, place, wanted.offered)
            await memory(client, place, pid, wanted)


async def latency(client: httpx.AsyncClient, direct: Place, ours: Place, pid: int, count: int) -> float:
    """What a chat takes through Doumi, over what the model takes; seconds of processor time of a chat."""
    times: dict[str, list[float]] = {"model alone": [], "through Doumi": []}
    used = cpu_s(pid)
    for at in range(count + 5):
        for name, place in (("model alone", direct), ("through Doumi", ours)):
            began = time.perf_counter()
            await whole(client, place, "fast", stream=place is direct)
            if at >= 5:
                times[name].append((time.perf_counter() - began) * 1000)
    medians = {name: statistics.median(each) for name, each in times.items()}
    added = medians["through Doumi"] - medians["model alone"]
    print(
        f"Latency, {count} chats one by one, ms p50: " + ", ".join(f"{n} {m:.1f}" for n, m in medians.items())
    )
    print(f"  added by Doumi: {added:.1f} ms p50 (target 10)")
    each = (cpu_s(pid) - used) / (count + 5)
    print(
        f"  processor time of the service: {each * 1000:.1f} ms a chat of {_FAST_TOKENS} tokens", flush=True
    )
    return each


async def streams(
    client: httpx.AsyncClient, direct: Place, ours: Place, model: str, count: int, tokens: int
) -> None:
    """Streams of a model that says 20 tokens a second, all at the same time."""
    alone = await at_once(client, direct, model, count)
    through = await at_once(client, ours, "paced", count)
    failed = sum(each.status != 200 or each.tokens < tokens for each in through)
    base = statistics.median(each.first_s for each in alone)
    added = quantile([each.first_s - base for each in through], 0.95) * 1000
    print(f"{count} streams at once, {tokens} tokens each at {_TOKENS_PER_S} a second: {failed} failed")
    print(f"  added time to the first token: {added:.0f} ms p95 (target 500)")
    for name, each in (("model alone", alone), ("through Doumi", through)):
        rates = [one.rate for one in each]
        kept = statistics.mean(rates) / _TOKENS_PER_S
        mean, slow = statistics.mean(rates), min(rates)
        print(f"  tokens a second, {name}: {mean:.2f} mean, {slow:.2f} slowest ({kept:.1%})")


async def overload(client: httpx.AsyncClient, ours: Place, offered: int) -> None:
    """More than the service takes: the rest gets a clean refusal at once."""
    seen = await at_once(client, ours, "paced", offered)
    counted = Counter(each.status for each in seen)
    clean = all(each.retry_after for each in seen if each.status in (429, 503))
    other = sum(count for status, count in counted.items() if status not in (200, 429, 503))
    print(f"{offered} offered at once, {_CAPACITY} taken at a time: {dict(sorted(counted.items()))}")
    print(
        f"  refusals say when to come again: {'yes' if clean else 'NO'}; anything else: {other} (target 0)",
        flush=True,
    )


async def memory(client: httpx.AsyncClient, ours: Place, pid: int, wanted: argparse.Namespace) -> None:
    """Resident memory after a tenth of the chats and after all of them, or of those that time allows."""
    warm, began, used = max(50, wanted.chats // 10), time.perf_counter(), cpu_s(pid)
    until = began + wanted.memory_s
    first = await many(client, ours, warm, until)
    before = resident_mb(pid)
    chats = first + await many(client, ours, wanted.chats - warm, until)
    took, after = time.perf_counter() - began, resident_mb(pid)
    more = after - before
    print(f"Memory: {before:.0f} MB after {first} chats, {after:.0f} MB after {chats} ({more:+.1f} MB)")
    each = (cpu_s(pid) - used) / chats * 1000
    print(
        f"  {chats / took:.0f} chats a second with 8 clients, {each:.1f} ms of processor time each",
        flush=True,
    )


async def many(client: httpx.AsyncClient, ours: Place, count: int, until: float) -> int:
    """`count` chats from 8 clients, as far as they come in time; how many that were."""
    left, done = iter(range(count)), 0

    async def one() -> None:
        nonlocal done
        for _ in left:
            if time.perf_counter() > until:
                return
            await whole(client, ours, "fast", stream=False)
            done += 1

    await asyncio.gather(*(one() for _ in range(8)))
    return done


async def whole(client: httpx.AsyncClient, place: Place, model: str, *, stream: bool) -> None:
    """A chat to its end."""
    reply = await client.post(f"{place.url}/v1/chat/completions", **sent(place, model, stream=stream))
    assert reply.status_code == 200, reply.text


async def at_once(client: httpx.AsyncClient, place: Place, model: str, count: int) -> list[Streamed]:
    """`count` streams, begun within one second."""

    async def one(at: int) -> Streamed:
        await asyncio.sleep(at / count)
        return await streamed(client, place, model)

    return await asyncio.gather(*(one(at) for at in range(count)))


async def streamed(client: httpx.AsyncClient, place: Place, model: str) -> Streamed:
    """One stream, timed."""
    began = time.perf_counter()
    moments: list[float] = []
    url = f"{place.url}/v1/chat/completions"
    async with client.stream("POST", url, **sent(place, model, stream=True)) as reply:
        async for content in contents(reply):
            if content:
                moments.append(time.perf_counter())
    seconds = moments[-1] - moments[0] if len(moments) > 1 else 0.0
    return Streamed(
        status=reply.status_code,
        retry_after="retry-after" in reply.headers,
        first_s=moments[0] - began if moments else 0.0,
        rate=(len(moments) - 1) / seconds if seconds else 0.0,
        tokens=len(moments),
    )


async def contents(reply: httpx.Response) -> AsyncIterator[str]:
    """The pieces of text in a stream."""
    async for line in reply.aiter_lines():
        if line.startswith("data: {"):
            chunk = json.loads(line[6:])
            for choice in chunk.get("choices", ()):
                yield choice["delta"].get("content") or ""


def sent(place: Place, model: str, *, stream: bool) -> dict[str, object]:
    """The request."""
    body = {"model": model, "messages": [{"role": "user", "content": "Say something."}], "stream": stream}
    return {"json": body, "headers": {"Authorization": f"Bearer {place.key}"}}


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used, its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def upstream() -> Iterator[Place]:
    """The fake model server."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _UPSTREAM, str(port)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield Place(url=f"http://127.0.0.1:{port}", key="none")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def doumi(data: Path, model: Place) -> Iterator[tuple[Place, int]]:
    """The service, without examples, and its process id."""
    port = free_port()
    models = ROOT / "data" / "models"
    if models.exists():  # the converted embedder, where there is one already
        data.mkdir(exist_ok=True)
        (data / "models").symlink_to(models.resolve(), target_is_directory=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOUMI_")}
    environment |= {
        "DOUMI_DATA": str(data),
        "DOUMI_PORT": str(port),
        "DOUMI_EXAMPLES": "off",
        "DOUMI_MODEL": "openai:fast",
        "DOUMI_MODEL_BASE_URL": f"{model.url}/v1",
        "DOUMI_MODEL_API_KEY": "none",
        "DOUMI_MAX_ANSWERS": str(_CAPACITY),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "service.cli", "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        while "Ctrl-C stops." not in (line := process.stdout.readline()):
            assert line, "the service ended"
        key = (data / "owner.key").read_text().strip()
        yield Place(url=f"http://127.0.0.1:{port}", key=key), process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        process.stdout.close()


if __name__ == "__main__":
    main()

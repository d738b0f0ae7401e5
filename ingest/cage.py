"""Readers in a cage: each file is read by a fresh child process with limits on everything it can use up.

The child has its own temp folder, an empty environment and its own session; it tells what it finds line by
line, so that pages arrive while it reads.
"""

import contextlib
import json
import logging
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingest import wire
from ingest.limits import MIB, ReadLimits
from ingest.unreadable import DamagedFile, EmptyFile, NotAFile, TooLarge, TooSlow
from knowledge.documents import Page

__all__ = ["ReadLimits", "ReadResult", "read_pages"]

_log = logging.getLogger(__name__)
_HOME = str(Path(__file__).resolve().parent.parent)  # where our packages lie, installed or not
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from ingest.inside import main; main()"
_PIECE = 256 * 1024  # bytes read from the child at a time
_BYTES_PER_CHARACTER = 8  # of a page on the wire: escapes, block positions
_OVERHEAD = 16 * MIB
_LOGGED = 4_000  # characters of a child's complaints


@dataclass(frozen=True, kw_only=True)
class ReadResult:
    """What a reader took out of a file."""

    pages: list[Page]
    warnings: list[str]  # "page 7 has no text"


def read_pages(
    path: Path,
    *,
    name: str,
    media_type: str = "",
    limits: ReadLimits | None = None,
    on_progress: Callable[[int, int | None], None] = lambda read, total: None,
) -> ReadResult:
    """Reads the file at `path` as the format that `name` (or else `media_type`) claims.

    `on_progress` is called with pages read and, once known, pages in all. Raises a kind of Unreadable whose
    message says what to do; what `on_progress` raises passes through and ends the child.
    """
    limits = limits or ReadLimits()
    _check_file(path, limits)
    request = {"path": str(path.absolute()), "name": name, "media_type": media_type, "limits": asdict(limits)}
    with _scratch() as scratch, _child(request, scratch) as child:
        try:
            return _collect(_lines(child, limits), limits, on_progress)
        except wire.Garbled as error:
            _log.warning("a reader sent something odd: %s", error)
            raise DamagedFile("The file is damaged: save it again and upload the new file.") from None
        finally:
            _end(child)
            _log_complaints(scratch)


def _check_file(path: Path, limits: ReadLimits) -> None:
    try:
        status = path.lstat()
    except (OSError, ValueError):
        raise NotAFile("The file is not there any more: upload it again.") from None
    if stat.S_ISDIR(status.st_mode):
        raise NotAFile("This is a folder: upload the files in it one by one.")
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile("This is a link or a device and not a file: upload the file itself.")
    if not status.st_size:
        raise EmptyFile("The file is empty: upload it again, or upload another one.")
    if status.st_size > limits.file_bytes:
        size, most = status.st_size / MIB, limits.file_bytes / MIB
        raise TooLarge(
            f"The file has {size:,.1f} MiB, the limit is {most:,.1f} MiB: split it into smaller files."
        )


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="doumi-read-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _child(request: dict[str, Any], scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (scratch / "complaints").open("wb") as complaints,
        subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, _HOME],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=scratch,
            env={"TMPDIR": str(scratch), "HOME": str(scratch)},
            start_new_session=True,
            bufsize=0,
        ) as child,
    ):
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(
                    json.dumps(request).encode() + b"\n"
                )  # stays open: its end tells that we died
            yield child
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it started; once it is reaped its number may be another's."""
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _lines(child: subprocess.Popen[bytes], limits: ReadLimits) -> Iterator[bytes]:
    """Whole lines as they arrive; raises TooSlow, TooLarge, or `_fate` of a child that ends too early."""
    assert child.stdout is not None
    most = limits.characters * _BYTES_PER_CHARACTER + _OVERHEAD
    start = heard = time.monotonic()
    rest: list[bytes] = []
    received = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            wait = min(start + limits.wall_seconds, heard + limits.silent_seconds) - time.monotonic()
            if not selector.select(max(wait, 0)):
                raise _too_slow(start, limits)
            piece = os.read(child.stdout.fileno(), _PIECE)
            if not piece:
                raise _fate(child, limits)
            heard = time.monotonic()
            received += len(piece)
            if received > most:
                raise TooLarge(
                    f"The file gives more than {most / MIB:,.0f} MiB of text, the limit: split it."
                )
            *whole, last = piece.split(b"\n")
            for line in whole:
                yield b"".join([*rest, line])
                rest = []
            rest.append(last)


def _too_slow(start: float, limits: ReadLimits) -> TooSlow:
    if time.monotonic() - start >= limits.wall_seconds:
        return TooSlow(
            f"Reading the file takes longer than {limits.wall_seconds:,.0f} s, the limit: split it."
        )
    return TooSlow(
        f"Reading the file makes no progress for {limits.silent_seconds:,.0f} s, the limit: "
        "it may be damaged, so save it again and upload the new file."
    )


def _fate(child: subprocess.Popen[bytes], limits: ReadLimits) -> Exception:
    """Why a child ended without a last word."""
    code = child.wait()
    if code == -signal.SIGXCPU:
        return TooSlow(
            f"Reading the file takes more than {limits.cpu_seconds:,} s of computing, the limit: split it."
        )
    _log.warning("a reader ended with %s", code)
    return DamagedFile(
        "The file is damaged, or needs more memory than "
        f"{limits.memory_bytes / MIB:,.0f} MiB, the limit: save it again or split it, and upload that."
    )


def _collect(
    lines: Iterator[bytes], limits: ReadLimits, on_progress: Callable[[int, int | None], None]
) -> ReadResult:
    pages: list[Page] = []
    warnings: list[str] = []
    total: int | None = None
    for line in lines:
        event = wire.decode(line)
        if "page" in event:
            pages.append(wire.page_from(event, number=len(pages) + 1))
            if len(pages) > limits.pages:
                raise TooLarge(
                    f"The file has more than {limits.pages:,} pages, the limit: split it into smaller files."
                )
            on_progress(len(pages), total)
        elif "total" in event:
            total = min(int(event["total"]), limits.pages) if isinstance(event["total"], int) else None
            on_progress(len(pages), total)
        elif "warning" in event:
            warnings = [*warnings, wire.sentence(str(event["warning"]))][:100]
        elif "error" in event:
            raise wire.error_from(event)
        elif "done" in event:
            return ReadResult(pages=pages, warnings=warnings)
    raise DamagedFile(
        "The file is damaged: save it again and upload the new file."
    )  # pragma: no cover - lines raise


def _log_complaints(scratch: Path) -> None:
    with contextlib.suppress(OSError):
        complaints = (scratch / "complaints").read_bytes()[-_LOGGED:].decode("utf-8", "replace").strip()
        if complaints:
            _log.info("a reader complained:\n%s", complaints)

"""The inside of the cage: `main` runs in the child, limits itself, reads one file and writes what it finds.

Nothing here is imported by the server.
"""

import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from ingest.archives import check_archive, check_xml
from ingest.formats import Content, extension_of, format_of
from ingest.limits import MIB, ReadLimits
from ingest.members import label_of
from ingest.readers.building import Source
from ingest.sniffing import check_content
from ingest.unreadable import DamagedFile, NoText, TooLarge, Unreadable
from ingest.wire import encode, error_event, page_event
from knowledge.documents import Page

_ZIPPED = {Content.DOCX, Content.PPTX, Content.XLSX, Content.HWPX, Content.EPUB, Content.ZIP}
# An EPUB's pages may name a document type, and are read as HTML; a ZIP's files are asked one by one.
_LOOSE = {Content.EPUB, Content.ZIP}
_BLOCK = 256 * 1024
_MEMORY = "Reading the file takes more than {:,.0f} MiB of memory, the limit: split it into smaller files."


def main() -> None:
    """Reads the request from the first line of standard input, answers on standard output, exits with 0."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    limits = ReadLimits(**request["limits"])
    _limit(limits)
    _die_with_parent()
    out = _private_stdout()
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl would load it for nothing: 0.1 s, 30 MB, threads
    try:
        _read(Path(request["path"]), request["name"], request["media_type"], limits, out)
        final: dict[str, Any] = {"done": True}
    except Unreadable as error:
        final = error_event(error)
    except MemoryError:
        final = error_event(TooLarge(_MEMORY.format(limits.memory_bytes / MIB)))
    except Exception:  # whatever a parser raises about a stranger's file
        traceback.print_exc()
        final = error_event(
            DamagedFile("The file is damaged or incomplete: save it again and upload the new file.")
        )
    out.write(encode(final))
    out.flush()
    os._exit(0)  # parsers' finalisers have nothing to say any more


def _limit(limits: ReadLimits) -> None:
    """Limits of this process; not RLIMIT_NPROC, which counts all the user's processes, the server's too."""
    for name, soft, spare in (
        (resource.RLIMIT_AS, limits.memory_bytes, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds, 5),  # SIGXCPU, which tells why, comes before SIGKILL
        (resource.RLIMIT_FSIZE, limits.scratch_bytes, 0),
        (resource.RLIMIT_NOFILE, limits.open_files, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, most = resource.getrlimit(name)
        hard = soft + spare if most == resource.RLIM_INFINITY else min(soft + spare, most)
        resource.setrlimit(name, (min(soft, hard), hard))


def _die_with_parent() -> None:
    """The server holds the other end of standard input: when it dies, this ends and clears up behind both."""

    def wait() -> None:
        os.read(0, 1)
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _private_stdout() -> BinaryIO:
    """Standard output for us alone: what a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _read(path: Path, name: str, media_type: str, limits: ReadLimits, out: BinaryIO) -> None:
    def tell(event: dict[str, Any]) -> None:
        out.write(encode(event))
        out.flush()

    for page in pages_of(
        path,
        name=name,
        media_type=media_type,
        limits=limits,
        total=lambda total: tell({"total": total}),
        warn=lambda warning: tell({"warning": warning}),
        alive=lambda: tell({"alive": True}),
    ):
        tell(page_event(page))


def pages_of(
    path: Path, *, name: str, media_type: str, limits: ReadLimits, **hear: Callable[..., None]
) -> Iterator[Page]:
    """Everything between a file and its pages: what it is, whether it is safe, its reader, its limits.

    `hear` are the `total`, `warn` and `alive` of a Source. Raises a kind of Unreadable.
    """
    found = _pages(path, name, media_type, limits, {**hear, "member": _Members(limits, hear).pages})
    for number, page in enumerate(found, start=1):
        yield replace(page, number=number)


def _pages(
    path: Path, name: str, media_type: str, limits: ReadLimits, hear: dict[str, Any]
) -> Iterator[Page]:
    claimed = format_of(name, media_type)
    check_content(path, claimed)
    if claimed.content in _ZIPPED:
        check_archive(path, limits, prologs=claimed.content not in _LOOSE)
    elif claimed.name == "XML":
        check_xml(path)
    reader = importlib.import_module(f"ingest.readers.{claimed.reader}")
    characters = 0
    words = False
    for page in reader.read(Source(path, extension=extension_of(name), limits=limits, **hear)):
        characters += len(page.text)
        words = words or bool(page.text.strip())
        if characters > limits.characters:
            raise TooLarge(f"The file holds more than {limits.characters:,} characters, the limit: split it.")
        yield page
    if not words:
        raise NoText("The file has no text in it: upload a version that has.")


class _Members:
    """Reads files that lie inside another, one level deep."""

    def __init__(self, limits: ReadLimits, hear: dict[str, Callable[..., None]]) -> None:
        self._limits = limits
        self._hear = hear

    def pages(self, content: IO[bytes], name: str) -> Iterator[Page]:
        """The pages of a member, labelled with its name. Raises a kind of Unreadable."""
        hear: dict[str, Any] = {key: heard for key, heard in self._hear.items() if key == "alive"}
        if "warn" in self._hear:
            hear["warn"] = lambda warning: self._hear["warn"](f"{name}: {warning}")
        with tempfile.NamedTemporaryFile(prefix="member-") as copy:
            self._unpack(content, copy)
            try:
                for page in _pages(Path(copy.name), name, "", self._limits, hear):
                    yield replace(page, label=label_of(name, page.label))
            except (Unreadable, MemoryError):
                raise
            except Exception:  # as for a file of its own: the others are read all the same
                traceback.print_exc()
                raise DamagedFile("It is damaged or incomplete: save it again.") from None

    def _unpack(self, content: IO[bytes], copy: IO[bytes]) -> None:
        most = self._limits.scratch_bytes
        size = 0
        try:
            while block := content.read(_BLOCK):
                size += len(block)
                if size > most:
                    raise TooLarge(
                        f"It has more than {most / MIB:,.0f} MiB, the limit for a file inside another: "
                        "upload it by itself."
                    )
                copy.write(block)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise DamagedFile("It is damaged or incomplete: save it again.") from None
        copy.flush()

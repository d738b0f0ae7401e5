"""`doumi doctor`: what works, what does not, and what to do about it."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape

from service.settings import Settings

_LOW_DISK = 2 * 1024**3  # bytes


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool
    says: str  # how it is; and, where it is not fine, what to do


def examine(settings: Settings) -> int:
    """Look at everything and print it; the exit code, 1 when something needs doing."""
    console = Console()
    findings = [finding for check in _CHECKS for finding in _guarded(check, settings)]
    for finding in findings:
        mark = "[green]ok[/]  " if finding.fine else "[red]fix[/] "
        console.print(f"{mark} {escape(finding.what)}: {escape(finding.says)}", soft_wrap=True)
    wrong = sum(not finding.fine for finding in findings)
    console.print("Everything is fine." if not wrong else f"{wrong} to fix.")
    return 1 if wrong else 0


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """A check that breaks is a finding, too: the doctor is called when things are broken."""
    try:
        yield from check(settings)
    except Exception as error:
        name = check.__name__.strip("_").replace("_", " ")
        yield Finding(what=name, fine=False, says=f"{error} ({type(error).__name__})")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.resolve()
    if not folder.exists():
        yield Finding(what="data folder", fine=True, says=f"{folder} will be made at the first start")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        yield Finding(what="data folder", fine=True, says=str(folder))
    except OSError as error:
        yield Finding(
            what="data folder",
            fine=False,
            says=f"{folder} cannot be written ({error.strerror}): set DOUMI_DATA",
        )
    key = folder / "owner.key"
    if key.exists() and key.stat().st_mode & 0o077:
        yield Finding(what="owner key", fine=False, says=f"others can read {key}: chmod 600 it")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data if settings.data.exists() else Path()
    free = shutil.disk_usage(folder).free
    says = f"{free / 1024**3:.1f} GB free"
    if free < _LOW_DISK:
        says += ": uploads may fail, make room"
    yield Finding(what="disk", fine=free >= _LOW_DISK, says=says)


def _database(settings: Settings) -> Iterator[Finding]:
    from service.store.engine import HEAD, Database

    if not settings.database_url and not (settings.data / "records.sqlite").exists():
        yield Finding(what="database", fine=True, says="will be made at the first start")
        return
    database = Database(settings.records_url)
    revision = database.revision()
    database.close()
    says = (
        f"schema {revision}" if revision == HEAD else f"schema {revision}, “doumi serve” brings it to {HEAD}"
    )
    yield Finding(what="database", fine=True, says=says)


def _indexes(settings: Settings) -> Iterator[Finding]:
    paths = sorted(settings.data.glob("teams/*/*/base.sqlite"))
    damaged = [path for path in paths if not _is_whole(path)]
    for path in damaged:
        yield Finding(
            what="index",
            fine=False,
            says=f"{path} is damaged: restore it from a backup, or delete its folder and upload again",
        )
    yield Finding(
        what="indexes",
        fine=not damaged,
        says=f"{len(paths) - len(damaged)} of {len(paths)} knowledge bases are whole",
    )


def _is_whole(path: Path) -> bool:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False


def _embedder(settings: Settings) -> Iterator[Finding]:
    from knowledge.embeddings import open_embedder

    embedder = open_embedder(
        settings.embedder,
        cache=settings.data / "models",
        base_url=settings.embedder_base_url,
        api_key=settings.embedder_api_key,
    )
    size = embedder.encode_query("도우미 Doumi").shape[0]
    yield Finding(what="embedder", fine=True, says=f"{settings.embedder}, {size} dimensions")


def _model(settings: Settings) -> Iterator[Finding]:
    import asyncio

    from langchain_core.messages import HumanMessage

    from service.model import ModelError, Timeouts, open_model

    if settings.model == "quote":
        says = "none connected: answers are quotes from the files (set DOUMI_MODEL to connect one)"
        yield Finding(what="model", fine=True, says=says)
        return

    async def ask() -> str:
        key = settings.model_api_key
        model = open_model(
            settings.model,
            base_url=settings.model_base_url,
            api_key=key.get_secret_value() if key else None,
            timeouts=Timeouts(first_token_s=20),
        )
        try:
            return (await model.complete([HumanMessage("Say: ok")], within_s=30)).text
        finally:
            await model.aclose()

    try:
        asyncio.run(ask())
        yield Finding(what="model", fine=True, says=f"{settings.model} answers")
    except ModelError as error:
        yield Finding(what="model", fine=False, says=str(error))


def _service(settings: Settings) -> Iterator[Finding]:
    try:
        reply = httpx.get(f"{settings.url}/readyz", timeout=5, trust_env=False)
    except httpx.HTTPError:
        yield Finding(what="service", fine=True, says=f"not running at {settings.url}")
        return
    if reply.status_code == 200:
        yield Finding(what="service", fine=True, says=f"answers at {settings.url}")
    else:
        yield Finding(what="service", fine=False, says=f"{settings.url}/readyz says {reply.text[:200]}")


def _processor(settings: Settings) -> Iterator[Finding]:
    yield Finding(what="processor", fine=True, says=f"{os.cpu_count()} cores")


def _ocr(settings: Settings) -> Iterator[Finding]:
    from ingest.readers.ocr import HINT, Ocr
    from service.installation import read_limits

    if not settings.ocr:
        yield Finding(what="OCR", fine=True, says="switched off (DOUMI_OCR): scans and pictures are refused")
        return
    found = Ocr.find(read_limits(settings))
    says = f"reads {found.languages}" if found else f"scans and pictures are refused: {HINT}"
    yield Finding(what="OCR", fine=True, says=says)


_CHECKS = (_data_folder, _disk, _processor, _database, _indexes, _embedder, _ocr, _model, _service)

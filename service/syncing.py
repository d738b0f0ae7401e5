"""A folder and a knowledge base kept the same, over the API: what is new, changed or gone.

A document that came from a folder carries the folder's name and its own path as attributes. Only such are
removed, so what people uploaded on the page stays.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.markup import escape

from knowledge.catalogue import label
from service.terminal import checked, files_below

_POLL_S = 0.2
_AT_ONCE = 16  # files of a request
_BYTES_AT_ONCE = 32 * 1024 * 1024
_WHOLE_LIST = {"limit": "1000", "order": "asc"}
_LONGEST_PATH = 512  # characters of an attribute


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a run did."""

    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    embedded: int = 0  # passages
    reused: int = 0  # passages of updated documents that stayed as they were

    @property
    def changed(self) -> bool:
        return bool(self.added or self.updated or self.removed or self.failed)

    def __str__(self) -> str:
        return (
            f"{self.added} added, {self.updated} updated, {self.removed} removed, "
            f"{self.unchanged} unchanged, {self.failed} failed; "
            f"{self.embedded} passages embedded, {self.reused} reused."
        )


@dataclass(kw_only=True)
class Sync:
    """A folder on the way into a knowledge base."""

    client: httpx.Client
    folder: Path
    base: str  # slug
    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))
    _known: dict[Path, tuple[tuple[int, int], str]] = field(default_factory=dict)  # time and size, SHA-256

    @property
    def _address(self) -> str:
        return f"/api/knowledge-bases/{self.base}/documents"

    @property
    def _source(self) -> str:
        return self.folder.resolve().name

    def run(self) -> Counts:
        """One pass. Raises ClickException when the folder is empty, rather than removing everything."""
        local = self._local()
        there = {document["name"]: document for document in self._documents()}
        ours = {name for name, each in there.items() if each["attributes"].get("folder") == self._source}
        gone = ours - local.keys()
        if not local and gone:
            raise click.ClickException(
                f"There are no files in {self.folder}, so nothing was removed. Is it mounted? "
                "To empty the knowledge base, delete its documents on the page."
            )
        changed = [name for name in local if self._differs(local[name], there.get(name))]
        failures = dict(self._upload([(name, local[name]) for name in changed]))
        self._note([(local[name], there[name]) for name in local if name in there and name not in ours])
        for name in gone:
            checked(self.client.delete(f"{self._address}/{there[name]['id']}"))
        settled = self._settled(set(changed) - failures.keys())
        failures |= {each["name"]: each["error"] for each in settled if each["status"] == "failed"}
        ready = [each for each in settled if each["status"] == "ready"]
        for name, reason in failures.items():
            self.console.print(f"[red]{escape(name)}[/]: {escape(reason)}")
        return Counts(
            added=sum(each["name"] not in there for each in ready),
            updated=sum(each["name"] in there for each in ready),
            removed=len(gone),
            unchanged=len(local) - len(changed),
            failed=len(failures),
            embedded=sum(each["chunks"] - each["progress"]["chunks_reused"] for each in ready),
            reused=sum(each["progress"]["chunks_reused"] for each in ready),
        )

    def _local(self) -> dict[str, Path]:
        """The files by the names that their documents have."""
        named: dict[str, Path] = {}
        for path in sorted(files_below(self.folder)):
            name = label(" - ".join(path.relative_to(self.folder).parts))
            if name in named:
                raise click.ClickException(
                    f"{path} and {named[name]} would both become the document “{name}”: rename one of them."
                )
            named[name] = path
        return named

    def _documents(self) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = checked(self.client.get(self._address, params=_WHOLE_LIST | after))
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["last_id"]}

    def _differs(self, path: Path, document: dict[str, Any] | None) -> bool:
        return document is None or document["status"] == "failed" or document["sha256"] != self._sha256(path)

    def _sha256(self, path: Path) -> str:
        """Read again only when time or size say that it changed."""
        stat = path.stat()
        mark = (stat.st_mtime_ns, stat.st_size)
        if self._known.get(path, (None, ""))[0] != mark:
            with path.open("rb") as file:
                self._known[path] = (mark, hashlib.file_digest(file, "sha256").hexdigest())
        return self._known[path][1]

    def _upload(self, files: list[tuple[str, Path]]) -> Iterator[tuple[str, str]]:
        """The names that were refused, and why."""
        for batch in _batches(files):
            self.console.print(f"Uploading {', '.join(escape(name) for name, _ in batch)} …", style="dim")
            try:
                with ExitStack() as stack:
                    parts = [("file", (name, stack.enter_context(path.open("rb")))) for name, path in batch]
                    reply = checked(self.client.post(self._address, files=parts))
            except (click.ClickException, OSError) as error:
                yield from ((name, str(error)) for name, _ in batch)
                continue
            yield from ((refused["name"], refused["error"]["message"]) for refused in reply.get("errors", ()))
            taken = reply["data"] if reply["object"] == "list" else [reply]
            paths = dict(batch)
            self._note([(paths[document["name"]], document) for document in taken])

    def _note(self, documents: list[tuple[Path, dict[str, Any]]]) -> None:
        """Say where they are from, beside what people noted of them."""
        for path, document in documents:
            place = path.relative_to(self.folder).as_posix()
            attributes = document["attributes"] | {"folder": self._source, "path": place[:_LONGEST_PATH]}
            if attributes != document["attributes"]:
                address = f"{self._address}/{document['id']}"
                checked(self.client.patch(address, json={"attributes": attributes}))

    def _settled(self, names: set[str]) -> list[dict[str, Any]]:
        while True:
            documents = [each for each in self._documents() if each["name"] in names] if names else []
            if all(each["status"] in ("ready", "failed") for each in documents):
                return documents
            time.sleep(_POLL_S)


def keep_in_step(sync: Sync, *, watch: bool, every_s: float) -> int:
    """Run once, or until Ctrl-C; the exit code."""
    counts = sync.run()
    sync.console.print(str(counts))
    while watch:
        try:
            time.sleep(every_s)
            counts = sync.run()
        except KeyboardInterrupt:
            return 0
        except (click.ClickException, httpx.HTTPError, OSError) as error:
            sync.console.print(f"[red]{escape(str(error))}[/] Tried again in {every_s:g} s.")
            continue
        if counts.changed:
            sync.console.print(str(counts))
    return 1 if counts.failed else 0


def first_base_of(client: httpx.Client, slug: str) -> str:
    """The slug of the knowledge base that an assistant's uploads go to."""
    checked(client.get(f"/api/assistants/{slug}"))
    bases = checked(client.get("/api/knowledge-bases", params={"assistant": slug}))["data"]
    if not bases:
        raise click.ClickException(f"The assistant {slug} reads no knowledge base: name one with --base.")
    return str(bases[0]["slug"])


def _batches(files: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    batch: list[tuple[str, Path]] = []
    size = 0
    for name, path in files:
        length = path.stat().st_size
        if batch and (len(batch) == _AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append((name, path))
        size += length
    if batch:
        yield batch

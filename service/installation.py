"""What an installation is made of: opened at the start, given to the routes, closed at the end."""

import fcntl
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from anyio import CapacityLimiter

from ingest.limits import MIB, ReadLimits
from ingest.worker import Worker
from knowledge.embeddings import Embedder
from knowledge.recipe import EMBEDDER_ERRORS
from service.actions.accounts import Accounts
from service.actions.commands import commands_of
from service.actions.egress import Egress
from service.actions.mcp_tools import Servers, tools_of_servers
from service.actions.offered import tools_of_actions
from service.actions.vault import Vault
from service.background import Background
from service.bases import OpenBases, address_of
from service.builtin.offered import Means, built_in_tools
from service.embedders import embedders_of, open_named
from service.instruction import instruction_of
from service.model import Model, Timeouts, open_model
from service.passwords import Passwords
from service.prices import Prices
from service.rebuilding import Rebuilder
from service.records import Assistant, Caller, KnowledgeBaseRecord
from service.seats import Seats
from service.settings import Settings
from service.store import Store
from service.tools import Tool

_EMBEDDER_WAIT_S = 300  # the first start converts the model, which takes tens of seconds

log = logging.getLogger("doumi")

# The tools that an assistant may call for a caller; it may read records, so it runs beside the event loop.
ToolSource = Callable[[Caller, Assistant], Sequence[Tool]]


class DataFolderInUse(Exception):
    """Another service works on this data folder; stop it, or give this one its own with DOUMI_DATA."""


class StillStarting(Exception):
    """The embedder is not ready yet; ask again in a few seconds."""


@dataclass
class Installation:
    """The collaborators, each open."""

    settings: Settings
    store: Store
    bases: OpenBases
    worker: Worker
    rebuilder: Rebuilder
    embedder: "Future[Embedder]"
    egress: Egress
    seats: Seats
    accounts: Accounts
    servers: Servers
    _lock: IO[str]
    prices: Prices = field(default_factory=Prices)
    passwords: Passwords = field(default_factory=Passwords)
    loaded: "Future[None]" = field(default_factory=Future)  # done when what is loaded at the start is queued
    tool_sources: list[ToolSource] = field(default_factory=list)
    background: Background = field(default_factory=Background)
    # of files that came with questions, at the same time
    readings: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))
    _models: dict[str, Model] = field(default_factory=dict)

    @classmethod
    def open(cls, settings: Settings) -> "Installation":
        """Open everything; the embedder goes on opening behind, so that the service is up at once."""
        prices = Prices.load(settings.prices)
        settings.data.mkdir(parents=True, exist_ok=True)
        lock = _lock(settings.data / ".lock")
        store = Store(settings.records_url)
        store.responses.fail_interrupted()
        _ensure_administrator(settings, store)
        opener = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        embedder = opener.submit(open_named, settings, settings.embedder)
        opener.shutdown(wait=False)
        bases = OpenBases(settings.data / "teams", embedders_of(settings, embedder))
        worker = Worker(
            database_url=settings.jobs_url,
            open_base=bases.existing,
            limits=read_limits(settings),
            concurrency=2,
        )
        worker.launch()
        egress = Egress(allow=settings.egress_allow)
        vault = Vault.open_in(settings.data, settings.secret_keys)
        return cls(
            settings=settings,
            store=store,
            bases=bases,
            worker=worker,
            rebuilder=Rebuilder(bases.existing),
            embedder=embedder,
            seats=Seats(settings.max_answers),
            egress=egress,
            accounts=Accounts(store=store.actions, vault=vault, egress=egress, url=settings.url),
            prices=prices,
            servers=Servers(
                store=store.mcp_servers,
                vault=vault,
                egress=egress,
                commands=commands_of(settings.mcp_commands),
            ),
            _lock=lock,
        )

    def begin(self, load: Callable[["Installation"], None]) -> None:
        """Behind the running service: go on with unfinished documents, then `load` what is to be loaded."""

        def work() -> None:
            try:
                self.embedder.result(timeout=_EMBEDDER_WAIT_S)
                self.resume()
                load(self)
                self.loaded.set_result(None)
            except Exception as error:
                log.error("Loading at the start failed: %s", error, exc_info=error)
                self.loaded.set_exception(error)

        threading.Thread(target=work, name="begin", daemon=True).start()

    def resume(self) -> None:
        """Queue what an earlier run left unfinished: documents, whole bases. Queueing twice is harmless."""
        for record in self.store.assistants.all_bases():
            if not (self.settings.data / "teams" / address_of(record)).exists():
                continue
            try:
                self._resume(record)
            except EMBEDDER_ERRORS as error:  # of an embedder that only this base names
                log.error("The knowledge base %s cannot be opened: %s", record.slug, error)

    def _resume(self, record: KnowledgeBaseRecord) -> None:
        base = self.bases.get(record.team_id, record.id)
        for document in base.unfinished():
            assert document.pending_sha256 is not None
            self.worker.submit(address_of(record), document.id, document.pending_sha256)
        if base.rebuilding() is not None:
            self.rebuilder.submit(address_of(record))

    def model(self, name: str | None) -> Model:
        """The chat model of this name, or the installation's. Opened once. Raises ModelMisconfigured."""
        name = name or self.settings.model
        if name not in self._models:
            key = self.settings.model_api_key
            patience = self.settings.model_timeout_s
            self._models[name] = open_model(
                name,
                base_url=self.settings.model_base_url,
                api_key=key.get_secret_value() if key else None,
                timeouts=Timeouts(
                    connect_s=min(10.0, patience), first_token_s=patience, between_tokens_s=patience
                ),
                context_tokens=self.settings.context_tokens,
            )
        return self._models[name]

    def tools(self, caller: Caller, assistant: Assistant) -> list[Tool]:
        """What the assistant may call for this caller: built-in tools, operations of its actions, others.

        `actions:` in the instruction file says which of them this version uses; without it, all.
        """
        front = instruction_of(assistant).front
        named = front.actions
        stored = self.store.actions.of_assistant(caller.team.id, assistant.id)
        actions = [action for action in stored if not named or action.name in named]
        found = tools_of_actions(actions, self.accounts)
        servers = self.store.mcp_servers.of_assistant(caller.team.id, assistant.id)
        found += tools_of_servers(
            (server for server in servers if not named or server.name in named), self.servers
        )
        if front.tools:
            bases = [self.bases.get(caller.team.id, base) for base in assistant.knowledge_bases]
            found = [*built_in_tools(Means(front=front, bases=bases, egress=self.egress)), *found]
        return found + [tool for source in self.tool_sources for tool in source(caller, assistant)]

    def missing_actions(self, caller: Caller, assistant: Assistant) -> list[str]:
        """What `actions:` of the instruction file names, and the assistant does not have."""
        named = instruction_of(assistant).front.actions
        if not named:
            return []
        stored = self.store.actions.of_assistant(caller.team.id, assistant.id)
        servers = self.store.mcp_servers.of_assistant(caller.team.id, assistant.id)
        there = {action.name for action in stored} | {server.name for server in servers}
        return [name for name in named if name not in there]

    def not_ready(self) -> str | None:
        """Why the service cannot answer yet; None when it can."""
        if not self.embedder.done():
            return "The embedder is still being opened."
        if error := self.embedder.exception():
            return str(error)
        return None

    @cached_property
    def quoting(self) -> bool:
        """Whether no language model is connected, so that answers are quotes."""
        return self.settings.model == "quote"

    async def close_connections(self) -> None:
        """Close the connections to providers and outside APIs; within the event loop that used them."""
        await self.egress.aclose()
        for model in self._models.values():
            await model.aclose()

    def close(self) -> None:
        """Stop the jobs (they go on at the next start) and close what is open."""
        self.worker.shutdown()
        self.rebuilder.shutdown()
        self.passwords.close()
        self.bases.close()
        self.store.close()
        self._lock.close()


def _ensure_administrator(settings: Settings, store: Store) -> None:
    """The key of DOUMI_ADMIN_KEY; one that was revoked stays revoked."""
    secret = settings.admin_key.get_secret_value() if settings.admin_key else None
    if secret and not store.keys.knows_administrators(secret):
        store.keys.create_administrators(name="DOUMI_ADMIN_KEY", secret=secret)


def read_limits(settings: Settings) -> ReadLimits:
    """What reading a file may take, as the operator decided."""
    return ReadLimits(
        file_bytes=settings.max_upload_mb * MIB,
        pages=settings.max_pages,
        characters=settings.max_characters,
        megapixels=settings.max_megapixels,
        archive_entries=settings.max_archive_files,
        archive_bytes=settings.max_archive_mb * MIB,
        memory_bytes=settings.read_memory_mb * MIB,
        cpu_seconds=settings.read_cpu_s,
        wall_seconds=settings.read_s,
        ocr=settings.ocr,
        ocr_languages=settings.ocr_languages,
        ocr_seconds=settings.ocr_page_s,
    )


def _lock(path: Path) -> IO[str]:
    """Held until it is closed, also by a crash: two services on one folder would undo each other's work."""
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise DataFolderInUse(
            f"Another service works on the data folder {path.parent}; stop it, or set DOUMI_DATA."
        ) from None
    return held

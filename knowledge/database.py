"""The SQLite file of one knowledge base: schema, connections, transactions, erasure."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import UnknownSchema

SCHEMA_VERSION = 4

SCHEMA = """
CREATE TABLE state (                      -- one row
  generation INTEGER NOT NULL,            -- bumped by every change of what a search can find
  fingerprint TEXT NOT NULL,              -- of the embedder that made the vectors in `vectors`
  terms_version INTEGER NOT NULL,         -- of the rules that made the terms in `postings`
  chunks INTEGER NOT NULL,                -- how many there are
  tokens INTEGER NOT NULL,                -- terms in all of them: for BM25's average length
  cache_generation INTEGER,               -- what index.faiss was written from
  cache_sha256 TEXT,
  erasing INTEGER NOT NULL,               -- 1: something was removed and its traces may still be in the file
  settings TEXT NOT NULL DEFAULT '{}',    -- what the editors decided, see recipe.py
  recipe TEXT,                            -- what the served chunks were made with
  next_recipe TEXT                        -- of the chunks being made beside them; NULL: none are
);
CREATE TABLE documents (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  error TEXT,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  sha256 TEXT, media_type TEXT, size INTEGER,                         -- the content being served
  fingerprint TEXT,                                                   -- of the embedder of its vectors
  pages INTEGER NOT NULL DEFAULT 0,
  first_chunk INTEGER, chunks INTEGER NOT NULL DEFAULT 0,             -- its chunks: [first, first + chunks)
  warnings TEXT NOT NULL DEFAULT '[]',
  upload_sha256 TEXT, upload_media_type TEXT, upload_size INTEGER,    -- the content not served yet
  upload_warnings TEXT NOT NULL DEFAULT '[]',
  pages_staged INTEGER NOT NULL DEFAULT 0, chunks_staged INTEGER NOT NULL DEFAULT 0,
  pages_read INTEGER NOT NULL DEFAULT 0, pages_total INTEGER,
  chunks_embedded INTEGER NOT NULL DEFAULT 0, chunks_total INTEGER, chunks_reused INTEGER NOT NULL DEFAULT 0,
  next_sha256 TEXT                        -- the content whose chunks are in next_chunks; NULL: none are
);
CREATE INDEX documents_by_first_chunk ON documents (first_chunk);
CREATE TABLE attributes (                 -- of documents, for filters
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,                     -- text, number, truth: only values of one kind are compared
  value NOT NULL,
  PRIMARY KEY (document, key)
) WITHOUT ROWID;
CREATE INDEX attributes_by_value ON attributes (key, kind, value);
CREATE TABLE pages (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  number INTEGER NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL, blocks TEXT NOT NULL,
  PRIMARY KEY (document, number)
);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY,
  document INTEGER NOT NULL,
  page INTEGER NOT NULL, locator TEXT NOT NULL, section TEXT NOT NULL,
  start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE TABLE vectors (
  chunk INTEGER PRIMARY KEY REFERENCES chunks,
  digest BLOB NOT NULL,                   -- of the text that was embedded
  kind INTEGER NOT NULL,                  -- of text, see familiarity.py
  vector BLOB NOT NULL                    -- float16, normalised
);
CREATE TABLE postings (
  term TEXT NOT NULL, block INTEGER NOT NULL, entries BLOB NOT NULL,
  PRIMARY KEY (term, block)
) WITHOUT ROWID;
CREATE TABLE lengths (block INTEGER PRIMARY KEY, terms BLOB NOT NULL);
CREATE TABLE familiarity (                -- how well the embedder knows a kind of text: sums over samples
  kind INTEGER PRIMARY KEY,
  samples REAL NOT NULL, separation REAL NOT NULL, own REAL NOT NULL, other REAL NOT NULL
);
CREATE TABLE staged_pages (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  number INTEGER NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL, blocks TEXT NOT NULL,
  PRIMARY KEY (document, number)
);
CREATE TABLE staged_chunks (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  page INTEGER NOT NULL, locator TEXT NOT NULL, section TEXT NOT NULL,
  start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
  digest BLOB NOT NULL, vector BLOB,
  PRIMARY KEY (document, ordinal)
);
CREATE TABLE next_chunks (                -- of served content, made with another recipe: see rebuild.py
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  page INTEGER NOT NULL, locator TEXT NOT NULL, section TEXT NOT NULL,
  start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
  digest BLOB NOT NULL, kind INTEGER NOT NULL, vector BLOB,
  PRIMARY KEY (document, ordinal)
);
CREATE INDEX next_unembedded ON next_chunks (document, ordinal) WHERE vector IS NULL;
"""

# From version 1; what is left empty is made again because the version of the terms is another.
_FROM_1 = """
DROP TABLE postings;
CREATE TABLE postings (
  term TEXT NOT NULL, block INTEGER NOT NULL, entries BLOB NOT NULL,
  PRIMARY KEY (term, block)
) WITHOUT ROWID;
ALTER TABLE vectors RENAME TO old_vectors;
CREATE TABLE vectors (
  chunk INTEGER PRIMARY KEY REFERENCES chunks,
  digest BLOB NOT NULL, kind INTEGER NOT NULL, vector BLOB NOT NULL
);
INSERT INTO vectors SELECT chunk, digest, 0, vector FROM old_vectors;
DROP TABLE old_vectors;
CREATE TABLE familiarity (
  kind INTEGER PRIMARY KEY,
  samples REAL NOT NULL, separation REAL NOT NULL, own REAL NOT NULL, other REAL NOT NULL
);
"""

_FROM_2 = """
CREATE TABLE attributes (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  key TEXT NOT NULL, kind TEXT NOT NULL, value NOT NULL,
  PRIMARY KEY (document, key)
) WITHOUT ROWID;
CREATE INDEX attributes_by_value ON attributes (key, kind, value);
"""

_FROM_3 = """
ALTER TABLE state ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE state ADD COLUMN recipe TEXT;
ALTER TABLE state ADD COLUMN next_recipe TEXT;
ALTER TABLE documents ADD COLUMN next_sha256 TEXT;
CREATE TABLE next_chunks (
  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  page INTEGER NOT NULL, locator TEXT NOT NULL, section TEXT NOT NULL,
  start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
  digest BLOB NOT NULL, kind INTEGER NOT NULL, vector BLOB,
  PRIMARY KEY (document, ordinal)
);
CREATE INDEX next_unembedded ON next_chunks (document, ordinal) WHERE vector IS NULL;
"""

# What brings the schema of each version to the next.
_STEPS = {1: _FROM_1, 2: _FROM_2, 3: _FROM_3}

_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA cache_size = -4096",  # KiB, per connection
)
_IDLE_READERS = 4  # kept open; a burst opens more and closes them again


class Database:
    """One writer at a time, any number of readers, each on a snapshot of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write_lock = threading.RLock()
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self.closed = False
        self._writer = self._connect()
        try:
            self._create()
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        with self._write_lock, self._pool_lock:
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()
            self.closed = True

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end unless the block did so itself, undone by an exception.

        IMMEDIATE, because a read transaction that turns into a write one fails under load.
        """
        with self._write_lock:
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot: what is committed meanwhile is not seen."""
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._give_back(connection)

    def erase_traces(self) -> None:
        """Leave no byte of deleted rows in the file or its log.

        `secure_delete` zeroes what is deleted, but a row that moved when SQLite balanced its tree may leave
        a stale copy in the unused middle of the page it came from (about one document in 300). A file with
        such bytes is rewritten. Raises sqlite3.OperationalError when a reader holds the log for too long.
        """
        with self._write_lock:
            self._truncate_log()
            if has_stale_bytes(self._path):
                self._writer.execute("VACUUM")
                self._truncate_log()

    def _truncate_log(self) -> None:
        busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("the log is still being read")

    def _create(self) -> None:
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise UnknownSchema
            scripts = [_STEPS[step] for step in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
            for statement in ";\n".join(scripts).split(";\n"):
                connection.execute(statement)
            if version == 0:
                connection.execute(
                    "INSERT INTO state VALUES (0, '', 0, 0, 0, NULL, NULL, 0, '{}', NULL, NULL)"
                )
            if version < SCHEMA_VERSION:
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _borrow(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self.closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection


def has_stale_bytes(path: Path) -> bool:
    """Whether a B-tree page of an SQLite file holds bytes between its cell pointers and its cells.

    That stretch belongs to no row (https://www.sqlite.org/fileformat2.html#b_tree_pages).
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
        size = 65536 if size == 1 else size
        file.seek(0)
        page, header = file.read(size), 100
        while page:
            if any(_unused(page, header)):
                return True
            page, header = file.read(size), 0
    return False


def _unused(page: bytes, header: int) -> bytes:
    kind = page[header]
    if kind not in (2, 5, 10, 13):  # overflow pages start with 0, free pages are all zero
        return b""
    cells = int.from_bytes(page[header + 3 : header + 5], "big")
    content = int.from_bytes(page[header + 5 : header + 7], "big") or 65536
    return page[header + (12 if kind in (2, 5) else 8) + 2 * cells : content]

"""The files as they were uploaded, named by document id and content hash."""

import os
import shutil
from pathlib import Path

from knowledge.database import Database


class Originals:
    """A folder of them; the database says which are wanted."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def path(self, document_id: str, sha256: str) -> Path:
        """Where that content of a document lies."""
        return self._folder / f"{document_id}-{sha256}"

    def take(self, upload: Path, document_id: str, sha256: str) -> None:
        """Move a file in, to stay."""
        target = self.path(document_id, sha256)
        shutil.move(upload, target)
        _sync(target, self._folder)

    def sweep(self, document_id: str | None = None) -> int:
        """Unlink those that no row names: of one document, or all. Returns how many."""
        with self._database.writing() as connection:  # so that no upload is between its file and its row
            found = connection.execute("SELECT id, sha256, upload_sha256 FROM documents")
            named = {self.path(row["id"], sha256) for row in found for sha256 in row[1:] if sha256}
            files = self._folder.glob("*" if document_id is None else f"{document_id}-*")
            unnamed = [path for path in files if path not in named]
            for path in unnamed:
                path.unlink(missing_ok=True)
        return len(unnamed)


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

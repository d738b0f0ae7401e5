"""The content of the OpenAI surface's files, in the team's folder: a file is there whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from knowledge.catalogue import label
from service.installation import Installation
from service.records import StoredFile, Upload, UploadPart
from service.store.files import UploadPartsWrong, new_file, new_part
from service.uploads import copied

_BLOCK = 1 << 20


class ChecksumWrong(Exception):
    """The parts put together do not have the md5 that was sent; upload them again."""


def content_of(here: Installation, file: StoredFile) -> Path:
    """Where the bytes of a file lie."""
    return _folder(here, file.team_id) / file.id


def keep(
    here: Installation, team_id: str, content: BinaryIO, *, name: str, purpose: str, lasts_s: int | None
) -> StoredFile:
    """Store a file while hashing it. Raises UploadTooLarge."""
    with copied(here, content) as copy:
        file = new_file(
            team_id, name=label(name), purpose=purpose, size=copy.size, sha256=copy.sha256, lasts_s=lasts_s
        )
        _settle(here, copy.path, file)
    here.store.files.add(file)
    return file


def keep_part(here: Installation, upload: Upload, content: BinaryIO) -> UploadPart:
    """Store a part of an upload. Raises UploadTooLarge, UploadNotOpen and UploadPartsWrong."""
    with copied(here, content) as copy:
        part = new_part(upload.id, copy.size)
        target = _folder(here, upload.team_id) / upload.id / part.id
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.path.replace(target)
    try:
        here.store.files.add_part(upload.team_id, part)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return part


def complete(here: Installation, upload: Upload, part_ids: Sequence[str], md5: str | None) -> Upload:
    """Put the parts together in the order of their ids. Raises UploadPartsWrong and ChecksumWrong."""
    parts = here.store.files.parts(upload.team_id, upload.id)
    unknown = [part_id for part_id in part_ids if part_id not in parts]
    if unknown or len(set(part_ids)) != len(part_ids):
        wrong = f"{unknown[0]!r} is no part of this upload" if unknown else "a part is named twice"
        raise UploadPartsWrong(f"part_ids: {wrong}; name each part once, in the order of the file.")
    size = sum(parts[part_id].size for part_id in part_ids)
    if size != upload.size:
        raise UploadPartsWrong(f"The parts have {size} bytes together; {upload.size} were announced.")
    folder = _folder(here, upload.team_id) / upload.id
    with copied(here, _Joined([folder / part_id for part_id in part_ids])) as copy:  # type: ignore[arg-type]
        if md5 is not None and _md5(copy.path) != md5.lower():
            raise ChecksumWrong(ChecksumWrong.__doc__)
        file = new_file(
            upload.team_id,
            name=upload.name,
            purpose=upload.purpose,
            size=copy.size,
            sha256=copy.sha256,
            lasts_s=upload.lasts_s,
        )
        _settle(here, copy.path, file)
    try:
        completed = here.store.files.complete(upload, file)
    except BaseException:
        content_of(here, file).unlink(missing_ok=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return completed


def cancel(here: Installation, team_id: str, upload_id: str) -> Upload:
    """Give an upload up, with the parts that came. Raises UploadNotFound and UploadNotOpen."""
    upload = here.store.files.cancel(team_id, upload_id)
    drop_parts(here, upload)
    return upload


def drop_parts(here: Installation, upload: Upload) -> None:
    """Delete what came of an upload that became nothing."""
    shutil.rmtree(_folder(here, upload.team_id) / upload.id, ignore_errors=True)


class _Joined:
    """Some files, read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._blocks = self._read(paths)

    def read(self, _size: int) -> bytes:
        return next(self._blocks, b"")

    @staticmethod
    def _read(paths: Sequence[Path]) -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as part:
                while block := part.read(_BLOCK):
                    yield block


def _settle(here: Installation, copy: Path, file: StoredFile) -> None:
    """Into its place; `copied` has brought the content itself to the disk."""
    target = content_of(here, file)
    target.parent.mkdir(parents=True, exist_ok=True)
    copy.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _folder(here: Installation, team_id: str) -> Path:
    return here.settings.data / "teams" / team_id / "files"

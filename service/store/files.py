"""Files of the OpenAI surface, and uploads that become files part by part. The bytes lie elsewhere."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from service.records import StoredFile, Upload, UploadPart, UploadStatus
from service.store.engine import Database, aware, new_id, now
from service.store.pages import Window, page_of
from service.store.tables import files, upload_parts, uploads

_UPLOAD_LASTS = timedelta(hours=1)


class FileNotFound(Exception):
    """The team has no file with this id; GET /v1/files lists those it has."""


class UploadNotFound(Exception):
    """The team has no upload with this id; begin one with POST /v1/uploads."""


class UploadNotOpen(Exception):
    """The upload is completed, cancelled or expired; begin another with POST /v1/uploads."""


class UploadPartsWrong(Exception):
    """The parts are not those of the upload, or not as long as was announced; the message says which."""


class Files:
    """Queries about files and uploads; every one takes the team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, file: StoredFile) -> None:
        """Record a file whose content is in its place."""
        with self._database.write() as connection:
            _insert_file(connection, file)

    def get(self, team_id: str, file_id: str) -> StoredFile:
        """Raises FileNotFound."""
        with self._database.read() as connection:
            row = connection.execute(_alive(team_id).where(files.c.id == file_id)).first()
        if row is None:
            raise file_not_found(file_id)
        return _file(row)

    def named(self, team_id: str, file_ids: Sequence[str]) -> dict[str, StoredFile]:
        """Those of the files that the team has, by id."""
        with self._database.read() as connection:
            rows = connection.execute(_alive(team_id).where(files.c.id.in_(file_ids)))
            return {row.id: _file(row) for row in rows}

    def page(
        self,
        team_id: str,
        window: Window,
        *,
        purpose: str | None = None,
        among: Collection[str] | None = None,
    ) -> tuple[list[StoredFile], bool]:
        """One page of files, or of those with these ids, and whether more follow."""
        query = _alive(team_id)
        if among is not None:
            query = query.where(files.c.id.in_(among))
        if purpose:
            query = query.where(files.c.purpose == purpose)
        with self._database.read() as connection:
            rows, more = page_of(connection, query, files, window)
            return [_file(row) for row in rows], more

    def remove(self, team_id: str, file_id: str) -> StoredFile:
        """Take the record out. Raises FileNotFound."""
        with self._database.write() as connection:
            row = connection.execute(_alive(team_id).where(files.c.id == file_id)).first()
            if row is None:
                raise file_not_found(file_id)
            connection.execute(delete(files).where(files.c.team_id == team_id, files.c.id == file_id))
        return _file(row)

    def expired(self) -> list[StoredFile]:
        """Files of every team whose time is over: only for the sweep, which takes them away."""
        with self._database.read() as connection:
            return [
                _file(row) for row in connection.execute(select(files).where(files.c.expires_at <= now()))
            ]

    def drop_expired(self, team_id: str, file_id: str) -> None:
        """Take the record of an expired file out."""
        with self._database.write() as connection:
            query = delete(files).where(files.c.team_id == team_id, files.c.id == file_id)
            connection.execute(query.where(files.c.expires_at <= now()))

    # Uploads in parts

    def begin(
        self, team_id: str, *, name: str, purpose: str, media_type: str, size: int, lasts_s: int | None
    ) -> Upload:
        """A new upload, open for an hour."""
        moment = now()
        upload = Upload(
            id=new_id("upload"),
            team_id=team_id,
            name=name,
            purpose=purpose,
            media_type=media_type,
            size=size,
            status=UploadStatus.PENDING,
            lasts_s=lasts_s,
            file_id=None,
            created_at=moment,
            expires_at=moment + _UPLOAD_LASTS,
        )
        values = {name: getattr(upload, name) for name in Upload.__dataclass_fields__}
        with self._database.write() as connection:
            connection.execute(insert(uploads).values(**values))
        return upload

    def upload(self, team_id: str, upload_id: str) -> Upload:
        """Raises UploadNotFound."""
        with self._database.read() as connection:
            return _find(connection, team_id, upload_id)

    def open_upload(self, team_id: str, upload_id: str) -> Upload:
        """The upload, if it still takes parts. Raises UploadNotFound and UploadNotOpen."""
        with self._database.read() as connection:
            return _find_open(connection, team_id, upload_id)

    def add_part(self, team_id: str, part: UploadPart) -> None:
        """Record a part whose bytes are in their place.

        Raises UploadNotFound, UploadNotOpen and UploadPartsWrong.
        """
        with self._database.write() as connection:
            upload = _find_open(connection, team_id, part.upload_id)
            there = connection.scalar(
                select(func.coalesce(func.sum(upload_parts.c.size), 0)).where(
                    upload_parts.c.team_id == team_id, upload_parts.c.upload_id == upload.id
                )
            )
            if int(there or 0) + part.size > upload.size:
                raise UploadPartsWrong(
                    f"The parts are longer than the {upload.size} bytes that were announced; cancel the "
                    "upload and begin one of the right size."
                )
            values = {name: getattr(part, name) for name in UploadPart.__dataclass_fields__}
            connection.execute(insert(upload_parts).values(**values, team_id=team_id))

    def parts(self, team_id: str, upload_id: str) -> dict[str, UploadPart]:
        """The parts that came, by id."""
        query = select(upload_parts).where(
            upload_parts.c.team_id == team_id, upload_parts.c.upload_id == upload_id
        )
        with self._database.read() as connection:
            return {row.id: _part(row) for row in connection.execute(query)}

    def complete(self, upload: Upload, file: StoredFile) -> Upload:
        """The upload is this file now. Raises UploadNotOpen when somebody was faster."""
        with self._database.write() as connection:
            _find_open(connection, upload.team_id, upload.id)
            _insert_file(connection, file)
            _set_status(connection, upload, UploadStatus.COMPLETED, file_id=file.id)
            return _find(connection, upload.team_id, upload.id)

    def cancel(self, team_id: str, upload_id: str) -> Upload:
        """Take no more parts. Raises UploadNotFound and UploadNotOpen."""
        with self._database.write() as connection:
            upload = _find_open(connection, team_id, upload_id)
            _set_status(connection, upload, UploadStatus.CANCELLED)
            return _find(connection, team_id, upload_id)

    def drop_stale_uploads(self) -> list[Upload]:
        """Close the uploads of every team whose time is over, for the sweep that takes their parts away."""
        stale = select(uploads).where(uploads.c.status == UploadStatus.PENDING, uploads.c.expires_at <= now())
        with self._database.write() as connection:
            found = [_upload(row) for row in connection.execute(stale)]
            for upload in found:
                _set_status(connection, upload, UploadStatus.EXPIRED)
        return found


def new_file(
    team_id: str, *, name: str, purpose: str, size: int, sha256: str, lasts_s: int | None
) -> StoredFile:
    """A file with an id, made now."""
    moment = now()
    return StoredFile(
        id=new_id("file").replace("_", "-"),  # as OpenAI writes it
        team_id=team_id,
        name=name,
        purpose=purpose,
        size=size,
        sha256=sha256,
        created_at=moment,
        expires_at=moment + timedelta(seconds=lasts_s) if lasts_s else None,
    )


def new_part(upload_id: str, size: int) -> UploadPart:
    """A part with an id, come now."""
    return UploadPart(id=new_id("part"), upload_id=upload_id, size=size, created_at=now())


def file_not_found(file_id: str) -> FileNotFound:
    """For an id that names no file of the team."""
    return FileNotFound(f"No file {file_id!r}; GET /v1/files lists those that exist.")


def _alive(team_id: str) -> Select[Any]:
    return select(files).where(
        files.c.team_id == team_id, or_(files.c.expires_at.is_(None), files.c.expires_at > now())
    )


def _insert_file(connection: Connection, file: StoredFile) -> None:
    values = {name: getattr(file, name) for name in StoredFile.__dataclass_fields__}
    connection.execute(insert(files).values(**values))


def _find(connection: Connection, team_id: str, upload_id: str) -> Upload:
    row = connection.execute(
        select(uploads).where(uploads.c.team_id == team_id, uploads.c.id == upload_id)
    ).first()
    if row is None:
        raise UploadNotFound(f"No upload {upload_id!r}; begin one with POST /v1/uploads.")
    return _upload(row)


def _find_open(connection: Connection, team_id: str, upload_id: str) -> Upload:
    upload = _find(connection, team_id, upload_id)
    if upload.status is not UploadStatus.PENDING:
        raise UploadNotOpen(f"The upload {upload_id!r} is {upload.status}; begin another.")
    return upload


def _set_status(connection: Connection, upload: Upload, status: UploadStatus, **more: Any) -> None:
    """Its parts are of no more use, whatever it has become."""
    connection.execute(
        update(uploads)
        .where(uploads.c.team_id == upload.team_id, uploads.c.id == upload.id)
        .values(status=status, **more)
    )
    connection.execute(
        delete(upload_parts).where(
            upload_parts.c.team_id == upload.team_id, upload_parts.c.upload_id == upload.id
        )
    )


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(**_values(row, StoredFile))


def _part(row: Row[Any]) -> UploadPart:
    return UploadPart(**_values(row, UploadPart))


def _upload(row: Row[Any]) -> Upload:
    values = _values(row, Upload)
    status = UploadStatus(values["status"])
    if status is UploadStatus.PENDING and values["expires_at"] <= now():
        status = UploadStatus.EXPIRED
    return Upload(**{**values, "status": status})


def _values(row: Row[Any], record: Any) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in record.__dataclass_fields__}
    return {name: aware(value) if isinstance(value, datetime) else value for name, value in found.items()}

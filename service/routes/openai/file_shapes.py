"""Files and uploads on the wire, and what is asked of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.records import StoredFile, Upload, UploadPart
from service.routes.shapes import seconds
from service.uploads import UploadMalformed

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_SHORTEST_S, _LONGEST_S = 3600, 2_592_000  # an hour, thirty days
_BATCH_LASTS_S = _LONGEST_S

FILE: dict[str, Any] = {
    "id": "file-0123456789abcdef01234567",
    "object": "file",
    "bytes": 48213,
    "created_at": 1795478400,
    "expires_at": None,
    "filename": "handbook.pdf",
    "purpose": "assistants",
    "status": "processed",
    "status_details": None,
}
_UPLOAD: dict[str, Any] = {
    "id": "upload_0123456789abcdef01234567",
    "object": "upload",
    "bytes": 48213,
    "created_at": 1795478400,
    "expires_at": 1795482000,
    "filename": "handbook.pdf",
    "purpose": "assistants",
    "status": "pending",
    "file": None,
}


class ExpiresAfter(BaseModel):
    """How long a file is kept."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=_SHORTEST_S, le=_LONGEST_S)]


class FileOut(BaseModel):
    """A file."""

    model_config = ConfigDict(json_schema_extra={"example": FILE})
    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    status_details: None = None


class FileDeletedOut(BaseModel):
    """A file is gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"id": "file-0123456789abcdef01234567", "object": "file", "deleted": True}
        }
    )
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class UploadIn(BaseModel):
    """A file that will come in parts."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "bytes": 48213,
                "filename": "handbook.pdf",
                "mime_type": "application/pdf",
                "purpose": "assistants",
            }
        },
    )
    bytes: Annotated[int, Field(ge=1)]
    filename: Annotated[str, Field(min_length=1, max_length=1000)]
    mime_type: Annotated[str, Field(max_length=200)]
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class UploadOut(BaseModel):
    """An upload; with its file once it is completed."""

    model_config = ConfigDict(json_schema_extra={"example": _UPLOAD})
    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: str
    file: FileOut | None


class PartOut(BaseModel):
    """A part of an upload."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "part_0123456789abcdef01234567",
                "object": "upload.part",
                "created_at": 1795478400,
                "upload_id": "upload_0123456789abcdef01234567",
            }
        }
    )
    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


class CompleteIn(BaseModel):
    """The parts in the order of the file."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "part_ids": ["part_0123456789abcdef01234567"],
                "md5": "9e107d9d372bb6826bd81d3542a419d6",
            }
        },
    )
    part_ids: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    md5: Annotated[str | None, Field(pattern="^[0-9a-fA-F]{32}$")] = None


def lasting(purpose: str, asked: ExpiresAfter | None) -> int | None:
    """Seconds that a file of this purpose is kept; None for until it is deleted."""
    if asked is not None:
        return asked.seconds
    return _BATCH_LASTS_S if purpose == "batch" else None


def purpose_of(form: Mapping[str, Any]) -> str:
    """The purpose that a form says. Raises UploadMalformed."""
    purpose = form.get("purpose")
    if purpose not in PURPOSES:
        raise UploadMalformed(f"Send the field “purpose”; it can be {', '.join(PURPOSES)}.")
    return str(purpose)


def expiry_of(form: Mapping[str, Any]) -> ExpiresAfter | None:
    """The expiry as the SDKs write it into a form. Raises UploadMalformed."""
    anchor, wanted = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and wanted is None:
        return None
    text = str(wanted)
    if anchor != "created_at" or not text.isdecimal() or not _SHORTEST_S <= int(text) <= _LONGEST_S:
        raise UploadMalformed(
            f"expires_after needs the anchor “created_at” and seconds between {_SHORTEST_S} and {_LONGEST_S}."
        )
    return ExpiresAfter(anchor="created_at", seconds=int(text))


def file_out(file: StoredFile) -> FileOut:
    """The file on the wire."""
    return FileOut(
        id=file.id,
        bytes=file.size,
        created_at=seconds(file.created_at),
        expires_at=seconds(file.expires_at) if file.expires_at else None,
        filename=file.name,
        purpose=file.purpose,
    )


def upload_out(upload: Upload, file: StoredFile | None = None) -> UploadOut:
    """The upload on the wire."""
    return UploadOut(
        id=upload.id,
        bytes=upload.size,
        created_at=seconds(upload.created_at),
        expires_at=seconds(upload.expires_at),
        filename=upload.name,
        purpose=upload.purpose,
        status=upload.status,
        file=file_out(file) if file else None,
    )


def part_out(part: UploadPart) -> PartOut:
    """The part on the wire."""
    return PartOut(id=part.id, created_at=seconds(part.created_at), upload_id=part.upload_id)

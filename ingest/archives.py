"""What a file unpacks to, asked before it is unpacked: zip directories, and XML that defines entities."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.parsers import expat

from ingest.limits import MIB, ReadLimits
from ingest.unreadable import DamagedFile, EncryptedFile, Forbidden, TooLarge

_RATIO_FROM = 16 * MIB  # unpacked; below it no ratio does harm
_XML = (".xml", ".rels", ".vml", ".hpf", ".rdf", ".xhtml")
_UNKNOWN_ENCODING = 18  # XML_ERROR_UNKNOWN_ENCODING of expat.h
_CHUNK = 64 * 1024
_PROLOG = 4 * MIB  # no honest file has a longer one before its first element
_DOCTYPE = (
    "The file defines XML entities or a document type, which reading does not allow: "
    "save it again in its program, or take the <!DOCTYPE …> out."
)


class _FirstElement(Exception):
    """The prolog is over: nothing after it can define anything."""


def check_archive(path: Path, limits: ReadLimits, *, prologs: bool = True) -> None:
    """Passes when a zip file is safe to unpack, and, with `prologs`, its XML parts define nothing.

    Raises TooLarge, EncryptedFile, Forbidden or DamagedFile.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_directory(entries, path.stat().st_size, limits)
            for entry in entries:
                if prologs and entry.filename.lower().endswith(_XML):
                    with archive.open(entry) as part:
                        _check_prolog(_chunks(part))
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        expat.ExpatError,
        OSError,
        ValueError,
        RuntimeError,
    ):
        raise DamagedFile("The file is damaged or incomplete: upload the original again.") from None


def check_xml(path: Path) -> None:
    """Passes when an XML file defines nothing; raises Forbidden, or DamagedFile when it is no XML."""
    with path.open("rb") as file:
        try:
            _check_prolog(_chunks(file))
        except expat.ExpatError as error:
            if (
                error.code == _UNKNOWN_ENCODING
            ):  # EUC-KR and its like: it is read as text, so look at its bytes
                file.seek(0)
                if b"<!DOCTYPE" in file.read(_PROLOG):
                    raise Forbidden(_DOCTYPE) from None
                return
            raise DamagedFile(f"The XML is damaged ({error}): correct it and upload it again.") from None


def _check_directory(entries: list[zipfile.ZipInfo], packed: int, limits: ReadLimits) -> None:
    if len(entries) > limits.archive_entries:
        raise TooLarge(
            f"The file holds {len(entries):,} parts, the limit is {limits.archive_entries:,}: "
            "split it into smaller files."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise EncryptedFile("The file is locked with a password: save a copy without one and upload that.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.archive_bytes:
        raise TooLarge(
            f"The file unpacks to {unpacked / MIB:,.0f} MiB, "
            f"the limit is {limits.archive_bytes / MIB:,.0f} MiB: "
            "split it, or take large pictures out."
        )
    if unpacked > _RATIO_FROM and unpacked > packed * limits.archive_ratio:
        raise TooLarge(
            f"The file unpacks to {unpacked // max(packed, 1):,} times its size, "
            f"the limit is {limits.archive_ratio:,} times: save it again in its program."
        )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _check_prolog(chunks: Iterator[bytes]) -> None:
    """Parses up to the first element, in expat's own view of the encoding; raises Forbidden at a DOCTYPE."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = _stop
    read = 0
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            read += len(chunk)
            if read > _PROLOG:
                raise Forbidden(
                    "The XML begins with megabytes of nothing: save the file again in its program."
                )
    except _FirstElement:
        return
    if read:
        parser.Parse(b"", True)


def _refuse(*_: object) -> None:
    raise Forbidden(_DOCTYPE)


def _stop(*_: object) -> None:
    raise _FirstElement

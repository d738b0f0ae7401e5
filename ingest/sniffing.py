"""What a file is, from its bytes. Runs in the cage: the bytes are a stranger's."""

import zipfile
from pathlib import Path

from ingest.formats import Content, Format, usual_extension
from ingest.unreadable import DamagedFile, EmptyFile, EncryptedFile, WrongExtension

_HEAD = 4096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", Content.PNG),
    (b"\xff\xd8\xff", Content.JPEG),
    (b"GIF8", Content.GIF),
    (b"II*\0", Content.TIFF),
    (b"MM\0*", Content.TIFF),
    (b"{\\rtf", Content.RTF),
    (b"%!PS", Content.POSTSCRIPT),
    (b"\x1f\x8b", Content.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Content.ARCHIVE),
    (b"Rar!", Content.ARCHIVE),
    (b"BZh", Content.ARCHIVE),
    (b"\xfd7zXZ", Content.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Content.ARCHIVE),
    (b"\x7fELF", Content.PROGRAM),
    (b"MZ\x90", Content.PROGRAM),
    (b"\xcf\xfa\xed\xfe", Content.PROGRAM),
    (b"\xca\xfe\xba\xbe", Content.PROGRAM),
    (b"ID3", Content.MEDIA),
    (b"OggS", Content.MEDIA),
    (b"fLaC", Content.MEDIA),
    (b"\x1aE\xdf\xa3", Content.MEDIA),
    (b"SQLite format 3\0", Content.DATABASE),
    (b"HWP Document File V", Content.OLD_HWP),
)
_ZIP_PARTS = (
    ("word/document.xml", Content.DOCX),
    ("ppt/presentation.xml", Content.PPTX),
    ("xl/workbook.xml", Content.XLSX),
    ("xl/workbook.bin", Content.XLSX),
    ("Contents/content.hpf", Content.HWPX),
    ("Contents/header.xml", Content.HWPX),
)
_ZIP_MEDIA_TYPES = (
    (b"application/hwp+zip", Content.HWPX),
    (b"application/epub+zip", Content.EPUB),
    (b"application/vnd.oasis.opendocument", Content.OPENDOCUMENT),
)
_OLE_STREAMS = (
    ("EncryptedPackage", Content.ENCRYPTED_OFFICE),
    ("FileHeader", Content.HWP),
    ("WordDocument", Content.OLD_WORD),
    ("Workbook", Content.OLD_EXCEL),
    ("Book", Content.OLD_EXCEL),
    ("PowerPoint Document", Content.OLD_POWERPOINT),
)


def check_content(path: Path, claimed: Format) -> None:
    """Passes when the bytes are what the name claims.

    Raises EmptyFile, EncryptedFile, WrongExtension (which says what it looks like) or DamagedFile.
    """
    seen = sniff(path)
    if seen is claimed.content:
        return
    if seen is Content.ENCRYPTED_OFFICE:
        raise EncryptedFile(
            "The Office file is locked with a password: save a copy without one and upload that."
        )
    if seen is Content.UNKNOWN:
        raise DamagedFile(
            f"The file is not {claimed.content}: it is damaged or incomplete, so upload the original again."
        )
    right = usual_extension(seen)
    advice = f"rename it to {right}" if right and seen is not Content.TEXT else "upload the original file"
    raise WrongExtension(f"The file is named like {claimed.content} but looks like {seen}: {advice}.")


def sniff(path: Path) -> Content:
    """What the content is; raises EmptyFile when there is none, DamagedFile for a broken zip or OLE file."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\0 \t\r\n") and path.stat().st_size <= _HEAD:
        raise EmptyFile("The file is empty: upload it again, or upload another one.")
    for magic, content in _MAGIC:
        if head.startswith(magic):
            return content
    if head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and not _texty(head)):
        return Content.PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(path)
    if head.startswith(_OLE):
        return _ole(path)
    return _riff(head) or (Content.TEXT if _texty(head) else Content.UNKNOWN)


def _riff(head: bytes) -> Content | None:
    if head[:4] == b"RIFF":
        return Content.WEBP if head[8:12] == b"WEBP" else Content.MEDIA
    if head[4:8] == b"ftyp":
        return Content.MEDIA
    return Content.BMP if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" else None


def _texty(head: bytes) -> bool:
    """Whether it may be text in some encoding; the reader decides for good."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    control = sum(byte < 9 or 13 < byte < 27 or byte == 127 for byte in head)
    if b"\0" in head:  # UTF-16 without its mark has a zero in every other place of western text
        return min(head[::2].count(0), head[1::2].count(0)) * 20 <= max(
            head[::2].count(0), head[1::2].count(0), 20
        )
    return control * 50 <= len(head)


def _zip(path: Path) -> Content:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            stated = archive.read("mimetype")[:64] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise DamagedFile("The file is damaged or incomplete: upload the original again.") from None
    for part, content in _ZIP_PARTS:
        if part in names:
            return content
    return next(
        (content for media_type, content in _ZIP_MEDIA_TYPES if stated.startswith(media_type)), Content.ZIP
    )


def _ole(path: Path) -> Content:
    import olefile  # type: ignore[import-untyped]  # only such files pay for it

    try:
        with olefile.OleFileIO(path) as archive:
            return next((content for stream, content in _OLE_STREAMS if archive.exists(stream)), Content.OLE)
    except (OSError, ValueError, IndexError):
        raise DamagedFile("The file is damaged or incomplete: upload the original again.") from None

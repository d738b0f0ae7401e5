"""ZIP: every file in it that can be read, in the order of their paths, under which its pages stand."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from ingest.formats import format_of
from ingest.readers.building import Source
from ingest.unreadable import DamagedFile, Forbidden, NoText, UnknownFormat, Unreadable
from knowledge.documents import Page

_UTF8_NAME = 1 << 11  # flag of an entry (APPNOTE 4.4.4)
_LEFT_BEHIND = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_NAMED = 5  # files of unknown kinds that the warning names


def read(source: Source) -> Iterator[Page]:
    if source.member is None:
        raise Forbidden("A ZIP inside another file is not opened: unpack it and upload the files in it.")
    with zipfile.ZipFile(source.path) as archive:
        entries = sorted((_name(entry), entry) for entry in archive.infolist() if _wanted(entry))
        unknown = [name for name, _ in entries if not _known(name)]
        refused: list[str] = []
        count = 0
        for name, entry in entries:
            if name in unknown:
                continue
            source.alive()
            try:
                for page in _member(archive, name, entry, source):
                    count += 1
                    yield page
            except Unreadable as error:
                refused.append(f"{name} was not read: {error}")
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        refused.append(f"no reader for {', '.join(unknown[:_NAMED])}{more}")
    if not count:
        why = refused[0] if refused else "it is empty"
        raise NoText(f"Nothing in the ZIP could be read ({why.rstrip('.')}): upload the files one by one.")
    for sentence in refused:
        source.warn(sentence)


def _wanted(entry: zipfile.ZipInfo) -> bool:
    """Not a folder, a link, or what a system hides."""
    parts = PurePosixPath(entry.filename).parts
    linked = stat.S_ISLNK(entry.external_attr >> 16)
    hidden = any((part.startswith(".") and part not in ("..", ".")) or part in _LEFT_BEHIND for part in parts)
    return not (entry.is_dir() or linked or hidden)


def _name(entry: zipfile.ZipInfo) -> str:
    """As it was meant: Windows writes Korean names in CP949 and does not say so."""
    if entry.flag_bits & _UTF8_NAME:
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    return entry.filename


def _known(name: str) -> bool:
    try:
        format_of(name)
    except UnknownFormat:
        return False
    return True


def _member(archive: zipfile.ZipFile, name: str, entry: zipfile.ZipInfo, source: Source) -> Iterator[Page]:
    assert source.member is not None
    try:
        content = archive.open(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise DamagedFile("It is damaged or packed in a way that cannot be unpacked.") from None
    with content:
        yield from source.member(content, name)

"""Zip archives that are the same byte for byte whenever and wherever they are made."""

import io
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that the format can hold


def archive(parts: Mapping[str, bytes], *, stored: frozenset[str] = frozenset()) -> bytes:
    """A zip with these parts in this order; those in `stored` are not compressed."""
    target = io.BytesIO()
    with ZipFile(target, "w") as file:
        for name, content in parts.items():
            entry = ZipInfo(name, date_time=_EARLIEST)
            entry.create_system = 0
            entry.compress_type = ZIP_STORED if name in stored else ZIP_DEFLATED
            file.writestr(entry, content)
    return target.getvalue()


def undated(document: bytes) -> bytes:
    """The same archive without the time at which it was written."""
    with ZipFile(io.BytesIO(document)) as file:
        return archive({name: file.read(name) for name in file.namelist()})

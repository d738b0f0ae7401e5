"""The one font that stands in for every font which a PDF names and does not bring along.

pdfium looks for those among the fonts of the machine. Where it finds none, it takes the characters of Korean,
Chinese and Japanese fonts for things without size, and drops each that stands alone: "제27호" became "27".
With this font, whose one glyph serves all of Unicode, all have a place, and a PDF reads the same everywhere.
"""

import struct
from pathlib import Path

_EM = 1000
_SIDE = 900  # of the glyph, a square
# Code pages that the font claims: Japanese, both Chinese, both Korean (OpenType, OS/2 ulCodePageRange1).
_CODE_PAGES = sum(1 << bit for bit in (17, 18, 19, 20, 21))
_MAGIC = 0x5F0F3CF5
_LAST_CHARACTER = 0x10FFFF
_MANY_TO_ONE = 13  # the cmap format in which a range of characters has one glyph


def write_stand_in(folder: Path) -> None:
    """Writes the font into `folder`, as TrueType (OpenType 1.9)."""
    tables = {
        "OS/2": _os2(),
        "cmap": _cmap(),
        "glyf": _glyph() * 2,  # the first is that of missing characters
        "head": _head(),
        "hhea": struct.pack(">I3hH11hH", 0x10000, _SIDE, -100, 0, _EM, 0, 0, _SIDE, 1, *[0] * 7, 1),
        "hmtx": struct.pack(">Hhh", _EM, 0, 0),
        "loca": struct.pack(">3I", 0, len(_glyph()), 2 * len(_glyph())),
        "maxp": struct.pack(">I14H", 0x10000, 2, 4, 1, 0, 0, 1, *[0] * 8),
        "name": _name("Doumi Stand-In"),
        "post": struct.pack(">I7I", 0x30000, *[0] * 7),
    }
    (folder / "stand-in.ttf").write_bytes(_font(tables))


def _font(tables: dict[str, bytes]) -> bytes:
    power = len(tables).bit_length() - 1
    directory = struct.pack(
        ">I4H", 0x10000, len(tables), 16 << power, power, 16 * len(tables) - (16 << power)
    )
    content = b""
    start = len(directory) + 16 * len(tables)
    for tag, table in tables.items():
        directory += struct.pack(">4s3I", tag.encode(), 0, start + len(content), len(table))
        content += table.ljust(-(-len(table) // 4) * 4, b"\0")
    return directory + content


def _glyph() -> bytes:
    """A square: one contour of four points on the line."""
    header = struct.pack(">5h2H", 1, 0, 0, _SIDE, _SIDE, 3, 0)
    across, up = (0, _SIDE, 0, -_SIDE), (0, 0, _SIDE, 0)
    glyph = header + b"\1" * 4 + struct.pack(">8h", *across, *up)
    return glyph.ljust(-(-len(glyph) // 4) * 4, b"\0")


def _head() -> bytes:
    box = (0, 0, _SIDE, _SIDE)
    return struct.pack(">4I2H2q4h2H3h", 0x10000, 0x10000, 0, _MAGIC, 3, _EM, 0, 0, *box, 0, 8, 2, 1, 0)


def _os2() -> bytes:
    heights = (_SIDE, -100, 0, _SIDE, 100)
    return struct.pack(
        ">Hh3H11h10s4I4s3H3h2H2I",
        *(1, _EM, 400, 5, 0, *[0] * 11, b"", 0, 0, 0, 0, b"NONE", 0x40, 0, 0xFFFF),
        *(*heights, _CODE_PAGES, 0),
    )


def _cmap() -> bytes:
    encoding = struct.pack(">2H2HI", 0, 1, 3, 10, 12)  # Windows, all of Unicode
    return encoding + struct.pack(">2H3I3I", _MANY_TO_ONE, 0, 28, 0, 1, 1, _LAST_CHARACTER, 1)


def _name(family: str) -> bytes:
    encoded = family.encode("utf-16-be")
    entries = (1, 2, 4, 6)  # family, style, full name, PostScript name
    records = b"".join(struct.pack(">6H", 3, 1, 0x409, entry, len(encoded), 0) for entry in entries)
    return struct.pack(">3H", 0, len(entries), 6 + len(records)) + records + encoded

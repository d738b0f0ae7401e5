"""Small real files of every kind, made when a test needs them."""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from urllib.parse import unquote

import docx
import openpyxl
import pptx
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

LEFT, TOP, LEADING = 72, 770, 14

Line = tuple[str, float, bool] | str  # text, or text with size and bold; "" is a gap


def pdf(pages: Sequence[Sequence[Line]], **canvas: object) -> bytes:
    """Each page is its lines from the top; a line "a\\tb" has two columns."""
    file = io.BytesIO()
    sheet = Canvas(file, pagesize=A4, invariant=1, **canvas)  # type: ignore[arg-type]
    pdfmetrics.registerFont(UnicodeCIDFont("HYSMyeongJo-Medium"))
    for lines in pages:
        height = TOP
        for line in lines:
            text, size, bold = line if isinstance(line, tuple) else (line, 10, False)
            font = "Helvetica-Bold" if bold else "Helvetica"
            sheet.setFont("HYSMyeongJo-Medium" if any("가" <= c <= "힣" for c in text) else font, size)
            for column, cell in enumerate(text.split("\t")):
                sheet.drawString(LEFT + 180 * column, height, cell)
            height -= LEADING if text else 2 * LEADING
        sheet.showPage()
    sheet.save()
    return file.getvalue()


def saved(document: object) -> bytes:
    """The bytes of a python-docx, python-pptx or openpyxl document."""
    file = io.BytesIO()
    document.save(file)  # type: ignore[attr-defined]
    return file.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Travel policy", 1)
    document.add_paragraph("Book trains first.")
    document.add_heading("Hotels", 2)
    document.add_paragraph("Up to 120 EUR a night", style="List Bullet")
    document.add_paragraph("Breakfast is paid", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("City", "Limit"), ("Seoul", "150 EUR")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Ask before you book.")
    document.sections[0].header.paragraphs[0].text = "Confidential draft"
    return saved(document)


def slides() -> bytes:
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Results"
    first.placeholders[1].text = "Sales rose\nCosts fell"
    first.notes_slide.notes_text_frame.text = "Mention the new shop."
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "By region"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for row, cells in enumerate((("Region", "Sales"), ("North", "12"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    return saved(show)


def workbook(sheets: Mapping[str, Iterable[Sequence[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def archive(parts: Mapping[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def repacked(original: bytes, **parts: str | bytes) -> bytes:
    """The same package with parts replaced or added; "__" in a name stands for "/", "_" before xml for "."."""
    with zipfile.ZipFile(io.BytesIO(original)) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    named = {name.replace("__", "/").replace("_xml", ".xml"): value for name, value in parts.items()}
    return archive({**contents, **named})


_HWPX_TEXT = "http://www.hancom.co.kr/hwpml/2011/paragraph"
_HWPX_HEAD = "http://www.hancom.co.kr/hwpml/2011/head"


def hwpx(paragraphs: Sequence[str], **parts: str) -> bytes:
    """`paragraphs` are the insides of <hp:p>; one that begins with "#" is an outline heading."""
    body = "".join(
        f'<hp:p paraPrIDRef="{int(text.startswith("#"))}" styleIDRef="0"><hp:run>{_inside(text)}</hp:run></hp:p>'
        for text in paragraphs
    )
    header = (
        f'<hh:head xmlns:hh="{_HWPX_HEAD}"><hh:refList><hh:paraProperties>'
        '<hh:paraPr id="0"><hh:heading type="NONE" idRef="0" level="0"/></hh:paraPr>'
        '<hh:paraPr id="1"><hh:heading type="OUTLINE" idRef="0" level="0"/></hh:paraPr>'
        "</hh:paraProperties></hh:refList></hh:head>"
    )
    section = f'<hs:sec xmlns:hs="{_HWPX_TEXT.replace("paragraph", "section")}" xmlns:hp="{_HWPX_TEXT}">{body}</hs:sec>'
    return archive(
        {
            "mimetype": "application/hwp+zip",
            "Contents/header.xml": header,
            "Contents/section0.xml": section,
            **parts,
        }
    )


def _inside(text: str) -> str:
    return text if text.startswith("<") else f"<hp:t>{text.lstrip('#')}</hp:t>"


_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR = 512


def ole(streams: Mapping[str, bytes]) -> bytes:
    """A compound file (MS-CFB, version 3) with these streams, "storage/name" for one inside a storage.

    Streams are padded with zeros to 4,096 bytes and more, so that no mini stream is needed.
    """
    padded = {name: data.ljust(4096, b"\0") for name, data in streams.items()}
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        first = len(sectors)
        pieces = [data[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(data), _SECTOR)]
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), _END])
        return first

    entries = _directory(padded, {name: store(data) for name, data in padded.items()})
    directory = store(b"".join(entries))
    at = len(sectors)
    fat.append(_FAT)
    assert len(fat) <= _SECTOR // 4, "one sector of FAT is enough for a test"
    sectors.append(struct.pack("<128I", *fat, *[_FREE] * (128 - len(fat))))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII109I",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, directory, 0, 4096, _END, 0, _END, 0, at, *[_FREE] * 108, 0,
    )  # fmt: skip
    return header[:_SECTOR].ljust(_SECTOR, b"\0") + b"".join(sectors)


def _directory(streams: Mapping[str, bytes], starts: Mapping[str, int]) -> list[bytes]:
    storages = sorted({name.split("/")[0] for name in streams if "/" in name})
    names = ["Root Entry", *storages, *streams]
    top = [name for name in names[1:] if "/" not in name]
    entries = []
    for index, name in enumerate(names):
        inner = [other for other in names if other.startswith(f"{name}/")]
        children = top if index == 0 else inner
        kind = 5 if index == 0 else 1 if name in storages else 2
        siblings = top if "/" not in name else [n for n in names if n.startswith(name.split("/")[0] + "/")]
        later = siblings[siblings.index(name) + 1 :] if name in siblings else []
        encoded = name.rsplit("/", 1)[-1].encode("utf-16-le")
        entries.append(
            struct.pack(
                "<64sHBBIII16sI8s8sIII",
                encoded, len(encoded) + 2, kind, 1,
                _FREE, names.index(later[0]) if later else _FREE, names.index(children[0]) if children else _FREE,
                b"", 0, b"", b"",
                starts.get(name, _END if index == 0 else 0), len(streams.get(name, b"")), 0,
            )
        )  # fmt: skip
    while len(entries) % 4:
        entries.append(
            struct.pack("<64sHBBIII16sI8s8sIII", b"", 0, 0, 0, _FREE, _FREE, _FREE, b"", 0, b"", b"", 0, 0, 0)
        )
    return entries


def hwp(paragraphs: Sequence[str], *, flags: int = 0) -> bytes:
    """An uncompressed HWP 5 document."""
    text = b"".join(_record(67, paragraph.encode("utf-16-le")) for paragraph in paragraphs)
    padding = _record(0x3FF, b"\0" * max(0, 4200 - len(text)))
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05010001, flags)
    return ole({"FileHeader": header, "BodyText/Section0": text + padding})


def _record(tag: int, data: bytes) -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | len(data) << 20) + data
    return struct.pack("<II", tag | 0xFFF << 20, len(data)) + data


def book(parts: Mapping[str, str], *, encryption: str = "") -> bytes:
    """An EPUB 3 with these XHTML bodies in this order, and a list of contents that is not one of them."""
    items = "".join(
        f'<item id="p{n}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(parts)
    )
    order = "".join(f'<itemref idref="p{n}"/>' for n in range(len(parts)))
    doctype = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    )
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
            '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
            f'{items}</manifest><spine><itemref idref="nav"/>{order}</spine></package>',
            "OEBPS/nav.xhtml": "<html><body><nav>Contents</nav></body></html>",
            **{
                f"OEBPS/text/{unquote(name)}": f"<?xml version='1.0'?>{doctype}<html><head><title>Book</title></head><body>{body}</body></html>"
                for name, body in parts.items()
            },
            **({"META-INF/encryption.xml": encryption} if encryption else {}),
        }
    )


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "회의 일정"
    message["From"] = "Kim <kim@example.com>"
    message["To"] = "Lee <lee@example.com>"
    message.set_content("We meet on Monday.\n\nBring the plan.")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="plan.pdf")
    return message.as_bytes()


def mail_with(name: str, content: bytes) -> bytes:
    """A letter with an attachment."""
    message = EmailMessage()
    message["Subject"] = "The plan"
    message.set_content("See the file.")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()

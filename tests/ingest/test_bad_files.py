"""Files that cannot be read: each ends with a kind of error and a sentence that says what to do."""

import io
import os
import time
import zlib
from pathlib import Path

import pypdf
import pytest

from ingest.cage import read_pages
from ingest.inside import pages_of
from ingest.limits import MIB, ReadLimits
from ingest.unreadable import (
    DamagedFile,
    EmptyFile,
    EncryptedFile,
    Forbidden,
    NotAFile,
    NoText,
    TooLarge,
    TooSlow,
    UnknownFormat,
    Unreadable,
    WrongExtension,
)
from tests.ingest import files

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
PARAGRAPHS = ["제1조(목적) 이 규정은 휴가를 정한다."]


def locked(content: bytes, *, user: str, owner: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(content))
    writer.encrypt(user_password=user, owner_password=owner, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def raw_pdf(*objects: bytes) -> bytes:
    """A PDF of hand-written objects, the first of which is the catalogue."""
    file = io.BytesIO(b"%PDF-1.7\n")
    file.seek(0, os.SEEK_END)
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return file.getvalue()


def stream(data: bytes) -> bytes:
    packed = zlib.compress(data, 9)
    return b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(packed), packed)


def page_with(content: bytes) -> bytes:
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        stream(content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )


REFUSED = {
    "no bytes": ("a.pdf", b"", EmptyFile, "is empty"),
    "nothing but zeros": ("a.pdf", b"\0" * 100, EmptyFile, "is empty"),
    "nothing but white space": ("a.txt", b" \n\t\r\n" * 2000, NoText, "no text"),
    "random bytes as PDF": ("a.pdf", b"\x01\xfe" + os.urandom(5000).replace(b"%PDF", b""), DamagedFile, "not a PDF"),
    "random bytes as Word": ("a.docx", b"\x01\xfe" + os.urandom(5000), DamagedFile, "not a Word document"),
    "random bytes as text": ("a.txt", b"\x01\xfe\0\0\x02" + os.urandom(5000), DamagedFile, "not a text file"),
    "a PDF that was cut off": ("a.pdf", files.pdf([["Text"]])[:300], DamagedFile, "damaged or not complete"),
    "a Word document that was cut off": ("a.docx", files.word()[:9000], DamagedFile, "damaged or incomplete"),
    "empty pages": ("a.pdf", files.pdf([[], []]), NoText, "no text in it"),
    "a PDF with a password": ("a.pdf", locked(files.pdf([["Text"]]), user="x", owner="y"), EncryptedFile, "password"),
    "an Office file with a password": ("a.xlsx", files.ole({"EncryptedPackage": b"x"}), EncryptedFile, "password"),
    "an HWP with a password": ("a.hwp", files.hwp(PARAGRAPHS, flags=2), EncryptedFile, "password"),
    "an HWP that must not be copied": ("a.hwp", files.hwp(PARAGRAPHS, flags=4), EncryptedFile, "against copying"),
    "an HWPX with a password": (
        "a.hwpx",
        files.hwpx(PARAGRAPHS, **{"META-INF/manifest.xml": "<m><file-entry><encryption-data/></file-entry></m>"}),
        EncryptedFile,
        "password",
    ),
    "a picture named .pdf": ("a.pdf", PNG, WrongExtension, "looks like a PNG picture"),
    "a Word document named .txt": ("a.txt", files.word(), WrongExtension, r"a Word document: rename it to \.docx"),
    "a text named .pdf": ("a.pdf", b"Only text here.\n" * 9, WrongExtension, "looks like a text file"),
    "an HWPX named .docx": ("a.docx", files.hwpx(PARAGRAPHS), WrongExtension, r"rename it to \.hwpx"),
    "an old Word document": ("a.docx", files.ole({"WordDocument": b"x"}), WrongExtension, r"old Word document \(\.doc\)"),
    "a ZIP of other files": ("a.docx", files.archive({"a.txt": "x"}), WrongExtension, "looks like a ZIP archive"),
    "a ZIP of nothing that can be read": ("a.zip", files.archive({"a.mp4": "x"}), NoText, r"no reader for a\.mp4"),
    "a ZIP of a ZIP": (
        "a.zip",
        files.archive({"b.zip": files.archive({"a.txt": "x"})}),
        NoText,
        "b.zip was not read: A ZIP inside another file is not opened",
    ),
    "a ZIP that unpacks to 300 MiB": (
        "a.zip",
        files.archive({"a.txt": "\0" * (300 * MIB)}),
        TooLarge,
        "unpacks to 300 MiB, the limit is 256 MiB",
    ),
    "a ZIP of a Word document that unpacks to 300 MiB": (
        "a.zip",
        files.archive({"a.docx": files.repacked(files.word(), word__media__big="\0" * (300 * MIB))}),
        NoText,
        "unpacks to 301 MiB, the limit is 256 MiB",
    ),
    "a ZIP with one file too large": (
        "a.zip",
        files.archive({"a.txt": os.urandom(MIB) * 70}),
        NoText,
        "more than 64 MiB, the limit for a file inside another",
    ),
    "a Word document named .zip": ("a.zip", files.word(), WrongExtension, r"rename it to \.docx"),
    "a book locked by its shop": (
        "a.epub",
        files.book({"a.xhtml": "x"}, encryption='<e><EncryptionMethod Algorithm="aes"/></e>'),
        EncryptedFile,
        "DRM",
    ),
    "a book without its order": (
        "a.epub",
        files.repacked(files.book({"a.xhtml": "x"}), **{"OEBPS__book.opf": "<package><manifest/></package>"}),
        DamagedFile,
        "in what order",
    ),
    "a ZIP named .epub": ("a.epub", files.archive({"a.txt": "x"}), WrongExtension, r"rename it to \.zip"),
    "a 7-Zip archive": ("a.7z", b"7z\xbc\xaf\x27\x1c", UnknownFormat, "pack the files as a ZIP"),
    "no format at all": ("a.xyz", b"text", UnknownFormat, "Cannot read .xyz files"),
    "a Word document that unpacks to 300 MiB": (
        "a.docx",
        files.repacked(files.word(), word__media__big="\0" * (300 * MIB)),
        TooLarge,
        "unpacks to 301 MiB, the limit is 256 MiB",
    ),
    "a workbook that unpacks to 700 times its size": (
        "a.xlsx",
        files.repacked(files.workbook({"A": [["x"]]}), xl__media__big="\0" * (60 * MIB)),
        TooLarge,
        "the limit is 200 times",
    ),
    "an entity bomb in a Word document": (
        "a.docx",
        files.repacked(files.word(), word__document_xml=f"{BOMB}<w:document xmlns:w='w'>&b;</w:document>"),
        Forbidden,
        "XML entities",
    ),
    "an entity bomb in a workbook": (
        "a.xlsx",
        files.repacked(files.workbook({"A": [["x"]]}), xl__sharedStrings_xml=f"{BOMB}<sst>&b;</sst>"),
        Forbidden,
        "XML entities",
    ),
    "an entity bomb in an HWPX": (
        "a.hwpx",
        files.hwpx([], **{"Contents/section1.xml": f"{BOMB}<a>&b;</a>"}),
        Forbidden,
        "XML entities",
    ),
    "an entity bomb in UTF-16": ("a.xml", f"<?xml version='1.0'?>{BOMB}<a>&b;</a>".encode("utf-16"), Forbidden, "XML entities"),
    "XML that is none": ("a.xml", b"just text", DamagedFile, "XML is damaged"),
    "JSON that is none": ("a.json", b'{"a": 1,}', DamagedFile, r"damaged \(.*line 1\)"),
    "JSON nested without end": ("a.json", b"[" * 200_000, TooLarge, "nested deeper"),
    "a bad line of JSON Lines": ("a.jsonl", b'{"a": 1}\n{"b"\n', DamagedFile, "JSON in line 2"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "kind", "says"), REFUSED.values(), ids=REFUSED)
def test_a_bad_file_ends_as_a_named_error_that_says_what_to_do(tmp_path, name, content, kind, says):
    path = tmp_path / "upload"
    path.write_bytes(content)
    with pytest.raises(kind, match=says) as caught:
        list(pages_of(path, name=name, media_type="", limits=ReadLimits()))
    sentence = str(caught.value)
    assert type(caught.value) is kind
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert ": " in sentence, "what is wrong, and what to do"
    assert str(tmp_path) not in sentence


HOSTILE = {
    "arrays nested a hundred thousand deep": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids " + b"[" * 100_000 + b">>"
    ),
    "content nested a hundred thousand deep": page_with(b"[" * 100_000 + b"BT /F 10 Tf (x) Tj ET"),
    "a page count of two thousand million": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>", b"<</Type/Page>>"
    ),
    "a million pages": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1000000/Kids[" + b"3 0 R " * 1_000_000 + b"]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ),
    "a hundred thousand objects": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[]/Count 0>>",
        *[b"<</A[1 0 R]>>"] * 100_000,
    ),
    "a page tree that is its own child": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"
    ),
    "pages one inside the other": raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        *(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 1) for number in range(2, 3000)),
        b"<</Type/Page/MediaBox[0 0 9 9]>>",
    ),
    "a stream that unpacks to half a gigabyte": page_with(b" " * (512 * MIB)),
    "text without end": page_with(b"BT /F 10 Tf " + b"(ab) Tj " * 3_000_000 + b"ET"),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pdf_ends_soon_and_does_no_harm(tmp_path, content):
    path = tmp_path / "upload"
    path.write_bytes(content)
    limits = ReadLimits(cpu_seconds=10, silent_seconds=8.0, memory_bytes=768 * MIB, pages=2_000)
    begin = time.monotonic()
    with pytest.raises(Unreadable, match=r": .*\.$"):
        read_pages(path, name="a.pdf", limits=limits)
    assert time.monotonic() - begin < 30


def test_a_page_count_that_is_a_lie_is_refused_by_its_limit(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(files.pdf([["one"], ["two"], ["three"]]))
    with pytest.raises(TooLarge, match="has 3 pages, the limit is 2"):
        read_pages(path, name="a.pdf", limits=ReadLimits(pages=2))


def test_a_pdf_that_only_forbids_changes_simply_opens(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(locked(files.pdf([["Open text"]]), user="", owner="secret"))
    assert read_pages(path, name="a.pdf").pages[0].text == "Open text"


def test_a_pdf_that_pdfium_refuses_is_read_by_pypdf(tmp_path):
    content = files.pdf([["Text that only pypdf finds"]])
    broken = content.replace(b"/Type /Catalog", b"/Type /Catalgo")
    path = tmp_path / "upload"
    path.write_bytes(broken)
    assert "only pypdf finds" in read_pages(path, name="a.pdf").pages[0].text


def test_html_nested_five_thousand_deep_is_read(tmp_path):
    path = tmp_path / "upload"
    path.write_text("<div>" * 5_000 + "deep <b>text</b>", encoding="utf-8")
    assert read_pages(path, name="a.html").pages[0].text == "deep text"


def test_a_text_of_200_megabytes_is_refused_by_the_limit_on_characters(tmp_path):
    path = tmp_path / "upload"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"All work and no play. \n" * (1_000_000 // 23))
    with pytest.raises(TooLarge, match="more than 20,000,000 characters, the limit: split it"):
        read_pages(path, name="big.txt")


def test_the_limit_on_the_size_of_a_file_is_named(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(b"text " * 500_000)
    with pytest.raises(TooLarge, match=r"has 2\.4 MiB, the limit is 1\.0 MiB"):
        read_pages(path, name="a.txt", limits=ReadLimits(file_bytes=MIB))


def test_the_limit_on_characters_holds_for_all_pages_together(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(files.pdf([["ninety characters " * 5]] * 4))
    with pytest.raises(TooLarge, match="more than 200 characters"):
        read_pages(path, name="a.pdf", limits=ReadLimits(characters=200))


def test_the_limit_on_parts_of_an_archive_is_named(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(files.word())
    with pytest.raises(TooLarge, match="parts, the limit is 3"):
        read_pages(path, name="a.docx", limits=ReadLimits(archive_entries=3))


@pytest.mark.parametrize(
    ("limits", "kind", "says"),
    [
        (ReadLimits(cpu_seconds=1), TooSlow, "more than 1 s of computing"),
        (ReadLimits(wall_seconds=0.5), TooSlow, "longer than 0 s|longer than 1 s"),
        (ReadLimits(silent_seconds=0.4), TooSlow, "no progress for 0 s"),
        (ReadLimits(memory_bytes=192 * MIB), TooLarge, "more than 192 MiB of memory"),
    ],
)
def test_a_file_that_takes_too_much_is_refused_by_the_limit_that_it_met(tmp_path, limits, kind, says):
    path = tmp_path / "upload"
    path.write_bytes(b"a,b,c,d\n" * 700_000)
    with pytest.raises(kind, match=says):
        read_pages(path, name="a.csv", limits=limits)


def test_what_a_parser_raises_becomes_one_sentence(tmp_path, caplog):
    path = tmp_path / "upload"
    broken = files.repacked(files.workbook({"A": [["x"]]}), xl__workbook_xml="<workbook><sheets>")
    path.write_bytes(broken)
    caplog.set_level("INFO")
    with pytest.raises(
        DamagedFile, match=r"^The file is damaged or incomplete: save it again and upload the new file\.$"
    ):
        read_pages(path, name="a.xlsx")
    assert "XMLSyntaxError" in caplog.text, "what it was is in the operator's log"


def test_a_folder_a_link_and_nothing_are_no_files(tmp_path):
    target = tmp_path / "secret.txt"
    target.write_text("secret", encoding="utf-8")
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for path, says in (
        (tmp_path, "a folder: upload the files in it"),
        (tmp_path / "link", "a link or a device"),
        (tmp_path / "pipe", "a link or a device"),
        (tmp_path / "gone", "not there any more"),
    ):
        with pytest.raises(NotAFile, match=says):
            read_pages(path, name="a.txt")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.txt",
        "/etc/passwd.txt",
        "C:\\temp\\a.txt",
        "가" * 100 + ".txt",
        "a\nb\x00.txt",
        ".txt.txt",
    ],
)
def test_a_strange_name_is_only_a_name(tmp_path, name):
    path: Path = tmp_path / "upload"
    path.write_text("harmless", encoding="utf-8")
    assert read_pages(path, name=name).pages[0].text == "harmless"

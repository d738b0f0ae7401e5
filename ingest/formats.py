"""Which files can be read: what they are called, and what their content looks like.

Knows no parser, so the serving process may import it.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from ingest.unreadable import UnknownFormat


class Content(StrEnum):
    """What bytes turn out to be, in words for people."""

    PDF = "a PDF"
    DOCX = "a Word document"
    PPTX = "a PowerPoint presentation"
    XLSX = "an Excel workbook"
    HWPX = "an HWPX document"
    HWP = "an HWP document"
    TEXT = "a text file"
    OLD_WORD = "an old Word document (.doc)"
    OLD_EXCEL = "an old Excel workbook (.xls)"
    OLD_POWERPOINT = "an old PowerPoint presentation (.ppt)"
    ENCRYPTED_OFFICE = "an Office file with a password"
    OLE = "an old Office file"
    OLD_HWP = "an HWP document from before 2000"
    EPUB = "an EPUB book"
    OPENDOCUMENT = "an OpenDocument file"
    ZIP = "a ZIP archive"
    PNG = "a PNG picture"
    JPEG = "a JPEG picture"
    GIF = "a GIF picture"
    WEBP = "a WebP picture"
    TIFF = "a TIFF picture"
    BMP = "a BMP picture"
    RTF = "an RTF document"
    POSTSCRIPT = "a PostScript file"
    ARCHIVE = "a compressed archive"
    PROGRAM = "a program"
    MEDIA = "a sound or film file"
    DATABASE = "a SQLite database"
    UNKNOWN = "binary data"


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that can be read."""

    name: str  # what a person calls it
    reader: str  # module in ingest.readers
    content: Content  # what its bytes must be
    extensions: tuple[str, ...]
    media_types: tuple[str, ...] = ()


_CODE = (
    *(
        ".py",
        ".pyi",
        ".js",
        ".mjs",
        ".cjs",
        ".jsx",
        ".ts",
        ".tsx",
        ".vue",
        ".svelte",
        ".css",
        ".scss",
        ".less",
    ),
    *(
        ".java",
        ".kt",
        ".kts",
        ".scala",
        ".groovy",
        ".gradle",
        ".cs",
        ".fs",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".cxx",
    ),
    *(".hpp", ".m", ".mm", ".swift", ".go", ".rs", ".dart", ".rb", ".php", ".lua", ".pl", ".pm", ".r", ".jl"),
    *(".ex", ".exs", ".erl", ".hs", ".ml", ".clj", ".sql", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat"),
    *(".proto", ".graphql", ".cmake", ".tf", ".hcl", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf"),
    *(".properties", ".env", ".dockerfile", ".makefile", ".diff", ".patch"),
)

FORMATS = (
    Format(
        name="PDF", reader="pdf", content=Content.PDF, extensions=(".pdf",), media_types=("application/pdf",)
    ),
    Format(
        name="Word (.docx)",
        reader="docx",
        content=Content.DOCX,
        extensions=(".docx", ".docm", ".dotx", ".dotm"),
        media_types=("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    ),
    Format(
        name="PowerPoint (.pptx)",
        reader="pptx",
        content=Content.PPTX,
        extensions=(".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
        media_types=("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    ),
    Format(
        name="Excel (.xlsx)",
        reader="xlsx",
        content=Content.XLSX,
        extensions=(".xlsx", ".xlsm", ".xltx", ".xltm"),
        media_types=("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    ),
    Format(
        name="HWPX",
        reader="hwpx",
        content=Content.HWPX,
        extensions=(".hwpx",),
        media_types=("application/hwp+zip", "application/vnd.hancom.hwpx"),
    ),
    Format(
        name="HWP 5",
        reader="hwp",
        content=Content.HWP,
        extensions=(".hwp",),
        media_types=("application/x-hwp", "application/haansofthwp", "application/vnd.hancom.hwp"),
    ),
    Format(
        name="EPUB",
        reader="epub",
        content=Content.EPUB,
        extensions=(".epub",),
        media_types=("application/epub+zip",),
    ),
    Format(
        name="ZIP of such files",
        reader="bundle",
        content=Content.ZIP,
        extensions=(".zip",),
        media_types=("application/zip", "application/x-zip-compressed"),
    ),
    Format(
        name="CSV",
        reader="delimited",
        content=Content.TEXT,
        extensions=(".csv", ".tsv", ".tab"),
        media_types=("text/csv", "text/tab-separated-values"),
    ),
    Format(
        name="HTML",
        reader="html",
        content=Content.TEXT,
        extensions=(".html", ".htm", ".xhtml"),
        media_types=("text/html", "application/xhtml+xml"),
    ),
    Format(
        name="Markdown",
        reader="markdown",
        content=Content.TEXT,
        extensions=(".md", ".markdown", ".mdx"),
        media_types=("text/markdown", "text/x-markdown"),
    ),
    Format(
        name="JSON",
        reader="structured",
        content=Content.TEXT,
        extensions=(".json", ".jsonl", ".ndjson", ".geojson"),
        media_types=("application/json", "application/x-ndjson", "application/jsonl"),
    ),
    Format(
        name="e-mail (.eml)",
        reader="eml",
        content=Content.TEXT,
        extensions=(".eml",),
        media_types=("message/rfc822",),
    ),
    Format(
        name="XML",
        reader="code",
        content=Content.TEXT,
        extensions=(".xml", ".xsd", ".rss", ".atom"),
        media_types=("application/xml", "text/xml"),
    ),
    *(
        Format(
            name=name,
            reader="picture",
            content=content,
            extensions=extensions,
            media_types=(f"image/{kind}",),
        )
        for name, content, extensions, kind in (
            ("PNG", Content.PNG, (".png",), "png"),
            ("JPEG", Content.JPEG, (".jpg", ".jpeg", ".jpe", ".jfif"), "jpeg"),
            ("TIFF", Content.TIFF, (".tif", ".tiff"), "tiff"),
            ("WebP", Content.WEBP, (".webp",), "webp"),
            ("BMP", Content.BMP, (".bmp",), "bmp"),
            ("GIF", Content.GIF, (".gif",), "gif"),
        )
    ),
    Format(name="source code", reader="code", content=Content.TEXT, extensions=_CODE),
    Format(
        name="text",
        reader="lines",
        content=Content.TEXT,
        extensions=(".txt", ".text", ".log", ".rst", ".adoc", ".org", ".tex", ".srt", ".vtt"),
        media_types=("text/plain",),
    ),
)

_BY_EXTENSION = {extension: format_ for format_ in FORMATS for extension in format_.extensions}
_BY_MEDIA_TYPE = {media_type: format_ for format_ in FORMATS for media_type in format_.media_types}
_EXTENSION_OF = {format_.content: format_.extensions[0] for format_ in reversed(FORMATS)}
_ADVICE = {
    ".doc": "save it as .docx",
    ".xls": "save it as .xlsx",
    ".ppt": "save it as .pptx",
    ".rtf": "save it as .docx",
    ".odt": "save it as .docx",
    ".ods": "save it as .xlsx",
    ".odp": "save it as .pptx",
    ".xlsb": "save it as .xlsx",
    ".msg": "save it as .eml",
    ".mobi": "convert it to EPUB",
    ".azw3": "convert it to EPUB",
    **dict.fromkeys((".7z", ".rar", ".tar", ".gz", ".tgz", ".alz", ".egg"), "pack the files as a ZIP"),
    ".heic": "save it as JPEG or PNG",
    ".heif": "save it as JPEG or PNG",
    ".avif": "save it as JPEG or PNG",
    ".svg": "save it as PDF",
}


def extension_of(name: str) -> str:
    """ ".pdf" for "Report.PDF"; "" for a name without one."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def format_of(name: str, media_type: str = "") -> Format:
    """The format that a file claims to have, by its extension, else by its media type.

    Raises UnknownFormat, which lists what can be read.
    """
    extension = extension_of(name)
    found = _BY_EXTENSION.get(extension)
    if found is None and extension not in _ADVICE:
        found = _BY_MEDIA_TYPE.get(media_type.split(";")[0].strip().lower())
    if found is None:
        kind = f"{extension} files" if extension else "files without an extension"
        advice = _ADVICE.get(extension)
        raise UnknownFormat(
            f"Cannot read {kind}: {advice or 'upload one of ' + ', '.join(f.name for f in FORMATS)}."
        )
    return found


def usual_extension(content: Content) -> str | None:
    """The extension that such content should have; None when no reader reads it."""
    return _EXTENSION_OF.get(content)

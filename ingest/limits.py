"""How much one file may cost. Every refusal names the limit it met."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ReadLimits:
    """What a reader may use up before its file is refused."""

    file_bytes: int = 200 * MIB
    pages: int = 5_000  # PDF pages, slides or sheets
    characters: int = 20_000_000  # of text in the whole document
    memory_bytes: int = 1536 * MIB  # address space of the child: libraries and their caches count too
    cpu_seconds: int = 300
    wall_seconds: float = 3_600.0
    silent_seconds: float = 60.0  # without a sign of life: a page, or a part of one
    scratch_bytes: int = 64 * MIB  # of any one file that a reader writes into its temp folder
    open_files: int = 64
    archive_entries: int = 10_000  # files inside a DOCX, XLSX, PPTX or HWPX
    archive_bytes: int = 256 * MIB  # of those files, unpacked
    archive_ratio: int = 200  # unpacked to packed, asked of archives that unpack to more than 16 MiB
    megapixels: int = 64  # of a picture
    ocr: bool = True  # whether pictures of text are read, where the OCR extra is installed
    ocr_languages: str = "kor+eng"  # as Tesseract names them
    ocr_seconds: float = 50.0  # for one page; less than silent_seconds

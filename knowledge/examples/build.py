"""Make the documents of the example assistants: `python -m knowledge.examples.build FOLDER`.

The repository holds text; the PDF, DOCX and HWPX files are made from it where they are needed. The same text
gives the same bytes, so a document that is there already is recognised as unchanged.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from knowledge.examples.hwpx import write_hwpx
from knowledge.examples.pdf import write_pdf
from knowledge.examples.source import Source, read_source
from knowledge.examples.word import write_docx

NAMES = ("handbook", "regulations")  # what an instruction's `knowledge` may name

_WRITERS: dict[str, Callable[[Source], bytes]] = {
    ".docx": write_docx,
    ".hwpx": write_hwpx,
    ".pdf": write_pdf,
}


def build(target: Path) -> dict[str, list[Path]]:
    """Write the documents into a folder for each of NAMES; the files of each, in the order of their names."""
    return {name: _build_folder(Path(__file__).parent / name, target / name) for name in NAMES}


def _build_folder(sources: Path, target: Path) -> list[Path]:
    target.mkdir(parents=True, exist_ok=True)
    return sorted(_build_document(path, target) for path in sources.glob("*.md"))


def _build_document(path: Path, target: Path) -> Path:
    source = read_source(path)
    if source is None:
        return _write(target / path.name, path.read_bytes())
    return _write(target / source.file, _WRITERS[Path(source.file).suffix](source))


def _write(path: Path, content: bytes) -> Path:
    """Whole or not at all: a start that was interrupted leaves no half document."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
    return path


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Say where the documents go: python -m knowledge.examples.build FOLDER")
    for paths in build(Path(sys.argv[1])).values():
        for path in paths:
            print(path)


if __name__ == "__main__":
    main()

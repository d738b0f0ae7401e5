"""pdfium, started so that it knows no font of the machine: what it reads is the same everywhere.

Import `pdfium` from here and from nowhere else. Import starts it anew, so no document may be open then.
"""

import ctypes
import tempfile
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingest.readers.stand_in import write_stand_in

__all__ = ["pdfium", "raw"]

_fonts = tempfile.TemporaryDirectory(prefix="doumi-fonts-")  # for as long as this process lives
write_stand_in(Path(_fonts.name))
_name = ctypes.create_string_buffer(_fonts.name.encode())  # pdfium keeps the pointer, so it must live on
_Characters = ctypes.POINTER(ctypes.c_char)
_folders = (_Characters * 2)(ctypes.cast(_name, _Characters), _Characters())  # the list ends with NULL
raw.FPDF_DestroyLibrary()
raw.FPDF_InitLibraryWithConfig(
    raw.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=ctypes.cast(_folders, ctypes.POINTER(_Characters)))
)

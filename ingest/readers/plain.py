"""Characters made fit to be searched and quoted, without moving a line."""

import re
import unicodedata

# Characters that draw nothing and only hide text from people or from search: zero-width spaces and joins,
# soft hyphens, direction marks and overrides, tags, glyph-variant selectors, interlinear marks.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U000e0000-\U000e0fff]"
)
# Joiners matter inside Indic and Arabic words and emoji, nowhere near these.
_IDLE_JOINER = re.compile(
    "(?<![^\x00-\u02ff\u3000-\ufe0d\ufe10-\uffef])[\u200c\u200d]"
    "|[\u200c\u200d](?![^\x00-\u02ff\u3000-\ufe0d\ufe10-\uffef])"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_SPACE = re.compile("[\t\x0b\x0c\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LIGATURE = re.compile("[\ufb00-\ufb06]")


def clean(text: str) -> str:
    """NFC with "\\n" line ends and plain spaces; what no reader can see is gone. Lines keep their number."""
    if text.isascii() and text.isprintable():  # most cells and lines
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return _SPACE.sub(_space, _CONTROL.sub("", text))
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", _UNSEEN.sub("", text)))
    text = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return unicodedata.normalize("NFC", _SPACE.sub(_space, _IDLE_JOINER.sub("", text)))


def _space(found: re.Match[str]) -> str:
    return "\t" if found[0] == "\t" else " "


def one_line(text: str) -> str:
    """`text` cleaned, every run of white space one space."""
    return " ".join(clean(text).split())

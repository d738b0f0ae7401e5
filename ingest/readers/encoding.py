"""Bytes of a text file to characters, without being told the encoding."""

import codecs
import re

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BOTH = ("utf-8", "cp949")
_OTHERS = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "euc_jp", "koi8_r"]
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HANGUL = re.compile("[가-힣]")
_HANJA = re.compile("[\u4e00-\u9fff\uf900-\ufaff]")
_USUAL = re.compile(
    "[\t\n\r -~\u00a0-\u06ff\u0900-\u0dff\u2010-\u2027"
    "\u3000-\u30ff\u3131-\u318e가-힣\u4e00-\u9fff\uff01-\uff5e]"
)
_SAMPLE = 200_000  # bytes or characters that a judgement looks at


class NotText(ValueError):
    """These bytes are no text in any encoding that is tried."""


def decode(data: bytes) -> str:
    """The characters of `data`; a byte-order mark goes. Raises NotText for binary content."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _plausible(data[len(mark) :].decode(encoding, "replace"))
    zeros = data[:_SAMPLE].count(0)
    if zeros * 20 > len(data[:_SAMPLE]):
        return _utf16(data)
    for attempt in (_utf8, _korean, _mixed, _other):
        text = attempt(data)
        if text is not None:
            return _plausible(text)
    raise NotText


def _utf8(data: bytes) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(data)  # a file may end in the middle of a character
        rest = decoder.getstate()[0]
        return None if rest and text.isascii() else text
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    sound = len(data) - len(text) + broken  # continuation bytes of sound characters, about
    return text if broken * 10 <= sound else None


def _korean(data: bytes) -> str | None:
    """CP949, of which EUC-KR is a part, when what comes out looks like Korean and not like chance."""
    text = data.decode("cp949", "replace")
    foreign = [character for character in text[:_SAMPLE] if character > "\x7f"]
    broken = foreign.count("\ufffd")
    hangul = [character for character in foreign if _HANGUL.match(character)]
    hanja = sum(1 for character in foreign if _HANJA.match(character))
    common = sum(1 for character in hangul if _in_euc_kr(character))
    if broken * 50 > len(foreign) or not hangul:
        return None
    # Western text read as CP949 gives rare syllables; Chinese gives as many Hanja as Hangul.
    if common < 0.9 * len(hangul) or hanja > 0.3 * len(hangul) or len(hangul) < 0.5 * len(foreign):
        return None
    return text


def _mixed(data: bytes) -> str | None:
    """Lines in UTF-8 and lines in CP949, as in a log that two programs write."""
    lines, seen = [], set()
    for line in data.split(b"\n"):
        encoding = "ascii" if line.isascii() else next(filter(lambda name: _decodes(line, name), _BOTH), None)
        if encoding is None:
            return None
        seen.add(encoding)
        lines.append(line.decode(encoding))
    return "\n".join(lines) if seen.issuperset(_BOTH) else None


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return encoding == "utf-8" or _korean(line) == text


def _in_euc_kr(character: str) -> bool:
    """Whether it is one of the 2,350 syllables of KS X 1001, which make up nearly all real text."""
    try:
        return len(character.encode("euc_kr")) == 2  # the others take eight bytes
    except UnicodeEncodeError:
        return False


def _other(data: bytes) -> str | None:
    if len(_CONTROL.findall(data[:_SAMPLE].decode("latin-1"))) * 50 > len(data[:_SAMPLE]):
        return None
    best = from_bytes(data[:_SAMPLE], cp_isolation=_OTHERS).best() if len(data) >= 64 else None
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, "replace")


def _utf16(data: bytes) -> str:
    """UTF-16 without its mark: nearly every character is one of those that people use."""
    candidates = [data.decode(encoding, "replace") for encoding in ("utf-16-le", "utf-16-be")]
    best = max(candidates, key=_usual)
    if _usual(best) < 0.9:
        raise NotText
    return _plausible(best)


def _usual(text: str) -> float:
    sample = text[:_SAMPLE]
    return len(_USUAL.findall(sample)) / max(len(sample), 1)


def _plausible(text: str) -> str:
    """`text`, unless control characters or broken ones say that it never was text."""
    sample = text[:_SAMPLE]
    if (len(_CONTROL.findall(sample)) + sample.count("\ufffd")) * 20 > len(sample):
        raise NotText
    return text

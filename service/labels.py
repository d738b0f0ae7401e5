"""Labels in an answer as it streams: `[1]`, `[1, 2]`, `【1】`, `[source 1]` come out as `[1]`."""

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LabelPlace:
    """Where a label stands in the text that went out."""

    label: int
    start: int
    end: int


_WORD = r"(?:(?:sources?|refs?|references?|citations?|passages?|출처|자료|문서|근거)\s*[:#]?\s*)?"
_NUMBER = r"[1-9]\d{0,2}"
_LIST = rf"{_NUMBER}(?:\s*(?:,|;|-|–|and|및|과|와)\s*{_NUMBER})*"
_LABEL = re.compile(
    rf"\[\s*{_WORD}({_LIST})\s*\]|【\s*{_WORD}({_LIST})\s*(?:†[^】\n]{{0,60}})?】", re.IGNORECASE
)
# What may still become a label once more text has come.
_BEGINNING = re.compile(
    r"[\[【]\s*(?:[A-Za-z]{1,10}|[가-힣]{1,2})?\s*[:#]?\s*(?:\d{1,3}\s*(?:,|;|-|–|an?d?|및|과|와)?\s*)*(?:†[^】\n]*)?$"
)
_LONGEST = 80  # characters: a bracket that has not closed by then is no label
_RANGE = re.compile(rf"({_NUMBER})\s*[-–]\s*({_NUMBER})")
_SPECIAL = re.compile(r"`+|~+|[ \t]*[\[【]|[ \t]+$")

_Step = tuple[str, int]  # what goes out, and where to read on


class LabelReader:
    """Reads the labels of one answer; what went out is never taken back.

    Labels that were never offered are dropped, with the space before them. Code, links, footnotes and link
    definitions are left as they are.
    """

    def __init__(self, offered: Collection[int]) -> None:
        self._offered = frozenset(offered)
        self._waiting = ""
        self._length = 0  # of the text that went out
        self._fresh_line = True  # whether the text that went out ends at a line's start
        self._code = ""  # the run of backticks or tildes that closes the code we are in
        self.places: list[LabelPlace] = []

    def feed(self, text: str) -> str:
        """The text that is decided now; the rest is held back until the next call."""
        return self._read(text, last=False)

    def close(self) -> str:
        """What was still held back."""
        return self._read("", last=True)

    def _read(self, text: str, *, last: bool) -> str:
        buffer = self._waiting + text
        out: list[str] = []
        position = 0
        while position < len(buffer):
            read = self._in_code if self._code else self._in_prose
            step = read(buffer, position, last)
            if step is None:
                break
            piece, position = step
            out.append(piece)
            self._length += len(piece)
            if piece:
                self._fresh_line = piece.endswith("\n")
        self._waiting = buffer[position:]
        return "".join(out)

    def _in_code(self, buffer: str, position: int, last: bool) -> _Step | None:
        """Up to the end of the code; a line's end gives up on code within a line."""
        fenced = len(self._code) >= 3
        closing = re.compile(rf"{self._code[0]}+" if fenced else rf"{self._code[0]}+|\n").search(
            buffer, position
        )
        if closing is None:
            return buffer[position:], len(buffer)
        if closing.end() == len(buffer) and not last and closing.group() != "\n":
            return (
                (buffer[position : closing.start()], closing.start()) if closing.start() > position else None
            )
        run = len(closing.group())
        if closing.group() == "\n" or run == len(self._code) or (fenced and run > len(self._code)):
            self._code = ""
        return buffer[position : closing.end()], closing.end()

    def _in_prose(self, buffer: str, position: int, last: bool) -> _Step | None:
        special = _SPECIAL.search(buffer, position)
        if special is None:
            return buffer[position:], len(buffer)
        if special.start() > position:
            return buffer[position : special.start()], special.start()
        token = special.group()
        if token[-1] in "[【":
            return self._at_bracket(buffer, position, special.end() - 1, last)
        if special.end() == len(buffer) and not last:
            return None  # the run may go on
        if token[0] == "`" or (token[0] == "~" and len(token) >= 3):
            self._code = token
        return token, special.end()

    def _at_bracket(self, buffer: str, position: int, bracket: int, last: bool) -> _Step | None:
        match = _LABEL.match(buffer, bracket)
        if match is None:
            undecided = len(buffer) - bracket < _LONGEST and _BEGINNING.match(buffer, bracket)
            return None if undecided and not last else (buffer[position : bracket + 1], bracket + 1)
        if match.end() == len(buffer) and not last:
            return None  # a link's "(" may follow
        after = buffer[match.end() : match.end() + 1]
        labels = self._labels(match.group(1) or match.group(2))
        if labels is None or after == "(" or (after == ":" and self._fresh_line):
            return buffer[position : match.end()], match.end()
        kept = [label for label in labels if label in self._offered]
        if not kept:
            return "", match.end() + (self._fresh_line and after == " ")
        return self._place(buffer[position:bracket], kept), match.end()

    def _labels(self, listed: str) -> list[int] | None:
        """The labels of a list without repeats; None for a range of something else ("on a scale [1-10]")."""
        found: list[int] = []
        for low, high in _RANGE.findall(listed):
            if not {int(low), int(high)} <= self._offered:
                return None
            found.extend(range(int(low), int(high) + 1))
        found.extend(int(number) for number in re.findall(_NUMBER, _RANGE.sub(" ", listed)))
        return list(dict.fromkeys(found))

    def _place(self, space: str, labels: list[int]) -> str:
        piece = space
        for label in labels:
            start = self._length + len(piece)
            piece += f"[{label}]"
            self.places.append(LabelPlace(label=label, start=start, end=start + len(f"[{label}]")))
        return piece

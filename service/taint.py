"""Whether a call would carry away text that nobody in charge wrote.

An assistant reads untrusted text (knowledge, files, results of calls, earlier answers) while it can call
outside services, and a model can be talked into anything by what it reads. So the arguments of a call are
held against what was read. They *carry* untrusted text, wherever it was not also written by the person, when
they hold

- a run of 20 letters and digits of it (10 Han or kana), however it is spaced, cased, accented or spelled
  with lookalikes, split over arguments or over calls to one host, or encoded (percent, entities, base64,
  base32, hexadecimal, reversed, rot13);
- one of its secrets, encoded or not: what follows "password:" and the like, keys, tokens, e-mail addresses,
  long numbers, words of letters and digits;
- while such text is in the context: a token of 20 characters or more that looks encoded, or more than 160
  characters in one answer to one host, that neither the person nor the instruction wrote.

What came from a host may go back to that host. The instruction counts as written by somebody in charge, but
a run of 60 of it, or a secret in it, is not for others either. A code that none of this knows can still
carry away less than 160 characters; that is the limit of the promise.
"""

import base64
import binascii
import codecs
import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from instructions.data_region import plain_character

RUN = 20  # letters and digits in a row
INSTRUCTION_RUN = 60
OPAQUE = 20  # characters of a token that looks encoded
AMOUNT = 160  # characters to one host in one answer
_BLOCK = 6  # a run of 12 or more holds an aligned block of this many
_PART = 200  # characters of a part of an address that is tried from its first four
_TAIL = 64  # characters of earlier calls that a run or a secret may begin in

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_TOKEN = re.compile(r"[A-Za-z0-9+/_=.~-]{8,}")
_WORD = re.compile(r"[^\W_]+")
_ENCODED = re.compile(r"[a-z][A-Z]|[A-Za-z][0-9]|[0-9][A-Za-z]|^[A-Z2-7=]+$|^[0-9]+$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?")

_KEEPS = (
    r"(?:pass(?:word|phrase|code)|passwd|secret|token|api[ _-]?key|access[ _-]?(?:key|code)|credential|"
    r"\bpin\b|code ?word|비밀번호|비번|암호|토큰|인증 ?(?:키|번호|코드)|접속 ?코드)"
)
_SECRETS = (
    re.compile(rf"{_KEEPS}[^\n:=]{{0,30}}[:=]\s*[\"'“‘`]*([^\s\"'”’`,;]{{3,80}})", re.IGNORECASE),
    re.compile(
        rf"{_KEEPS}[^\n:=]{{0,30}}?(?:\b(?:is|are|was)|은|는|이|가)\s+[\"'“‘`]*"
        r"((?=\S*[0-9!@#$%^&*_+-]|\S*[a-z][A-Z])[^\s\"'”’`,;]{3,80})",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:sk|pk|rk|gh[opsu]|xox[abps]|AKIA|ASIA|AIza|eyJ|glpat|hf)[-_A-Za-z0-9.]{8,}"),
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    re.compile(r"(?<![\d.])\+?\d(?:[ -]?\d){8,}(?![\d.])"),
    re.compile(r"(?=[\w-]*\d[\w-]*\d)(?=[\w-]*[A-Za-z][\w-]*[A-Za-z])[A-Za-z0-9][\w-]{6,}[A-Za-z0-9]"),
)


class Taint:
    """What one answer has read from outside, and what it has sent."""

    def __init__(self, *, written: str, instruction: str = "") -> None:
        """`written`: what the person wrote, in this turn and before."""
        self._written = fold(written)
        self._words = {fold(word) for word in _WORD.findall(f"{written} {instruction}")}
        self._instruction = instruction
        self._read: list[tuple[str, str]] = []  # where from ("" for the team's files), and what
        self._sent: dict[str, list[str]] = defaultdict(list)  # leaves of earlier calls, by host
        self._known: dict[str, tuple[str, frozenset[str]]] = {}

    def read(self, text: str, *, origin: str = "") -> None:
        """This text, from a host or from the team's files, is in the context from now on."""
        if text.strip():
            self._read.append((origin, text))

    def sent(self, arguments: Mapping[str, Any], *, host: str) -> None:
        """A call went out: what it held counts when the next one is judged."""
        self._sent[host] += _leaves(arguments)

    def carried(self, arguments: Mapping[str, Any], *, host: str) -> str | None:
        """A stretch of untrusted text that a call to this host would carry; None where it carries none."""
        if not self._read:
            return None
        foreign = [text for origin, text in self._read if origin != host or not host]
        returned = "".join(fold(text) for origin, text in self._read if origin == host)
        known = self._written + "\0" + returned
        leaves = _leaves(arguments)
        return (
            self._too_much(leaves, host, known)
            or self._copied(leaves, host, known, foreign)
            or _opaque(leaves, known)
        )

    def _too_much(self, leaves: list[str], host: str, known: str) -> str | None:
        words = [word for leaf in [*self._sent[host], *leaves] for word in _WORD.findall(unquote_plus(leaf))]
        own = [word for word in words if (folded := fold(word)) not in self._words and folded not in known]
        return " ".join(own)[:AMOUNT] if sum(map(len, own)) > AMOUNT else None

    def _copied(self, leaves: list[str], host: str, known: str, foreign: list[str]) -> str | None:
        before = fold("".join(self._sent[host]))[-_TAIL:]
        forms = list(dict.fromkeys(form for whole in _wholes(leaves) for form in _forms(whole, before)))
        for text in foreign:
            read, secrets = self._facts(text)
            for form in forms:
                if found := _secret_in(form, secrets, known) or _run_in(form, read, known, RUN):
                    return found
        read, secrets = self._facts(self._instruction)
        for form in forms:
            if found := _secret_in(form, secrets, known) or _run_in(form, read, known, INSTRUCTION_RUN):
                return found
        return None

    def _facts(self, text: str) -> tuple[str, frozenset[str]]:
        """A text folded, and its secrets folded; once for an answer."""
        if text not in self._known:
            self._known[text] = (fold(text), _secrets(text))
        return self._known[text]


def fold(text: str) -> str:
    """Its letters and digits without case, accents, width, script and anything between them."""
    return text.translate(_FOLDED)


class _Folded(dict[int, str]):
    def __missing__(self, code: int) -> str:
        folded = "".join(each for each in plain_character(chr(code)) if each.isalnum())
        self[code] = folded
        return folded


_FOLDED = _Folded()


def _secrets(text: str) -> frozenset[str]:
    found = {fold(match.group(match.lastindex or 0)) for kind in _SECRETS for match in kind.finditer(text)}
    dates = {fold(date) for date in _DATE.findall(text)}
    return frozenset(secret for secret in found - dates if len(secret) >= 3)


def _secret_in(form: str, secrets: frozenset[str], known: str) -> str | None:
    """A secret in the folded form; one of 3 to 5 characters only where it stands alone."""
    for secret in secrets:
        there = secret in form if len(secret) >= 6 else secret in form.split("\0")
        if there and secret not in known:
            return secret
    return None


def _run_in(form: str, read: str, known: str, length: int) -> str | None:
    """The first long run that both hold and `known` does not."""
    if not any(form[at : at + _BLOCK] in read for at in range(0, len(form), _BLOCK)):
        return None
    for start in range(len(form)):
        end = _end_of_run(form, start, length)
        if end is None:
            return None
        if form[start:end] in read and form[start:end] not in known:
            return form[start:end]
    return None


def _end_of_run(form: str, start: int, length: int) -> int | None:
    weight = 0
    for at in range(start, min(len(form), start + length)):
        weight += 2 if _WIDE.match(form[at]) else 1
        if weight >= length:
            return at + 1
    return None


def _opaque(leaves: list[str], known: str) -> str | None:
    for leaf in leaves:
        for token in _TOKEN.findall(unquote_plus(leaf)):
            for part in re.split(r"[/.]", token) if "://" in leaf else [token]:
                long = len(part) >= OPAQUE and _ENCODED.search(part) and not _DATE.fullmatch(part)
                if long and fold(part) not in known:
                    return part
    return None


def _leaves(value: Any) -> list[str]:
    """Names and values of the arguments in the order they stand in, as text."""
    if isinstance(value, Mapping):
        return [leaf for key, each in value.items() for leaf in (str(key), *_leaves(each))]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _leaves(each)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _wholes(leaves: list[str]) -> Iterator[str]:
    """Each by itself, and what could be put together again on the other side."""
    yield from leaves
    if len(leaves) > 1:
        yield "".join(leaves)
        yield "".join(leaves[1::2])
        yield "".join(leaves[0::2])
        yield "".join(leaves[1:])


def _forms(text: str, before: str) -> Iterator[str]:
    """The text folded, as it is and decoded, together with what was sent before."""
    folded = fold(text)
    yield folded
    yield "\0".join(fold(word) for word in _WORD.findall(text))
    if before:
        yield before + folded
    for decode in _DECODERS:
        for decoded in decode(text):
            if decoded and decoded != text:
                yield fold(decoded)
                if decode in (_unquoted, _base64):  # twice over is as easy
                    yield from (fold(again) for again in _base64(decoded))


def _unquoted(text: str) -> Iterator[str]:
    once = unquote_plus(text)
    yield once
    yield unquote_plus(once)
    yield html.unescape(once)
    if "\\" in text:
        yield re.sub(r"\\(?:u|x)\{?([0-9a-fA-F]{2,4})\}?", lambda found: chr(int(found[1], 16)), text)


def _base64(text: str) -> Iterator[str]:
    for token in _stretches("".join(text.split())):
        plain = token.replace("-", "+").replace("_", "/").rstrip("=")
        yield _decoded(base64.b64decode, plain + "=" * (-len(plain) % 4))
        yield _decoded(base64.b32decode, plain.upper() + "=" * (-len(plain) % 8))


def _stretches(text: str) -> Iterator[str]:
    """What may be base64: whole tokens, and the parts of an address, wherever in them the code begins."""
    for token in _TOKEN.findall(text):
        yield token
        for part in re.split(r"[/.]", token):
            if 8 <= len(part) <= _PART:
                yield from (part[start:] for start in range(4) if part[start:] != token)


def _hex(text: str) -> Iterator[str]:
    digits = re.sub(r"0x|\\x|[\s,:;%-]", "", text)
    if len(digits) >= 6 and re.fullmatch(r"[0-9a-fA-F]+", digits):
        yield _decoded(bytes.fromhex, digits)
    codes = re.findall(r"\d+", text)
    if len(codes) >= 3 and all(int(code[:7]) < 0x110000 for code in codes):
        yield "".join(chr(int(code[:7])) for code in codes)


def _turned(text: str) -> Iterator[str]:
    yield text[::-1]
    yield codecs.encode(text, "rot13")


def _decoded(decode: Callable[[str], bytes], text: str) -> str:
    try:
        return decode(text).decode("utf-8", "ignore")
    except (ValueError, binascii.Error):
        return ""


_DECODERS: tuple[Callable[[str], Iterator[str]], ...] = (_unquoted, _base64, _hex, _turned)

"""What an answer cites: labels read back from its text, quotes located in the passages, a verdict on each.

Nothing that a model says about its sources is believed. A label counts only when it was offered; the quote is
found in the passage, never taken from the answer; the verdict compares the two.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from knowledge.documents import Passage
from knowledge.sentences import sentence_spans
from service.labels import LabelPlace
from service.terms import coverage, denied, fold, is_negated, language_of, numbers, terms


class Verdict(StrEnum):
    """Whether the source says what the sentence says."""

    SUPPORTED = "supported"  # its words and numbers are in the source
    UNSUPPORTED = "unsupported"  # a number or a denial is not in the source, or next to none of its words
    UNCHECKED = "unchecked"  # another language or other words: nothing to compare by


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A place in an answer that points at a place in a file."""

    label: int
    document_id: str
    document_name: str
    page: int  # Page.number
    locator: str  # "page 3", "lines 10-40"
    quote: str  # verbatim from the page
    quote_start: int  # character span of the quote in the page's text
    quote_end: int
    verdict: Verdict
    start: int  # the label's span in the answer text
    end: int


# Of a claim's terms, the share found in its source. Measured on XQuAD sentences against their own and other
# paragraphs; between the two a paraphrase cannot be told from an invention by words alone.
_SUPPORTED_FROM = 0.6
_UNSUPPORTED_BELOW = 0.25
_SAME_STATEMENT = 0.7  # overlap from which a sentence is taken to be about the very same thing
_THIN = 3  # terms: "18 days [1]." needs the question to be located by
_LONGEST_QUOTE = 400  # characters


def cite(
    text: str, places: Sequence[LabelPlace], offered: Mapping[int, Passage], *, question: str = ""
) -> tuple[Citation, ...]:
    """A citation for each label in the answer; `question` helps to locate answers of a word or two."""
    claims = _claims(text, places)
    citations = []
    for place, claim in zip(places, claims, strict=True):
        passage = offered[place.label]
        together = [offered[other.label] for other, said in zip(places, claims, strict=True) if said == claim]
        start, end = locate(claim, passage.chunk.text, question=question)
        citations.append(
            Citation(
                label=place.label,
                document_id=passage.document_id,
                document_name=passage.document_name,
                page=passage.chunk.page,
                locator=passage.chunk.locator,
                quote=passage.chunk.text[start:end],
                quote_start=passage.chunk.start + start,
                quote_end=passage.chunk.start + end,
                verdict=judge(claim, passage, together=together),
                start=place.start,
                end=place.end,
            )
        )
    return tuple(citations)


def _claims(text: str, places: Sequence[LabelPlace]) -> list[str]:
    """For each label the words it stands behind: back to the label before it or the sentence's start."""
    bare, marks = _without_labels(text, places)
    spans = sentence_spans(bare)
    claims: list[str] = []
    previous = -1
    for mark in marks:
        if mark == previous:
            claims.append(claims[-1])
            continue
        start, end = _sentence_before(spans, mark, len(bare))
        clause = bare[max(start, previous) : mark]
        # "According to [1], staff get 15 days": the words come after.
        claims.append(_plain(clause if len(terms(clause)) >= _THIN else bare[start:end]))
        previous = mark
    return claims


def _without_labels(text: str, places: Sequence[LabelPlace]) -> tuple[str, list[int]]:
    """The text with its labels taken out, and where each of them was; neighbours share a place."""
    pieces: list[str] = []
    marks: list[int] = []
    length = position = 0
    for place in places:
        between = text[position : place.start]
        if marks and not between.strip(" ,;"):
            marks.append(marks[-1])
        else:
            pieces.append(between)
            length += len(between)
            marks.append(length)
        position = place.end
    return "".join([*pieces, text[position:]]), marks


def _sentence_before(spans: Sequence[tuple[int, int]], mark: int, length: int) -> tuple[int, int]:
    """The sentence that a label at `mark` closes or stands in."""
    before = [span for span in spans if span[0] < mark]
    return before[-1] if before else (spans[0] if spans else (0, length))


def _plain(claim: str) -> str:
    """The claim without the marks of markdown, which no source has."""
    for mark in ("**", "__", "`", "|"):
        claim = claim.replace(mark, " ")
    return claim.strip().lstrip("-*+>#• ").strip()


def locate(claim: str, text: str, *, question: str = "") -> tuple[int, int]:
    """The span of `text` that a claim rests on: the sentence that holds the very claim, else the best one.

    Case, white space and Unicode form are folded. The span is stripped, at most 400 characters, and empty
    only where the text is.
    """
    wanted = set(terms(claim)) | numbers(claim)
    spans = sentence_spans(text) or [(0, len(text))]
    exact = _find_folded(claim, text) if len(wanted) >= _THIN or not question else None
    if exact is not None and exact[1] - exact[0] <= _LONGEST_QUOTE:
        return _whole_sentences(exact, spans)
    if len(wanted) < _THIN:
        wanted |= set(terms(question))
    candidates = spans + [(first[0], second[1]) for first, second in pairwise(spans)]
    best = max(candidates, key=lambda span: _fit(wanted, text[slice(*span)]))
    return _shortened(best, text, wanted)


def _whole_sentences(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The sentences that the span lies in, unless they are too long for a quote."""
    touched = [each for each in spans if each[0] < span[1] and span[0] < each[1]]
    start, end = min(span[0], touched[0][0]), max(span[1], touched[-1][1])
    return (start, end) if end - start <= _LONGEST_QUOTE else span


def _fit(wanted: set[str], sentence: str) -> float:
    """How well a sentence covers a claim; each further word in it costs a little."""
    offered = set(terms(sentence)) | numbers(sentence)
    shared = len(wanted & offered)
    return shared / (len(wanted) or 1) + 0.25 * shared / (len(offered) or 1) - len(sentence) / 10_000


def _find_folded(claim: str, text: str) -> tuple[int, int] | None:
    needle = _folded(unicodedata.normalize("NFC", claim).strip(" .\"'"))[0].strip()
    if len(needle) < 4:
        return None
    folded, origin = _folded(text)
    at = folded.find(needle)
    if at < 0:
        return None
    start, end = origin[at], origin[at + len(needle) - 1] + 1
    while end < len(text) and text[end] in ".!?。”\"'":
        end += 1
    return start, end


def _folded(text: str) -> tuple[str, list[int]]:
    """The text in lower case, runs of white space as one space, and where each character came from."""
    out: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(text):
        piece = " " if character.isspace() else fold(character)
        if piece == " " and out and out[-1] == " ":
            continue
        out.extend(piece)
        origin.extend([position] * len(piece))
    return "".join(out), origin


def _shortened(span: tuple[int, int], text: str, wanted: set[str]) -> tuple[int, int]:
    """At most 400 characters of an endless sentence: the stretch of words with most of what is wanted."""
    start, end = span
    if end - start <= _LONGEST_QUOTE:
        return span
    starts = [
        start,
        *(i + 1 for i in range(start, end - 1) if text[i].isspace() and not text[i + 1].isspace()),
    ]
    step = max(1, len(starts) // 40)
    begin = max(starts[::step], key=lambda at: _fit(wanted, text[at : min(end, at + _LONGEST_QUOTE)]))
    stop = min(end, begin + _LONGEST_QUOTE)
    if stop < end:
        space = max(text.rfind(" ", begin, stop), text.rfind("\n", begin, stop))
        stop = space if space > begin else stop
    return begin, stop


def judge(claim: str, passage: Passage, *, together: Sequence[Passage] = ()) -> Verdict:
    """Whether the passage says what the claim says, as far as words and numbers tell.

    `together` are all the passages cited for the same claim: what one of them lacks another may say, but each
    must bring something.
    """
    sources = [_whole(source) for source in together] or [_whole(passage)]
    everything = "\n".join(sources)
    wanted = terms(claim)
    if not wanted or language_of(claim) != language_of(passage.chunk.text):
        return Verdict.UNCHECKED
    if numbers(claim) - numbers(everything) or _denies_otherwise(claim, everything):
        return Verdict.UNSUPPORTED
    own, share = coverage(wanted, terms(_whole(passage))), coverage(wanted, terms(everything))
    if own < _UNSUPPORTED_BELOW:
        return Verdict.UNSUPPORTED
    return Verdict.SUPPORTED if share >= _SUPPORTED_FROM else Verdict.UNCHECKED


def _whole(passage: Passage) -> str:
    """All that a passage tells a reader: its text, the headings above it, and where it stands."""
    return "\n".join(
        (passage.document_name, *passage.chunk.section, passage.chunk.locator, passage.chunk.text)
    )


def _denies_otherwise(claim: str, source: str) -> bool:
    """Whether one of the two denies what the other states."""
    if is_negated(claim):
        return not is_negated(source)
    wanted = set(terms(claim))
    sentences = [source[slice(*span)] for span in sentence_spans(source)]
    same = [text for text in sentences if coverage(wanted, terms(text)) >= _SAME_STATEMENT]
    return bool(same) and all(denied(text) & wanted for text in same)

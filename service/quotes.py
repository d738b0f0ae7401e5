"""Which sentences of the passages answer a question, without a model.

Each sentence is judged by the share of the question's terms that it holds, rare terms counting more; a term
in the sentence before, or in the headings above, counts in part, and so does the rank of the passage. What
kind of thing is asked for (a time, a number, a name) tips the scale.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.documents import Passage
from service.pieces import PieceKind, figures_of, pieces_of, years_of
from service.terms import counted_numbers, coverage, fold, shared_quantities, terms


@dataclass(frozen=True, kw_only=True)
class Source:
    """A passage as it is offered to a model."""

    label: int | None  # None where the assistant shows no citations
    passage: Passage


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A sentence that answers, as it is shown."""

    text: str
    label: int | None
    fit: float  # 0..1: the share of the question's terms that it answers to


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    source: Source
    rank: int  # of its passage, from 0
    span: tuple[int, int]  # in the chunk's text
    text: str
    own: frozenset[str]  # terms
    before: frozenset[str]  # terms of the sentence before
    after: frozenset[str]
    above: frozenset[str]  # terms of headings, of the document's name, of the table's header
    row: bool  # of a table
    header: str  # the table's header row; "" where there is none
    previous: "_Sentence | None" = None


@dataclass(frozen=True, kw_only=True)
class _Judged:
    sentence: _Sentence
    fit: float
    support: float  # how much of the question the sentence and its passage answer to, 0..1
    score: float


_BEFORE, _AFTER, _ABOVE = 0.35, 0.2, 0.4  # what a term counts that stands beside the sentence
_ABOVE_ROW = 0.8  # or in the header or the caption of a table row
_QUANTITY = 0.3  # for the number and unit that the question names, or a range that it falls into
_PASSAGE = 0.4  # how much the passage's own rank counts
_KIND = 0.12  # for holding the kind of thing that is asked for
_NOTHING_NEW = 0.25  # against a sentence that only repeats the question: headings, other questions
# Nothing answers where a sentence supports too little, alone or together with how sure the search is. On 500
# questions each of XQuAD and KorQuAD 4 and 3 % of those whose paragraph was found are below, and 95 and 85 %
# of those whose article was taken away; either signal alone parts them less well (bench/quoting.py).
_SUPPORT_FLOOR = 0.15
_TOGETHER_FLOOR = 0.78
_COMPANION = 0.72  # of the best score: what else is worth quoting
_ADDS = 0.16  # of the question: what a sentence must add to be quoted beside a better one
_LONGEST = 320  # characters of a quote

_NUMBER = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|dozen|hundred|thousand|million"
    r"|billion|half|third|quarter|once|twice)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2}|\d{1,2}:\d{2}|\d{2}s|centur(?:y|ies)|January|February|March|April|May|June|July|August"
    r"|September|October|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|days?|weeks?|months?|years?)\b"
    r"|\d+ ?(?:년|월|일|시|주|개월)|세기|매[년월주일]|요일"
)
_NAME = re.compile(r"(?<=[\w,;(] )[A-Z][\w.-]+")
_ASKS_TIME = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|time|century)|언제|몇 ?[년월일시]|날짜|년도|연도",
    re.IGNORECASE,
)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|large|big|high|often|fast)\b"
    r"|\bwhat (?:percentage|percent|number|amount|rate|age)|몇|얼마|며칠|비율",
    re.IGNORECASE,
)
_ASKS_NAME = re.compile(
    r"\bwho\b|\bwhom\b|\bwhose\b|\bwhere\b|\b(?:what|which) (?:person|city|country|state|place|company)",
    re.IGNORECASE,
)
# What a question asks for, and what a sentence must show to have it.
_KINDS = ((_ASKS_TIME, _TIME), (_ASKS_NUMBER, _NUMBER), (_ASKS_NAME, _NAME))
_PRONOUN = re.compile(
    r"(?:It|He|She|They|This|These|That|Those|Its|His|Her|Their|Such|However|Therefore)\b"
    r"|이[는를]? |그[는의]? |이러한 |이에 |따라서 |또한 "
)


def choose(question: str, sources: Sequence[Source], *, at_most: int = 3) -> list[Quote]:
    """The sentences that answer, in reading order; empty where none does.

    `sources` come best first.
    """
    asked = list(dict.fromkeys(terms(question)))
    sentences = _sentences(sources)
    if not asked or not sentences:
        return []
    weight = _weights(asked, sentences)
    judged = _judge(question, weight, sentences)
    best = judged[0]
    if best.support < _SUPPORT_FLOOR or best.support + _relevance(best) < _TOGETHER_FLOOR:
        return []
    chosen = _companions(best, judged, weight, at_most)
    chosen.sort(key=lambda each: _reading_order(each.sentence, judged))
    wanted = frozenset(asked)
    return [
        Quote(text=_shown(each.sentence, wanted), label=each.sentence.source.label, fit=each.fit)
        for each in chosen
    ]


def _sentences(sources: Sequence[Source]) -> list[_Sentence]:
    """The sentences of all passages, each once though passages overlap."""
    found: list[_Sentence] = []
    taken: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for rank, source in enumerate(sources):
        chunk = source.passage.chunk
        seen = taken.setdefault((source.passage.document_id, chunk.page), [])
        fresh = []
        for sentence in _of_passage(source, rank):
            span = (chunk.start + sentence.span[0], chunk.start + sentence.span[1])
            if not any(start < span[1] and span[0] < end for start, end in seen):
                fresh.append(sentence)
        seen.append((chunk.start, chunk.end))
        found.extend(fresh)
    return found


def _of_passage(source: Source, rank: int) -> list[_Sentence]:
    chunk = source.passage.chunk
    headings = {fold(heading).strip("#* ") for heading in chunk.section}
    title = re.sub(r"\.\w{1,5}$", "", source.passage.document_name)
    above = frozenset(terms("\n".join((title, *chunk.section))))
    pieces = pieces_of(chunk.text)
    own = [frozenset(terms(chunk.text[slice(*piece.span)])) for piece in pieces]
    found: list[_Sentence] = []
    for at, piece in enumerate(pieces):
        text = chunk.text[slice(*piece.span)]
        if piece.kind is PieceKind.TITLE or fold(text).strip("#* ") in headings:
            continue
        alone = piece.kind is PieceKind.ROW  # rows above and below are about something else
        found.append(
            _Sentence(
                source=source,
                rank=rank,
                span=piece.span,
                text=text,
                own=own[at],
                before=frozenset() if alone or not at else own[at - 1],
                after=frozenset() if alone or at + 1 == len(own) else own[at + 1],
                above=above | frozenset(terms(f"{piece.caption}\n{piece.header}")),
                row=alone,
                header=piece.header,
                previous=found[-1]
                if found and not alone and at and pieces[at - 1].span == found[-1].span
                else None,
            )
        )
    return found


def _judge(question: str, weight: Mapping[str, float], sentences: Sequence[_Sentence]) -> list[_Judged]:
    """Best first."""
    known = _known(weight, sentences)
    signs = [sign for words, sign in _KINDS if words.search(question)]
    folded = fold(question)
    counted = counted_numbers(question)
    judged = []
    for sentence in sentences:
        met = shared_quantities(question, sentence.text) if counted else 0.0
        fit = sum(
            share * (met if term in counted else _credit(term, sentence)) for term, share in weight.items()
        )
        score = fit + _PASSAGE / (1 + 0.3 * sentence.rank)
        if signs and all(_shows(sign, sentence.text, folded) for sign in signs):
            score += _KIND
        score += _QUANTITY * met
        if len(sentence.own.difference(weight)) < (1 if sentence.row else 2):
            score -= _NOTHING_NEW
        support = (fit + known[sentence.rank]) / 2
        judged.append(_Judged(sentence=sentence, fit=fit, support=support, score=score))
    return sorted(judged, key=lambda each: -each.score)


def _weights(asked: Sequence[str], sentences: Sequence[_Sentence]) -> dict[str, float]:
    """What each term of the question counts, 1.0 together: more where few of the sentences have it."""
    holders = Counter(term for sentence in sentences for term in sentence.own)
    count = len(sentences)
    rarity = {term: math.log(1 + (count - holders[term] + 0.5) / (holders[term] + 0.5)) for term in asked}
    total = sum(rarity.values())
    return {term: value / total for term, value in rarity.items()}


def _known(weight: Mapping[str, float], sentences: Sequence[_Sentence]) -> dict[int, float]:
    """For each passage, by rank, the share of the question that stands anywhere in it."""
    present: dict[int, set[str]] = {}
    for sentence in sentences:
        present.setdefault(sentence.rank, set()).update(sentence.own | sentence.above)
    return {rank: sum(weight[term] for term in weight if term in held) for rank, held in present.items()}


def _credit(term: str, sentence: _Sentence) -> float:
    if term in sentence.own:
        return 1.0
    if term in sentence.above:
        return _ABOVE_ROW if sentence.row else _ABOVE
    if term in sentence.before:
        return _BEFORE
    return _AFTER if term in sentence.after else 0.0


def _shows(sign: re.Pattern[str], text: str, question: str) -> bool:
    """Whether the sentence has something of that kind that is not in the question already."""
    return any(fold(match.group()) not in question for match in sign.finditer(text))


def _relevance(judged: _Judged) -> float:
    return judged.sentence.source.passage.relevance


def _companions(
    best: _Judged, judged: Sequence[_Judged], weight: Mapping[str, float], at_most: int
) -> list[_Judged]:
    """The best sentence, those nearly as good, and those that answer to another part of the question."""
    chosen = [best]
    missing = set(weight) - _says(best.sentence)
    for each in judged[1:]:
        if len(chosen) >= at_most:
            break
        adds = sum(weight[term] for term in missing & each.sentence.own)
        if adds < _ADDS and (each.score < _COMPANION * best.score or _is_beside(each, best, weight)):
            continue
        if all(coverage(each.sentence.own, other.sentence.own) < 0.8 for other in chosen):
            chosen.append(each)
            missing -= each.sentence.own
    return _with_antecedents(chosen, at_most)


def _says(sentence: _Sentence) -> frozenset[str]:
    """The terms that a sentence states; a table row states those of its header, too."""
    return sentence.own | sentence.above if sentence.row else sentence.own


def _is_beside(each: _Judged, best: _Judged, weight: Mapping[str, float]) -> bool:
    """Whether it is about something else than the table row that answers: it lacks a name that row has."""
    asked = frozenset(weight)
    return best.sentence.row and _says(each.sentence) & asked < _says(best.sentence) & asked


def _with_antecedents(chosen: Sequence[_Judged], at_most: int) -> list[_Judged]:
    """With what a "He" or "It" at a sentence's start points back to, while there is room."""
    found = list(chosen)
    here = {id(each.sentence) for each in chosen}
    for each in chosen:
        previous = each.sentence.previous
        if len(found) >= at_most or previous is None or id(previous) in here:
            continue
        if _PRONOUN.match(each.sentence.text):
            found.append(replace(each, sentence=previous))
            here.add(id(previous))
    return found


def _reading_order(sentence: _Sentence, judged: Sequence[_Judged]) -> tuple[int, int, int]:
    passage = sentence.source.passage
    first = min(
        each.sentence.rank
        for each in judged
        if each.sentence.source.passage.document_id == passage.document_id
    )
    return first, passage.chunk.page, passage.chunk.start + sentence.span[0]


def _shown(sentence: _Sentence, wanted: frozenset[str]) -> str:
    """The sentence as it reads outside of its page."""
    text = " ".join(sentence.text.split())
    if sentence.row:
        return _row(text, " ".join(sentence.header.split()))
    text = re.sub(r"^(?:[-–*+•·▪■○●◦‣※>#]+|[(]?\d{1,2}[.)])\s+", "", text).replace("**", "")
    return text if len(text) <= _LONGEST else _shortened(text, wanted)


def _row(row: str, header: str) -> str:
    """A table row with the names of its columns: "Years of service: 3 to 5; Days: 18"."""
    cells = [cell.strip() for cell in row.split(" | ")]
    names = [name.strip() for name in header.split(" | ")] if header else []
    if len(cells) == 1:  # the reader could not tell the cells apart
        return _by_years(row, header) or (f"{row} ({header})" if header else row)
    if len(names) < len(cells):
        return ", ".join(cell for cell in cells if cell)
    return "; ".join(
        f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell
    )


def _by_years(row: str, header: str) -> str:
    """A row whose columns are years: "Gross profit, 2023: 9,912; 2022: 11,640", else ""."""
    (label, figures), years = figures_of(row), years_of(header)
    if len(figures) < 2 or len(figures) != len(years):
        return ""
    return f"{label}, " + "; ".join(f"{year}: {figure}" for year, figure in zip(years, figures, strict=True))


def _shortened(text: str, wanted: frozenset[str]) -> str:
    """The stretch of an endless sentence that holds most of what is asked, cut at words."""
    starts = [0, *(match.end() for match in re.finditer(r"[,;:—]\s+|\s{1,}(?=\()", text))]
    starts = [start for start in starts if start <= len(text) - _LONGEST // 2] or [0]

    def held(start: int) -> int:
        return len(wanted.intersection(terms(text[start : start + _LONGEST])))

    most = max(held(start) for start in starts)
    equal = [start for start in starts if held(start) == most]
    start = equal[len(equal) // 2]  # what is asked stands in the middle rather than at a cut
    end = start + _LONGEST
    if end < len(text):
        end = text.rfind(" ", start, end)
    return ("… " if start else "") + text[start:end].strip(" ,;") + (" …" if end < len(text) else "")

"""Headings that only their numbering gives away: "제2장 휴가", "제15조(연차휴가)", "3.2 Remote work"."""

import re

_KOREAN = (
    (re.compile(r"제\s?\d{1,3}\s?편(?:\s|$)"), 1),
    (re.compile(r"제\s?\d{1,3}\s?장(?:의\s?\d+)?(?:\s|$)"), 1),
    (re.compile(r"제\s?\d{1,3}\s?절(?:\s|$)"), 2),
    (re.compile(r"제\s?\d{1,3}\s?관(?:\s|$)"), 3),
    (re.compile(r"부\s?칙(?:\s*[<〈\[(].{0,40}[>〉\])])?$"), 1),
    (re.compile(r"[\[<〈]?별표\s?\d*[\]>〉]?(?:\s|$)"), 1),
)
# An article's title stands at the head of its first paragraph: "제15조(연차휴가) ① 회사는 …".
_ARTICLE = re.compile(r"제\s?\d{1,4}\s?조(?:의\s?\d{1,3})?\s?[(（【\[][^()（）【】\[\]\n]{1,60}[)）】\]]")
_DECIMAL = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+(?=[A-Z가-힣])")
_CHAPTER = re.compile(
    r"(?:Chapter|Part|Section|Article|Appendix|Annex)\s+(?:\d{1,3}|[IVXL]{1,6}|[A-Z])\b", re.I
)
_SENTENCE_END = tuple(".,;:!?。、")
_LONGEST = 80


def numbered_heading(line: str) -> tuple[int, int] | None:
    """Level and length of the heading that `line` is or begins with; None when it is no heading.

    Only an article's title is ever shorter than its line.
    """
    article = _ARTICLE.match(line)
    if article:
        return 4, article.end()
    if len(line) > _LONGEST or line.endswith(_SENTENCE_END):
        return None
    for pattern, level in _KOREAN:
        if pattern.match(line):
            return level, len(line)
    return _western(line)


def _western(line: str) -> tuple[int, int] | None:
    words = line.split()
    decimal = _DECIMAL.match(line)
    if decimal and len(words) <= 10 and not re.search(r"\d\s*$|[|\t]", line):
        depth = decimal[1].count(".")
        # "1. Submit the form" is a step of a list, "1. Scope of the Policy" a heading.
        capitals = sum(1 for word in words[1:] if word[0].isupper())
        return (min(depth + 2, 6), len(line)) if depth or capitals * 2 >= len(words) - 1 else None
    if _CHAPTER.match(line) and len(words) <= 10:
        return 1, len(line)
    return None

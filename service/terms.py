"""What two sentences are compared by: word stems, bigrams of Eastern scripts, numbers, negation."""

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_EAST = "가-힣ᄀ-ᇿ㄰-㆏一-鿿㐀-䶿ぁ-ヿ"
_TOKEN = re.compile(rf"[{_EAST}]+|[^\W_{_EAST}]+(?:'[^\W\d_{_EAST}]+)?")
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_HANGUL = re.compile(r"[가-힣]")
_LETTER = re.compile(r"[^\W\d_]")

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the this that these those it its he she they them their his her him i we us our you your me "
        "my is are was were be been being am do does did done has have had having will would can could may "
        "might shall should must of in on at by for from with to into onto as if then than and or but so "
        "there here what which who whom whose when where why how many much one also any some all each such "
        "only very too just don doesn didn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn "
        "about please tell show give say says said according s",
    )
)
# Korean words that say what is asked for, not about what.
_KOREAN_STOP = re.compile(
    r"^(?:(?:무엇|누구|언제|어디|어느|어떤|어떻게|얼마|왜|몇|무슨|뭐|누가|며칠|몇일)"
    r"(?:입니까|인가요?|이며|일까요?|이었나요?|였나요?|에서|에는|에|을|를|이|가|은|는|의|나|로|으로|인지|하나요?"
    r"|되나요?|이나요?|부터|까지|간|동안|예요|이에요|죠|이죠)?"
    r"|(?:있|없|하|되|받|쓰|주|해야|하여야|내야|써야|해도|쓸|할|될|받을|낼|갈)?"
    r"(?:나요|습니까|는지요?|을까요|어요|아요|는가요?|던가요|합니까|됩니까|하나요|되나요|할까요|될까요|한가요|된가요"
    r"|까요|입니까|인가요?|인지)"
    r"|것[은이을]?|이|그|저|수|및|등|또는|그리고|때|데|최대|최소|관련|대해|대한|대하여|경우에?는?|알려줘?|알려주세요"
    r"|주세요|해주세요|궁금합니다|궁금해요|쓸|할|될|받을|있을|없을|있는|있어|있다|한다|된다|하는|되는|해야|하여야"
    r"|합니다|됩니다)$"
)
# Endings that differ between a question and its answer: "휴가를 주나요" and "휴가는 준다".
_KOREAN_ENDING = re.compile(
    r"(?<=..)(?:이었습니까|였습니까|했습니까|하였습니까|하였는가|되었는가|이었는가|하였나요?|되었나요?|이었나요?"
    r"|합니까|됩니까|입니까|습니까|인가요|는가요|하나요|되나요|나요|인가|는가|은가|했나|하나|되나|였나|일까요?|할까요"
    r"|될까요|까요|해야|하여야)$"
)
# Only those that few nouns end with: "휴가" and "제도" keep their last syllable.
_KOREAN_PARTICLE = re.compile(
    r"(?<=..)(?:에게서|에서[는도의]?|에게는?|으로는?|까지는?|부터는?|이라는|라는|이란|처럼|보다|마다|에는?|[을를은는와])$"
)
_NEGATIONS = frozenset(
    re.findall(
        r"\w+",
        "not no never none nor neither cannot without nobody nothing nowhere unable prohibited forbidden "
        "except excluding excludes excluded exclude unless refuse refuses refused fail fails failed lack "
        "lacks prevent prevents prohibits prohibit ban bans banned",
    )
)
_KOREAN_NEGATION = re.compile(
    r"않|없|못하|못한|못할|못했|아니|아닌|아닙|안 ?[되된됩한할]|불가|금지|제외|불허|무효|비과세|미만이 아"
)
_SMALL_NUMBERS = {  # without "one", which seldom counts anything
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90",
}  # fmt: skip
_FOLD_PAIRS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})
_IRREGULAR = {
    "paid": "pay", "held": "hold", "made": "make", "took": "take", "taken": "take", "gave": "give",
    "given": "give", "led": "lead", "won": "win", "began": "begin", "begun": "begin", "wrote": "write",
    "written": "write", "built": "build", "found": "find", "left": "leave", "lost": "lose",
    "became": "become", "born": "birth", "died": "die", "dead": "die", "death": "die",
    "people": "person", "children": "child", "men": "man", "women": "woman", "years": "year",
    "sent": "send", "sold": "sell", "said": "say", "went": "go", "came": "come", "ran": "run",
    "grew": "grow", "known": "know", "knew": "know", "bought": "buy", "brought": "bring",
    "taught": "teach", "thought": "think", "kept": "keep", "met": "meet", "spent": "spend",
    "chose": "choose", "chosen": "choose", "fell": "fall", "rose": "rise", "saw": "see", "seen": "see",
    "shown": "show",
}  # fmt: skip


def fold(text: str) -> str:
    """NFC, lower case, plain quotes and dashes."""
    return unicodedata.normalize("NFC", text).translate(_FOLD_PAIRS).casefold()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A rough English stem: enough that "paid leaves" meets "pays leave"; never for display."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.isascii():
        return word
    for ending, rest in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) + len(rest) >= (5 if ending == "ly" else 3):
            word = word[: -len(ending)] + rest
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeosl":
        word = word[:-1]
    return word.rstrip("e") if len(word) > 3 else word


_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ations", "at"), ("ation", "at"), ("ments", ""), ("ment", ""),
    ("ings", ""), ("ing", ""), ("ied", "y"), ("ed", ""), ("ions", ""), ("ion", ""), ("ers", ""),
    ("er", ""), ("ors", ""), ("or", ""), ("ly", ""), ("ss", "ss"), ("us", "us"), ("is", "is"),
    ("es", ""), ("s", ""),
)  # fmt: skip


def terms(text: str) -> list[str]:
    """What the text is about, in order, repeats kept: stems, bigrams of Eastern scripts, numbers."""
    found: list[str] = []
    for token in _TOKEN.findall(fold(text)):
        if _is_eastern(token):
            found.extend(_bigrams(token))
        elif (token := token.partition("'")[0]) not in _STOP_WORDS:
            found.append(_SMALL_NUMBERS.get(token) or stem(token))
    return found


def _is_eastern(token: str) -> bool:
    return token[0] > "\u1100" and not token[0].isdigit()


def _bigrams(token: str) -> list[str]:
    if _KOREAN_STOP.match(token):
        return []
    token = _KOREAN_PARTICLE.sub("", _KOREAN_ENDING.sub("", token))
    return [token] if len(token) < 2 else [token[i : i + 2] for i in range(len(token) - 1)]


def numbers(text: str) -> set[str]:
    """The numbers in the text in one spelling: "1,200" is "1200", "five" is "5", "3.50" is "3.5"."""
    folded = fold(text)
    found = {_plain(number) for number in _NUMBER.findall(folded)}
    return found | {_SMALL_NUMBERS[word] for word in re.findall(r"[a-z]+", folded) if word in _SMALL_NUMBERS}


def _plain(number: str) -> str:
    number = number.replace(",", "")
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


_UNIT = r"(?:%|[a-z]+|[가-힣])"
_QUANTITY = re.compile(rf"(\d+(?:\.\d+)?)\s?({_UNIT})")
_RANGE = re.compile(
    rf"(\d+(?:\.\d+)?)\s?(?:{_UNIT}\s?)?(?:to|-|~|∼|이상|부터|and)\s?(\d+(?:\.\d+)?)\s?({_UNIT})"
)
_AT_LEAST = re.compile(
    rf"(?:more than|over|at least|from) (\d+)\s?({_UNIT})|(\d+)\s?({_UNIT})\w* (?:or more|이상|초과)"
)
_AT_MOST = re.compile(
    rf"(?:less than|fewer than|under|up to|at most) (\d+)\s?({_UNIT})"
    rf"|(\d+)\s?({_UNIT})\w* (?:or less|미만|이하|이내)"
)


def shared_quantities(asked: str, text: str) -> float:
    """The share of the quantities asked about ("6 years") that the text names, alone or within a range.

    "5 to 9 years", "10 years or more" and "5년 이상 7년 미만" are ranges. 0.0 where nothing is asked about.
    """
    wanted = {(float(number), stem(unit)) for number, unit in _QUANTITY.findall(_counted(asked))}
    if not wanted:
        return 0.0
    ranges = _ranges(_counted(text))
    met = [any(low <= number <= high and unit == of for low, high, of in ranges) for number, unit in wanted]
    return sum(met) / len(wanted)


def counted_numbers(asked: str) -> set[str]:
    """The numbers that come with a unit, as terms: "6" of "6 years", which is not met by "6 weeks"."""
    return {number for number, _ in _QUANTITY.findall(_counted(asked))}


def _counted(text: str) -> str:
    """Folded, with numbers in one spelling."""
    folded = re.sub(r"(?<=\d),(?=\d{3})", "", fold(text))
    return re.sub(r"[a-z]+", lambda word: _SMALL_NUMBERS.get(word.group(), word.group()), folded)


def _ranges(counted: str) -> list[tuple[float, float, str]]:
    """From, to and unit of each range; a plain quantity is a range of itself."""
    found: list[tuple[float, float, str]] = []
    inside: list[tuple[int, int]] = []
    for match in _RANGE.finditer(counted):
        found.append((float(match[1]), float(match[2]), stem(match[3])))
        inside.append(match.span())
    for pattern, low, high in ((_AT_LEAST, None, math.inf), (_AT_MOST, 0.0, None)):
        for match in pattern.finditer(counted):
            if any(start <= match.start() < end for start, end in inside):
                continue
            number, unit = float(match[1] or match[3]), stem(match[2] or match[4])
            found.append((number if low is None else low, number if high is None else high, unit))
            inside.append(match.span())
    for match in _QUANTITY.finditer(counted):
        if not any(start <= match.start() < end for start, end in inside):
            found.append((float(match[1]), float(match[1]), stem(match[2])))
    return found


def is_negated(text: str) -> bool:
    """Whether the text denies, forbids or excludes something."""
    return bool(_denials(fold(text)))


def denied(text: str) -> set[str]:
    """The terms that a sentence denies: "does not apply" denies "apply", "적용하지 않는다" denies "적용"."""
    folded = fold(text)
    found: set[str] = set()
    for start, end, korean in _denials(folded):
        before, after = terms(folded[:start].split(",")[-1]), terms(folded[end:].split(",")[0])
        near = before[-4:] if korean else after[:1] or before[-1:]
        found.update(near)
    return found


def _denials(folded: str) -> list[tuple[int, int, bool]]:
    """Where a denial stands, and whether it is a Korean one, which follows what it denies."""
    korean = [(match.start(), match.end(), True) for match in _KOREAN_NEGATION.finditer(folded)]
    words = re.finditer(r"[a-z]+(?:'t)?", folded)
    english = [
        (match.start(), match.end(), False)
        for match in words
        if match.group() in _NEGATIONS or match.group().endswith("n't")
    ]
    return korean + english


def coverage(wanted: Iterable[str], offered: Iterable[str]) -> float:
    """The share of the distinct wanted terms that are offered; 0.0 when nothing is wanted."""
    want, have = set(wanted), set(offered)
    return len(want & have) / len(want) if want else 0.0


def language_of(text: str) -> str:
    """ "ko" where a good part of the letters is Hangul, else "en"."""
    letters = len(_LETTER.findall(text))
    return "ko" if letters and len(_HANGUL.findall(text)) / letters >= 0.2 else "en"

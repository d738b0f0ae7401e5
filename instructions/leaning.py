"""Whether a question leans on an earlier one, read off its words. English and Korean.

A question leans when it names no subject of its own ("why?", "언제부터 시행되나요?"), when a word of it
points back before anything was named ("does it expire?", "그건 언제부터야?"), or when it only changes the
case ("and for part-timers?", "시간제는요?"). The lists are of words that carry no subject: they are about
how people ask, not about what, so they hold for every knowledge base.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto


class Lean(Enum):
    """How a question leans on earlier ones."""

    NOT = auto()
    OTHER_CASE = auto()  # the earlier question, asked of something else
    SAME_CASE = auto()  # more about what was just asked


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_HANGUL = re.compile(r"[가-힣]")
_LONG = 300  # characters: whoever writes this much has named a subject


def lean(question: str) -> Lean:
    """How `question` leans; decided by what is in it, whatever was asked before."""
    question = question.strip()
    if _HANGUL.search(question) and len(question) <= _LONG:
        return _lean_korean(question)
    other_script = re.search(r"[^\W\d_]", question) and not re.search(r"[A-Za-z]", question)
    return Lean.NOT if other_script or len(question) > _LONG else _lean_english(question)


def without_pointers(question: str) -> str:
    """Without the words at its start that only point back: a search would take them for content."""
    korean = _HANGUL.search(question) is not None
    kept = (_START_KO if korean else _START_EN).sub("", question.strip()).strip(" ,.·")
    return kept if re.search(r"\w", kept) else question.strip()


# English ------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_AND = r"(?:and|but|so|or|then|ok|okay|also|well|hmm|yes|no)"
_START_EN = re.compile(rf"^(?:{_AND}\b[\s,.]*)*(?:(?:what|how) about\b\s*)?", re.IGNORECASE)
_ABOUT = re.compile(rf"^(?:{_AND}\b[\s,.]*)*(?:what about|how about|what if|same for)\b", re.IGNORECASE)
_TOO = re.compile(r"\b(?:too|as well|either|instead)\s*[?.!]*$", re.IGNORECASE)
_SOCIAL_EN = re.compile(r"^(?:thanks|thank you|thx|hello|hi|hey|bye|good (?:morning|bye))\b", re.I)
_ASKS = _words("what which who whom whose where when why how what's who's where's when's how's")
_STATES = _words(
    """is are was were do does did can could will would should may might must have has am isn't aren't don't
    doesn't can't won't"""
)
_DEFINES = re.compile(r"\b(?:what|who|where|when)(?:'s| is| are| was| were)\b", re.IGNORECASE)
_ORDERS = _words(
    """tell give show explain describe list summarize summarise compare define write translate find search
    calculate draft"""
)
_POINTING = _words(
    """it its it's they them their theirs he him his she her hers this that that's these those former latter
    same"""
)
_EMPTY_EN = (_ASKS | _STATES | _POINTING) | _words(
    """a an the of in on at to for from by with about as into over under per than i me my we us our you
    your be been being shall had get gets got there if because not any some all each every much many
    more most long far often too also either instead just only really exactly so then and but or ok okay
    yes no well else something anything again please one ones before after during since until tell give
    show explain describe mean means happen happens apply applies work works let know now here anyway
    actually hmm plus go continue elaborate thing things way case cases first second third last next
    part point need needs say says said written ask exist exists use sure right"""
)
# They ask "of what?": alone they name no subject.
_RELATIONAL_EN = _words(
    """deadline limit limits period amount condition conditions exception exceptions requirement
    requirements procedure process reason reasons cost costs price fee fees form forms step steps
    penalty duration maximum minimum source sources detail details eligibility eligible approve approves
    approval approved decide decides responsible pay pays paid start starts begin begins end ends expire
    expires difference purpose rule rules required allowed possible necessary mandatory optional qualify
    qualifies count counts example examples documents contact page pages section sections change changes
    changed"""
)
_OF_NOW = _words("year month week quarter day morning company handbook document file team office")
_NO_POINTING = re.compile(
    r"\b(?:is|was|does|would|will|can|if|when|whether) it (?:be |make )?(?:possible|allowed|ok|okay|fine|"
    r"necessary|required|true|mandatory|legal|permitted|better|safe|sense|rain)\b|"
    r"\b(?:does|will|would|did) it take to\b",
    re.IGNORECASE,
)


def _lean_english(question: str) -> Lean:
    question = question.replace("’", "'")
    words = _WORD.findall(re.sub(r"\bIT\b", "information-technology", question).casefold())
    named = [word for word in words if _names(word)]
    own = [word for word in named if word not in _RELATIONAL_EN]
    if not words or _SOCIAL_EN.match(question):
        return Lean.NOT
    if not own:
        return Lean.SAME_CASE
    if len(own) <= 3 and (_ABOUT.match(question) or _TOO.search(question)):
        return Lean.OTHER_CASE
    if _points_back(question, words):
        return Lean.SAME_CASE
    connected = re.fullmatch(_AND, words[0]) is not None
    if connected and len(named) <= 2 and not _DEFINES.search(question):
        return Lean.OTHER_CASE
    whole = len(own) > 2 or len(own) < len(named) or {*words} & (_ASKS | _STATES) or words[0] in _ORDERS
    keywords = _names(words[0]) and not question.endswith("?")  # typed as into a search box
    return Lean.NOT if whole or keywords else Lean.OTHER_CASE


def _names(word: str) -> bool:
    return word not in _EMPTY_EN and not word.isdecimal()


def _points_back(question: str, words: Sequence[str]) -> bool:
    """Whether a pronoun comes before two things were named that it could stand for."""
    if _NO_POINTING.search(question):
        return False
    for index, word in enumerate(words):
        if word not in _POINTING:
            continue
        following = words[index + 1] if index + 1 < len(words) else ""
        if word in {"this", "that", "these", "those"} and following in _OF_NOW:
            continue
        if word == "that" and index and (_names(words[index - 1]) or words[index - 1] in {"say", "says"}):
            continue  # "documents that I need", "does it say that …"
        return sum(map(_names, words[:index])) < 2
    return False


# Korean -------------------------------------------------------------------------------------------

_CONNECTIVES_KO = "그럼|그러면|그렇다면|그런데|근데|그리고|그래서|그래도|하지만|그러니까|아니면|또"
_POINTERS_KO = (
    r"(?:(?:그|이|저)(?:건|게|거|것|걸|때|분|곳|쪽|중|런|러한|들)|거기|여기|방금|아까|전자|후자|둘|해당|"
    r"위|앞|그)(?:은|는|이|가|을|를|도|의|에|에서|에게|에는|부터|까지|로|만|들|보다|처럼|요|다|서)*"
)
_START_KO = re.compile(
    rf"^(?:(?:{_CONNECTIVES_KO})(?=[\s,.?])[\s,.]*)*(?:(?:{_POINTERS_KO})(?=[\s,.?])[\s,.]*)*"
)
_CONNECTIVE_KO = re.compile(rf"(?:{_CONNECTIVES_KO})")
_POINTER_KO = re.compile(_POINTERS_KO)
_GENERIC_VERB_KO = re.compile(
    r"(?:수|안|못|되|돼|될|있|없|받|가능|마찬가지|적용|해당|포함|그렇|그래|그런|같|똑같|다른|다르)"
)
_SOCIAL_KO = re.compile(r"^(?:안녕|감사|고마|고맙|수고|반가)")
_ASKS_KO = re.compile(
    r"(?:언제|누가|누구|누굴|어디|얼마|몇|며칠|왜|어떻게|어떡|어떤|어느|무엇|무슨|뭐|뭘|뭔|뭣)"
)
_HOW_ABOUT_KO = re.compile(r"(?:어때|어떤가|어떨까|어땠|어떠)")
_ENDS_KO = re.compile(
    r"(?:나요|가요|까요|니까|어요|아요|여요|해요|에요|예요|돼요|워요|세요|와요|죠|지요|는지|은지|인지|니|냐|까|야|지|"
    r"줘|주라|래|돼|해|어|아|여|다|자|봐)$"
)
_TOPIC_KO = re.compile(r"(?:은|는|도|에는|에도|에서는|면|경우|경우는|경우에는|경우엔|경우도)(?:요)?$")
_EMPTY_KO = re.compile(
    r"(?:수|것|거|게|걸|때|좀|더|다시|또|꼭|바로|정확히|자세히|구체적으로|쉽게|짧게|혹시|제가|저는|저도|나는|나도|내가|우리|저희|그냥|"
    r"정말|진짜|다른|모두|전부|있|없|하|되|돼|할|될|받을|받|쓸|갈|낼|해야|하면|되면|주|알려|말해|설명|예를|들어|들면|계속|"
    r"자|하나|나와|나오|적혀|다음|이전|처음|첫|두|세|번|번째|말해야|만약|만일|연락|문의|네|응|아니|아뇨|예|관련|대해|대해서|대한|관해|이상|이하|정도|경우)"
    r"(?:은|는|이|가|을|를|도|의|에|에는|엔|만|부터|까지|요)?"
)
# They ask "of what?": alone they name no subject. Also as verbs, with 하다, 되다 or 받다.
_RELATIONAL_KO = re.compile(
    r"(?:신청|기간|금액|대상|대상자|조건|방법|절차|서류|기한|기준|예외|비용|이유|한도|시점|자격|요건|승인|지급|적용|시행|제출|처리|"
    r"결과|종류|예시|차이|차이점|순서|단계|마감|마감일|담당|담당자|근거|출처|내용|최대|최소|하루|필요|가능|포함|제외|인정|계산|사용|"
    r"이용|변경|취소|연장|정산|환불|연락처|전화번호|시간|날짜|횟수|일수|인원|규정|벌칙|위반|시작|종료|결재|의무|필수|목적|효력|장점|"
    r"단점|마찬가지|똑같|같|다르|맞|그렇|그런|이런|그래|이래)"
    r"(?:하|되|받|할|될|한|된|해|돼|시|인|이|일|으|려|면|고|서|야|는|은|을|를|가|도|의|에|부터|까지|로|만|요|건|지|게|나|던)*"
)


def _lean_korean(question: str) -> Lean:
    words = [word.strip(" ,.?!~…\"'“”‘’()") for word in question.split()]
    words = [word for word in words if word]
    if not words or _SOCIAL_KO.match(words[0]):
        return Lean.NOT
    connected = _CONNECTIVE_KO.fullmatch(words[0]) is not None
    words = words[1:] if connected else words
    own = [word for index, word in enumerate(words) if _names_ko(word, last=index == len(words) - 1)]
    if not own or _points_back_ko(words):
        return Lean.SAME_CASE
    if _is_other_case(question, words, own, connected):
        return Lean.OTHER_CASE
    return Lean.NOT


def _names_ko(word: str, *, last: bool) -> bool:
    """Whether a word names something of its own; the last one is most often the verb."""
    if _ASKS_KO.match(word) or _HOW_ABOUT_KO.match(word) or _POINTER_KO.fullmatch(word):
        return False
    if _EMPTY_KO.fullmatch(word) or _is_relational(word):
        return False
    return not (last and _is_verb(word))


def _is_relational(word: str) -> bool:
    stem = _RELATIONAL_KO.match(word)
    return stem is not None and (stem.end() == len(word) or _ENDS_KO.search(word) is not None)


def _is_verb(word: str) -> bool:
    return _ENDS_KO.search(word) is not None and not _TOPIC_KO.search(word)


def _points_back_ko(words: Sequence[str]) -> bool:
    """Whether a word points back before two things were named that it could stand for."""
    named = 0
    for index, word in enumerate(words):
        if _POINTER_KO.fullmatch(word) or (word == "이" and "".join(words[index + 1 :])[:2] == "경우"):
            return named < 2
        named += _names_ko(word, last=False)
    return False


def _is_other_case(question: str, words: Sequence[str], own: Sequence[str], connected: bool) -> bool:
    topic = next((word for word in reversed(words) if _TOPIC_KO.search(word)), "")
    changes_topic = topic in own or topic.startswith("경우")
    if connected:
        whole = len(own) > 3 or (any(map(_is_relational, words)) and not changes_topic)
        return not whole
    if _HOW_ABOUT_KO.match(words[-1]):
        return len(own) <= 2 and changes_topic
    if words[-1] is topic or topic.startswith("경우"):  # no verb: "시간제는요?"
        return len(words) <= 4 and changes_topic
    if re.search(r"도$", own[-1]) and len(own) <= 2:  # "계약직도 가능한가요?"
        return all(map(_GENERIC_VERB_KO.match, words[words.index(own[-1]) + 1 :]))
    return len(words) == 1 and question.endswith("?") and not _is_verb(words[0])

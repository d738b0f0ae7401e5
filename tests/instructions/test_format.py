"""Instruction files are read in two languages, written back without loss, and refused with line and advice."""

import random
import time
from pathlib import Path
from unicodedata import normalize

import pytest

from instructions.errors import Problem
from instructions.format import (
    MAX_BYTES,
    AnswerFrom,
    FrontMatter,
    Instruction,
    InstructionError,
    Loose,
    SectionKind,
    from_parts,
    load,
    parse,
    render,
    with_key,
    with_section,
)
from instructions.front_matter import BuiltIn

EXAMPLES = Path(__file__).parents[2] / "instructions" / "examples"

WHOLE = """\
---
# An assistant for new colleagues
name: Handbook   # shown in the list
slug: handbook
description: >
  Answers from the handbook,
  and from nothing else.
team: hr
model: "openai:gpt-5"
starters:
  # two are enough
  - How many days of leave do I have?
  - '휴가는 며칠인가요?'
knowledge: [handbook, 취업규칙]
actions:
- leave-calendar
answer_from: knowledge
citations: on
language: ko
---

Before the sections: a < b, <a@b.c>, <<< x >>>, 1 <2> 3.<br>

<persona>
You are a colleague.  \t
</persona>
<제약사항>
### 하지 말 것
>>> 추측
=== 끝 ===
</제약사항>

<범주>
긍정 <b>부정</b> <중첩>중립</중첩>
</범주>

<예시>
형식을 그대로 지킨다.
<예><입력>좋아요</입력><출력>긍정</출력></예>
<예>
<입력>
별로예요
</입력>
<출력>부정</출력>
</예>
</예시>
after
"""

BODIES = {
    "nothing": "",
    "bare text": "You are a helpful colleague.\n\n### Rules\n- be brief\n",
    "no newline at the end": "<persona>x</persona>",
    "sections on one line": "<persona>You are kind.</persona> <guidelines>Be brief.</guidelines>",
    "white space": "  \n\t<persona>  x  </persona>   \n\n\n",
    "delimiters": "===\n###\n<<< >>>\n>>> a <<< b\n---\n",
    "code": "```html\n<persona>\n```\n<persona>\nsee `</persona>`\n~~~\n</persona>\n<persona>\n~~~\n</persona>\n",
    "own tags": "<style-guide>\na\n</style-guide>\n<대화 예시>\nb\n</대화 예시>\n<1단계>\nc\n</1단계>\n",
    "whole": WHOLE,
}


def _variants(text: str) -> dict[str, str]:
    return {
        "as it is": text,
        "windows": text.replace("\n", "\r\n"),
        "old mac": text.replace("\n", "\r"),
        "byte order mark": "\ufeff" + text,
        "decomposed": normalize("NFD", text),
        "mixed line ends": text.replace("\n", "\r\n", 3),
    }


@pytest.mark.parametrize("variant", list(_variants("")))
@pytest.mark.parametrize("body", list(BODIES))
def test_an_unedited_instruction_is_written_as_it_was_read(body: str, variant: str) -> None:
    text = _variants(BODIES[body])[variant]
    assert render(parse(text)) == text


def test_a_file_is_written_back_byte_for_byte(tmp_path: Path) -> None:
    data = ("\ufeff" + WHOLE).replace("\n", "\r\n").encode()
    path = tmp_path / "handbook.md"
    path.write_bytes(data)
    assert render(load(path)).encode() == data


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.md")), ids=lambda path: path.name)
def test_the_examples_that_come_with_doumi_are_read_and_written_back(path: Path) -> None:
    instruction = load(path)
    assert instruction.sections
    assert render(instruction).encode() == path.read_bytes()


def test_text_of_any_kind_is_either_refused_or_written_back() -> None:
    pieces = [
        "<persona>",
        "</persona>",
        "<예시>",
        "</예시>",
        "<예>",
        "<입력>",
        "</입력>",
        "<a",
        "```",
        "\n",
        "x",
        "`",
    ]
    pieces += [
        "---\n",
        "name: x\n",
        "<",
        ">",
        "</범주>",
        "<범주>",
        " ",
        "\r\n",
        "\ufeff",
        "- a\n",
        "<출력>",
        "</출력>",
    ]
    dice = random.Random(7)
    kept = 0
    for _ in range(3000):
        text = "".join(dice.choices(pieces, k=dice.randint(1, 14)))
        line = 1
        try:
            assert render(parse(text)) == text
            kept += 1
        except InstructionError as error:
            line = error.line
        assert 1 <= line <= len(text.splitlines()) + 1
    assert kept > 500


@pytest.mark.parametrize("variant", ["as it is", "windows", "old mac", "byte order mark", "decomposed"])
def test_front_matter_and_sections_mean_the_same_however_the_file_is_encoded(variant: str) -> None:
    instruction = parse(_variants(WHOLE)[variant])
    assert instruction.front == FrontMatter(
        name="Handbook",
        slug="handbook",
        description="Answers from the handbook, and from nothing else.",
        team="hr",
        model="openai:gpt-5",
        starters=("How many days of leave do I have?", "휴가는 며칠인가요?"),
        knowledge=("handbook", "취업규칙"),
        actions=("leave-calendar",),
        answer_from=AnswerFrom.KNOWLEDGE,
        citations=True,
        language="ko",
    )
    assert [(section.tag, section.kind, section.line) for section in instruction.sections] == [
        ("persona", SectionKind.PERSONA, 24),
        ("제약사항", SectionKind.CONSTRAINTS, 27),
        ("범주", None, 33),
        ("예시", SectionKind.EXAMPLES, 37),
    ]
    pairs = [
        (normalize("NFC", each.input), normalize("NFC", each.output), each.line)
        for each in instruction.examples
    ]
    assert pairs == [("좋아요", "긍정", 39), ("별로예요", "부정", 40)]


def test_what_is_between_sections_is_kept_as_loose_text() -> None:
    loose = [part.text for part in parse(WHOLE).parts if isinstance(part, Loose) and part.text]
    assert loose == ["Before the sections: a < b, <a@b.c>, <<< x >>>, 1 <2> 3.<br>", "after"]


def test_bare_text_is_an_instruction_with_the_usual_settings() -> None:
    instruction = parse("Sei freundlich.")
    assert instruction.front == FrontMatter(answer_from=AnswerFrom.KNOWLEDGE_FIRST, citations=True)
    assert [part.text for part in instruction.parts] == ["Sei freundlich."]


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("persona", SectionKind.PERSONA),
        ("Persona", SectionKind.PERSONA),
        ("constraints", SectionKind.CONSTRAINTS),
        ("guidelines", SectionKind.GUIDELINES),
        ("examples", SectionKind.EXAMPLES),
        ("output", SectionKind.OUTPUT),
        ("personalization", SectionKind.PERSONALIZATION),
        ("페르소나", SectionKind.PERSONA),
        ("제약사항", SectionKind.CONSTRAINTS),
        ("제약 사항", SectionKind.CONSTRAINTS),
        ("지침", SectionKind.GUIDELINES),
        ("예시", SectionKind.EXAMPLES),
        ("출력형식", SectionKind.OUTPUT),
        ("출력 형식", SectionKind.OUTPUT),
        ("개인화", SectionKind.PERSONALIZATION),
        ("범주", None),
        ("대화예시", None),
        ("style-guide", None),
        ("スタイル", None),
    ],
)
def test_sections_have_english_and_korean_names_and_other_tags_are_the_authors_own(
    tag: str, kind: SectionKind | None
) -> None:
    instruction = parse(f"<{tag}>\ntext\n</{tag}>\n")
    (section,) = instruction.sections
    assert (section.tag, section.kind, section.text) == (tag, kind, "text")
    assert instruction.section(kind or tag) is section


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "if a <b and b> c",
        "mail <someone@example.org> or <https://example.org/>",
        "<<<대화>>>\n>>> 인용\n<<< 끝 >>>",
        "first<br>second\n<br>\n<hr>\n<img src='x'>",
        "<b>Note</b>: always answer.",
        "<이름>님께 인사한다.",
        "Write your answer inside <output></output> tags.",
        "Put the answer in <output>…</output>",
        "Use `<persona>` as a tag.",
        "```\n<persona>\n</constraints>\n```",
        "a <- b, c -> d, List<String>",
        "<!-- a note -->",
        "<3 <10> </ > < / persona>",
        "\\<persona> is a tag",
        "<>",
    ],
)
def test_a_less_than_sign_in_ordinary_text_is_text(text: str) -> None:
    instruction = parse(text)
    assert instruction.sections == ()
    within = parse(f"<guidelines>\n{text}\n</guidelines>")
    assert [section.text for section in within.sections] == [text]


@pytest.mark.parametrize(
    ("inner", "kept"),
    [
        ("Wrap it in <output>…</output> tags.", "a tag of the same name in one line"),
        ("<output>\nnested\n</output>", "the same tag again"),
        ("```\n</output>\n```\nafter", "code that closes nothing"),
        ("```\nnever closed", "a fence left open"),
        ("`</output>` ends it", "a tag between backticks"),
        ("<중첩>\n<persona>", "other tags, closed or not"),
    ],
)
def test_a_section_ends_at_its_own_closing_tag(inner: str, kept: str) -> None:
    instruction = parse(f"<output>\n{inner}\n</output>\n<persona>\nx\n</persona>\n")
    assert [section.kind for section in instruction.sections] == [SectionKind.OUTPUT, SectionKind.PERSONA], (
        kept
    )
    assert instruction.sections[0].text == inner


def test_a_fence_left_open_in_one_section_hides_no_other() -> None:
    text = "<persona>\n```\n</persona>\n<guidelines>\n```\ncode\n```\n</guidelines>\n"
    assert [section.tag for section in parse(text).sections] == ["persona", "guidelines"]


def test_examples_without_pairs_are_text_and_text_beside_pairs_is_kept() -> None:
    free = parse("<examples>\nQ: hi\nA: hello\n</examples>")
    assert free.examples == ()
    assert free.sections[0].remarks == "Q: hi\nA: hello"
    mixed = parse(
        "<examples>\nShort ones.\n<example><input>a</input><output>b</output></example>\n</examples>"
    )
    assert mixed.sections[0].remarks == "Short ones."


def test_an_example_keeps_its_lines_tags_and_inner_space() -> None:
    text = "<examples>\n<example>\n<input>\nfirst\n\n  <b>second</b>\n</input>\n<output>{\n  }\n</output>\n</example>\n</examples>"
    (example,) = parse(text).examples
    assert (example.input, example.output) == ("first\n\n  <b>second</b>", "{\n  }")


def test_built_in_tools_are_named_in_either_language() -> None:
    front = parse(
        "---\ntools: [표, 계산기, calculator, Fetch]\nfetch_hosts: [Docs.Example.com, '*.한국.example']\n---\n"
    ).front
    assert front.tools == (BuiltIn.TABLES, BuiltIn.CALCULATOR, BuiltIn.FETCH)
    assert front.fetch_hosts == ("docs.example.com", "*.한국.example")


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("---\nname: x\nanswer_form: knowledge\n---\n", 3, "did you mean answer_from?"),
        ("---\nstarter: [a]\n---\n", 2, "did you mean starters?"),
        ("---\nKnowledge: [a]\n---\n", 2, "did you mean knowledge?"),
        ("---\n이름: 안내\n---\n", 2, "did you mean name?"),
        ("---\n시작 질문: [안녕]\n---\n", 2, "did you mean starters?"),
        ("---\ntrusted: true\n---\n", 2, "unknown key trusted"),
        ("---\nanswer_from: knowledge_first\n---\n", 2, "did you mean knowledge-first?"),
        ("---\nanswer_from: web\n---\n", 2, "knowledge, knowledge-first, anything"),
        ("---\ncitations: maybe\n---\n", 2, "neither on nor off"),
        ("---\ntools: [calculater]\n---\n", 2, "did you mean calculator?"),
        ("---\ntools: [shell]\n---\n", 2, "there are calculator, clock, tables, fetch"),
        ("---\ntools: [fetch]\nfetch_hosts: [https://a.example/x]\n---\n", 3, "is no host"),
        ("---\ntools: [fetch]\nfetch_hosts: ['*']\n---\n", 3, "is no host"),
        ("---\n도구: [계산기]\n---\n", 2, "did you mean tools?"),
        ("---\nlanguage: Korean\n---\n", 2, "did you mean ko?"),
        ("---\nslug: My Slug\n---\n", 2, "a-z, 0-9"),
        ("---\nname: [a, b]\n---\n", 2, "takes one text"),
        ("---\nname:\n  first: a\n---\n", 3, "takes one text"),
        ("---\nstarters: How many?\n---\n", 2, "as `  - How many?`"),
        ("---\nstarters:\n  - [a]\n---\n", 3, "takes one text"),
        ("---\nname: a\nteam: b\nname: c\n---\n", 4, "twice (first in line 2)"),
        ("---\nname: a: b\n---\n", 2, "put the value in quotes"),
        ("---\nstarters: [a\n---\n", 3, "close it with ]"),
        ("---\nstarters: [How many?]\n---\n", 2, "put each text in quotes"),
        ("---\n\tname: a\n---\n", 2, "a tab"),
        ("---\nname: &x a\nteam: *x\n---\n", 2, "anchors"),
        ("---\nname: !!python/object:os.system x\n---\n", 2, "tags (!)"),
        ("---\nstarters: [[[[a]]]]\n---\n", 2, "this deep"),
        ("---\n- a\n---\n", 2, "lines such as `name: Handbook`"),
        ("---\nname: x\n", 1, "never closed"),
        ("---\n? [a, b]\n: c\n---\n", 2, "unknown key"),
        ("<persona>\nx\n", 1, "add </persona>"),
        ("<persona>\nx\n</person>\n", 1, "is </person> meant for it?"),
        ("text\n<페르소나>\nx\n</페르소너>\n", 2, "is </페르소너> meant for it?"),
        ("<범주>\nx\n", 1, "add </범주>"),
        ("<persona>\nx\n<guidelines>\ny\n</guidelines>\n", 1, "<persona> is never closed"),
        ("x\n</persona>\n", 2, "closes nothing"),
        ("x</persona>\n", 1, "closes nothing"),
        ("<persona>\nx\n</persona>\n<페르소나>\ny\n</페르소나>\n", 4, "twice (<persona> in line 1)"),
        ("<examples>\n<example><input>a</input></example>\n</examples>", 2, "no output: write <output>"),
        ("<예시>\n\n<예><출력>a</출력></예>\n</예시>", 3, "no 입력: write <입력>"),
        ("<examples>\n<example><input>a</input><output> </output></example>\n</examples>", 2, "no output"),
        ("<examples>\n<example>\n<input>a</input>\n</examples>", 2, "<example> is never closed"),
        ("a\nb\0c", 2, "U+0000"),
        ("a\r\nb\r\nc\x1b[0m", 3, "U+001B"),
        ("a\n\ud800", 2, "U+D800"),
        ("x" * (MAX_BYTES + 1), 1, "256 KB"),
        ("가" * (MAX_BYTES // 2), 1, "256 KB"),
        ("---\ndescription: " + "x" * 70_000 + "\n---\n", 1, "front matter is longer"),
    ],
)
def test_an_error_names_file_and_line_and_says_what_to_write(text: str, line: int, says: str) -> None:
    with pytest.raises(InstructionError) as caught:
        parse(text, file="handbook.md")
    assert caught.value.line == line
    assert says in caught.value.message
    assert str(caught.value).startswith(f"handbook.md:{line}: ")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_the_same_with_every_line_end(end: str) -> None:
    with pytest.raises(InstructionError) as caught:
        parse("---\nname: a\n\nnmae: b\n---\n\n<persona>\n\n<범주>\n".replace("\n", end))
    assert [problem.line for problem in caught.value.problems] == [4, 7, 9]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    with pytest.raises(InstructionError) as caught:
        parse("---\nnmae: x\ncitations: maybe\n---\n<persona>\nx\n", file="a.md")
    assert [text[:7] for text in str(caught.value).split("\n")] == ["a.md:2:", "a.md:3:", "a.md:5:"]


@pytest.mark.parametrize(
    ("data", "line"),
    [("안녕\n하세요".encode("cp949"), 1), (b"ok\nok\n\xff", 3), ("hello".encode("utf-16"), 1)],
)
def test_a_file_that_is_not_utf8_is_refused_by_name(tmp_path: Path, data: bytes, line: int) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(data)
    with pytest.raises(InstructionError, match=rf"a\.md:{line}: .*save the file as UTF-8"):
        load(path)


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    with path.open("wb") as stream:
        stream.truncate(10**10)
    with pytest.raises(InstructionError, match="256 KB"):
        load(path)


HOSTILE = {
    "tags never closed": "<a>x\n" * 50_000,
    "own tags on their lines": "<a>\n" * 60_000,
    "tags closed by nothing": "</a>\n" * 50_000,
    "nested": "<a>\n" * 30_000 + "</a>\n" * 20_000,
    "angle brackets": "<" * 200_000,
    "open names": "<a " * 80_000,
    "attributes": "<a " + 'b="c" ' * 40_000 + ">",
    "backticks": "`" * 250_000,
    "odd backticks": "`` ` ``` " * 25_000,
    "fences": "```x\n" * 40_000,
    "fences of all lengths": "\n".join("`" * (3 + n % 90) for n in range(5_000)),
    "pairs": "<examples>\n" + "<example>" * 25_000 + "\n</examples>",
    "keys": "---\n" + "\n".join(f"k{n}: v" for n in range(7_000)) + "\n---\n",
    "one long key": "---\n" + "k" * 60_000 + ": v\n---\n",
    "deep lists": "---\nname: " + "[" * 60_000 + "\n---\n",
    "deep maps": "---\nname: " + "{a: " * 15_000 + "\n---\n",
    "deep indents": "---\n" + "\n".join(" " * n + "a:" for n in range(300)) + "\n---\n",
    "questions": "---\n" + "? " * 30_000 + "\n---\n",
    "laughs": "---\na: &a [x]\n" + "b: [*a, *a, *a]\n" * 3_000 + "---\n",
    "lines": "\n" * 250_000,
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_text_is_read_or_refused_in_linear_time(name: str) -> None:
    began = time.process_time()
    problems: tuple[Problem, ...] = ()
    try:
        assert render(parse(HOSTILE[name])) == HOSTILE[name]
    except InstructionError as error:
        problems = error.problems
    assert len(problems) <= 50
    assert time.process_time() - began < 4


# Edits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["as it is", "windows", "byte order mark"])
@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("name", "Handbuch", "name: Handbook   #", "name: Handbuch   #"),
        ("name", "a: b #c", "name: Handbook   #", 'name: "a: b #c"   #'),
        (
            "description",
            "Short.",
            "description: >\n  Answers from the handbook,\n  and from nothing else.",
            "description: Short.",
        ),
        ("model", "ollama:qwen3", '"openai:gpt-5"', '"ollama:qwen3"'),
        (
            "starters",
            ["One?", "둘: 둘?"],
            "  - How many days of leave do I have?\n  - '휴가는 며칠인가요?'",
            '  - One?\n  - "둘: 둘?"',
        ),
        ("knowledge", ["취업규칙"], "[handbook, 취업규칙]", "[취업규칙]"),
        ("actions", ["a", "b"], "- leave-calendar", "- a\n- b"),
        ("actions", [], "actions:\n- leave-calendar", "actions: []"),
        ("answer_from", "anything", "answer_from: knowledge", "answer_from: anything"),
        ("citations", False, "citations: on", "citations: off"),
        ("language", None, "language: ko\n", ""),
        (
            "starters",
            None,
            "starters:\n  # two are enough\n  - How many days of leave do I have?\n  - '휴가는 며칠인가요?'\n",
            "",
        ),
        ("description", None, "description: >\n  Answers from the handbook,\n  and from nothing else.\n", ""),
    ],
)
def test_setting_one_key_keeps_every_other_byte(
    key: str, value: object, before: str, after: str, variant: str
) -> None:
    text = _variants(WHOLE)[variant]
    newline = "\r\n" if variant == "windows" else "\n"
    before, after = before.replace("\n", newline), after.replace("\n", newline)
    assert text.count(before) == 1
    edited = with_key(parse(text), key, value)
    assert render(edited) == text.replace(before, after)
    expected = tuple(value) if isinstance(value, list) else value
    default = getattr(FrontMatter(), key)
    assert getattr(edited.front, key) == (default if value is None else expected)


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "null",
        "~",
        "- x",
        "[a]",
        "a\nb",
        'say "hi"',
        "# no",
        "1.0",
        "é\u2028x",
        " 끝 ",
        "@x",
        "%",
        "it's",
    ],
)
def test_any_text_can_be_set_and_is_read_again(value: str) -> None:
    for start in ("", "---\ndescription: old # why\n---\nbody", "---\nname: x\n---\n"):
        edited = with_key(parse(start), "description", value)
        assert edited.front.description == value.strip()
        assert with_key(edited, "starters", [value, "b"]).front.starters == (value.strip(), "b")


def test_a_key_can_be_set_where_there_is_no_front_matter() -> None:
    assert (
        render(with_key(parse("\ufeffBe kind.\r\n"), "name", "A"))
        == "\ufeff---\r\nname: A\r\n---\r\nBe kind.\r\n"
    )


def test_a_wrong_key_or_value_is_refused_like_in_a_file() -> None:
    instruction = parse(WHOLE)
    for key, value in [
        ("nmae", "x"),
        ("answer_from", "web"),
        ("name", ["a"]),
        ("name", {"a": 1}),
        ("citations", "maybe"),
    ]:
        with pytest.raises(InstructionError):
            with_key(instruction, key, value)


@pytest.mark.parametrize("variant", ["as it is", "windows"])
def test_replacing_the_text_of_a_section_keeps_every_other_byte(variant: str) -> None:
    text = _variants(WHOLE)[variant]
    newline = "\r\n" if variant == "windows" else "\n"
    edited = with_section(parse(text), SectionKind.PERSONA, "You are\nnew.")
    assert render(edited) == text.replace("You are a colleague.", f"You are{newline}new.")
    own = with_section(parse(text), "범주", "긍정")
    assert render(own) == text.replace("긍정 <b>부정</b> <중첩>중립</중첩>", "긍정")


def test_a_section_that_is_missing_is_added_at_the_end() -> None:
    assert render(with_section(parse("<persona>\nx\n</persona>\n"), SectionKind.OUTPUT, "JSON")) == (
        "<persona>\nx\n</persona>\n\n<output>\nJSON\n</output>\n"
    )
    assert render(with_section(parse(""), "범주", "x")) == "<범주>\nx\n</범주>\n"


def test_a_text_that_would_close_its_section_is_refused() -> None:
    with pytest.raises(InstructionError):
        with_section(parse(WHOLE), SectionKind.PERSONA, "x\n</persona>\ny")


# What the API makes of its parts ------------------------------------------------------------------


def _same(one: Instruction, other: Instruction) -> bool:
    return one.front == other.front and [part.text for part in one.parts] == [
        part.text for part in other.parts
    ]


def test_settings_and_sections_make_an_instruction() -> None:
    front = {
        "name": "안내",
        "starters": ["안녕?"],
        "answer_from": AnswerFrom.KNOWLEDGE,
        "citations": False,
        "team": None,
    }
    made = from_parts(front, "<persona>\nx\n</persona>\n")
    assert made.front.name == "안내"
    assert made.front.starters == ("안녕?",)
    assert made.front.answer_from is AnswerFrom.KNOWLEDGE
    assert not made.front.citations
    assert [section.text for section in made.sections] == ["x"]
    assert _same(parse(render(made)), made)


def test_settings_win_over_the_front_matter_of_the_text() -> None:
    made = from_parts({"name": "New", "language": None}, WHOLE)
    assert (made.front.name, made.front.language, made.front.slug) == ("New", None, "handbook")


def test_no_settings_leave_the_text_as_it_is() -> None:
    assert render(from_parts({}, WHOLE)) == WHOLE

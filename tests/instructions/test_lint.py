"""What is weak in an instruction is found with its line and advice, and good ones are left in peace."""

from pathlib import Path

import pytest

from instructions.format import load, parse
from instructions.lint import Finding, Severity, lint, lint_text

EXAMPLES = Path(__file__).parents[2] / "instructions" / "examples"
GOOD = "<persona>\nA colleague.\n</persona>\n<guidelines>\nBe brief.\n</guidelines>\n"


@pytest.mark.parametrize(
    ("text", "line", "severity", "says"),
    [
        ("", 1, Severity.WARNING, "there is no instruction"),
        ("---\nname: a\n---\n \n", 1, Severity.WARNING, "there is no instruction"),
        ("<guidelines>\nx\n</guidelines>\n", 1, Severity.HINT, "no <persona> (or <페르소나>)"),
        ("<페르소나>\nx\n</페르소나>\n", 1, Severity.HINT, "no <guidelines> (or <지침>)"),
        (GOOD + "<output>\n \n</output>\n", 7, Severity.WARNING, "<output> is empty"),
        (GOOD + "<constraint>\nx\n</constraint>\n", 7, Severity.WARNING, "did you mean <constraints>?"),
        (GOOD + "<제약>\nx\n</제약>\n", 7, Severity.WARNING, "did you mean <제약사항>?"),
        (GOOD + "<출력>\nx\n</출력>\n", 7, Severity.WARNING, "did you mean <출력형식>?"),
        (
            GOOD + "<wrap>\n<output>\nx\n</output>\n</wrap>\n",
            8,
            Severity.WARNING,
            "inside <wrap> is read as text",
        ),
        ("Hello. <persona>x</persona>\n", 1, Severity.HINT, "in the middle of a line"),
        (
            GOOD + "<범주>\n" + "단어 " * 2000 + "\n</범주>\n",
            7,
            Severity.WARNING,
            "move facts into knowledge",
        ),
        (GOOD + "<examples>\nQ: a\nA: b\n</examples>\n", 7, Severity.HINT, "no pairs in <examples>"),
        (
            GOOD
            + "<예시>\n<예><입력>a</입력><출력>b</출력></예>\n<예><입력>a</입력><출력>c</출력></예>\n</예시>\n",
            9,
            Severity.WARNING,
            "another output for the same input as the example in line 8",
        ),
        (
            GOOD
            + "<output>\nOne JSON object.\n</output>\n<examples>\n<example><input>a</input><output>positive</output></example>\n</examples>",
            11,
            Severity.WARNING,
            "the output of this example is none",
        ),
        ("---\nname: a\nstarters: [" + "x" * 81 + "]\n---\n" + GOOD, 3, Severity.HINT, "longer than 80"),
        ("---\nstarters: [a, b, c, d, e, f, g]\n---\n" + GOOD, 2, Severity.HINT, "7 starters"),
        ("---\nstarters: [a, a]\n---\n" + GOOD, 2, Severity.HINT, "there twice"),
        ("---\nname: a\nanswer_from: knowledge\n---\n" + GOOD, 3, Severity.HINT, "no knowledge is named"),
        (GOOD + "Cite as (source: page).\n", 7, Severity.HINT, "written as [1] by the service"),
        (GOOD + "Use sk-proj-AbCdEfGhIjKlMnOpQrSt12.\n", 7, Severity.WARNING, "looks like a key"),
        (GOOD + "token ghp_abcdefghijklmnopqrstuvwx0123\n", 7, Severity.WARNING, "looks like a key"),
        (GOOD + "AKIAABCDEFGHIJKLMNOP\n", 7, Severity.WARNING, "looks like a key"),
        (GOOD + "-----BEGIN RSA PRIVATE KEY-----\n", 7, Severity.WARNING, "looks like a key"),
        (GOOD + "비밀번호: hunter2hunter2\n", 7, Severity.WARNING, "looks like a key"),
        ("---\ndescription: 'password = s3cretpass'\n---\n" + GOOD, 2, Severity.WARNING, "looks like a key"),
        (GOOD + "Be\u202e brief\n", 7, Severity.WARNING, "U+202E"),
        (GOOD + "hi\U000e0041\n", 7, Severity.WARNING, "U+E0041"),
        (GOOD + "<sources>\nx\n</sources>\n", 7, Severity.WARNING, "choose another tag"),
        ("<persona>\nx\n", 1, Severity.ERROR, "never closed"),
    ],
)
def test_what_is_weak_is_found_in_its_line(text: str, line: int, severity: Severity, says: str) -> None:
    found = [each for each in lint_text(text) if says in each.message]
    assert [(each.line, each.severity) for each in found] == [(line, severity)]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "A bare text that says what to do.",
        GOOD + "<범주>\n긍정, 부정\n</범주>\n",
        GOOD + "<대화예시>\n<input>\na\n</input>\n<output>\nb\n</output>\n</대화예시>\n",
        GOOD + "Never tell a password. The API key: ask the office. 비밀번호는 묻지 않는다.\n",
        GOOD + "Write `<persona>` in code.\n",
        GOOD + "👩\u200d👩\u200d👧 is a family.\n",
        "\ufeff" + GOOD,
        '---\nanswer_from: knowledge\nknowledge: [handbook]\nstarters: ["Hi?"]\n---\n' + GOOD,
        GOOD
        + "<output>\nOne JSON object.\n</output>\n<examples>\n<example><input>a</input><output>{}</output></example>\n</examples>",
    ],
)
def test_what_is_good_is_left_in_peace(text: str) -> None:
    assert lint_text(text) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.md")), ids=lambda path: path.name)
def test_the_examples_that_come_with_doumi_have_no_warning(path: Path) -> None:
    assert [each for each in lint(load(path)) if each.severity is not Severity.HINT] == []


def test_findings_come_in_the_order_of_their_lines_and_errors_all_at_once() -> None:
    text = GOOD + "<output>\n</output>\n<constraint>\nx\n</constraint>\n<개인화></개인화>\n"
    lines = [each.line for each in lint(parse(text))]
    assert lines == sorted(lines)
    assert len(lines) == 3
    broken = lint_text("---\nnmae: x\n---\n<persona>\n", file="a.md")
    assert [(each.line, each.severity) for each in broken] == [(2, Severity.ERROR), (4, Severity.ERROR)]


def test_one_rule_does_not_drown_the_others() -> None:
    text = "sk-abcdefghijklmnopqrstuv\n" * 1000 + "<constraint>\nx\n</constraint>\n"
    found = lint_text(text)
    assert len(found) < 100
    assert any("<constraints>" in each.message for each in found)
    assert all(isinstance(each, Finding) for each in found)

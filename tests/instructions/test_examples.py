"""The example assistants: their instructions, and the questions that their documents answer."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import instructions
from instructions import format as instruction_format
from instructions.format import Instruction, SectionKind
from knowledge.examples.build import NAMES

FOLDER = Path(instructions.__file__).parent / "examples"
SLUGS = ("handbook", "regulations", "sentiment", "toast", "weather")
TESTED = ("handbook", "regulations")


def load(slug: str) -> Instruction:
    path = FOLDER / f"{slug}.md"
    return instruction_format.parse(path.read_bytes().decode("utf-8"), file=path.name)


def questions(slug: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / f"{slug}.tests.yaml").read_text(encoding="utf-8"))
    assert document["assistant"] == slug
    found: list[dict[str, Any]] = document["tests"]
    return found


def test_the_folder_holds_these_assistants() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_an_example_is_read_and_written_without_loss(slug: str) -> None:
    instruction = load(slug)

    assert instruction_format.render(instruction) == (FOLDER / f"{slug}.md").read_bytes().decode("utf-8")
    assert instruction.front.slug == slug
    assert instruction.front.name
    assert len(instruction.front.starters) >= 3


@pytest.mark.parametrize("slug", SLUGS)
def test_an_example_names_only_knowledge_and_actions_that_are_there(slug: str) -> None:
    front = load(slug).front

    assert set(front.knowledge) <= set(NAMES)
    assert all((FOLDER / "actions" / f"{action}.yaml").is_file() for action in front.actions)


def test_korean_section_names_mean_what_the_english_ones_mean() -> None:
    kinds = {section.tag: section.kind for section in load("regulations").sections}

    assert kinds == {
        "페르소나": SectionKind.PERSONA,
        "제약사항": SectionKind.CONSTRAINTS,
        "지침": SectionKind.GUIDELINES,
        "예시": SectionKind.EXAMPLES,
        "출력형식": SectionKind.OUTPUT,
    }


def test_the_classifier_keeps_its_own_tags_and_delimiters() -> None:
    instruction = load("sentiment")
    categories = instruction.section("범주")

    assert categories is not None
    assert categories.kind is None
    assert categories.text.startswith("### 긍정")
    assert len(instruction.examples) == 6
    assert all("<<<" in example.output and ">>>" in example.output for example in instruction.examples)


def test_the_classifiers_examples_keep_to_its_output_format() -> None:
    for example in load("sentiment").examples:
        keys = [line.split(": ")[0] for line in example.output.splitlines()]
        values = dict(line.split(": ", 1) for line in example.output.splitlines())
        quotes = [part.split(">>>")[0] for part in values["근거"].split("<<<")[1:]]

        assert keys == ["감성", "강도", "근거", "까닭"]
        assert values["감성"] in {"긍정", "부정", "복합", "중립"}
        assert all(quote in example.input for quote in quotes if quote != "없음")
        assert len(values["까닭"]) <= 25


def test_the_action_is_an_openapi_document_with_named_operations() -> None:
    document = yaml.safe_load((FOLDER / "actions" / "weather.yaml").read_text(encoding="utf-8"))
    operations = {path: item["get"]["operationId"] for path, item in document["paths"].items()}

    assert document["openapi"].startswith("3.1")
    assert operations == {"/v1/search": "findPlace", "/v1/forecast": "getForecast"}


@pytest.mark.parametrize("slug", TESTED)
def test_the_questions_cover_answers_follow_ups_and_refusals(slug: str) -> None:
    asked = questions(slug)
    answerable = [each for each in asked if each.get("answerable", True)]

    assert len({each["id"] for each in asked}) == len(asked)
    assert len(answerable) >= 15
    assert len(asked) - len(answerable) >= 5
    assert sum("after" in each for each in answerable) >= 3


@pytest.mark.parametrize("slug", TESTED)
def test_a_follow_up_follows_a_question_before_it(slug: str) -> None:
    seen: set[str] = set()
    for each in questions(slug):
        assert each.get("after", each["id"]) in seen | {each["id"]}
        seen.add(each["id"])


@pytest.mark.parametrize("slug", TESTED)
def test_each_starter_is_among_the_questions_with_a_known_answer(slug: str) -> None:
    """A starter is the first thing that people try, so a journey must be able to check it."""
    asked = {each["question"] for each in questions(slug)}
    unchecked = [starter for starter in load(slug).front.starters if starter not in asked]

    assert unchecked == []

import pytest

from instructions.front_matter import FrontMatter
from service.pictures import sees


@pytest.mark.parametrize(
    ("model", "said", "setting", "expected"),
    [
        ("openai:gpt-5-mini", None, None, True),
        ("openai:gpt-4o", None, None, True),
        ("openai:gpt-3.5-turbo", None, None, False),
        ("openai:o3", None, None, True),
        ("anthropic:claude-sonnet-5", None, None, True),
        ("ollama:qwen2.5vl:7b", None, None, True),
        ("ollama:qwen3-vl", None, None, True),
        ("ollama:qwen3", None, None, False),
        ("ollama:llama3.2-vision", None, None, True),
        ("openai:company-model", None, None, False),
        ("openai:company-model", None, True, True),
        ("openai:gpt-5", None, False, False),
        ("openai:gpt-5", True, False, True),
        ("openai:gpt-5", False, None, False),
    ],
)
def test_whether_a_model_sees_is_said_by_the_assistant_the_operator_or_its_name(
    model: str, said: bool | None, setting: bool | None, expected: bool
) -> None:
    assert sees(model, FrontMatter(sees=said), setting) is expected


def test_the_operators_word_is_about_the_operators_model() -> None:
    assert sees("ollama:qwen3", FrontMatter(model="ollama:qwen3"), True) is False

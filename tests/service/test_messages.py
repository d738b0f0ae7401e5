from typing import Any

import pytest

from service.answering import Exchange
from service.routes.openai.messages import UnusableMessages, question_of

USER = {"role": "user", "content": "What is the limit?"}


def test_the_last_user_message_is_the_question_and_the_rest_is_history() -> None:
    question = question_of(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "developer", "content": "In English."},
            USER,
        ]
    )
    assert question.text == "What is the limit?"
    assert question.history == (Exchange(question="Hello", answer="Hi"),)
    assert question.system == "Be brief.\n\nIn English."


def test_parts_are_text_and_the_others_go_along() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    content = [{"type": "text", "text": "See"}, image, {"type": "text", "text": "this"}]
    question = question_of([{"role": "user", "content": content}])
    assert (question.text, question.parts) == ("See\nthis", (image,))


def test_calls_of_the_clients_tools_come_after_the_question() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "42"}
    question = question_of([USER, call, result])
    assert question.text == "What is the limit?"
    assert question.tool_messages == (call | {"content": ""}, result)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([{"role": "system", "content": "x"}], "user"),
        ([{"role": "user", "content": ""}], "empty"),
        ([{"role": "user", "content": None}], "empty"),
        ([{"role": "wizard", "content": "x"}], "wizard"),
        ([{"content": "x"}], "role"),
        ([{"role": "user", "content": 7}], "text or a list"),
        ([{"role": "user", "content": ["x"]}], "no part"),
    ],
)
def test_messages_that_hold_no_question_are_refused(messages: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(UnusableMessages, match=says):
        question_of(messages)

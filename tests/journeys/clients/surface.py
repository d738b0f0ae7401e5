"""What a program written against OpenAI does, with the `openai` package that runs it: any of 1.x to 3.x.

    python surface.py BASE_URL KEY

The assistants are `well` (answers, cited), `calls` (calls a tool), `writes` (JSON) and `slow`. Every function of
STEPS gets a client; the first that fails ends the program with its name.
"""

import base64
import json
import sys
import time

import openai

QUESTION = "When does the Tallinn warehouse open its gates?"
ANSWER = "The files say so [1]."
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ORDER = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.annotation.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def models(client):
    listed = [model.id for model in client.models.list()]
    assert {"well", "calls", "writes", "slow"} <= set(listed), listed
    assert client.models.retrieve("well").object == "model"
    assert client.models.retrieve("well@1").owned_by
    assert refused(404, lambda: client.models.retrieve("well@99")).code == "model_not_found"


def chat(client):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    whole = client.chat.completions.create(
        model="well",
        messages=messages,
        seed=7,
        stop=["STOP"],
        n=1,
        max_tokens=50,
        metadata={"a": "b"},
        store=True,
    )
    assert whole.choices[0].message.content == ANSWER
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens > 0
    assert whole.choices[0].message.annotations[0].url_citation.title.startswith("gates.md")
    assert whole.model_extra["citations"][0]["quote"]


def chat_stream(client):
    stream = client.chat.completions.create(
        model="well@1",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def chat_tools(client):
    tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
    messages = [{"role": "user", "content": "How is the weather?"}]
    first = client.chat.completions.create(model="calls", messages=messages, tools=[tool], tool_choice="auto")
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Tallinn"}
    messages += [
        first.choices[0].message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"},
    ]
    second = client.chat.completions.create(model="calls", messages=messages, tools=[tool])
    assert second.choices[0].message.content == "The tool says: 12 degrees."


def chat_json(client):
    for wanted in (
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "opening", "schema": {"type": "object"}}},
    ):
        reply = client.chat.completions.create(
            model="writes", messages=[{"role": "user", "content": QUESTION}], response_format=wanted
        )
        assert json.loads(reply.choices[0].message.content) == {"opens": "05:40"}


def errors(client):
    asked = [{"role": "user", "content": "?"}]
    create = client.chat.completions.create
    assert refused(404, lambda: create(model="nobody", messages=asked)).code == "model_not_found"
    assert refused(400, lambda: create(model="well", messages=[{"role": "system", "content": "x"}])).param
    assert refused(422, lambda: create(model="well", messages=asked, n=3)).param == "n"
    assert refused(422, lambda: create(model="well", messages=[])).param == "messages"
    assert refused(404, lambda: client.get("/nowhere", cast_to=object)).code == "not_found"
    assert refused(405, lambda: client.delete("/models", cast_to=object)).code == "method_not_allowed"
    assert refused(404, lambda: client.responses.retrieve("resp_none")).code == "response_not_found"
    assert refused(404, lambda: client.conversations.retrieve("conv_none")).code == "conversation_not_found"
    assert refused(502, lambda: create(model="refuses", messages=asked)).code == "model_rejected"
    bad = client.with_options(api_key="sk-doumi-wrong")
    assert refused(401, lambda: bad.models.list()).code == "invalid_api_key"
    raw = client.models.with_raw_response.list()
    assert raw.headers["x-request-id"].startswith("req_")


def response(client):
    made = client.responses.create(
        model="well",
        input=QUESTION,
        instructions="Be brief.",
        include=["file_search_call.results"],
        tools=[{"type": "file_search", "vector_store_ids": []}],
        metadata={"topic": "gates"},
        truncation="auto",
    )
    search, message = made.output
    assert search.type == "file_search_call" and search.queries
    assert "05:40" in search.results[0].text
    assert made.output_text == ANSWER
    cited = message.content[0].annotations[0]
    assert (cited.type, cited.filename) == ("file_citation", "gates.md")
    assert ANSWER[cited.start : cited.end] == "[1]"
    assert cited.page == 1 and "05:40" in cited.quote
    assert made.metadata == {"topic": "gates"}
    again = client.responses.retrieve(made.id)
    assert again.output_text == ANSWER
    items = list(client.responses.input_items.list(made.id))
    assert items[0].content[0].text == QUESTION
    followed = client.responses.create(model="well", input="And on Sundays?", previous_response_id=made.id)
    assert followed.previous_response_id == made.id
    client.responses.delete(made.id)
    assert refused(404, lambda: client.responses.retrieve(made.id)).code == "response_not_found"
    unstored = client.responses.create(model="well", input=QUESTION, store=False)
    assert refused(404, lambda: client.responses.retrieve(unstored.id)).code == "response_not_found"


def response_stream(client):
    events = list(client.responses.create(model="well", input=QUESTION, stream=True))
    kinds = [event.type for event in events]
    assert list(dict.fromkeys(kinds)) == list(dict.fromkeys(ORDER)), kinds
    assert [
        kind for at, kind in enumerate(kinds) if kind != "response.output_text.delta" or kinds[at - 1] != kind
    ] == (ORDER)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
    finished = events[-1].response
    again = list(client.responses.retrieve(finished.id, stream=True))
    assert [event.type for event in again] == kinds
    rest = list(client.responses.retrieve(finished.id, stream=True, starting_after=9))
    assert [event.sequence_number for event in rest] == list(range(10, len(events)))
    with client.responses.stream(model="well", input=QUESTION) as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == ANSWER


def response_tools(client):
    tool = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}
    first = client.responses.create(model="calls", input="How is the weather?", tools=[tool])
    call = next(item for item in first.output if item.type == "function_call")
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Tallinn"})
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    second = client.responses.create(
        model="calls", input=[result], tools=[tool], previous_response_id=first.id
    )
    assert second.output_text == "The tool says: 12 degrees."
    kinds = [
        event.type
        for event in client.responses.create(model="calls", input="Weather?", tools=[tool], stream=True)
    ]
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-3:] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]


def response_json(client):
    wanted = {"format": {"type": "json_schema", "name": "opening", "schema": {"type": "object"}}}
    made = client.responses.create(model="writes", input=QUESTION, text=wanted)
    assert json.loads(made.output_text) == {"opens": "05:40"}
    assert made.text.format.name == "opening"


def attached_files(client):
    text = b"# Ferry\n\nThe ferry to Hiiumaa leaves pier 9 at 21:15.\n"
    asked = "When does the ferry leave?"
    data = "data:text/markdown;base64," + base64.b64encode(text).decode()
    part = {"type": "file", "file": {"file_data": data, "filename": "ferry.md"}}
    question = [{"role": "user", "content": [part, {"type": "text", "text": asked}]}]
    cited = client.chat.completions.create(model="well", messages=question).model_extra["citations"][0]
    assert (cited["document"]["name"], cited["page"]) == ("ferry.md", 1), cited
    assert "21:15" in cited["quote"]
    followed = [
        *question,
        {"role": "assistant", "content": "At 21:15."},
        {"role": "user", "content": "Where?"},
    ]
    cited = client.chat.completions.create(model="well", messages=followed).model_extra["citations"][0]
    assert cited["document"]["name"] == "ferry.md"

    file = client.files.create(file=("ferry.md", text), purpose="user_data")
    parts = [{"type": "input_file", "file_id": file.id}, {"type": "input_text", "text": asked}]
    made = client.responses.create(model="well", input=[{"role": "user", "content": parts}])
    assert cited_file(made) == (file.id, "ferry.md")
    followed = client.responses.create(model="well", input="Where?", previous_response_id=made.id)
    assert cited_file(followed) == (file.id, "ferry.md")
    within = [{"type": "input_file", "file_data": data, "filename": "ferry.md"}, parts[1]]
    inline = client.responses.create(model="well", input=[{"role": "user", "content": within}])
    assert cited_file(inline)[1] == "ferry.md"
    client.files.delete(file.id)
    assert "21:15" not in client.responses.retrieve(made.id).to_json()

    def send(part):
        return client.responses.create(model="well", input=[{"role": "user", "content": [part, parts[1]]}])

    assert refused(404, lambda: send(parts[0])).code == "file_not_found"
    for unusable in (
        {"type": "input_file", "file_url": "http://127.0.0.1/ferry.md"},
        {"type": "input_file", "file_data": "no base64!", "filename": "ferry.md"},
        {"type": "input_file", "file_data": base64.b64encode(b"x").decode(), "filename": "ferry.exe"},
    ):
        assert refused(400, lambda part=unusable: send(part)).code == "invalid_attachment"


def images_by_file(client):
    pixel = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    file = client.files.create(file=("pixel.png", pixel), purpose="vision")
    parts = [{"type": "input_image", "file_id": file.id}, {"type": "input_text", "text": "What is this?"}]
    made = client.responses.create(model="vision", input=[{"role": "user", "content": parts}])
    assert made.output_text == "I see data:image/png.", made.output_text
    text = client.files.create(file=("note.md", b"no image"), purpose="vision")
    parts[0] = {"type": "input_image", "file_id": text.id}
    error = refused(
        400, lambda: client.responses.create(model="vision", input=[{"role": "user", "content": parts}])
    )
    assert error.code == "invalid_image"


def cited_file(made):
    """The file that the answer cites first."""
    cited = made.output[-1].content[0].annotations[0]
    return cited.file_id, cited.filename


def response_background(client):
    made = client.responses.create(model="well", input=QUESTION, background=True)
    assert made.status == "queued"
    while made.status in ("queued", "in_progress"):
        time.sleep(0.05)
        made = client.responses.retrieve(made.id)
    assert (made.status, made.output_text) == ("completed", ANSWER)
    slow = client.responses.create(model="slow", input="Count.", background=True)
    assert client.responses.cancel(slow.id).status == "cancelled"
    assert client.responses.retrieve(slow.id).status == "cancelled"
    assert refused(400, lambda: client.responses.cancel(client.responses.create(model="well", input="?").id))


def conversations(client):
    conversation = client.conversations.create(
        metadata={"topic": "gates"},
        items=[
            {"type": "message", "role": "user", "content": "Hello"},
            {"type": "message", "role": "assistant", "content": "Hi"},
        ],
    )
    assert conversation.metadata == {"topic": "gates"}
    made = client.responses.create(model="well", input=QUESTION, conversation=conversation.id)
    assert made.conversation.id == conversation.id
    items = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.type for item in items] == ["message", "message", "message", "file_search_call", "message"]
    assert items[-1].content[0].text == ANSWER
    assert items[-1].id == made.output[-1].id
    one = client.conversations.items.retrieve(items[2].id, conversation_id=conversation.id)
    assert one.content[0].text == QUESTION
    added = client.conversations.items.create(
        conversation.id, items=[{"type": "message", "role": "user", "content": "Thanks"}]
    )
    assert added.data[0].content[0].text == "Thanks"
    client.conversations.items.delete(added.data[0].id, conversation_id=conversation.id)
    assert len(list(client.conversations.items.list(conversation.id))) == 5
    assert client.conversations.update(conversation.id, metadata={"topic": "doors"}).metadata == {
        "topic": "doors"
    }
    assert client.conversations.retrieve(conversation.id).metadata == {"topic": "doors"}
    assert client.conversations.delete(conversation.id).deleted
    assert (
        refused(404, lambda: client.conversations.retrieve(conversation.id)).code == "conversation_not_found"
    )


def conversation_tools(client):
    tool = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}
    conversation = client.conversations.create()
    first = client.responses.create(
        model="calls", input="Weather?", tools=[tool], conversation=conversation.id
    )
    call = next(item for item in first.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    second = client.responses.create(
        model="calls", input=[result], tools=[tool], conversation=conversation.id
    )
    assert second.output_text == "The tool says: 12 degrees."
    kinds = [item.type for item in client.conversations.items.list(conversation.id, order="asc")]
    assert [kind for kind in kinds if kind != "file_search_call"] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]


def refused(status, call):
    """The error of a call that must fail with this status."""
    try:
        call()
    except openai.APIStatusError as error:
        assert error.status_code == status, f"{error.status_code}: {error}"
        assert error.code and error.type and error.message, vars(error)
        assert error.body["message"] and error.body["type"] and error.body["code"]
        return error
    raise AssertionError(f"not refused with {status}")


STEPS = [
    models,
    chat,
    chat_stream,
    chat_tools,
    chat_json,
    errors,
    response,
    response_stream,
    response_tools,
    response_json,
    attached_files,
    images_by_file,
    response_background,
    conversations,
    conversation_tools,
]


def main(base_url, key):
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60) as client:
        for step in STEPS:
            try:
                step(client)
            except Exception as error:
                raise SystemExit(f"{step.__name__}: {type(error).__name__}: {error}") from error
            print(step.__name__)
    print(f"openai {openai.__version__}: all passed")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Programs written for OpenAI's Assistants API, as they were; each takes a client of the SDK."""

import json
from typing import Any

from tests.journeys.openai_storage import refused

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
QUESTION = "When does the Tallinn warehouse open its gates?"


def file_search(client: Any, pdf: bytes) -> None:
    """The file search tutorial: a store with a PDF, an assistant, a thread with an attachment, a run."""
    assistants, threads = client.beta.assistants, client.beta.threads
    store = client.vector_stores.create(name="Warehouse manuals")
    client.vector_stores.file_batches.upload_and_poll(store.id, files=[("창고.pdf", pdf)])
    assistant = assistants.create(
        name="Warehouse desk",
        description="Knows the warehouse",
        instructions="Answer from the manuals.",
        model="gpt-4o",
        tools=[{"type": "file_search"}],
        temperature=0.3,
        metadata={"owner": "harbour"},
    )
    assert (assistant.model, assistant.temperature, assistant.metadata) == (
        "gpt-4o",
        0.3,
        {"owner": "harbour"},
    )
    assistant = assistants.update(
        assistant.id, tool_resources={"file_search": {"vector_store_ids": [store.id]}}
    )
    assert assistant.tool_resources.file_search.vector_store_ids == [store.id]
    assert assistant.instructions == "Answer from the manuals."
    note = client.files.create(
        file=("note.md", b"The Pernik depot locks its doors at 21:15 every evening.\n"), purpose="assistants"
    )
    thread = threads.create(
        messages=[
            {
                "role": "user",
                "content": QUESTION,
                "attachments": [{"file_id": note.id, "tools": [{"type": "file_search"}]}],
            }
        ]
    )
    assert len(thread.tool_resources.file_search.vector_store_ids) == 1
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50)
    assert (run.status, run.last_error) == ("completed", None)
    assert run.usage.total_tokens > 0
    (message,) = threads.messages.list(thread.id, run_id=run.id).data
    text = message.content[0].text
    assert "05:40" in text.value
    (file,) = client.vector_stores.files.list(store.id).data
    annotation = text.annotations[0]
    assert annotation.type == "file_citation"
    assert text.value[annotation.start_index : annotation.end_index] == annotation.text
    assert annotation.file_citation.file_id == file.id
    assert client.files.retrieve(annotation.file_citation.file_id).filename == "창고.pdf"
    assert annotation.model_extra["page"] == 2
    assert "05:40" in annotation.model_extra["quote"]
    steps = threads.runs.steps.list(run.id, thread_id=thread.id, order="asc").data
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert steps[0].step_details.tool_calls[0].file_search.results[0].file_id == file.id
    assert threads.runs.steps.retrieve(steps[1].id, thread_id=thread.id, run_id=run.id).status == "completed"
    # The attachment is searched, too.
    threads.messages.create(thread.id, role="user", content="When does the Pernik depot lock its doors?")
    threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50)
    answer = threads.messages.list(thread.id, limit=1).data[0].content[0].text
    assert "21:15" in answer.value
    assert answer.annotations[0].file_citation.file_id == note.id
    asked = [each.role for each in threads.messages.list(thread.id, order="asc", limit=2)]
    assert asked == ["user", "assistant", "user", "assistant"]  # the SDK walks the pages
    # A deleted file takes the answers with it that rest on it.
    client.files.delete(note.id)
    assert "21:15" not in str(threads.messages.list(thread.id).data[0].content)
    assert threads.delete(thread.id).deleted
    assert refused(threads.retrieve, thread.id) == 404
    assert assistants.delete(assistant.id).deleted
    assert refused(assistants.retrieve, assistant.id) == 404
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 1  # a store of its own right
    client.vector_stores.delete(store.id)


def streaming(client: Any, pdf: bytes) -> None:
    """A streamed run, with the SDK's own handler and event by event."""
    store = client.vector_stores.create(name="Streamed")
    client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("gates.pdf", pdf))
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [store.id]}},
    )
    events = list(
        client.beta.threads.create_and_run(
            assistant_id=assistant.id,
            thread={"messages": [{"role": "user", "content": QUESTION}]},
            stream=True,
        )
    )
    names = [each.event for each in events]
    assert names[:4] == [
        "thread.created",
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
    ]
    assert names[4:7] == [f"thread.run.step.{each}" for each in ("created", "in_progress", "completed")]
    assert names[7:11] == [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
    ]
    assert set(names[11:-3]) == {"thread.message.delta"}
    assert names[-3:] == ["thread.message.completed", "thread.run.step.completed", "thread.run.completed"]
    thread_id = events[0].data.id
    client.beta.threads.messages.create(thread_id, role="user", content=QUESTION)
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant.id) as stream:
        text = "".join(stream.text_deltas)
        run = stream.get_final_run()
        (message,) = stream.get_final_messages()
    assert run.status == "completed"
    assert "05:40" in text
    assert message.content[0].text.value == text
    assert message.content[0].text.annotations[0].file_citation.file_id
    client.beta.assistants.delete(assistant.id)
    client.vector_stores.delete(store.id)


def functions(client: Any) -> None:
    """Function tools: two calls at once, their outputs plain and streamed, steps, cancelling."""
    threads = client.beta.threads
    assistant = client.beta.assistants.create(
        name="Weather desk", instructions="Use the tool.", model="gpt-4o", tools=[WEATHER]
    )
    thread = threads.create(messages=[{"role": "user", "content": "How is the weather in Tallinn and 부산?"}])
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50)
    assert run.status == "requires_action"
    outputs = _outputs(run)
    assert [each["output"] for each in outputs] == ["Tallinn: 3 °C", "부산: 3 °C"]
    assert refused(threads.messages.create, thread.id, role="user", content="Hurry!") == 400
    assert refused(threads.runs.create, thread.id, assistant_id=assistant.id) == 400
    submit = threads.runs.submit_tool_outputs
    assert refused(submit, run.id, thread_id=thread.id, tool_outputs=outputs[:1]) == 400
    run = threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=thread.id, tool_outputs=outputs, poll_interval_ms=50
    )
    assert (run.status, run.required_action) == ("completed", None)
    assert refused(submit, run.id, thread_id=thread.id, tool_outputs=outputs) == 400
    said = threads.messages.list(thread.id).data[0].content[0].text.value
    assert said.startswith("Tools say Tallinn: 3 °C and 부산: 3 °C")
    steps = threads.runs.steps.list(run.id, thread_id=thread.id, order="asc").data
    assert [(step.type, step.status) for step in steps] == [
        ("tool_calls", "completed"),
        ("message_creation", "completed"),
    ]
    assert steps[0].step_details.tool_calls[1].function.output == "부산: 3 °C"

    threads.messages.create(thread.id, role="user", content="And now?")
    with threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        names = [each.event for each in stream]
        run = stream.current_run
    assert names[-1] == "thread.run.requires_action"
    assert names.count("thread.run.step.delta") == 4
    with threads.runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=thread.id, tool_outputs=_outputs(run)
    ) as stream:
        said = "".join(stream.text_deltas)
    assert said.startswith("Tools say Tallinn: 3 °C")

    threads.messages.create(thread.id, role="user", content="Once more")
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50)
    assert threads.runs.cancel(run.id, thread_id=thread.id).status == "cancelled"
    assert [each.status for each in threads.runs.list(thread.id, limit=1)] == [
        "cancelled",
        "completed",
        "completed",
    ]
    changed = threads.runs.update(run.id, thread_id=thread.id, metadata={"seen": "yes"})
    assert (changed.status, changed.metadata) == ("cancelled", {"seen": "yes"})
    client.beta.assistants.delete(assistant.id)


def refusals(client: Any) -> None:
    """What cannot be is said clearly."""
    assistants, threads = client.beta.assistants, client.beta.threads
    code = [{"type": "code_interpreter"}]
    assert refused(assistants.create, model="gpt-4o", tools=code) == 400
    nowhere = {"file_search": {"vector_store_ids": ["vs_000000000000000000000000"]}}
    assert refused(assistants.create, model="gpt-4o", tool_resources=nowhere) == 404
    assert refused(threads.create, tool_resources=nowhere) == 404
    empty = threads.create()
    assert refused(threads.runs.create, empty.id, assistant_id="asst_000000000000000000000000") == 404
    assistant = assistants.create(model="gpt-4o", name="Silent", tools=[])
    run = threads.runs.create_and_poll(thread_id=empty.id, assistant_id=assistant.id, poll_interval_ms=50)
    assert (run.status, run.last_error.code) == ("failed", "invalid_prompt")
    part = [{"type": "image_file", "image_file": {"file_id": "file-000000000000000000000000"}}]
    assert refused(threads.messages.create, empty.id, role="user", content=part) == 400
    assert refused(threads.runs.retrieve, "run_000000000000000000000000", thread_id=empty.id) == 404
    assistants.delete(assistant.id)


def _outputs(run: Any) -> list[dict[str, str]]:
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [
        {"tool_call_id": call.id, "output": f"{json.loads(call.function.arguments)['city']}: 3 °C"}
        for call in calls
    ]

"""Threads, messages, runs and steps on the wire of the Assistants API."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.records import Run, RunStatus, RunStep, Thread, ThreadMessage
from service.routes.openai.vector_store_shapes import Chunking, Metadata
from service.routes.shapes import seconds

_MOST_PARTS = 100

THREAD: dict[str, Any] = {
    "id": "thread_0123456789abcdef01234567",
    "object": "thread",
    "created_at": 1795478400,
    "metadata": {},
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_0123456789abcdef01234567"]}},
}
MESSAGE: dict[str, Any] = {
    "id": "msg_0123456789abcdef01234567",
    "object": "thread.message",
    "created_at": 1795478400,
    "thread_id": "thread_0123456789abcdef01234567",
    "status": "completed",
    "role": "assistant",
    "content": [
        {
            "type": "text",
            "text": {
                "value": "Full-time employees have 18 days [1].",
                "annotations": [
                    {
                        "type": "file_citation",
                        "text": "[1]",
                        "start_index": 33,
                        "end_index": 36,
                        "file_citation": {"file_id": "file-0123456789abcdef01234567"},
                        "page": 5,
                        "quote": "3 to 5 years of service | 18 days",
                    }
                ],
            },
        }
    ],
    "assistant_id": "asst_0123456789abcdef01234567",
    "run_id": "run_0123456789abcdef01234567",
    "attachments": [],
    "metadata": {},
}
RUN: dict[str, Any] = {
    "id": "run_0123456789abcdef01234567",
    "object": "thread.run",
    "created_at": 1795478400,
    "thread_id": "thread_0123456789abcdef01234567",
    "assistant_id": "asst_0123456789abcdef01234567",
    "status": "completed",
    "model": "gpt-4o",
    "instructions": "",
    "tools": [{"type": "file_search"}],
    "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920},
}
STEP: dict[str, Any] = {
    "id": "step_0123456789abcdef01234567",
    "object": "thread.run.step",
    "created_at": 1795478400,
    "run_id": "run_0123456789abcdef01234567",
    "assistant_id": "asst_0123456789abcdef01234567",
    "thread_id": "thread_0123456789abcdef01234567",
    "type": "message_creation",
    "status": "completed",
    "step_details": {
        "type": "message_creation",
        "message_creation": {"message_id": "msg_0123456789abcdef01234567"},
    },
}


class UnusableContent(Exception):
    """The content of a message cannot be taken; the message says what to send."""


class _Wire(BaseModel):
    """An object that is written by one of the functions below."""

    model_config = ConfigDict(extra="allow")
    id: str
    object: str


class ThreadOut(_Wire):
    """A thread."""

    model_config = ConfigDict(json_schema_extra={"example": THREAD})


class MessageOut(_Wire):
    """A message."""

    model_config = ConfigDict(json_schema_extra={"example": MESSAGE})


class RunOut(_Wire):
    """A run."""

    model_config = ConfigDict(json_schema_extra={"example": RUN})


class StepOut(_Wire):
    """A step of a run."""

    model_config = ConfigDict(json_schema_extra={"example": STEP})


class GoneOut(_Wire):
    """Something is gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "thread_0123456789abcdef01234567",
                "object": "thread.deleted",
                "deleted": True,
            }
        }
    )
    deleted: Literal[True] = True


class NewStore(BaseModel):
    """A vector store that is made along the way."""

    model_config = ConfigDict(extra="allow")
    file_ids: Annotated[list[str], Field(max_length=2000)] = Field(default_factory=list)
    metadata: Metadata | None = None
    chunking_strategy: Chunking | None = None


class FileSearch(BaseModel):
    """What file search reads."""

    model_config = ConfigDict(extra="allow")
    vector_store_ids: Annotated[list[str] | None, Field(max_length=16)] = None
    vector_stores: Annotated[list[NewStore], Field(max_length=16)] = Field(default_factory=list)


class ToolResources(BaseModel):
    """What tools read."""

    model_config = ConfigDict(extra="allow")
    file_search: FileSearch | None = None


class AttachmentIn(BaseModel):
    """A file for the tools of a thread."""

    model_config = ConfigDict(extra="allow")
    file_id: str
    tools: list[dict[str, Any]] = Field(default_factory=list)


class MessageIn(BaseModel):
    """A message of the client."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": {"role": "user", "content": "How much annual leave do I have?"}},
    )
    role: Literal["user", "assistant"]
    content: str | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=_MOST_PARTS)]
    attachments: Annotated[list[AttachmentIn] | None, Field(max_length=100)] = None
    metadata: Metadata | None = None

    def parts(self) -> list[dict[str, Any]]:
        """The content as the wire shows it. Raises UnusableContent."""
        if isinstance(self.content, str):
            return [_text(self.content)]
        return [_part(part) for part in self.content]


class MetadataIn(BaseModel):
    """Metadata that replace those that there were."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"metadata": {"case": "17"}}})
    metadata: Metadata | None = None


class ThreadIn(BaseModel):
    """A new thread."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"messages": [{"role": "user", "content": "How much annual leave do I have?"}]}
        },
    )
    messages: Annotated[list[MessageIn], Field(max_length=1000)] = Field(default_factory=list)
    metadata: Metadata | None = None
    tool_resources: ToolResources | None = None


class ThreadChange(BaseModel):
    """What changes of a thread; what is left out stays."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"metadata": {"case": "17"}}})
    metadata: Metadata | None = None
    tool_resources: ToolResources | None = None


class RunIn(BaseModel):
    """A run of an assistant on a thread. What Doumi does not know is accepted and left alone."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": {"assistant_id": "asst_0123456789abcdef01234567", "stream": False}},
    )
    assistant_id: str = Field(description="An assistant's id, or its slug")
    model: str | None = None
    instructions: str | None = None
    additional_instructions: str | None = None
    additional_messages: Annotated[list[MessageIn] | None, Field(max_length=1000)] = None
    metadata: Metadata | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    max_prompt_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    tools: Annotated[list[dict[str, Any]] | None, Field(max_length=128)] = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None
    truncation_strategy: dict[str, Any] | None = None
    stream: bool | None = False

    def asked(self) -> dict[str, Any]:
        """What the run keeps of it."""
        return self.model_dump(
            exclude={"assistant_id", "additional_messages", "metadata", "stream", "thread"}, exclude_none=True
        )


class ThreadRunIn(RunIn):
    """A thread and a run on it, in one request."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "assistant_id": "asst_0123456789abcdef01234567",
                "thread": {"messages": [{"role": "user", "content": "How much annual leave do I have?"}]},
            }
        },
    )
    thread: ThreadIn | None = None
    tool_resources: ToolResources | None = None


class ToolOutput(BaseModel):
    """What the client's own tool brought."""

    model_config = ConfigDict(extra="allow")
    tool_call_id: str
    output: str = ""


class OutputsIn(BaseModel):
    """The outputs of all calls that the run waits for."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"example": {"tool_outputs": [{"tool_call_id": "call_1", "output": "22 °C"}]}},
    )
    tool_outputs: Annotated[list[ToolOutput], Field(max_length=128)]
    stream: bool | None = False


def _text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    json.dumps(part, ensure_ascii=False).encode()  # raises UnicodeEncodeError for half of a character
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return _text(part["text"])
    url = part.get("image_url")
    if part.get("type") == "image_url" and isinstance(url, dict) and isinstance(url.get("url"), str):
        return {"type": "image_url", "image_url": {"url": url["url"], "detail": url.get("detail", "auto")}}
    raise UnusableContent(
        f"A part of the type {part.get('type')!r} cannot be taken: send text or image_url, and files as "
        "attachments with the tool file_search."
    )


def thread_out(thread: Thread) -> dict[str, Any]:
    """The thread on the wire."""
    resources = {"file_search": {"vector_store_ids": thread.vector_stores}} if thread.vector_stores else {}
    return {
        "id": thread.id,
        "object": "thread",
        "created_at": seconds(thread.created_at),
        "metadata": thread.metadata,
        "tool_resources": resources,
    }


def message_out(message: ThreadMessage, status: str | None = None) -> dict[str, Any]:
    """The message on the wire."""
    moment = seconds(message.created_at)
    status = status or ("incomplete" if message.incomplete else "completed")
    return {
        "id": message.id,
        "object": "thread.message",
        "created_at": moment,
        "thread_id": message.thread_id,
        "status": status,
        "incomplete_details": {"reason": message.incomplete} if message.incomplete else None,
        "incomplete_at": moment if status == "incomplete" else None,
        "completed_at": moment if status == "completed" else None,
        "role": message.role,
        "content": message.content,
        "assistant_id": message.assistant_id,
        "run_id": message.run_id,
        "attachments": message.attachments,
        "metadata": message.metadata,
    }


def run_out(run: Run) -> dict[str, Any]:
    """The run on the wire."""
    asked = run.asked
    ended = seconds(run.ended_at) if run.ended_at else None
    waits = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": run.calls}}
    return {
        "id": run.id,
        "object": "thread.run",
        "created_at": seconds(run.created_at),
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "status": run.status,
        "required_action": waits if run.status is RunStatus.REQUIRES_ACTION else None,
        "last_error": run.error,
        "incomplete_details": {"reason": run.incomplete} if run.incomplete else None,
        "expires_at": None if run.status.over else seconds(run.expires_at),
        "started_at": seconds(run.started_at) if run.started_at else None,
        "cancelled_at": ended if run.status is RunStatus.CANCELLED else None,
        "failed_at": ended if run.status is RunStatus.FAILED else None,
        "completed_at": ended if run.status is RunStatus.COMPLETED else None,
        "model": asked.get("model", ""),
        "instructions": asked.get("instructions", ""),
        "tools": asked.get("tools", []),
        "metadata": run.metadata,
        "usage": run.usage,
        "temperature": asked.get("temperature"),
        "top_p": asked.get("top_p"),
        "max_prompt_tokens": asked.get("max_prompt_tokens"),
        "max_completion_tokens": asked.get("max_completion_tokens"),
        "truncation_strategy": asked.get("truncation_strategy") or {"type": "auto", "last_messages": None},
        "response_format": asked.get("response_format") or "auto",
        "tool_choice": asked.get("tool_choice") or "auto",
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
    }


def step_out(run: Run, step: RunStep) -> dict[str, Any]:
    """The step on the wire."""
    ended = seconds(step.ended_at) if step.ended_at else None
    return {
        "id": step.id,
        "object": "thread.run.step",
        "created_at": seconds(step.created_at),
        "run_id": run.id,
        "assistant_id": run.assistant_id,
        "thread_id": run.thread_id,
        "type": step.kind,
        "status": step.status,
        "step_details": step.details,
        "last_error": run.error if step.status == "failed" else None,
        "expired_at": None,
        "cancelled_at": ended if step.status == "cancelled" else None,
        "failed_at": ended if step.status == "failed" else None,
        "completed_at": ended if step.status == "completed" else None,
        "metadata": None,
        "usage": step.usage,
    }


def listing(found: Sequence[dict[str, Any]], more: bool) -> dict[str, Any]:
    """A page of a list."""
    return {
        "object": "list",
        "data": list(found),
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
        "has_more": more,
    }


def functions(tools: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the tools that the client runs itself."""
    return [tool for tool in tools if tool.get("type") == "function"]

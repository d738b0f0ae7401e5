"""Requests of OpenAI's Responses API, and the body of a response before anything is in it."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from knowledge.filters import parse
from service.answering import Generation
from service.turns import FileSearch

EXAMPLE: dict[str, Any] = {
    "id": "resp_0123456789abcdef01234567",
    "object": "response",
    "created_at": 1795478400,
    "status": "completed",
    "model": "handbook",
    "output": [
        {
            "id": "fs_0123456789abcdef01234567",
            "type": "file_search_call",
            "status": "completed",
            "queries": ["How many days of annual leave do I have?"],
            "results": None,
        },
        {
            "id": "msg_0123456789abcdef01234567_a",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [
                {
                    "type": "output_text",
                    "text": "Full-time employees have 18 days of annual leave in the fourth year [1].",
                    "annotations": [
                        {
                            "type": "file_citation",
                            "file_id": "file-5f0c9f1d2b3a4c5d6e7f8091",
                            "filename": "handbook.pdf",
                            "index": 69,
                            "page": 5,
                            "quote": "3 to 5 years of service | 18 days",
                            "start": 69,
                            "end": 72,
                        }
                    ],
                    "logprobs": [],
                }
            ],
        },
    ],
    "usage": {"input_tokens": 900, "output_tokens": 20, "total_tokens": 920},
}

Metadata = Annotated[
    dict[str, Annotated[str, Field(max_length=512)]],
    Field(max_length=16, description="Up to 16 pairs of the client's own"),
]


class UnusableRequest(Exception):
    """The request asks for things that exclude each other, or that are not there; the message says which."""


class Ranking(BaseModel):
    """What a search should leave out."""

    score_threshold: Annotated[float | None, Field(ge=0, le=1)] = None


class FileSearchTool(BaseModel):
    """The tool that says where and how the files are searched."""

    vector_store_ids: Annotated[list[str], Field(max_length=100)] = []
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int | None, Field(ge=1, le=50)] = None
    ranking_options: Ranking | None = None


class ResponseIn(BaseModel):
    """A request for a response. What Doumi does not know is accepted and left alone."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"model": "handbook", "input": "How many days of annual leave do I have?"}
        },
    )
    model: str = Field(description="An assistant's slug; slug@3 is its third version")
    input: str | list[dict[str, Any]] = Field(description="The question, or items")
    instructions: str | None = Field(None, description="For this response; below the assistant's own")
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = Field(
        None, description="Doumi keeps the history: an id of a conversation, or “new”"
    )
    stream: bool | None = False
    store: bool | None = True
    background: bool | None = False
    include: list[str] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    text: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: Annotated[int | None, Field(ge=1)] = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    truncation: str | None = None
    metadata: Metadata | None = None

    @property
    def conversation_id(self) -> str | None:
        """Of the conversation, whichever way it was named."""
        if isinstance(self.conversation, dict):
            return str(self.conversation.get("id", ""))
        return self.conversation or None

    def check(self) -> None:
        """Raises UnusableRequest for what cannot be together."""
        if self.conversation_id and self.previous_response_id:
            raise UnusableRequest("Send either conversation or previous_response_id: each brings a history.")
        if self.store is False and self.conversation_id:
            raise UnusableRequest("A conversation keeps what is said in it; leave out “store: false” or it.")
        if self.store is False and self.background:
            raise UnusableRequest("A background response is read later; leave out “store: false”.")

    def generation(self) -> Generation:
        """What is asked of the model itself, in the words of chat. Raises UnusableRequest."""
        given: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_output_tokens,
            "parallel_tool_calls": self.parallel_tool_calls,
            "reasoning_effort": (self.reasoning or {}).get("effort"),
            "response_format": _response_format((self.text or {}).get("format")),
        }
        tools = tuple(_chat_tool(tool) for tool in self.tools or () if tool.get("type") != "file_search")
        if not tools:
            del given["parallel_tool_calls"]
        return Generation(
            tools=tools,
            tool_choice=_chat_choice(self.tool_choice) if tools else None,
            parameters={name: value for name, value in given.items() if value is not None},
        )

    def search(self) -> FileSearch:
        """Where and how the files are searched. Raises UnusableRequest and UnusableFilter."""
        tools = [tool for tool in self.tools or () if tool.get("type") == "file_search"]
        if len(tools) > 1:
            raise UnusableRequest("Send one file_search tool, with all vector_store_ids in it.")
        try:
            tool = FileSearchTool.model_validate(tools[0] if tools else {})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise UnusableRequest(f"tools, file_search, {place}: {first['msg']}.") from None
        threshold = tool.ranking_options.score_threshold if tool.ranking_options else None
        return FileSearch(
            stores=tuple(dict.fromkeys(tool.vector_store_ids)),
            filter=None if tool.filters is None else parse(tool.filters),
            passages=tool.max_num_results,
            floor=threshold or None,
        )

    def skeleton(self, response_id: str, *, strict: bool, conversation: str | None) -> dict[str, Any]:
        """The response with everything but its output."""
        tools = [
            {"description": None, "parameters": None, "strict": None, **tool}
            if tool.get("type") == "function"
            else tool
            for tool in self.tools or ()
            if not strict or tool.get("type") == "function"
        ]
        extra = self.model_extra or {}
        body = {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()),
            "completed_at": None,
            "status": "in_progress",
            "background": bool(self.background),
            "error": None,
            "incomplete_details": None,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "max_tool_calls": None,
            "model": self.model,
            "output": [],
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "previous_response_id": self.previous_response_id,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "prompt_cache_key": extra.get("prompt_cache_key"),
            "reasoning": {"effort": (self.reasoning or {}).get("effort"), "summary": None},
            "safety_identifier": extra.get("safety_identifier"),
            "service_tier": "default",
            "store": self.store is not False,
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "text": self.text if self.text and self.text.get("format") else {"format": {"type": "text"}},
            "tool_choice": self.tool_choice or "auto",
            "tools": tools,
            "top_logprobs": 0,
            "top_p": 1.0 if self.top_p is None else self.top_p,
            "truncation": self.truncation or "disabled",
            "usage": None,
            "user": extra.get("user"),
            "metadata": self.metadata or {},
        }
        return body | ({"conversation": {"id": conversation}} if conversation else {})


def _response_format(wanted: Any) -> dict[str, Any] | None:
    if not isinstance(wanted, Mapping) or wanted.get("type") in (None, "text"):
        return None
    if wanted["type"] == "json_schema":
        schema = _only(wanted, ("name", "schema", "strict", "description"))
        return {"type": "json_schema", "json_schema": schema}
    return {"type": wanted["type"]}


def _chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function" or not isinstance(tool.get("name"), str):
        raise UnusableRequest(
            f"tools: {tool.get('type')!r} is not offered here; send functions with a name, or file_search."
        )
    function = _only(tool, ("name", "description", "parameters", "strict"))
    return {"type": "function", "function": function}


def _chat_choice(choice: Any) -> Any:
    if isinstance(choice, Mapping):
        named = choice.get("name")
        return {"type": "function", "function": {"name": named}} if choice.get("type") == "function" else None
    return choice


def _only(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name) is not None}

"""The MCP server: assistants as tools, their knowledge as a search tool and as resources.

The only file that knows the `mcp` SDK. Who calls is decided by the route, before anything gets here; every
handler then reaches the team's things as the routes do.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

import mcp_types as types
from anyio import to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError

from knowledge.base import KnowledgeBase
from knowledge.documents import Document, Passage
from knowledge.errors import DocumentNotFound, PageNotFound
from knowledge.search import search
from service import faults
from service.access import Desk, NotAllowed, desk_of, find_assistant, find_assistants
from service.errors import describe
from service.events import AnswerDone, Confirmation, Question
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Assistant, Caller, Role
from service.shown import action_out, citations_out, confirmation_out, retrieval_out
from service.store.assistants import AssistantNotFound
from service.store.pages import Window
from service.turns import Asked, RunningTurn, prepared

_ASK, _SEARCH = "ask_", "search_"
_HOW_TO_DECIDE = (
    "This waits for a person's decision: {method} {host}{path} ({name}). GET {url} shows exactly what "
    'would be sent; POST {url} with {{"decision": "once"}} or "refuse", and the same key, decides it '
    "and replies with the rest of the answer. No tool decides in a person's place."
)
_RESOURCES_A_PAGE = 200
_LONGEST_READ = 200_000  # characters of a whole document; its pages can be read one by one
_ADDRESS = re.compile(r"doumi://(?P<slug>[\w.-]+)/documents/(?P<id>\w+)(?:/pages/(?P<page>\d{1,7}))?")
_ABOUT = (
    "Assistants of a team that answer from its own files, with citations. Ask one with its ask_ tool; "
    "search_ tools return passages as they are; documents and their pages are resources."
)
_QUESTION: dict[str, Any] = {"type": "string", "description": "A question in full, in any language"}

Result = TypeVar("Result")
Context = ServerRequestContext[Any, Any]


def sessions(here: Installation) -> StreamableHTTPSessionManager:
    """What answers requests under /mcp, once its `run()` is entered. Nothing is kept between requests."""
    return StreamableHTTPSessionManager(_server(here), stateless=True, json_response=True)


def _server(here: Installation) -> Server[Any]:
    async def list_tools(
        context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        caller = _caller(context)
        found = await to_thread.run_sync(_assistants, here, caller)
        return types.ListToolsResult(tools=[tool for each in found for tool in _tools(caller, each)])

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        caller, arguments = _caller(context), params.arguments or {}
        try:
            if params.name.startswith(_ASK):
                return await _ask(here, caller, params.name.removeprefix(_ASK), arguments)
            if params.name.startswith(_SEARCH):
                slug = params.name.removeprefix(_SEARCH)
                return await to_thread.run_sync(_search, here, caller, slug, arguments)
        except AssistantNotFound:
            pass
        except Exception as error:  # the model that called is told, so that it can do something about it
            _, problem = describe(error, faults.TABLE)
            return _said(problem["error"]["message"], is_error=True)
        raise MCPError(types.INVALID_PARAMS, f"There is no tool {params.name!r}; list the tools to see them.")

    async def list_resources(
        context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = params.cursor if params else None
        return await to_thread.run_sync(_resources, here, _caller(context), cursor)

    async def list_templates(
        _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    name="page",
                    title="A page of a document",
                    uri_template="doumi://{assistant}/documents/{document}/pages/{number}",
                    description="The text of one page (slide, sheet), counted from 1",
                    mime_type="text/plain",
                )
            ]
        )

    async def read_resource(
        context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        text = await to_thread.run_sync(_read, here, _caller(context), params.uri)
        contents = types.TextResourceContents(uri=params.uri, mime_type="text/plain", text=text)
        return types.ReadResourceResult(contents=[contents])

    return Server(
        "doumi",
        version=version("doumi"),
        title="Doumi",
        instructions=_ABOUT,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


def _caller(context: Context) -> Caller:
    assert context.request is not None
    caller: Caller = context.request.scope["state"]["caller"]  # left there by the route
    return caller


# Tools


def _assistants(here: Installation, caller: Caller) -> list[Assistant]:
    found, _ = find_assistants(here, caller, Window(limit=10_000, order="asc"))
    return found


def _shows_files(caller: Caller, assistant: Assistant) -> bool:
    """Viewers see documents only where answers cite them."""
    return caller.role.covers(Role.EDITOR) or instruction_of(assistant).front.citations


def _tools(caller: Caller, assistant: Assistant) -> Iterator[types.Tool]:
    front = instruction_of(assistant).front
    about = f"{assistant.name}: {front.description}" if front.description else assistant.name
    yield types.Tool(
        name=f"{_ASK}{assistant.slug}",
        title=f"Ask {assistant.name}",
        description=f"Ask the assistant “{about}”. It answers from its team's files and cites them.",
        input_schema=_schema(question=_QUESTION, required=["question"]),
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    if assistant.knowledge_bases and _shows_files(caller, assistant):
        count = {"type": "integer", "minimum": 1, "maximum": 50, "default": 8}
        yield types.Tool(
            name=f"{_SEARCH}{assistant.slug}",
            title=f"Search the files of {assistant.name}",
            description=f"Passages from the files of “{about}” that bear on a question, best first.",
            input_schema=_schema(query=_QUESTION, k=count, required=["query"]),
            annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )


def _schema(*, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


async def _ask(
    here: Installation, caller: Caller, slug: str, arguments: dict[str, Any]
) -> types.CallToolResult:
    text = arguments.get("question")
    if not isinstance(text, str) or not text.strip():
        return _said("question must be text that is not empty.", is_error=True)
    turn = await prepared(here, caller, Asked(model=slug, question=Question(text=text)))
    done = await turn.whole()
    return _answer(here, turn, done)


def _answer(here: Installation, turn: RunningTurn, done: AnswerDone) -> types.CallToolResult:
    citations = citations_out(done, turn.desk.assistant.slug)
    for citation in citations:
        citation["url"] = here.settings.url + citation["url"]
    lines = [
        f"[{each['label']}] {each['document']['name']}, {each['locator']}: “{each['quote']}” {each['url']}"
        for each in _once(citations, lambda each: each["label"])
    ]
    structured: dict[str, Any] = {"answer": done.text, "citations": citations}
    if done.calls:
        structured["actions"] = [action_out(call) for call in done.calls]
    if done.confirmation is not None:
        structured["confirmation"] = _waits(here, done.confirmation)
        lines.append(_HOW_TO_DECIDE.format(**structured["confirmation"]))
    if turn.shows_sources:
        structured["retrieval"] = retrieval_out(done.retrieval)
    return _said("\n\n".join([done.text, *(["\n".join(lines)] if lines else [])]), structured)


def _waits(here: Installation, asked: Confirmation) -> dict[str, Any]:
    shown = confirmation_out(asked)
    return shown | {"url": here.settings.url + shown["url"]}


def _search(here: Installation, caller: Caller, slug: str, arguments: dict[str, Any]) -> types.CallToolResult:
    query, k = arguments.get("query"), arguments.get("k", 8)
    if not isinstance(query, str) or not query.strip():
        return _said("query must be text that is not empty.", is_error=True)
    if not isinstance(k, int) or not 1 <= k <= 50:
        return _said("k must be a whole number from 1 to 50.", is_error=True)
    desk = _desk(here, caller, slug)
    passages = search(desk.bases, query, k=k).passages
    found = [_passage(slug, passage) for passage in passages]
    text = "\n\n".join(f"{each['document']}, {each['locator']}:\n{each['text']}" for each in found)
    return _said(text or "No passage of the files bears on this.", {"passages": found})


def _passage(slug: str, passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.document_name,
        "uri": f"{_uri(slug, passage.document_id)}/pages/{passage.chunk.page}",
        "page": passage.chunk.page,
        "locator": passage.chunk.locator,
        "text": passage.chunk.text,
        "relevance": round(passage.relevance, 4),
    }


def _said(text: str, structured: Any = None, *, is_error: bool = False) -> types.CallToolResult:
    content: list[types.ContentBlock] = [types.TextContent(text=text)]
    return types.CallToolResult(content=content, structured_content=structured, is_error=is_error)


def _once(items: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> list[dict[str, Any]]:
    return list({key(item): item for item in reversed(list(items))}.values())[::-1]


# Resources


def _desk(here: Installation, caller: Caller, slug: str) -> Desk:
    """An assistant whose documents the caller may see. Raises AssistantNotFound and NotAllowed."""
    assistant = find_assistant(here, caller, slug)
    if not _shows_files(caller, assistant):
        raise NotAllowed(f"The editors of {slug} keep its documents to themselves (citations: off).")
    return desk_of(here, caller, assistant)


def _resources(here: Installation, caller: Caller, cursor: str | None) -> types.ListResourcesResult:
    """A page of the documents; the cursor is assistant, base and document that it goes on behind."""
    found: list[types.Resource] = []
    after = cursor.split("/") if cursor else None
    for assistant in _assistants(here, caller):
        if not _shows_files(caller, assistant):
            continue
        for base_id in assistant.knowledge_bases:
            behind = None
            if after is not None:
                if after[:2] != [assistant.id, base_id]:
                    continue
                behind, after = after[2], None
            base = here.bases.get(caller.team.id, base_id)
            documents = _documents(base, _RESOURCES_A_PAGE - len(found), behind)
            found += [_resource(assistant.slug, document) for document in documents]
            if len(found) >= _RESOURCES_A_PAGE:
                more = f"{assistant.id}/{base_id}/{documents[-1].id}"
                return types.ListResourcesResult(resources=found, next_cursor=more)
    return types.ListResourcesResult(resources=found)


def _documents(base: KnowledgeBase, limit: int, after: str | None) -> list[Document]:
    try:
        return base.documents(limit=limit, after=after, order="asc")
    except DocumentNotFound:  # it was deleted between two pages of the list
        return base.documents(limit=limit, order="asc")


def _resource(slug: str, document: Document) -> types.Resource:
    return types.Resource(
        name=document.name,
        uri=_uri(slug, document.id),
        description=f"{document.pages} pages" if document.pages > 1 else None,
        mime_type="text/plain",
    )


def _uri(slug: str, document_id: str) -> str:
    return f"doumi://{slug}/documents/{document_id}"


def _read(here: Installation, caller: Caller, uri: str) -> str:
    """The text of a document or of one of its pages. Raises MCPError."""
    place = _ADDRESS.fullmatch(uri)
    with suppress(AssistantNotFound, DocumentNotFound, PageNotFound, NotAllowed):
        if place:
            desk = _desk(here, caller, place["slug"])
            base = next((base for base in desk.bases if _holds(base, place["id"])), None)
            if base is not None:
                return _text(base, place["id"], int(place["page"]) if place["page"] else None)
    raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri}; list the resources to see them.")


def _holds(base: KnowledgeBase, document_id: str) -> bool:
    with suppress(DocumentNotFound):
        base.document(document_id)
        return True
    return False


def _text(base: KnowledgeBase, document_id: str, number: int | None) -> str:
    if number is not None:
        return base.page(document_id, number).text
    texts, length = [], 0
    for at in range(1, base.document(document_id).pages + 1):
        page = base.page(document_id, at)
        texts.append(f"[{page.label}]\n{page.text}" if page.label else page.text)
        length += len(texts[-1])
        if length > _LONGEST_READ:
            texts.append(f"[Cut here; read further pages as …/pages/{at + 1} and so on.]")
            break
    return "\n\n".join(texts)

"""/v1/vector_stores: the knowledge bases, as OpenAI's clients know them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from knowledge.documents import Passage
from knowledge.filters import parse
from knowledge.search import search
from service.access import Editor, NotAllowed, TheInstallation, readable_bases
from service.installation import Installation
from service.records import Caller, KnowledgeBaseRecord
from service.routes.knowledge_bases import delete_knowledge_base
from service.routes.openai.vector_store_shapes import (
    Attributes,
    StoreChange,
    StoreDeletedOut,
    StoreId,
    StoreIn,
    StoreOut,
    store_out,
)
from service.routes.shapes import Listing, PageWindow, errors
from service.store.pages import Window
from service.vector_stores import (
    Wanted,
    attach,
    base_id,
    create,
    find,
    page_file_id,
    refuse_expired,
    store_id,
)

router = APIRouter(prefix="/v1/vector_stores", tags=["openai"])


class Ranking(BaseModel):
    """What the search should leave out."""

    model_config = ConfigDict(extra="allow")
    score_threshold: Annotated[float | None, Field(ge=0, le=1)] = None


class SearchIn(BaseModel):
    """A search; several queries are searched one by one."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "query": "How many days of annual leave?",
                "max_num_results": 5,
                "filters": {"type": "eq", "key": "year", "value": 2026},
            }
        },
    )
    query: str | Annotated[list[str], Field(min_length=1, max_length=16)]
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Field(ge=1, le=50)] = 10
    ranking_options: Ranking | None = None


class TextPart(BaseModel):
    """Text that was found."""

    type: Literal["text"] = "text"
    text: str


class FoundOut(BaseModel):
    """A passage, with Doumi's own fields beside OpenAI's."""

    file_id: str
    filename: str
    score: float = Field(description="0..1: how sure the search is that the passage bears on the query")
    attributes: Attributes
    content: list[TextPart]
    page: int
    locator: str


class SearchOut(BaseModel):
    """Passages, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "vector_store.search_results.page",
                "search_query": ["How many days of annual leave?"],
                "data": [
                    {
                        "file_id": "file-0123456789abcdef01234567",
                        "filename": "handbook.pdf",
                        "score": 0.92,
                        "attributes": {"year": 2026},
                        "content": [{"type": "text", "text": "3 to 5 years of service | 18 days"}],
                        "page": 5,
                        "locator": "page 5",
                    }
                ],
                "has_more": False,
                "next_page": None,
            }
        }
    )
    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[FoundOut]
    has_more: bool = False
    next_page: None = None


@router.post("", responses=errors(400, 404))
def create_vector_store(here: TheInstallation, caller: Editor, body: StoreIn) -> StoreOut:
    """A new vector store: a knowledge base that the page and assistants see too."""
    record = create(here, caller, body.name)
    chunking = body.chunking_strategy.kept() if body.chunking_strategy else None
    try:
        attach(
            here,
            caller,
            record,
            [Wanted(file_id=each, chunking=chunking) for each in dict.fromkeys(body.file_ids)],
        )
    except BaseException:
        delete_knowledge_base(here, caller, record.slug)  # nothing half made stays
        raise
    here.store.vector_stores.note(
        caller.team.id,
        record.id,
        {
            "metadata": body.metadata or {},
            "expires_days": body.expires_after.days if body.expires_after else None,
        },
    )
    return _out(here, record)


@router.get("", responses=errors(400))
def list_vector_stores(here: TheInstallation, caller: Editor, window: PageWindow) -> Listing[StoreOut]:
    """The vector stores of the team: every knowledge base is one."""
    inner = Window(
        limit=window.limit,
        order=window.order,
        after=base_id(window.after) if window.after else None,
        before=base_id(window.before) if window.before else None,
    )
    found, more = here.store.knowledge_bases.page(caller.team.id, inner, among=readable_bases(here, caller))
    notes = here.store.vector_stores.notes(caller.team.id, [record.id for record in found])
    return Listing(
        data=[store_out(here, record, notes[record.id]) for record in found],
        first_id=store_id(found[0].id) if found else None,
        last_id=store_id(found[-1].id) if found else None,
        has_more=more,
    )


@router.get("/{vector_store_id}", responses=errors(404))
def get_vector_store(here: TheInstallation, caller: Editor, vector_store_id: StoreId) -> StoreOut:
    """One vector store."""
    return _out(here, find(here, caller, vector_store_id))


@router.post("/{vector_store_id}", responses=errors(400, 404))
def change_vector_store(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, body: StoreChange
) -> StoreOut:
    """Change its name, metadata or expiry; `expires_after: null` keeps it for ever."""
    record = find(here, caller, vector_store_id)
    if body.name:
        record = here.store.knowledge_bases.rename(caller.team.id, record.slug, body.name)
    given = body.model_fields_set
    changes: dict[str, Any] = {"metadata": body.metadata or {}} if "metadata" in given else {}
    if "expires_after" in given:
        changes["expires_days"] = body.expires_after.days if body.expires_after else None
    here.store.vector_stores.note(caller.team.id, record.id, changes)
    return _out(here, record)


@router.delete("/{vector_store_id}", responses=errors(404))
def delete_vector_store(here: TheInstallation, caller: Editor, vector_store_id: StoreId) -> StoreDeletedOut:
    """Delete a vector store with its documents; the files of /v1/files stay."""
    record = find(here, caller, vector_store_id)
    if caller.assistants is not None and record.id not in here.store.belongings.of(caller, "kb_"):
        raise NotAllowed("This key did not make the vector store; an assistant that others use reads it.")
    delete_knowledge_base(here, caller, record.slug)
    here.store.belongings.drop(caller.team.id, record.id)
    return StoreDeletedOut(id=vector_store_id)


@router.post("/{vector_store_id}/search", responses=errors(400, 404))
def search_vector_store(
    here: TheInstallation, caller: Editor, vector_store_id: StoreId, body: SearchIn
) -> SearchOut:
    """Passages for a query, by words and by meaning; `filters` limit the search itself."""
    record = _usable(here, caller, vector_store_id)
    base = here.bases.get(record.team_id, record.id)
    queries = [body.query] if isinstance(body.query, str) else body.query
    threshold = body.ranking_options.score_threshold if body.ranking_options else None
    wanted = None if body.filters is None else parse(body.filters)
    passages: dict[tuple[str, int], Passage] = {}
    for query in queries:
        found = search([base], query, k=body.max_num_results, floor=threshold or 0.0, filter=wanted)
        for passage in found.passages:
            passages.setdefault((passage.document_id, passage.chunk.ordinal), passage)
    best = list(passages.values())
    if len(queries) > 1:
        best.sort(key=lambda passage: -passage.relevance)
    here.store.vector_stores.use(record.team_id, [record.id])
    return SearchOut(search_query=queries, data=_found(here, record, best[: body.max_num_results]))


def _found(here: Installation, record: KnowledgeBaseRecord, passages: list[Passage]) -> list[FoundOut]:
    base = here.bases.get(record.team_id, record.id)
    documents = {passage.document_id for passage in passages}
    ids = here.store.vector_stores.files_of_documents(record.team_id, list(documents))
    attributes = {document: base.document(document).attributes for document in documents}
    return [
        FoundOut(
            file_id=ids.get(passage.document_id, page_file_id(passage.document_id)),
            filename=passage.document_name,
            score=round(float(passage.relevance), 6),
            attributes=dict(attributes[passage.document_id]),
            content=[TextPart(text=passage.chunk.text)],
            page=passage.chunk.page,
            locator=passage.chunk.locator,
        )
        for passage in passages
    ]


def _usable(here: Installation, caller: Caller, vector_store_id: str) -> KnowledgeBaseRecord:
    record = find(here, caller, vector_store_id)
    refuse_expired(here, [record])
    return record


def _out(here: Installation, record: KnowledgeBaseRecord) -> StoreOut:
    return store_out(here, record, here.store.vector_stores.notes(record.team_id, [record.id])[record.id])

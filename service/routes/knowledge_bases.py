"""Knowledge bases of the team: create, list, read, change, delete. Their documents are in documents.py."""

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from knowledge.errors import UnusableSettings
from knowledge.recipe import BaseSettings
from service.access import BaseSlug, Editor, EditorBase, TheInstallation, find_assistant
from service.bases import address_of
from service.installation import Installation
from service.records import KnowledgeBaseRecord
from service.routes.assistants import SLUG
from service.routes.shapes import Listing, PageWindow, errors, seconds

router = APIRouter(prefix="/api/knowledge-bases", tags=["knowledge bases"])

_SETTINGS: dict[str, Any] = {
    "embedder": "intfloat/multilingual-e5-small",
    "chunk_tokens": 256,
    "overlap_sentences": 2,
    "language": None,
    "reranker": None,
    "floor": None,
    "top_k": 8,
}
_EXAMPLE: dict[str, Any] = {
    "id": "kb_0123456789abcdef01234567",
    "object": "knowledge_base",
    "slug": "policies",
    "name": "Company policies",
    "assistants": ["handbook", "onboarding"],
    "documents": 3,
    "settings": _SETTINGS,
    "status": "rebuilding",
    "serving": {"embedder": "all-MiniLM-L6-v2", "chunk_tokens": 256, "overlap_sentences": 2},
    "rebuilding": {"embedder": "intfloat/multilingual-e5-small", "done": 1, "total": 3, "error": None},
    "created_at": 1795478400,
}


class SettingsIn(BaseModel):
    """What changes of the settings; null is the default, what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    embedder: Annotated[
        str | None, Field(max_length=300, description="A sentence-transformers model, or openai:<model>")
    ] = None
    chunk_tokens: Annotated[int | None, Field(ge=32, le=2048)] = None
    overlap_sentences: Annotated[int | None, Field(ge=0, le=8)] = None
    language: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$", description="What pictures of text are read in (OCR)"
        ),
    ] = None
    reranker: Annotated[
        str | None, Field(max_length=300, description="A sentence-transformers CrossEncoder; null: none")
    ] = None
    floor: Annotated[float | None, Field(ge=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=1, le=50)] = None

    def over(self, before: BaseSettings) -> BaseSettings:
        """The settings with what was given in place of what was before."""
        defaults = asdict(BaseSettings())
        given = {name: getattr(self, name) for name in self.model_fields_set}
        given = {name: defaults[name] if value is None else value for name, value in given.items()}
        return replace(before, **given)


class KnowledgeBaseIn(BaseModel):
    """A new knowledge base; assistants name it by its slug in `knowledge`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"slug": "policies", "name": "Company policies", "settings": {"chunk_tokens": 256}}
        },
    )
    slug: Annotated[str, Field(pattern=SLUG)]
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    settings: SettingsIn | None = None


class KnowledgeBaseChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "All policies", "settings": {"embedder": "intfloat/multilingual-e5-small"}}
        },
    )
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    settings: SettingsIn | None = None


class SettingsOut(BaseModel):
    """What the editors decided; null is what the installation or Doumi decides."""

    model_config = ConfigDict(from_attributes=True)
    embedder: str | None
    chunk_tokens: int
    overlap_sentences: int
    language: str | None
    reranker: str | None
    floor: float | None
    top_k: int


class ServingOut(BaseModel):
    """What the chunks that are searched were made with."""

    model_config = ConfigDict(from_attributes=True)
    embedder: str
    chunk_tokens: int
    overlap_sentences: int


class RebuildingOut(BaseModel):
    """How far the making anew is, in documents. Until it is done the old chunks are searched."""

    model_config = ConfigDict(from_attributes=True)
    embedder: str
    done: int
    total: int
    error: str | None = Field(description="Why it does not go on; it is tried again")


class KnowledgeBaseOut(BaseModel):
    """A knowledge base."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["knowledge_base"] = "knowledge_base"
    slug: str
    name: str
    assistants: list[str] = Field(description="Slugs of those that read it")
    documents: int
    settings: SettingsOut
    status: Literal["ready", "rebuilding"]
    serving: ServingOut
    rebuilding: RebuildingOut | None
    created_at: int


class DeletedBaseOut(BaseModel):
    """What a deletion took away."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "kb_0123456789abcdef01234567",
                "object": "knowledge_base.deleted",
                "deleted": True,
                "slug": "policies",
                "removed": {"documents": 3, "stored_answers": 2},
                "assistants": ["handbook"],
            }
        }
    )
    id: str
    object: Literal["knowledge_base.deleted"] = "knowledge_base.deleted"
    deleted: Literal[True] = True
    slug: str
    removed: dict[str, int]
    assistants: list[str] = Field(description="Slugs of those that read it and do so no more")


@router.get("", responses=errors(400, 404))
def list_knowledge_bases(
    here: TheInstallation,
    caller: Editor,
    window: PageWindow,
    assistant: Annotated[str | None, Query(description="Only those that it reads, in its order")] = None,
) -> Listing[KnowledgeBaseOut]:
    """The knowledge bases of the team."""
    if assistant is None:
        found, more = here.store.knowledge_bases.page(caller.team.id, window)
    else:
        ids = find_assistant(here, caller, assistant).knowledge_bases
        found, more = here.store.knowledge_bases.some(caller.team.id, ids), False
    return Listing(
        data=[_out(here, record) for record in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("", status_code=201, responses=errors(400, 409))
def create_knowledge_base(here: TheInstallation, caller: Editor, body: KnowledgeBaseIn) -> KnowledgeBaseOut:
    """A new knowledge base, which stays when the assistants that read it are deleted."""
    made = here.store.knowledge_bases.create(caller.team.id, slug=body.slug, name=body.name or body.slug)
    try:
        _configure(here, made, body.settings)
    except UnusableSettings:
        here.store.knowledge_bases.delete(made.team_id, made.slug)
        here.bases.delete(made.team_id, made.id)
        raise
    return _out(here, made)


@router.get("/{base}", responses=errors(404))
def get_knowledge_base(here: TheInstallation, record: EditorBase) -> KnowledgeBaseOut:
    """One knowledge base."""
    return _out(here, record)


@router.patch("/{base}", responses=errors(400, 404))
def change_knowledge_base(
    here: TheInstallation, record: EditorBase, body: KnowledgeBaseChange
) -> KnowledgeBaseOut:
    """Change a knowledge base.

    Another embedder or size of chunks is made beside what is searched now, and then takes its place: see
    `rebuilding`. When one of the settings cannot be used nothing changes.
    """
    _configure(here, record, body.settings)
    if body.name:
        record = here.store.knowledge_bases.rename(record.team_id, record.slug, body.name)
    return _out(here, record)


@router.delete("/{base}", responses=errors(404))
def delete_knowledge_base(here: TheInstallation, caller: Editor, base: BaseSlug) -> DeletedBaseOut:
    """Delete a knowledge base with all its documents, and their text in stored answers.

    The assistants that read it stay, and know less.
    """
    team = caller.team.id
    gone = here.store.knowledge_bases.delete(team, base)
    documents = here.bases.get(team, gone.record.id).all_ids()
    answers = sum(here.store.forget_document(team, each) for each in documents)
    here.bases.delete(team, gone.record.id)
    here.store.database.forget_deleted()
    return DeletedBaseOut(
        id=gone.record.id,
        slug=gone.record.slug,
        removed={"documents": len(documents), "stored_answers": answers},
        assistants=list(gone.assistants),
    )


def _configure(here: Installation, record: KnowledgeBaseRecord, given: SettingsIn | None) -> None:
    if given is None:
        return
    base = here.bases.get(record.team_id, record.id)
    base.configure(given.over(base.settings))
    if base.rebuilding() is not None:
        here.rebuilder.submit(address_of(record))


def _out(here: Installation, record: KnowledgeBaseRecord) -> KnowledgeBaseOut:
    base = here.bases.get(record.team_id, record.id)
    rebuilding = base.rebuilding()
    return KnowledgeBaseOut(
        id=record.id,
        slug=record.slug,
        name=record.name,
        assistants=list(here.store.knowledge_bases.readers(record.team_id, record.id)),
        documents=base.count(),
        settings=SettingsOut.model_validate(base.settings),
        status="ready" if rebuilding is None else "rebuilding",
        serving=ServingOut.model_validate(base.making().recipe),
        rebuilding=None if rebuilding is None else RebuildingOut.model_validate(rebuilding),
        created_at=seconds(record.created_at),
    )

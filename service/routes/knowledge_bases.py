"""Knowledge bases of the team: create, list, read, change, delete. Their documents are in documents.py."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.access import BaseSlug, Editor, EditorBase, TheInstallation
from service.installation import Installation
from service.records import KnowledgeBaseRecord
from service.routes.assistants import SLUG
from service.routes.shapes import Listing, PageWindow, errors, seconds

router = APIRouter(prefix="/api/knowledge-bases", tags=["knowledge bases"])

_EXAMPLE: dict[str, Any] = {
    "id": "kb_0123456789abcdef01234567",
    "object": "knowledge_base",
    "slug": "policies",
    "name": "Company policies",
    "assistants": ["handbook", "onboarding"],
    "documents": 3,
    "created_at": 1795478400,
}


class KnowledgeBaseIn(BaseModel):
    """A new knowledge base; assistants name it by its slug in `knowledge`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"slug": "policies", "name": "Company policies"}}
    )
    slug: Annotated[str, Field(pattern=SLUG)]
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class KnowledgeBaseChange(BaseModel):
    """What changes; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "All policies"}})
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class KnowledgeBaseOut(BaseModel):
    """A knowledge base."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["knowledge_base"] = "knowledge_base"
    slug: str
    name: str
    assistants: list[str] = Field(description="Slugs of those that read it")
    documents: int
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


@router.get("", responses=errors(400))
def list_knowledge_bases(
    here: TheInstallation, caller: Editor, window: PageWindow
) -> Listing[KnowledgeBaseOut]:
    """The knowledge bases of the team."""
    found, more = here.store.knowledge_bases.page(caller.team.id, window)
    return Listing(
        data=[_out(here, record) for record in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("", status_code=201, responses=errors(409))
def create_knowledge_base(here: TheInstallation, caller: Editor, body: KnowledgeBaseIn) -> KnowledgeBaseOut:
    """A new knowledge base, which stays when the assistants that read it are deleted."""
    made = here.store.knowledge_bases.create(caller.team.id, slug=body.slug, name=body.name or body.slug)
    return _out(here, made)


@router.get("/{base}", responses=errors(404))
def get_knowledge_base(here: TheInstallation, record: EditorBase) -> KnowledgeBaseOut:
    """One knowledge base."""
    return _out(here, record)


@router.patch("/{base}", responses=errors(400, 404))
def change_knowledge_base(
    here: TheInstallation, record: EditorBase, body: KnowledgeBaseChange
) -> KnowledgeBaseOut:
    """Change a knowledge base."""
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
    answers = sum(here.store.conversations.forget_document(team, each) for each in documents)
    here.bases.delete(team, gone.record.id)
    here.store.database.forget_deleted()
    return DeletedBaseOut(
        id=gone.record.id,
        slug=gone.record.slug,
        removed={"documents": len(documents), "stored_answers": answers},
        assistants=list(gone.assistants),
    )


def _out(here: Installation, record: KnowledgeBaseRecord) -> KnowledgeBaseOut:
    return KnowledgeBaseOut(
        id=record.id,
        slug=record.slug,
        name=record.name,
        assistants=list(here.store.knowledge_bases.readers(record.team_id, record.id)),
        documents=here.bases.get(record.team_id, record.id).count(),
        created_at=seconds(record.created_at),
    )

"""Assistants of the team: create, read, change, delete."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from instructions.format import AnswerFrom, Instruction, from_parts, render
from service.access import (
    Editor,
    TheInstallation,
    Viewer,
    ViewerAssistant,
    find_assistant,
    find_assistants,
    find_base,
)
from service.installation import Installation
from service.instruction import instruction_of
from service.records import Assistant, Caller, Role
from service.routes.shapes import Listing, PageWindow, errors, seconds

router = APIRouter(prefix="/api/assistants", tags=["assistants"])

SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"

_INSTRUCTION = """\
<persona>
You answer questions about our handbook.
</persona>
<guidelines>
Answer in one or two sentences.
</guidelines>
"""
_EXAMPLE: dict[str, Any] = {
    "id": "asst_0123456789abcdef01234567",
    "object": "assistant",
    "slug": "handbook",
    "name": "Handbook",
    "description": "Answers from the employee handbook",
    "starters": ["How many days of annual leave do I have?"],
    "model": None,
    "answer_from": "knowledge",
    "citations": True,
    "language": "en",
    "tools": [],
    "version": 1,
    "knowledge_bases": ["kb_0123456789abcdef01234567"],
    "documents": 3,
    "created_at": 1795478400,
    "updated_at": 1795478400,
}


class FrontMatterIn(BaseModel):
    """What the front matter of an instruction file may say; what is given here wins over the file."""

    model_config = ConfigDict(extra="forbid")
    description: str | None = None
    model: str | None = None
    starters: list[str] | None = None
    knowledge: list[str] | None = Field(
        None, description="Slugs of knowledge bases; without it a new assistant has one of its own"
    )
    actions: list[str] | None = None
    tools: list[str] | None = Field(None, description="Built-in tools: calculator, clock, tables, fetch")
    fetch_hosts: list[str] | None = Field(None, description="Hosts whose pages the tool `fetch` may read")
    sees: bool | None = Field(None, description="Whether the model takes images; else its name says so")
    answer_from: AnswerFrom | None = None
    citations: bool | None = None
    language: str | None = None

    def front(self) -> dict[str, Any]:
        """The keys that were given."""
        return self.model_dump(exclude_none=True, exclude={"slug", "name", "instruction"}, mode="json")


class AssistantIn(FrontMatterIn):
    """A new assistant: the text of an instruction file or just its sections."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "slug": "handbook",
                "name": "Handbook",
                "instruction": _INSTRUCTION,
                "answer_from": "knowledge",
                "starters": ["How many days of annual leave do I have?"],
            }
        },
    )
    slug: Annotated[str, Field(pattern=SLUG)]
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    instruction: str = ""


class AssistantChange(FrontMatterIn):
    """What changes; a new version comes of it. What is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Handbook", "instruction": _INSTRUCTION}}
    )
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    instruction: str | None = None


class AssistantOut(BaseModel):
    """An assistant in a list."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})
    id: str
    object: Literal["assistant"] = "assistant"
    slug: str
    name: str
    description: str
    starters: list[str]
    model: str | None = Field(description="Null: the installation's model")
    answer_from: AnswerFrom
    citations: bool
    language: str | None
    tools: list[str] = Field(description="Built-in tools that it may call")
    version: int
    knowledge_bases: list[str]
    documents: int
    created_at: int
    updated_at: int


class WholeAssistantOut(AssistantOut):
    """An assistant; its instruction is shown to editors and owners only."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE | {"instruction": _INSTRUCTION}})
    instruction: str | None


class DeletedOut(BaseModel):
    """What a deletion took away."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "asst_0123456789abcdef01234567",
                "object": "assistant.deleted",
                "deleted": True,
                "slug": "handbook",
                "removed": {"knowledge_bases": 1, "documents": 3},
            }
        }
    )
    id: str
    object: Literal["assistant.deleted"] = "assistant.deleted"
    deleted: Literal[True] = True
    slug: str
    removed: dict[str, int]


@router.get("", responses=errors(400, 404))
def list_assistants(here: TheInstallation, caller: Viewer, window: PageWindow) -> Listing[AssistantOut]:
    """The assistants of the team."""
    found, more = find_assistants(here, caller, window)
    return Listing(
        data=[AssistantOut(**_fields(here, assistant)) for assistant in found],
        first_id=found[0].id if found else None,
        last_id=found[-1].id if found else None,
        has_more=more,
    )


@router.post("", status_code=201, responses=errors(400, 404, 409))
def create_assistant(here: TheInstallation, caller: Editor, body: AssistantIn) -> WholeAssistantOut:
    """A new assistant, with a knowledge base of its own unless `knowledge` names others."""
    instruction = from_parts(body.front(), body.instruction, file=f"{body.slug}.md")
    assistant = here.store.assistants.create(
        caller.team.id,
        slug=body.slug,
        name=body.name or instruction.front.name or body.slug,
        instruction=render(instruction),
        knowledge=instruction.front.knowledge,
    )
    return _whole(here, caller, assistant)


@router.get("/{slug}", responses=errors(404))
def get_assistant(here: TheInstallation, caller: Viewer, assistant: ViewerAssistant) -> WholeAssistantOut:
    """One assistant; `slug@3` is its third version."""
    return _whole(here, caller, assistant)


@router.put("/{slug}", responses=errors(400, 404))
def change_assistant(
    here: TheInstallation, caller: Editor, slug: str, body: AssistantChange
) -> WholeAssistantOut:
    """Change an assistant; earlier versions stay and can be asked as `slug@1`."""
    before = find_assistant(here, caller, slug)
    text = before.instruction if body.instruction is None else body.instruction
    instruction = from_parts(body.front(), text, file=f"{before.slug}.md")
    for base in instruction.front.knowledge:
        find_base(here, caller, base)  # a key for one assistant must not read the files of another
    assistant = here.store.assistants.change(
        caller.team.id,
        before.slug,
        name=body.name or _renamed(before, instruction),
        instruction=render(instruction),
        knowledge=instruction.front.knowledge if body.knowledge or body.instruction is not None else None,
    )
    return _whole(here, caller, assistant)


@router.delete("/{slug}", responses=errors(404))
async def delete_assistant(here: TheInstallation, caller: Editor, slug: str) -> DeletedOut:
    """Delete an assistant with its versions, its conversations, and the knowledge that only it reads."""
    return await to_thread.run_sync(_delete, here, caller, slug)


def _delete(here: Installation, caller: Caller, slug: str) -> DeletedOut:
    team = caller.team.id
    find_assistant(here, caller, slug)
    gone = here.store.assistants.delete(team, slug)
    documents = 0
    for base in gone.knowledge_bases:
        documents += here.bases.get(team, base).count()
        here.bases.delete(team, base)
    here.store.database.forget_deleted()
    return DeletedOut(
        id=gone.id,
        slug=slug,
        removed={"knowledge_bases": len(gone.knowledge_bases), "documents": documents},
    )


def _renamed(before: Assistant, after: Instruction) -> str:
    """A new name in the front matter renames; otherwise the name stays."""
    return after.front.name if after.front.name else before.name


def _fields(here: Installation, assistant: Assistant) -> dict[str, Any]:
    front = instruction_of(assistant).front
    return {
        "id": assistant.id,
        "slug": assistant.slug,
        "name": assistant.name,
        "description": front.description,
        "starters": list(front.starters),
        "model": front.model,
        "answer_from": front.answer_from,
        "citations": front.citations,
        "language": front.language,
        "tools": list(front.tools),
        "version": assistant.version,
        "knowledge_bases": list(assistant.knowledge_bases),
        "documents": sum(
            here.bases.get(assistant.team_id, base).count() for base in assistant.knowledge_bases
        ),
        "created_at": seconds(assistant.created_at),
        "updated_at": seconds(assistant.updated_at),
    }


def _whole(here: Installation, caller: Caller, assistant: Assistant) -> WholeAssistantOut:
    shown = assistant.instruction if caller.role.covers(Role.EDITOR) else None
    return WholeAssistantOut(**_fields(here, assistant), instruction=shown)

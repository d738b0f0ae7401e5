"""/v1/assistants: the assistants, as the retired Assistants API knows them."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service import openai_assistants
from service.access import (
    Editor,
    TheInstallation,
    Viewer,
    find_assistant_by_id,
    find_assistants,
)
from service.installation import Installation
from service.records import Assistant, Caller, Role
from service.routes.assistants import delete_assistant
from service.routes.openai.thread_shapes import GoneOut, ToolResources, listing
from service.routes.openai.thread_stores import stores_wanted
from service.routes.openai.vector_store_shapes import Metadata
from service.routes.shapes import Listing, PageWindow, errors

router = APIRouter(prefix="/v1/assistants", tags=["openai"])

_EXAMPLE: dict[str, Any] = {
    "id": "asst_0123456789abcdef01234567",
    "object": "assistant",
    "created_at": 1795478400,
    "name": "Handbook desk",
    "description": None,
    "model": "gpt-4o",
    "instructions": "Answer in one or two sentences.",
    "tools": [{"type": "file_search"}],
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_0123456789abcdef01234567"]}},
    "metadata": {},
    "temperature": 1.0,
    "top_p": None,
    "response_format": "auto",
    "slug": "handbook-desk",
}


class AssistantFields(BaseModel):
    """What an assistant is made of. What Doumi does not know is accepted and left alone."""

    model_config = ConfigDict(extra="allow")
    name: Annotated[str | None, Field(max_length=200)] = None
    description: Annotated[str | None, Field(max_length=512)] = None
    instructions: Annotated[str | None, Field(max_length=256_000)] = None
    tools: Annotated[list[dict[str, Any]] | None, Field(max_length=128)] = None
    tool_resources: ToolResources | None = None
    metadata: Metadata | None = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    response_format: Any = None

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"tool_resources"})


class AssistantIn(AssistantFields):
    """A new assistant."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "model": "gpt-4o",
                "name": "Handbook desk",
                "instructions": "Answer in one or two sentences.",
                "tools": [{"type": "file_search"}],
                "tool_resources": {"file_search": {"vector_store_ids": ["vs_0123456789abcdef01234567"]}},
            }
        },
    )
    model: str = Field(description="Kept and shown; the installation's model answers")


class ExportedIn(AssistantFields):
    """The JSON of an assistant that was retrieved at OpenAI, as it is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "id": "asst_abc123",
                "object": "assistant",
                "name": "Handbook desk",
                "model": "gpt-4o",
                "instructions": "Answer in one or two sentences.",
                "tools": [{"type": "file_search"}, {"type": "code_interpreter"}],
            }
        },
    )
    model: str | None = None


class AssistantUpdate(AssistantFields):
    """What changes; what is left out stays."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"name": "Handbook"}})
    model: str | None = None


class AssistantShown(BaseModel):
    """An assistant; its instructions are shown to editors and owners only."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _EXAMPLE})
    id: str
    object: str


class ImportOut(BaseModel):
    """What became of an exported assistant."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "assistant": _EXAMPLE,
                "taken": [
                    "instructions",
                    "function get_weather: programs answer it with submit_tool_outputs",
                ],
                "left_out": ["code_interpreter: Doumi has no such tool; an action can do the work"],
            }
        }
    )
    assistant: AssistantShown
    taken: list[str]
    left_out: list[str]


@router.post("", responses=errors(400, 404))
async def create(here: TheInstallation, caller: Editor, body: AssistantIn) -> AssistantShown:
    """A new assistant, which the page and chat completions see too, under the slug of its name."""
    return await to_thread.run_sync(_create, here, caller, body)


@router.post("/import", responses=errors(400))
def import_one(here: TheInstallation, caller: Editor, body: ExportedIn) -> ImportOut:
    """Take over an assistant from the JSON of one that was retrieved at OpenAI.

    The report says what was taken, and what was not and why. Its files are uploaded afterwards.
    """
    done = openai_assistants.import_assistant(here, caller, body.model_dump(exclude_unset=True))
    return ImportOut(assistant=_shown(here, caller, done.assistant), taken=done.taken, left_out=done.left_out)


@router.get("", responses=errors(400))
def list_all(here: TheInstallation, caller: Viewer, window: PageWindow) -> Listing[AssistantShown]:
    """The assistants that the caller may use; those of the page are among them."""
    found, more = find_assistants(here, caller, window)
    return Listing[AssistantShown].model_validate(
        listing([_shown(here, caller, each).model_dump() for each in found], more)
    )


@router.get("/{assistant_id}", responses=errors(404))
def get_one(here: TheInstallation, caller: Viewer, assistant_id: str) -> AssistantShown:
    """One assistant."""
    return _shown(here, caller, find_assistant_by_id(here, caller, assistant_id))


@router.post("/{assistant_id}", responses=errors(400, 404))
def change_one(
    here: TheInstallation, caller: Editor, assistant_id: str, body: AssistantUpdate
) -> AssistantShown:
    """Change an assistant; earlier versions can still be asked as `slug@1`."""
    before = find_assistant_by_id(here, caller, assistant_id)
    stores = stores_wanted(here, caller, body.tool_resources, name=before.name)
    return _shown(here, caller, openai_assistants.change(here, caller, before, body.given(), stores))


@router.delete("/{assistant_id}", responses=errors(404))
async def delete_one(here: TheInstallation, caller: Editor, assistant_id: str) -> GoneOut:
    """Delete an assistant; vector stores that were made for themselves stay."""
    found = await to_thread.run_sync(find_assistant_by_id, here, caller, assistant_id)
    await delete_assistant(here, caller, found.slug)
    return GoneOut(id=found.id, object="assistant.deleted")


def _create(here: Installation, caller: Caller, body: AssistantIn) -> AssistantShown:
    openai_assistants.refuse_unknown_tools(body.tools or [])
    stores = stores_wanted(here, caller, body.tool_resources, name=body.name or "")
    return _shown(here, caller, openai_assistants.create(here, caller, body.given(), stores))


def _shown(here: Installation, caller: Caller, assistant: Assistant) -> AssistantShown:
    whole = caller.role.covers(Role.EDITOR)
    return AssistantShown.model_validate(openai_assistants.shown(here, assistant, whole=whole))

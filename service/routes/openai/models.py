"""GET /v1/models: the assistants, as the models of an OpenAI client."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from service.access import TheInstallation, Viewer, find_assistant, find_assistants
from service.records import Assistant
from service.routes.shapes import errors, seconds
from service.store.pages import Window

router = APIRouter(prefix="/v1/models", tags=["openai"])

_EXAMPLE: dict[str, Any] = {"id": "handbook", "object": "model", "created": 1795478400, "owned_by": "example"}


class ModelCard(BaseModel):
    """An assistant, as OpenAI's clients list it."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE | {"name": "Handbook"}})
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str


class ModelCards(BaseModel):
    """All of them: this list has no pages."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


@router.get("", responses=errors())
def list_models(here: TheInstallation, caller: Viewer) -> ModelCards:
    """The assistants that the key may use; an id is the `model` of a chat."""
    found, _ = find_assistants(here, caller, Window(limit=10_000, order="asc"))
    return ModelCards(data=[_card(assistant, caller.team.slug) for assistant in found])


@router.get("/{model}", responses=errors(404))
def get_model(here: TheInstallation, caller: Viewer, model: str) -> ModelCard:
    """One assistant; `slug@3` is its third version."""
    return _card(find_assistant(here, caller, model), caller.team.slug)


def _card(assistant: Assistant, team: str) -> ModelCard:
    return ModelCard(
        id=assistant.slug, created=seconds(assistant.created_at), owned_by=team, name=assistant.name
    )

"""Whether the service is alive, and whether it can answer."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from service.access import TheInstallation
from service.installation import StillStarting
from service.routes.shapes import ErrorReply

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """A sign of life."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok"}})
    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def alive() -> Health:
    """The process is up."""
    return Health()


@router.get("/readyz", responses={503: {"model": ErrorReply}})
def ready(here: TheInstallation) -> Health:
    """The service can answer: its databases are open and its embedder is loaded."""
    if reason := here.not_ready():
        raise StillStarting(reason)
    return Health()

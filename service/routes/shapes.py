"""What several routes share on the wire: lists, times, the errors in the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from service.store.pages import Window

Item = TypeVar("Item")


class Listing(BaseModel, Generic[Item]):
    """A page of a list, in the shape of OpenAI's lists."""

    object: Literal["list"] = "list"
    data: list[Item]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class ErrorBody(BaseModel):
    """What is wrong, and what to do."""

    message: str = Field(
        examples=["The assistant 'handbok' does not exist; GET /v1/models lists those that do."]
    )
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(None, examples=["model"])
    code: str | None = Field(None, examples=["model_not_found"])


class ErrorReply(BaseModel):
    """The body of every error."""

    error: ErrorBody


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may end with these statuses; 401 and 422 go without saying."""
    return {status: {"model": ErrorReply} for status in (401, 403, 422, *statuses)}


def _window(
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    order: Literal["asc", "desc"] = "desc",
    after: Annotated[str | None, Query(description="Id of the item before the page")] = None,
    before: Annotated[str | None, Query(description="Id of the item behind the page")] = None,
) -> Window:
    return Window(limit=limit, order=order, after=after, before=before)


PageWindow = Annotated[Window, Depends(_window)]


def seconds(moment: datetime) -> int:
    """Unix seconds, as OpenAI's objects carry times."""
    return int(moment.timestamp())

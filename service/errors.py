"""The table from an exception to a status and an OpenAI-shaped body."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger("doumi")


@dataclass(frozen=True)
class Fault:
    """How an exception looks on the wire."""

    status: int
    type: str
    code: str
    param: str | None = None


INVALID = "invalid_request_error"
_HTTP_CODES = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_value",
    429: "rate_limit_exceeded",
}


def body_of(message: str, fault: Fault, **more: Any) -> dict[str, Any]:
    """The body of an error, as the OpenAI SDKs read it."""
    error = {"message": message, "type": fault.type, "param": fault.param, "code": fault.code}
    return {"error": error | more}


def fault_of(error: BaseException, table: Mapping[type[BaseException], Fault]) -> Fault:
    """The row for the exception's class or its nearest ancestor in the table; 500 when there is none."""
    for cls in type(error).__mro__:
        if cls in table:
            return table[cls]
    return Fault(500, "server_error", "internal_error")


def describe(error: BaseException, table: Mapping[type[BaseException], Fault]) -> tuple[int, dict[str, Any]]:
    """Status and body for an exception. What nobody foresaw says nothing of the inside."""
    fault = fault_of(error, table)
    if fault.code == "internal_error":
        log.error("An unforeseen error", exc_info=error)
        return 500, body_of("Something went wrong inside Doumi; the operator's log says what.", fault)
    return fault.status, body_of(str(error), fault)


def install(app: FastAPI, table: Mapping[type[BaseException], Fault]) -> None:
    """Make every error of the app carry the same body, also those that frameworks raise."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        status, body = describe(error, table)
        headers = dict(getattr(error, "headers", None) or {})
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if status in (429, 503):
            headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after", None) or 5)))
        return JSONResponse(body, status_code=status, headers=headers)

    async def http(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _HTTP_CODES.get(error.status_code, "error")
        kind = INVALID if error.status_code < 500 else "server_error"
        return JSONResponse(
            body_of(str(error.detail), Fault(error.status_code, kind, code)),
            status_code=error.status_code,
            headers=dict(error.headers or {}),
        )

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
        param = ".".join(place) or None
        message = f"{param}: {first['msg']}." if param else f"{first['msg']}."
        return JSONResponse(body_of(message, Fault(422, INVALID, _HTTP_CODES[422], param)), status_code=422)

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, ours)
    for cls in table:
        if issubclass(cls, Exception):
            app.add_exception_handler(cls, ours)

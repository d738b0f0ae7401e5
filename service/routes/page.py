"""The page: built files, and its one HTML file for every address of the page."""

import mimetypes
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

BUILT = Path(__file__).parent.parent / "web"

router = APIRouter(include_in_schema=False)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_NOT_BUILT = (
    "<!doctype html><title>Doumi</title><p>The API is up; the page was not built. "
    "Install without DOUMI_SKIP_WEB to get it."
)
_ENDINGS_FOR_EVER = "public, max-age=31536000, immutable"  # the names under assets/ carry a hash


@router.get("/assets/{name:path}")
async def asset(request: Request, name: str) -> Response:
    """A built file, compressed where the build did that and the browser takes it."""
    path = (BUILT / "assets" / name).resolve()
    if not path.is_relative_to(BUILT.resolve()) or not path.is_file():
        raise HTTPException(404, f"There is no file /assets/{name}.")
    headers = {"Cache-Control": _ENDINGS_FOR_EVER, "Vary": "Accept-Encoding"}
    packed = path.with_name(path.name + ".gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        media_type = mimetypes.guess_type(path.name)[0]
        return FileResponse(packed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return FileResponse(path, headers=headers)


@router.get("/docs")
async def documentation() -> Response:
    """The API's documentation; it draws /openapi.json."""
    return _html("docs.html")


@router.get("/")
@router.get("/a/{rest:path}")
@router.get("/view/{rest:path}")
@router.get("/settings/{rest:path}")
async def page(rest: str = "") -> Response:
    """The page; it reads its own address."""
    return _html("index.html")


def _html(name: str) -> Response:
    if not (BUILT / name).is_file():
        return HTMLResponse(_NOT_BUILT)
    return FileResponse(BUILT / name, headers={"Cache-Control": "no-cache"})

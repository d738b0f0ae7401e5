import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.app import create_app
from service.settings import Settings

# Reached without a key: signs of life, signing in, and the page itself.
PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/session"),
    ("POST", "/api/join"),
    ("POST", "/api/join/look"),
    ("POST", "/api/account/reset"),
    ("GET", "/assets/{name:path}"),
    ("GET", "/"),
    ("GET", "/a/{rest:path}"),
    ("GET", "/view/{rest:path}"),
    ("GET", "/settings/{rest:path}"),
    ("GET", "/docs"),
    ("GET", "/oauth/callback"),  # where the browser comes back without the cookie; it only leads on
    ("GET", "/favicon.svg"),
}


def routes() -> list[tuple[str, APIRoute]]:
    """Each route with its whole address."""
    return list(below(create_app(Settings(data=Path("nowhere"))), ""))


def below(router: Any, prefix: str) -> Iterator[tuple[str, APIRoute]]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        elif hasattr(route, "original_router"):  # newer versions of FastAPI keep an included router whole
            yield from below(route.original_router, prefix + route.include_context.prefix)


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from calls(inner)


def test_every_route_asks_who_calls_or_is_on_the_short_public_list() -> None:
    seen = set()
    for path, route in routes():
        guarded = any(getattr(call, "gives_access", False) for call in calls(route.dependant))
        for method in route.methods:
            seen.add((method, path))
            assert guarded != ((method, path) in PUBLIC), f"{method} {path}"
    assert len(seen - PUBLIC) > 15


def test_nothing_but_access_and_the_operators_commands_reads_a_caller_from_a_secret() -> None:
    service = Path(__file__).parents[2] / "service"
    users = {
        path.relative_to(service).as_posix()
        for path in service.rglob("*.py")
        if re.search(r"(caller|administrator)_of_(key|session)\(", path.read_text())
    }
    assert users == {"access.py", "store/credentials.py"}


@pytest.mark.parametrize("path", sorted({path for path, _ in routes() if path.startswith("/api")}))
def test_addresses_of_documents_begin_with_their_assistant_or_knowledge_base(path: str) -> None:
    if "document" in path:
        owners = ("/api/assistants/{slug}", "/api/knowledge-bases/{base}")
        assert path.startswith(tuple(f"{owner}/documents" for owner in owners))

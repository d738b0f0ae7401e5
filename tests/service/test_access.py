import re
from collections.abc import Iterator
from pathlib import Path

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
    ("GET", "/assets/{name:path}"),
    ("GET", "/"),
    ("GET", "/a/{rest:path}"),
    ("GET", "/view/{rest:path}"),
    ("GET", "/docs"),
    ("GET", "/favicon.svg"),
}


def routes() -> list[APIRoute]:
    app = create_app(Settings(data=Path("nowhere")))
    # Newer versions of FastAPI keep an included router whole, older ones copy its routes.
    routers = [app, *(r.original_router for r in app.routes if hasattr(r, "original_router"))]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from calls(inner)


def test_every_route_asks_who_calls_or_is_on_the_short_public_list() -> None:
    seen = set()
    for route in routes():
        guarded = any(getattr(call, "gives_access", False) for call in calls(route.dependant))
        for method in route.methods:
            seen.add((method, route.path))
            assert guarded != ((method, route.path) in PUBLIC), f"{method} {route.path}"
    assert len(seen - PUBLIC) > 15


def test_nothing_but_access_and_the_operators_commands_reads_a_caller_from_a_secret() -> None:
    service = Path(__file__).parents[2] / "service"
    users = {
        path.relative_to(service).as_posix()
        for path in service.rglob("*.py")
        if re.search(r"caller_of_(key|session)\(", path.read_text())
    }
    assert users == {"access.py", "store/teams.py"}


@pytest.mark.parametrize("path", sorted({route.path for route in routes() if route.path.startswith("/api")}))
def test_addresses_of_an_assistants_things_begin_with_the_assistant(path: str) -> None:
    if "document" in path:
        assert path.startswith("/api/assistants/{slug}/documents")

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

import ingest
import instructions
import knowledge
import service
from service import faults
from service.app import create_app
from service.errors import Fault, describe
from service.settings import Settings

# Ends a start or a command, or is a document's status: it never reaches a request.
INSIDE = {
    "DataFolderInUse",
    "SettingsError",
    "Unreadable",
    "Garbled",
    "NotExpressible",
    "Interrupted",
    "HostRefused",
    "Refused",
    "Reported",
}


def modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [
        importlib.import_module(module.name)
        for module in found
        if "migrations" not in module.name
        and ".examples" not in module.name
        and ".readers" not in module.name
    ]


def exceptions() -> list[type[BaseException]]:
    return sorted(
        {
            cls
            for package in (service, ingest, knowledge, instructions)
            for module in modules(package)
            for _, cls in inspect.getmembers(module, inspect.isclass)
            if issubclass(cls, BaseException)
            and cls.__module__.split(".")[0] == package.__name__
            and not cls.__name__.startswith("_")
        },
        key=lambda cls: cls.__name__,
    )


@pytest.mark.parametrize("cls", exceptions(), ids=lambda cls: cls.__name__)
def test_every_exception_of_ours_has_a_status_or_never_reaches_a_request(cls: type[BaseException]) -> None:
    inside = {ancestor.__name__ for ancestor in cls.__mro__} & INSIDE
    in_table = any(ancestor in faults.TABLE for ancestor in cls.__mro__)
    assert bool(inside) != in_table
    assert cls.__doc__


@pytest.mark.parametrize("fault", faults.TABLE.values(), ids=lambda fault: fault.code)
def test_every_row_has_an_error_status_a_type_and_a_code(fault: Fault) -> None:
    assert 400 <= fault.status < 600
    assert fault.type
    assert fault.code


def test_an_unforeseen_error_tells_nothing_of_the_inside() -> None:
    status, body = describe(RuntimeError("password=hunter2 in /srv/secret"), faults.TABLE)
    assert status == 500
    assert "hunter2" not in str(body)
    assert body["error"]["code"] == "internal_error"


def test_every_refusal_of_the_framework_and_every_accident_has_the_one_body_and_a_request_id() -> None:
    app = create_app(Settings(data=Path("nowhere")))

    @app.get("/v1/accident")
    def accident() -> None:
        raise RuntimeError("password=hunter2")

    client = TestClient(app, raise_server_exceptions=False)
    replies = {
        404: client.get("/v1/nowhere"),
        405: client.delete("/v1/models"),
        500: client.get("/v1/accident"),
    }
    for status, reply in replies.items():
        assert reply.status_code == status
        error = reply.json()["error"]
        assert error["message"]
        assert error["type"]
        assert error["code"]
        assert reply.headers["x-request-id"].startswith("req_")
    assert "hunter2" not in replies[500].text

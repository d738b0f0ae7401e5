"""How long a large OpenAPI document takes to import: `python -m bench.actions [FILE…]`."""

import sys
import time
from pathlib import Path

import yaml

from service.actions.report import report
from service.actions.spec import read_spec


def big_document(operations: int) -> str:
    """As large services write it: parameters, bodies and answers by reference, long descriptions."""
    about = "What this is about, at some length. " * 3
    fields = {f"field{n}": {"type": "string", "description": about} for n in range(20)}
    parent = {"parent": {"$ref": "#/components/schemas/Thing"}}
    thing = {"type": "object", "properties": fields | parent}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    choice = {"type": "string", "enum": ["a", "b"]}
    paths = {
        f"/things{n}/{{id}}": {
            "put": {
                "operationId": f"changeThing{n}",
                "description": "Changes a thing. " * 10,
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    *({"name": f"q{i}", "in": "query", "schema": choice} for i in range(5)),
                ],
                "requestBody": {"content": content},
                "responses": {"200": {"description": about, "content": content}},
            }
        }
        for n in range(operations)
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": paths,
        "components": {"schemas": {"Thing": thing}},
    }
    return yaml.dump(document, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """Writes everything out, as people do."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def main() -> None:
    """Print the figure, then the table of the files given."""
    text = big_document(300)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        spec = read_spec(text)
        took.append(time.perf_counter() - began)
    print(
        f"{len(spec.operations)} operations in {len(text) / 1000:,.0f} kB of YAML: "
        f"{sorted(took)[2]:.2f} s (median of 5; best {min(took):.2f} s)"
    )
    if len(sys.argv) > 1:
        report([Path(name) for name in sys.argv[1:]])


if __name__ == "__main__":
    main()

"""OpenAPI documents in the terminal: operations found, refused and why."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.actions.source import SpecInvalid
from service.actions.spec import read_spec


def report(files: Sequence[Path], *, server: str | None = None) -> int:
    """Print a table; 0 where every document can be used."""
    table = Table(title="OpenAPI documents as actions")
    for heading in ("document", "OpenAPI", "operations", "refused", "ms", "why"):
        table.add_column(heading, justify="right" if heading in ("operations", "refused", "ms") else "left")
    broken = 0
    for path in files:
        began = time.perf_counter()
        try:
            spec = read_spec(path.read_text(encoding="utf-8"), server=server)
        except (SpecInvalid, UnicodeDecodeError) as error:
            broken += 1
            table.add_row(path.name, "", "0", "all", _since(began), escape(str(error)))
            continue
        why = "\n".join(f"{each.operation}: {each.place}: {each.reason}" for each in spec.refused)
        counts = (str(len(spec.operations)), str(len(spec.refused)))
        table.add_row(path.name, spec.version, *counts, _since(began), escape(why))
    Console().print(table)
    return 1 if broken else 0


def _since(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f}"

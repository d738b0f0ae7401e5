"""Commands that the operator lets assistants start as MCP servers."""

import re
import shlex


def commands_of(setting: str) -> dict[str, tuple[str, ...]]:
    """`files=mcp-files --root /srv; clock=mcp-clock` -> the commands by name. Raises ValueError."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, map(str.strip, setting.split(";"))):
        name, equals, line = part.partition("=")
        words = tuple(shlex.split(line))
        if not equals or not words or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name.strip()):
            raise ValueError("write each as name=command with its arguments, separated by semicolons")
        found[name.strip()] = words
    return found

"""The instruction of an assistant, parsed once per text."""

from functools import lru_cache

from instructions.format import Instruction, parse
from service.records import Assistant


@lru_cache(maxsize=512)
def _parsed(text: str, file: str) -> Instruction:
    return parse(text, file=file)


def instruction_of(assistant: Assistant) -> Instruction:
    """What the assistant's file says. The text was checked when it was stored."""
    return _parsed(assistant.instruction, f"{assistant.slug}.md")

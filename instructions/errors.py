"""What is wrong with an instruction file, said so that its author can put it right."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_PROBLEMS = 20  # listed at once: enough to work on, and it bounds the search for near names


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that keeps an instruction from being used."""

    line: int  # counted from 1
    message: str  # one sentence: what is wrong and what to write instead


class InstructionError(ValueError):
    """Put right the lines that the message names: it prints `file:line: message`, one line per problem."""

    def __init__(self, file: str, line: int, message: str, others: Sequence[Problem] = ()) -> None:
        self.file = file
        self.line = line
        self.message = message
        self.problems = (Problem(line=line, message=message), *others)
        super().__init__("\n".join(f"{file}:{each.line}: {each.message}" for each in self.problems))


def raise_first(file: str, problems: Sequence[Problem]) -> None:
    """Raises one InstructionError that carries all of `problems` in the order of their lines, if any."""
    if problems:
        first, *others = sorted(problems, key=lambda each: each.line)
        raise InstructionError(file, first.line, first.message, others)

"""The tools of one answer: which the model is shown, and how it finds the others."""

import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructions.data_region import harmless
from instructions.prompt import estimate_tokens
from knowledge.embeddings import Embedder
from knowledge.fusion import fuse
from knowledge.lexical import bm25, idf, query_terms, terms
from service.tools import CallContext, Preview, Tool, ToolArgumentsInvalid, ToolResult

FIND = "find_tools"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_DESCRIPTION = 1024  # characters, as OpenAI has it
_FOUND = 10  # tools that one search adds
_AT_LEAST = 4  # tools that are shown however long their descriptions are
_TRUST = 0.5  # in the embedder: descriptions are short, and their language is not always the question's
_KEPT_VECTORS = 4096


class Toolbox:
    """Tools by name. Those beyond the first ones are shown once the model has searched for them."""

    def __init__(
        self,
        tools: Sequence[Tool],
        *,
        taken: Collection[str] = (),
        shown: int = 30,
        tokens: int = 3000,
        embedder: Embedder | None = None,
    ) -> None:
        """`taken`: names of the client's own tools, which come first; `tokens`: room for what is shown."""
        self.notes: list[str] = []
        self._tools: dict[str, Tool] = {}
        self._shown = shown
        self._tokens = tokens
        self._embedder = embedder
        self._offered: list[str] = []
        for tool in tools:
            self._take(tool, taken)
        self._wires = {name: _wire(tool) for name, tool in self._tools.items()}

    def __bool__(self) -> bool:
        return bool(self._tools)

    def choose(self, question: str) -> None:
        """Decide what the model is shown at first: all, or those that could matter for the question."""
        names = list(self._tools)
        if len(names) <= self._shown and self._room_for(names) == len(names):
            self._offered = names
            return
        finder = FindTools(self)
        self._tools[FIND] = finder
        self._wires[FIND] = _wire(finder)
        best = [names[at] for at in rank(question, [self._says(name) for name in names], self._embedder)]
        self._offered = [FIND, *best[: min(self._shown - 1, self._room_for(best))]]
        self.notes.append(f"{len(names)} tools are too many to show: the model saw {len(self._offered) - 1}.")

    @property
    def offered(self) -> tuple[str, ...]:
        """Names of what the model is shown now."""
        return tuple(self._offered)

    def wires(self) -> list[dict[str, Any]]:
        """What the model is shown now, in OpenAI's words."""
        return [self._wires[name] for name in self._offered]

    def tokens(self) -> int:
        """What they take of the prompt, estimated."""
        return sum(_cost(wire) for wire in self.wires())

    def get(self, name: str) -> Tool | None:
        """The tool of that name, shown or not."""
        return self._tools.get(name)

    def find(self, query: str) -> list[str]:
        """Names of the best tools for a query; they are shown from now on."""
        names = [name for name in self._tools if name != FIND]
        order = rank(query, [self._says(name) for name in names], self._embedder)
        found = [names[at] for at in order[:_FOUND]]
        self.show(found)
        return found

    def show(self, names: Sequence[str]) -> None:
        """Show these too, as a model found them before."""
        self._offered += [name for name in names if name in self._tools and name not in self._offered]

    def says(self, name: str) -> str:
        """A tool in one line."""
        description = str(self._wires[name]["function"]["description"])
        return f"{name}: {' '.join(description.split())[:200]}"

    def _take(self, tool: Tool, taken: Collection[str]) -> None:
        if not _NAME.fullmatch(tool.name):
            self.notes.append(f"The tool {tool.name[:64]!r} was left out: a model cannot call that name.")
        elif tool.name in taken:
            self.notes.append(f"The tool {tool.name} was left out: the client has one of the same name.")
        elif tool.name in self._tools or tool.name == FIND:
            self.notes.append(f"A second tool {tool.name} was left out.")
        else:
            self._tools[tool.name] = tool

    def _room_for(self, names: Sequence[str]) -> int:
        """How many of these, from the first, there is room for."""
        left = self._tokens
        for at, name in enumerate(names):
            left -= _cost(self._wires[name])
            if left < 0:
                return max(at, min(_AT_LEAST, len(names)))
        return len(names)

    def _says(self, name: str) -> str:
        """Name and description for the search: "getOrderById" is three words."""
        apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]", " ", name)
        return f"{apart}. {self._wires[name]['function']['description']}"


class FindTools:
    """The tool that finds tools."""

    name = FIND
    description = "Find more tools by what they do. Those that are found can be called afterwards."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "what the tool should do, in English"}},
        "required": ["query"],
    }
    consequential = False

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    def preview(self, arguments: Mapping[str, Any]) -> Preview:
        """Nothing leaves."""
        if not isinstance(arguments.get("query"), str) or not arguments["query"].strip():
            raise ToolArgumentsInvalid("query must say in words what the tool should do.")
        return Preview(method="", host="", path=FIND, arguments=arguments)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """The tools that were found, one a line."""
        found = self._toolbox.find(arguments["query"])
        text = "\n".join(self._toolbox.says(name) for name in found)
        return ToolResult(text=text, ok=True, size=len(text.encode()))


def rank(query: str, texts: Sequence[str], embedder: Embedder | None = None) -> list[int]:
    """Positions of `texts`, best for the query first: words and meaning, as passages are ranked."""
    share = _shares(query, [terms(text) for text in texts])
    separation = np.zeros(len(texts), np.float32)
    if embedder is not None and len(texts) > 1:
        cosines = _vectors(embedder, texts) @ embedder.encode_query(query)
        separation = ((cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)).astype(np.float32)
    scores = fuse(separation, np.full(len(texts), _TRUST, np.float32), share)
    return [int(at) for at in np.argsort(-scores, kind="stable")]


def _shares(query: str, texts: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """Of the highest possible BM25 score, 0..1."""
    lengths = np.array([len(text) for text in texts], np.float32)
    average = float(lengths.mean()) if len(texts) else 1.0
    scores, possible = np.zeros(len(texts), np.float32), 0.0
    for term, weight in query_terms(query).items():
        counts = np.array([text.count(term) for text in texts], np.float32)
        worth = weight * idf(len(texts), int((counts > 0).sum()))
        possible += worth
        scores += np.float32(worth) * bm25(term, counts, lengths, average)
    return scores / np.float32(possible or 1.0)


_kept: "OrderedDict[tuple[str, str], NDArray[np.float32]]" = OrderedDict()  # (fingerprint, text) -> vector
_keeping = threading.Lock()


def _vectors(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of descriptions, which change seldom and are asked for with every question."""
    keys = [(embedder.fingerprint, text) for text in texts]
    with _keeping:
        known = {key: _kept[key] for key in keys if key in _kept}
    missing = [key for key in dict.fromkeys(keys) if key not in known]
    if missing:
        made = embedder.encode_documents([text for _, text in missing])
        known |= dict(zip(missing, made, strict=True))
        with _keeping:
            _kept.update({key: known[key] for key in missing})
            while len(_kept) > _KEPT_VECTORS:
                _kept.popitem(last=False)
    return np.stack([known[key] for key in keys]).astype(np.float32)


def _wire(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": harmless(tool.description)[:_LONGEST_DESCRIPTION],
        "parameters": _described(tool.parameters) or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function}


def _described(schema: Any, key: str = "") -> Any:
    """The schema with descriptions that cannot open a region."""
    if isinstance(schema, Mapping):
        return {name: _described(value, str(name)) for name, value in schema.items()}
    if isinstance(schema, list | tuple):
        return [_described(value) for value in schema]
    return harmless(schema) if isinstance(schema, str) and key in ("description", "title") else schema


def _cost(wire: Mapping[str, Any]) -> int:
    return estimate_tokens(str(wire))

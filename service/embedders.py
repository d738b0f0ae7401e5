"""The embedders of an installation: the operator's, and those that knowledge bases name."""

import threading
from concurrent.futures import Future

from knowledge.embeddings import Embedder, open_embedder
from knowledge.recipe import Embedders
from service.settings import Settings

_WAIT_S = 300  # the first start converts the model, which takes tens of seconds


def embedders_of(settings: Settings, default: "Future[Embedder]") -> Embedders:
    """`default` is being opened already; the others are when a base first needs them, and then kept."""
    opened: dict[str, Embedder] = {}
    turn = threading.Lock()

    def get(name: str) -> Embedder:
        if name == settings.embedder:
            return default.result(timeout=_WAIT_S)
        with turn:
            if name not in opened:
                opened[name] = open_named(settings, name)
            return opened[name]

    return Embedders(settings.embedder, get)


def open_named(settings: Settings, name: str) -> Embedder:
    """Open one as the operator's settings say. Raises EmbedderNotFound and EmbedderUnavailable."""
    return open_embedder(
        name,
        cache=settings.data / "models",
        base_url=settings.embedder_base_url,
        api_key=settings.embedder_api_key,
    )

"""What a provider's exception means, in one sentence that says what to do."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class ModelError(Exception):
    """The model behind an assistant did not do its part; the message says what to do."""


class ModelMisconfigured(ModelError):
    """The model's name, package and key do not fit together: nothing was sent."""


class ModelUnavailable(ModelError):
    """The model could not be reached, or says that it cannot serve now."""


class ModelTimeout(ModelError):
    """The model took longer than the configured time."""


class ModelRejected(ModelError):
    """The model refused the request: a wrong key, an unknown name, parameters that it does not take."""


class ModelRateLimited(ModelError):
    """The model's provider asks for a pause."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds; None where the provider does not say


class ModelBroken(ModelError):
    """The model's reply cannot be read, or ended in the middle."""


# Providers share no base class, so the names of classes decide.
_UNREACHABLE = {"APIConnectionError", "ConnectError", "ConnectionError", "NetworkError", "ProtocolError"} | {
    "ClientConnectionError",
    "ClientPayloadError",
}
_SECRET = re.compile(r"\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{6,}")


def translated(error: Exception, model: str, *, started: bool, late: str, secret: str = "") -> ModelError:
    """The ModelError for what a provider's package raised.

    `started` tells whether a part of the reply had come, `late` what to say of a model that took too long,
    `secret` what the message must not hold.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if isinstance(error, ModelError):
        return error
    if isinstance(status, int) and status >= 400:
        return _refused(error, model, status, _detail(error, secret))
    if isinstance(error, TimeoutError) or any("Timeout" in name for name in names):
        return ModelTimeout(f"The model {model} {late}; try again, or raise DOUMI_MODEL_TIMEOUT_S.")
    if started:
        return ModelBroken(f"The model {model} stopped in the middle of its answer; try again.")
    if names & _UNREACHABLE:
        return ModelUnavailable(
            f"The model {model} could not be reached; check that its server runs and that "
            "DOUMI_MODEL_BASE_URL is right."
        )
    return ModelBroken(
        f"The model {model} sent a reply that cannot be read; check that DOUMI_MODEL_BASE_URL is the address "
        f"of a model{_detail(error, secret)}."
    )


def _refused(error: Exception, model: str, status: int, detail: str) -> ModelError:
    if status == 429:
        pause = _retry_after(error)
        when = f"in {pause:.0f} seconds" if pause else "in a while"
        return ModelRateLimited(f"The model {model} asks for a pause; try again {when}.", retry_after=pause)
    if status >= 500 or status == 408:
        return ModelUnavailable(
            f"The model {model} answered with status {status}; try again, and look at its server's log when "
            "it stays so."
        )
    if status in (401, 403):
        return ModelRejected(f"The model {model} refused the key; check DOUMI_MODEL_API_KEY.")
    if status == 404:
        return ModelRejected(
            f"The model {model} is not known at its address; check DOUMI_MODEL and DOUMI_MODEL_BASE_URL."
        )
    return ModelRejected(f"The model {model} refused the request with status {status}{detail}.")


def _detail(error: Exception, secret: str) -> str:
    """What the provider said about it, short and without secrets."""
    body = getattr(error, "body", None)
    said = body.get("error", body) if isinstance(body, Mapping) else None
    message = said.get("message") if isinstance(said, Mapping) else None
    text = " ".join(str(message or error).split())
    if secret:
        text = text.replace(secret, "…")
    text = _SECRET.sub("…", text).strip(" .")
    return f": {text[:200]}" if text else ""


def _retry_after(error: Exception) -> float | None:
    """Seconds, from a header that holds seconds or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None

"""What models cost: a table that the operator keeps."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.settings import SettingsError


class PricesUnusable(SettingsError):
    """The file of DOUMI_PRICES cannot be used; the message says what is wrong in it."""


class _Price(BaseModel):
    """Of a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    input: Annotated[float, Field(ge=0, le=1e6)]
    output: Annotated[float, Field(ge=0, le=1e6)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    models: dict[str, _Price]


@dataclass(frozen=True)
class Prices:
    """Price per million tokens of input and output, by model; a model that is not named costs nothing."""

    currency: str = "USD"
    models: dict[str, _Price] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> "Prices":
        """The table in a YAML or JSON file; empty without one. Raises PricesUnusable."""
        if path is None:
            return cls()
        try:
            table = _Table.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise PricesUnusable(f"DOUMI_PRICES: {path} cannot be read: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PricesUnusable(
                f"DOUMI_PRICES: {path}: {place}: {first['msg']}. Write “models:” and under it for each, "
                "such as “openai:gpt-5: {input: 1.25, output: 10}” (per million tokens)."
            ) from None
        return cls(table.currency, table.models)

    def __bool__(self) -> bool:
        return bool(self.models)

    def nanos(self, model: str, prompt_tokens: int, completion_tokens: int) -> int:
        """What these tokens cost, in billionths of the currency."""
        price = self.models.get(model)
        return round(1000 * (prompt_tokens * price.input + completion_tokens * price.output)) if price else 0

"""The only reader of the environment."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.actions.commands import commands_of

SHORTEST_KEY = 16
_EXAMPLES = Path(__file__).parent.parent


class SettingsError(Exception):
    """A DOUMI_* variable cannot be used; the message names it and says what it takes."""


class Settings(BaseSettings):
    """What the operator decides, from DOUMI_* variables and `.env`; each has a default that works."""

    model_config = SettingsConfigDict(
        env_prefix="DOUMI_",
        env_ignore_empty=True,
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
    )

    data: Path = Path("data")  # everything that lives: databases, indexes, uploads, the owner key
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    public_url: str | None = None  # how people reach the service when a proxy stands before it
    bootstrap_key: SecretStr | None = None  # the first owner key of the example team
    admin_key: SecretStr | None = None  # a key that manages teams and reads nothing in them
    database_url: str | None = None  # records; default is SQLite under `data`
    jobs_database_url: str | None = None  # durable jobs; default is SQLite under `data`
    examples: bool = True  # load the example assistants at the first start
    instructions_dir: Path = Field(
        _EXAMPLES / "instructions" / "examples", validation_alias="INSTRUCTIONS_DIR"
    )
    knowledge_dir: Path | None = Field(None, validation_alias="KNOWLEDGE_DIR")

    model: str = "quote"  # "quote", "openai:…", "anthropic:…", "ollama:…"
    model_base_url: str | None = None  # any OpenAI-compatible endpoint
    model_api_key: SecretStr | None = None
    model_timeout_s: Annotated[float, Field(gt=0)] = 60.0  # without a token for this long, the answer fails
    model_sees: bool | None = None  # whether it takes images; without it, its name says so
    context_tokens: Annotated[int, Field(ge=1000)] = 8000  # prompt budget: instruction, passages, history

    prices: Path | None = None  # YAML or JSON: what models cost, for budgets in money

    strict_openai: bool = False  # responses hold only what OpenAI's published schema knows
    max_answers: Annotated[int, Field(ge=1)] = 100  # made at the same time; more are asked to come again

    embedder: str = "all-MiniLM-L6-v2"
    embedder_base_url: str | None = None
    embedder_api_key: SecretStr | None = None

    tool_rounds: Annotated[int, Field(ge=1)] = 8  # replies of a model that call tools, in one answer
    tool_calls: Annotated[int, Field(ge=1)] = 32  # in one answer
    tool_time_s: Annotated[float, Field(gt=0)] = 180.0  # from the question to the last call
    confirm_within_minutes: Annotated[float, Field(gt=0)] = 60.0  # then a question to the person has expired
    # hosts that may be sent text of the team's files without asking
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = ()

    # What reading one file may take; each refusal names the limit that it met.
    max_pages: Annotated[int, Field(ge=1)] = 5_000
    max_characters: Annotated[int, Field(ge=1)] = 20_000_000
    max_megapixels: Annotated[int, Field(ge=1)] = 64
    max_images: Annotated[int, Field(ge=1)] = 10  # of one question
    max_image_mb: Annotated[int, Field(ge=1)] = 20  # each of them
    max_archive_files: Annotated[int, Field(ge=1)] = 10_000
    max_archive_mb: Annotated[int, Field(ge=1)] = 256  # unpacked
    read_memory_mb: Annotated[int, Field(ge=256)] = 1536
    read_cpu_s: Annotated[int, Field(ge=1)] = 300
    read_s: Annotated[float, Field(gt=0)] = 3600.0
    ocr: bool = True  # read pictures of text, where the OCR extra is installed
    ocr_languages: Annotated[str, Field(pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$")] = "kor+eng"
    ocr_page_s: Annotated[float, Field(gt=0, le=55)] = 50.0
    max_upload_mb: Annotated[int, Field(ge=1)] = 200  # of one file
    max_request_mb: Annotated[int, Field(ge=1)] = 1000  # of all files of one request
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()  # other origins whose pages may call the API

    # What credentials of actions are sealed with; separated by commas, the first seals and all open. Without
    # it a key is made and kept under `data`.
    secret_key: SecretStr | None = None
    # "host:port"s that are not on the public internet, and which actions may reach all the same
    egress_allow: Annotated[tuple[str, ...], NoDecode] = ()
    # commands that assistants may start as MCP servers: "files=mcp-files --root /srv; clock=mcp-clock"
    mcp_commands: str = ""

    @field_validator("cors_origins", "egress_allow", "trusted_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("mcp_commands")
    @classmethod
    def _commands(cls, value: str) -> str:
        commands_of(value)
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        keys = value.get_secret_value().split(",") if value else []
        if any(len(key.strip()) < SHORTEST_KEY for key in keys):
            raise ValueError(f"each key has at least {SHORTEST_KEY} characters")
        return value

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of `secret_key`, the one that seals first."""
        return (
            tuple(key.strip() for key in self.secret_key.get_secret_value().split(","))
            if self.secret_key
            else ()
        )

    @property
    def url(self) -> str:
        """Where people reach the service, without a slash at the end."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records database."""
        return self.database_url or f"sqlite:///{self.data.resolve() / 'records.sqlite'}"

    @property
    def jobs_url(self) -> str:
        """SQLAlchemy URL of the jobs database."""
        return self.jobs_database_url or f"sqlite:///{self.data.resolve() / 'jobs.sqlite'}"


def _refuse_unknown_names() -> None:
    known = {f"DOUMI_{name.upper()}" for name in Settings.model_fields} | _OTHER_NAMES
    for name in os.environ:
        if name.startswith("DOUMI_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see .env.example for the names that exist."
            raise SettingsError(f"{name} is not a setting of Doumi: {hint}")


# Read by the command line and the package build, not by the service.
_OTHER_NAMES = {"DOUMI_URL", "DOUMI_KEY", "DOUMI_SKIP_WEB"}


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `.env`; `overrides` win.

    Raises SettingsError for an unknown DOUMI_ name or a value that cannot be used.
    """
    _refuse_unknown_names()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = field if field.isupper() else f"DOUMI_{field.upper()}"
        raise SettingsError(f"{name} cannot be used: {first['msg']}. See .env.example.") from None

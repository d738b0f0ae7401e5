"""Assistants from folders: the examples at the first start, and an operator's own at every start."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instructions.format import Instruction, load, render
from knowledge.examples.build import build
from service.actions.importing import apply_document, read_document
from service.actions.source import SpecInvalid
from service.bases import address_of
from service.installation import Installation
from service.records import Role, Team
from service.settings import Settings
from service.store.assistants import AssistantNotFound
from service.uploads import store_upload

TEAM = "example"
OWNER_KEY_FILE = "owner.key"
_LOADED = "examples"

log = logging.getLogger("doumi")


@dataclass(frozen=True, kw_only=True)
class FirstTeam:
    """The team that an installation begins with."""

    team: Team
    owner: str  # member id
    new_key: str | None  # the owner key's secret, only at the start that made it


def ensure_first_team(here: Installation) -> FirstTeam:
    """The first team, with an owner and a key for them; all made at the first start."""
    store = here.store
    team = store.teams.by_slug(TEAM) or store.teams.create(slug=TEAM, name="Example team")
    owner = store.members.first_owner(team.id) or store.members.add(team.id, name="Owner", role=Role.OWNER)
    if store.keys.all(team.id):
        return FirstTeam(team=team, owner=owner, new_key=None)
    wanted = here.settings.bootstrap_key
    _, secret = store.keys.create(
        team.id,
        name="First owner key",
        role=Role.OWNER,
        member_id=owner,
        secret=wanted.get_secret_value() if wanted else None,
    )
    if wanted is None:
        _write_secret(here.settings.data / OWNER_KEY_FILE, secret)
    return FirstTeam(team=team, owner=owner, new_key=secret)


def load_examples(here: Installation) -> None:
    """Load the assistants of INSTRUCTIONS_DIR with their documents.

    The examples that come with Doumi are loaded once, so that one which was deleted stays away; a
    folder of the operator's own is applied at every start, and applying it twice changes nothing.
    """
    own_folder = here.settings.instructions_dir != Settings.model_fields["instructions_dir"].default
    if not own_folder and (not here.settings.examples or here.store.teams.done_once(_LOADED)):
        return
    team = ensure_first_team(here).team
    folder = here.settings.knowledge_dir
    if folder is None:
        folder = here.settings.data / "examples"
        build(folder)
    for path, slug in _instruction_files(here.settings.instructions_dir):
        instruction = load(path)
        beside = path.parent / "knowledge"
        own = {slug: beside} if path.name == "assistant.md" and beside.is_dir() else {}
        folders = {name: folder / name for name in instruction.front.knowledge} | own
        _apply(here, team, instruction.front.slug or slug, instruction, folders)
        _apply_actions(here, team, instruction.front.slug or slug, instruction, path.parent / "actions")
    if not own_folder:
        here.store.teams.note_done(_LOADED)


def _instruction_files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.glob("*.md")):
        if path.name.lower() != "readme.md":
            yield path, path.stem
    for path in sorted(folder.glob("*/assistant.md")):
        yield path, path.parent.name


def _apply(
    here: Installation, team: Team, slug: str, instruction: Instruction, folders: dict[str, Path]
) -> None:
    """Create or change the assistant, and take in what is new in its folders of documents."""
    bases = [
        here.store.assistants.ensure_base(team.id, slug=name, name=instruction.front.name or name)
        for name in folders
    ]
    text, name = render(instruction), instruction.front.name or slug
    assistants, slugs = here.store.assistants, [base.slug for base in bases]
    try:
        assistants.get(team.id, slug)
        assistants.change(team.id, slug, name=name, instruction=text, knowledge=slugs)
    except AssistantNotFound:
        assistants.create(team.id, slug=slug, name=name, instruction=text, knowledge=slugs)
    for record in bases:
        base = here.bases.get(team.id, record.id)
        for path in sorted(folders[record.slug].rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                with path.open("rb") as content:
                    store_upload(here, base, address_of(record), content, path.name)


def _apply_actions(here: Installation, team: Team, slug: str, instruction: Instruction, folder: Path) -> None:
    """Take in the OpenAPI documents that the instruction names; one that is broken stops no other."""
    assistant = here.store.assistants.get(team.id, slug)
    for name in instruction.front.actions:
        for path in (folder / f"{name}{ending}" for ending in (".yaml", ".yml", ".json")):
            if path.is_file():
                try:
                    document = read_document(path.read_text(encoding="utf-8"))
                except (SpecInvalid, UnicodeDecodeError) as error:
                    log.error("%s cannot be used as an action: %s", path, error)
                    continue
                apply_document(here.accounts, assistant, name, document)


def _write_secret(path: Path, secret: str) -> None:
    """Readable by its owner alone from the first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret + "\n")

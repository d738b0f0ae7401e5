"""Tools of an answer, and actions that come from folders."""

from pathlib import Path

import pytest

from service.actions.offered import tools_of_actions
from service.examples import load_examples
from service.settings import Settings
from tests.service.actions.conftest import Doumi
from tests.service.actions.outside import OutsideProcess

NOTES = Path(__file__).with_name("outside.yaml").read_text()
ASSISTANT = "---\nname: Clerk\nactions: [notes, broken, missing]\n---\nWrite notes."


def test_operations_of_the_same_name_are_told_apart_by_their_action(
    doumi: Doumi, outside: OutsideProcess
) -> None:
    for name in ("first", "second"):
        doumi.made("twins", name=name, spec=NOTES, server=outside.url)
    assistant = doumi.here.store.assistants.get(doumi.team, "twins")
    found = doumi.here.store.actions.of_assistant(doumi.team, assistant.id)
    names = [tool.name for tool in tools_of_actions(found, doumi.here.accounts)]
    assert len(set(names)) == len(names) == 14
    assert {"echo", "second_echo"} <= set(names)


def test_a_preview_says_where_a_call_goes_and_is_bound_to_its_arguments(
    doumi: Doumi, outside: OutsideProcess
) -> None:
    doumi.made("previewed", name="notes", spec=NOTES, server=outside.url)
    assistant = doumi.here.store.assistants.get(doumi.team, "previewed")
    found = doumi.here.store.actions.of_assistant(doumi.team, assistant.id)
    tool = next(each for each in tools_of_actions(found, doumi.here.accounts) if each.name == "addNote")
    preview = tool.preview({"body": {"text": "a"}})
    assert (preview.method, preview.host, preview.path) == ("POST", outside.place, "/notes")
    assert preview.digest != tool.preview({"body": {"text": "b"}}).digest
    assert tool.consequential


def test_a_folder_brings_its_actions_and_a_broken_one_stops_nothing(
    doumi: Doumi, outside: OutsideProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "clerk" / "actions"
    folder.mkdir(parents=True)
    (tmp_path / "clerk" / "assistant.md").write_text(ASSISTANT)
    (folder / "notes.yaml").write_text(NOTES.replace("url: /", f"url: {outside.url}"))
    (folder / "broken.yml").write_text("openapi: 3.1.0\npaths: { /a: { get: 5 } }")
    here = doumi.here
    before = here.settings
    try:
        here.settings = Settings(
            **{**before.model_dump(exclude={"instructions_dir"}), "INSTRUCTIONS_DIR": tmp_path}
        )
        for _ in range(2):  # applying it twice changes nothing
            load_examples(here)
    finally:
        here.settings = before
    team = here.store.teams.by_slug("example")
    assert team is not None
    assistant = here.store.assistants.get(team.id, "clerk")
    (action,) = here.store.actions.of_assistant(team.id, assistant.id)
    assert (action.name, action.created_at) == ("notes", action.updated_at)
    assert "broken.yml cannot be used as an action: #/paths/~1a/get (line 2)" in caplog.text

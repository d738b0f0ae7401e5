"""Files that come along with a question: what of them is offered."""

from pathlib import Path
from typing import Any

import pytest

from ingest.cage import ReadLimits
from knowledge.embeddings import HashingEmbedder
from service.attachments import AttachedFile, UnusableAttachment, _passages

FILLER = "Paragraph {} speaks of the weather over the harbour, of gulls, ropes and barrels in some detail."
NEEDLE = "The password of the lighthouse is Kalevipoeg."


def offered(content: bytes, query: str, *, room: int, name: str = "long.md", **limits: Any) -> list[Any]:
    file = AttachedFile(id="inline_1", name=name, content=content)
    return _passages([file], query, HashingEmbedder(), ReadLimits(**limits), room)


@pytest.fixture(scope="module")
def long() -> bytes:
    lines = [FILLER.format(number) for number in range(400)]
    lines.insert(300, NEEDLE)
    return "\n\n".join(lines).encode()


def test_a_short_file_is_offered_whole_in_its_order() -> None:
    text = "# One\n\nFirst.\n\n# Two\n\nSecond.\n\n# Three\n\nThird.\n"
    found = offered(text.encode(), "What about the third?", room=1000)
    assert [each.chunk.ordinal for each in found] == list(range(len(found)))
    together = " ".join(each.chunk.text for each in found)
    assert together.index("First") < together.index("Second") < together.index("Third")
    assert {each.document_id for each in found} == {"inline_1"}


def test_of_a_long_file_what_bears_on_the_question_comes_first_within_the_room(long: bytes) -> None:
    found = offered(long, "What is the password of the lighthouse?", room=1000)
    assert NEEDLE in found[0].chunk.text
    assert sum(len(each.chunk.text) for each in found) <= 1000 * 4
    assert found[0].document_name == "long.md"


def test_of_a_long_file_that_is_not_asked_about_in_its_words_the_beginning_is_offered(long: bytes) -> None:
    found = offered(long, "Zusammenfassung?", room=1000)
    assert [each.chunk.ordinal for each in found] == list(range(len(found)))


@pytest.mark.parametrize(
    ("content", "name", "limits", "says"),
    [
        (b"", "empty.md", {}, "empty"),
        (b"MZ\x90\x00", "setup.exe", {}, "setup.exe"),
        (b"%PDF-1.7 broken", "broken.pdf", {}, "damaged"),
        (b"word " * 5000, "long.txt", {"characters": 1000}, "1,000"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_reason(
    content: bytes, name: str, limits: dict[str, Any], says: str
) -> None:
    with pytest.raises(UnusableAttachment, match=says) as raised:
        offered(content, "?", room=1000, name=name, **limits)
    assert name in str(raised.value)


def test_nothing_of_a_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert offered(NEEDLE.encode(), "password?", room=1000)
    assert list(tmp_path.iterdir()) == []

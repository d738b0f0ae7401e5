"""A base made anew with another embedder or other chunks, while it serves."""

import hashlib
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from ingest.limits import ReadLimits
from ingest.pipeline import Interrupted, for_language, ingest_document, rebuild
from knowledge.base import KnowledgeBase
from knowledge.database import Database
from knowledge.documents import Document, DocumentStatus
from knowledge.embeddings import Embedder, EmbedderNotFound, HashingEmbedder
from knowledge.errors import UnusableSettings
from knowledge.recipe import BaseSettings, Embedders


class Wide(HashingEmbedder):
    """Another model: other vectors, and more of them to a text."""

    fingerprint = "wide-300"
    dimensions = 300

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.asked = 0

    def encode_documents(self, texts):
        self.embedded.extend(texts)
        return super().encode_documents(texts)

    def encode_query(self, text):
        self.asked += 1
        return super().encode_query(text)

    def _vectors(self, texts):
        return np.pad(_NARROW.encode_documents(texts), ((0, 0), (44, 0)))


_NARROW = HashingEmbedder()


class Kept:
    """The embedders of an installation, by name."""

    def __init__(self) -> None:
        self.known: dict[str, Embedder] = {"hashing": HashingEmbedder(), "wide": Wide()}
        self.all = Embedders("hashing", self._get)

    def _get(self, name: str) -> Embedder:
        if name not in self.known:
            raise EmbedderNotFound(f"There is no embedding model in {name}: give the folder of one.")
        return self.known[name]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def base(tmp_path: Path, kept: Kept):
    opened = KnowledgeBase.open(tmp_path / "base", embedder=kept.all)
    for number in range(6):
        add(opened, f"rule {number}.md", text_of(number))
    yield opened
    opened.close()


def text_of(number: int) -> str:
    lines = [f"Rule {number} has an article {at} about the harbour of town {number}." for at in range(30)]
    return "\n\n".join([f"# Rule {number}", *lines])


def add(base: KnowledgeBase, name: str, text: str) -> Document:
    upload = base.folder.parent / "upload"
    upload.write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    document = base.accept(upload, name=name, media_type="text/markdown", sha256=sha256, size=len(text))
    if document.pending_sha256:
        ingest_document(base, document.id, sha256)
    document = base.document(document.id)
    assert document.status is DocumentStatus.READY
    return document


def found(base: KnowledgeBase, query: str, k: int = 4) -> list[str]:
    return [passage.chunk.text for passage in base.search(query, k=k, floor=0.0).passages]


def sizes_of_vectors(base: KnowledgeBase) -> set[int]:
    with sqlite3.connect(base.folder / "base.sqlite") as connection:
        return {size for (size,) in connection.execute("SELECT DISTINCT length(vector) FROM vectors")}


def stop_after(batches: int):
    left = iter(range(batches))
    return lambda: next(left, None) is None


def test_another_embedder_serves_only_when_everything_is_made_with_it(base, kept):
    before = found(base, "harbour of town 3")
    wide = kept.known["wide"]
    base.configure(BaseSettings(embedder="wide"))

    assert base.embedder is kept.known["hashing"]
    assert (base.rebuilding().done, base.rebuilding().total) == (0, 6)
    with pytest.raises(Interrupted):
        rebuild(base, stop=stop_after(3))
    progress = base.rebuilding()
    assert 0 < progress.done < 6
    assert found(base, "harbour of town 3") == before  # by the old index
    assert wide.asked == 0
    assert base.unfinished() == []

    rebuild(base)
    assert base.rebuilding() is None
    assert base.embedder is wide
    assert sizes_of_vectors(base) == {600}
    result = base.search("harbour of town 3", k=4, floor=0.0)
    assert result.passages[0].document_name == "rule 3.md"
    assert all(passage.scores.dense is not None for passage in result.passages)
    assert wide.asked > 0


def test_a_restart_goes_on_where_it_stopped_and_serves_the_old_index_meanwhile(base, kept, tmp_path):
    base.configure(BaseSettings(embedder="wide"))
    with pytest.raises(Interrupted):
        rebuild(base, stop=stop_after(3))
    done = base.rebuilding().done
    before = found(base, "harbour of town 5")
    base.close()

    again = Kept()
    opened = KnowledgeBase.open(tmp_path / "base", embedder=again.all)
    assert opened.embedder is again.known["hashing"]
    assert opened.rebuilding().done == done
    assert found(opened, "harbour of town 5") == before
    rebuild(opened)
    assert opened.embedder is again.known["wide"]
    texts = [*kept.known["wide"].embedded, *again.known["wide"].embedded]
    assert len(texts) == len(set(texts))  # nothing was embedded twice
    opened.close()

    final = KnowledgeBase.open(tmp_path / "base", embedder=again.all)
    assert (final.embedder, final.rebuilding()) == (again.known["wide"], None)
    assert len(found(final, "harbour of town 5")) == 4
    final.close()


def test_what_changes_meanwhile_is_made_again_and_what_goes_leaves_nothing(base, kept):
    base.configure(BaseSettings(embedder="wide"))
    with pytest.raises(Interrupted):
        rebuild(base, stop=stop_after(8))
    assert base.rebuilding().done >= 4
    add(base, "rule 0.md", text_of(0).replace("harbour", "lighthouse"))
    base.remove(base.documents()[1].id)
    added = add(base, "late.md", text_of(9))
    in_work = base.folder.parent / "upload"
    in_work.write_text(text_of(8))
    sha256 = hashlib.sha256(text_of(8).encode()).hexdigest()
    pending = base.accept(in_work, name="slow.md", media_type="text/markdown", sha256=sha256, size=9)

    rebuild(base)
    assert "lighthouse" in found(base, "the lighthouse of town 0")[0]
    assert not any("town 1" in text for text in found(base, "harbour of town 1", k=50))
    assert base.document(added.id).chunks > 0
    ingest_document(base, pending.id, sha256)
    assert base.document(pending.id).status is DocumentStatus.READY
    assert sizes_of_vectors(base) == {600}
    base.remove(added.id)
    assert not any("town 9" in text for text in found(base, "harbour of town 9", k=50))
    base.remove(pending.id)
    assert b"town 9" not in (base.folder / "base.sqlite").read_bytes()


def test_an_upload_that_is_embedded_across_the_swap_is_embedded_again(base, kept):
    upload = base.folder.parent / "upload"
    upload.write_text(text_of(7))
    sha256 = hashlib.sha256(text_of(7).encode()).hexdigest()
    document = base.accept(upload, name="seven.md", media_type="text/markdown", sha256=sha256, size=9)
    old = kept.known["hashing"]
    encode = old.encode_documents
    swapped = threading.Event()

    def swap_meanwhile(texts):
        if not swapped.is_set():
            swapped.set()
            base.configure(BaseSettings(embedder="wide"))
            rebuild(base)
        return encode(texts)

    old.encode_documents = swap_meanwhile
    ingest_document(base, document.id, sha256)
    assert base.document(document.id).status is DocumentStatus.READY
    assert sizes_of_vectors(base) == {600}
    assert "town 7" in found(base, "harbour of town 7")[0]


def test_other_sizes_of_chunks_keep_the_vectors_of_chunks_that_stay_the_same(base, kept):
    short = add(base, "short.md", "# Short\n\nThe whole rule is one sentence.\n")
    many = base.documents()[0].chunks
    embedded: list[str] = []
    hashing = kept.known["hashing"]
    encode = hashing.encode_documents
    hashing.encode_documents = lambda texts: (embedded.extend(texts), encode(texts))[1]
    base.configure(BaseSettings(chunk_tokens=64, overlap_sentences=0))
    rebuild(base)

    assert base.documents()[0].chunks > many
    assert base.document(short.id).chunks == short.chunks
    assert not any("one sentence" in text for text in embedded)
    assert embedded
    assert base.making().recipe.chunk_tokens == 64
    assert "town 2" in found(base, "harbour of town 2")[0]


def test_settings_that_cannot_be_used_change_nothing(base):
    before = base.settings
    with pytest.raises(UnusableSettings, match="nowhere"):
        base.configure(BaseSettings(embedder="nowhere", top_k=3))
    assert (base.settings, base.rebuilding()) == (before, None)


def test_going_back_gives_up_what_was_made(base, kept):
    base.configure(BaseSettings(embedder="wide"))
    with pytest.raises(Interrupted):
        rebuild(base, stop=stop_after(4))
    base.configure(BaseSettings(top_k=3))
    assert base.rebuilding() is None
    rebuild(base)
    assert base.embedder is kept.known["hashing"]
    with sqlite3.connect(base.folder / "base.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM next_chunks").fetchone() == (0,)


def test_an_empty_base_takes_another_embedder_at_once(tmp_path, kept):
    base = KnowledgeBase.open(tmp_path / "empty", embedder=kept.all)
    base.configure(BaseSettings(embedder="wide"))
    assert (base.embedder, base.rebuilding()) == (kept.known["wide"], None)
    add(base, "a.md", text_of(1))
    assert sizes_of_vectors(base) == {600}
    base.close()


def test_when_the_old_embedder_is_gone_documents_are_found_by_their_words_until_they_are_made_anew(
    base, kept, tmp_path
):
    base.close()
    del kept.known["hashing"]
    opened = KnowledgeBase.open(tmp_path / "base", embedder=Embedders("wide", kept._get))
    assert "town 3" in found(opened, "harbour of town 3")[0]
    added = add(opened, "late.md", text_of(9))
    opened.close()
    opened = KnowledgeBase.open(tmp_path / "base", embedder=Embedders("wide", kept._get))
    assert sizes_of_vectors(opened) == {600}  # of what came in since
    rebuild(opened)
    assert opened.rebuilding() is None
    assert opened.document(added.id).chunks > 0
    result = opened.search("harbour of town 3", floor=0.0)
    assert all(passage.scores.dense is not None for passage in result.passages)
    opened.close()


def test_a_base_of_the_version_before_recipes_serves_on_with_its_embedder(base, kept, tmp_path):
    before = found(base, "harbour of town 3")
    base.close()
    database = Database(tmp_path / "base" / "base.sqlite")
    with database.writing() as connection:
        connection.execute("DROP TABLE next_chunks")
        for column in ("settings", "recipe", "next_recipe"):
            connection.execute(f"ALTER TABLE state DROP COLUMN {column}")
        connection.execute("ALTER TABLE documents DROP COLUMN next_sha256")
        connection.execute("PRAGMA user_version = 3")
    database.close()
    opened = KnowledgeBase.open(tmp_path / "base", embedder=kept.all)
    assert (opened.rebuilding(), found(opened, "harbour of town 3")) == (None, before)
    opened.close()


def test_searches_see_one_index_or_the_other_while_it_is_swapped(base, kept):
    base.configure(BaseSettings(embedder="wide"))
    failures: list[BaseException] = []
    stopped = threading.Event()

    def ask():
        try:
            while not stopped.is_set():
                assert "town 4" in found(base, "harbour of town 4")[0]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    rebuild(base)
    stopped.set()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("language", "read"),
    [(None, "kor+eng"), ("en", "eng"), ("en-GB", "eng"), ("ko", "kor+eng"), ("xx", "kor+eng")],
)
def test_pictures_are_read_in_the_language_that_the_base_is_set_to(language, read):
    assert for_language(ReadLimits(ocr_languages="kor+eng"), language).ocr_languages == read

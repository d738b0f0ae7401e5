import unicodedata
from pathlib import Path

import numpy as np
import pytest

from knowledge.base import KnowledgeBase
from knowledge.catalogue import label
from knowledge.documents import DocumentStatus, Progress
from knowledge.embeddings import HashingEmbedder
from knowledge.errors import (
    DocumentNotFound,
    NameTaken,
    NotEmbedded,
    PageNotFound,
    Remade,
    Superseded,
    UnusableFilter,
)
from knowledge.filters import parse
from knowledge.search import search
from tests.knowledge.library import CountingEmbedder, accept, add, bytes_of, chunks, open_base, sha, stage

LEAVE = "Annual leave is twenty-five days.\nSick leave needs a doctor's note after three days."
TRAVEL = "Trains are booked in second class.\nHotels cost at most 140 euro a night."


@pytest.fixture
def base(tmp_path):
    base = open_base(tmp_path)
    yield base
    base.close()


def found(base, query, **options):
    return [passage.chunk.text for passage in search([base], query, floor=0.0, **options).passages]


def test_an_accepted_upload_is_queued_and_its_file_is_moved_in(base, tmp_path):
    document = accept(base, "leave.txt", LEAVE)

    assert document.status is DocumentStatus.QUEUED
    assert (document.sha256, document.pending_sha256) == (None, sha(LEAVE))
    assert base.original(document.id).read_text() == LEAVE
    assert not (tmp_path / "upload").exists()
    assert [each.id for each in base.unfinished()] == [document.id]


def test_a_published_document_is_ready_and_found(base):
    document = add(base, "leave.txt", LEAVE)

    assert document.status is DocumentStatus.READY
    assert (document.sha256, document.pending_sha256) == (sha(LEAVE), None)
    assert (document.pages, document.chunks, document.warnings) == (1, 2, ("a warning",))
    assert base.unfinished() == []
    assert found(base, "How many days of annual leave?")[0].startswith("Annual leave")
    assert base.page(document.id, 1).text == LEAVE


def test_a_passage_says_where_it_is_from(base):
    document = add(base, "leave.txt", LEAVE)
    result = search([base], "doctor's note for sick leave")
    passage = result.passages[0]

    assert (passage.document_id, passage.document_name) == (document.id, "leave.txt")
    assert (passage.chunk.ordinal, passage.chunk.page, passage.chunk.section) == (1, 1, ("Chapter",))
    assert LEAVE[passage.chunk.start : passage.chunk.end] == passage.chunk.text
    assert passage.scores.dense is not None
    assert passage.scores.lexical is not None
    assert 0 < passage.relevance <= 1
    assert result.query == "doctor's note for sick leave"


def test_nothing_is_found_before_publication(base):
    document = accept(base, "leave.txt", LEAVE)
    stage(base, document, LEAVE)

    assert found(base, "annual leave") == []


def test_publishing_without_all_vectors_is_refused(base):
    document = accept(base, "leave.txt", LEAVE)
    base.pending(document.id, sha(LEAVE)).stage_chunks(chunks(LEAVE))

    with pytest.raises(NotEmbedded):
        base.pending(document.id, sha(LEAVE)).publish()
    assert base.document(document.id).status is DocumentStatus.QUEUED


def test_publishing_before_any_chunk_was_staged_is_refused(base):
    document = accept(base, "leave.txt", LEAVE)

    with pytest.raises(NotEmbedded):
        base.pending(document.id, sha(LEAVE)).publish()


def test_the_name_of_the_document_can_be_searched_for(base):
    add(base, "travel_policy.txt", TRAVEL)
    add(base, "holiday rules.txt", LEAVE)

    assert found(base, "travel policy", k=2) == TRAVEL.split("\n")[::1] or set(
        found(base, "travel policy", k=2)
    ) == set(TRAVEL.split("\n"))


def test_the_same_content_again_changes_nothing(base):
    first = add(base, "leave.txt", LEAVE)
    again = accept(base, "leave.txt", LEAVE)

    assert again == first
    assert len(list((base.folder / "files").iterdir())) == 1


def test_an_update_serves_the_old_content_until_it_is_published(base):
    first = add(base, "leave.txt", LEAVE)
    updated = LEAVE.replace("twenty-five", "thirty")
    document = accept(base, "leave.txt", updated)

    assert document.id == first.id
    assert (document.sha256, document.pending_sha256) == (sha(LEAVE), sha(updated))
    assert base.original(document.id).read_text() == LEAVE
    assert base.original(document.id, sha(updated)).read_text() == updated
    stage(base, document, updated)
    assert "twenty-five" in found(base, "annual leave days")[0]

    ready = base.pending(document.id, sha(updated)).publish()
    assert (ready.sha256, ready.pending_sha256) == (sha(updated), None)
    assert "thirty" in found(base, "annual leave days")[0]
    assert not any("twenty-five" in text for text in found(base, "annual leave days"))
    assert base.original(document.id).read_text() == updated


def test_an_update_embeds_only_what_changed(tmp_path):
    embedder = CountingEmbedder()
    base = open_base(tmp_path, embedder)
    add(base, "leave.txt", LEAVE)
    embedder.embedded.clear()
    document = add(base, "leave.txt", LEAVE.replace("twenty-five", "thirty"))
    base.close()

    assert len(embedder.embedded) == 1
    assert "thirty" in embedder.embedded[0]
    assert (document.progress.chunks_total, document.progress.chunks_reused) == (2, 1)


def test_vectors_staged_before_a_crash_are_kept_when_the_chunks_are_staged_again(base):
    document = accept(base, "leave.txt", LEAVE)
    key = (document.id, sha(LEAVE))
    base.pending(*key).stage_chunks(chunks(LEAVE))
    (ordinal, text), *_ = base.pending(*key).unembedded(1)
    base.pending(*key).stage_vectors([ordinal], base.embedder.encode_documents([text]))
    base.pending(*key).stage_chunks(chunks(LEAVE))

    assert [ordinal for ordinal, _ in base.pending(*key).unembedded(10)] == [1]
    assert base.document(document.id).progress.chunks_embedded == 1


def test_the_text_to_embed_carries_the_name_and_the_section(base):
    document = accept(base, "travel_policy.v2.txt", TRAVEL)
    base.pending(document.id, sha(TRAVEL)).stage_chunks(chunks(TRAVEL))

    assert base.pending(document.id, sha(TRAVEL)).unembedded(1) == [
        (0, "travel policy.v2 > Chapter\nTrains are booked in second class.")
    ]


def test_a_newer_upload_supersedes_the_work_on_the_older(base):
    accept(base, "leave.txt", LEAVE)
    document = accept(base, "leave.txt", TRAVEL)

    assert document.pending_sha256 == sha(TRAVEL)
    assert [path.read_text() for path in (base.folder / "files").iterdir()] == [TRAVEL]
    for step in steps(base, document.id, sha(LEAVE)):
        with pytest.raises(Superseded):
            step()


def test_returning_to_the_served_content_gives_up_the_update(base):
    first = add(base, "leave.txt", LEAVE)
    accept(base, "leave.txt", TRAVEL)
    document = accept(base, "leave.txt", LEAVE)

    assert (document.status, document.sha256, document.pending_sha256) == (
        DocumentStatus.READY,
        first.sha256,
        None,
    )
    with pytest.raises(Superseded):
        base.pending(document.id, sha(TRAVEL)).publish()


def test_work_on_a_removed_document_is_told_so_and_leaves_nothing(base):
    document = accept(base, "leave.txt", LEAVE)
    stage(base, document, LEAVE)
    base.remove(document.id)

    for step in steps(base, document.id, sha(LEAVE)):
        with pytest.raises(DocumentNotFound):
            step()
    assert base.documents() == []
    assert list((base.folder / "files").iterdir()) == []


def steps(base, document_id, sha256):
    key = (document_id, sha256)
    vector = np.zeros((1, base.embedder.dimensions), np.float32)
    return [
        lambda: base.pending(*key).report(DocumentStatus.READING, Progress()),
        lambda: base.pending(*key).stage_pages([], []),
        lambda: base.pending(*key).staged_pages(),
        lambda: base.pending(*key).stage_chunks(chunks(LEAVE)),
        lambda: base.pending(*key).unembedded(1),
        lambda: base.pending(*key).stage_vectors([0], vector),
        lambda: base.pending(*key).publish(),
        lambda: base.pending(*key).fail("why"),
    ]


def test_a_failed_document_says_why_and_can_be_tried_again(base):
    document = accept(base, "leave.txt", LEAVE)
    base.pending(document.id, sha(LEAVE)).fail("The file is encrypted: upload it without a password.")
    failed = base.document(document.id)

    assert (failed.status, failed.pending_sha256) == (DocumentStatus.FAILED, None)
    assert failed.error == "The file is encrypted: upload it without a password."
    assert base.original(document.id).read_text() == LEAVE
    assert base.unfinished() == []

    again = accept(base, "leave.txt", LEAVE)
    assert (again.id, again.status, again.error) == (document.id, DocumentStatus.QUEUED, None)
    assert add(base, "leave.txt", LEAVE).status is DocumentStatus.READY


def test_a_failed_update_leaves_the_old_content_serving(base):
    add(base, "leave.txt", LEAVE)
    document = accept(base, "leave.txt", TRAVEL)
    base.pending(document.id, sha(TRAVEL)).fail("Damaged: export it again.")

    assert base.document(document.id).status is DocumentStatus.FAILED
    assert base.document(document.id).sha256 == sha(LEAVE)
    assert "Annual" in found(base, "annual leave")[0]


def test_progress_is_seen_while_the_work_goes_on(base):
    document = accept(base, "leave.txt", LEAVE)
    key = (document.id, sha(LEAVE))
    base.pending(*key).report(DocumentStatus.READING, Progress(pages_read=3, pages_total=9))
    assert base.document(document.id).status is DocumentStatus.READING
    assert base.document(document.id).progress == Progress(pages_read=3, pages_total=9)

    base.pending(*key).stage_chunks(chunks(LEAVE))
    base.pending(*key).report(DocumentStatus.EMBEDDING, Progress(pages_read=9, pages_total=9))
    assert base.document(document.id).progress == Progress(pages_read=9, pages_total=9, chunks_total=2)


def test_staged_pages_come_back_as_they_were(base):
    document = accept(base, "leave.txt", LEAVE)
    key = (document.id, sha(LEAVE))
    assert base.pending(*key).staged_pages() is None
    stage(base, document, LEAVE)

    (page,) = base.pending(*key).staged_pages() or []
    assert (page.number, page.label, page.text) == (1, "page 1", LEAVE)


def test_a_removed_document_is_found_by_no_search_and_listed_nowhere(base):
    document = add(base, "leave.txt", LEAVE)
    other = add(base, "travel.txt", TRAVEL)
    receipt = base.remove(document.id)

    assert (receipt.name, receipt.pages, receipt.chunks, receipt.vectors, receipt.files) == (
        "leave.txt",
        1,
        2,
        2,
        1,
    )
    assert not set(found(base, "annual leave doctor")) & set(LEAVE.split("\n"))
    assert [each.id for each in base.documents()] == [other.id]
    for gone in (base.document, base.original, base.remove, lambda each: base.page(each, 1)):
        with pytest.raises(DocumentNotFound):
            gone(document.id)


def test_a_page_that_is_not_there_is_named(base):
    document = add(base, "leave.txt", LEAVE)

    with pytest.raises(PageNotFound):
        base.page(document.id, 2)


def test_documents_are_listed_page_by_page_both_ways(base):
    ids = [accept(base, f"{n}.txt", f"text {n}").id for n in range(5)]

    def listed(**options):
        return [ids.index(each.id) for each in base.documents(**options)]

    assert listed() == [0, 1, 2, 3, 4]
    assert listed(order="desc") == [4, 3, 2, 1, 0]
    assert listed(limit=2, after=ids[1]) == [2, 3]
    assert listed(limit=2, after=ids[3], order="desc") == [2, 1]
    assert listed(limit=2, before=ids[3]) == [1, 2]
    assert listed(limit=2, before=ids[1], order="desc") == [3, 2]
    assert listed(after=ids[0], before=ids[3]) == [1, 2]
    with pytest.raises(DocumentNotFound):
        base.documents(after="doc_000000000000000000000000")


def test_a_search_can_be_limited_to_some_documents(base):
    for n in range(30):
        add(base, f"{n}.txt", f"Annual leave in plant {n} is long.")
    only = add(base, "only.txt", "Hotels have beds.\nNothing about it.")

    texts = found(base, "annual leave", k=3, document_ids=[only.id])
    assert sorted(texts) == ["Hotels have beds.", "Nothing about it."]
    assert found(base, "annual leave", document_ids=[]) == []
    assert found(base, "annual leave", document_ids=["doc_unknown"]) == []


def test_several_bases_are_searched_as_one(tmp_path):
    bases = [open_base(tmp_path / name) for name in ("a", "b", "c")]
    for base, text in zip(bases, (LEAVE, TRAVEL), strict=False):
        add(base, "text.txt", text)
    result = search(bases, "What may hotels cost a night?", floor=0.0)
    for base in bases:
        base.close()

    assert result.passages[0].chunk.text.startswith("Hotels cost")
    assert len(result.passages) == 4
    assert search([], "hotels").passages == ()


@pytest.mark.parametrize(
    "query", ["", "  ", "?!", "\u0000", "a" * 100_000, "한", "\ud800", "' OR 1=1 --", "*"]
)
def test_any_query_is_answered(base, query):
    add(base, "leave.txt", LEAVE)

    assert search([base], query, floor=0.0).query == query
    assert search([base], query, k=1)


def test_a_base_opened_again_holds_what_it_held(tmp_path):
    base = open_base(tmp_path)
    document = add(base, "leave.txt", LEAVE)
    base.close()
    again = open_base(tmp_path)

    assert again.documents() == [document]
    assert "Annual" in found(again, "annual leave")[0]
    again.close()


def test_a_renamed_document_is_found_by_its_new_name_and_embedded_again(tmp_path):
    embedder = CountingEmbedder()
    base = open_base(tmp_path, embedder)
    document = add(base, "leave.txt", LEAVE)
    add(base, "travel.txt", TRAVEL)
    embedder.embedded.clear()
    renamed = base.rename(document.id, "../sub/absence rules.txt")

    assert (renamed.name, renamed.status) == ("absence rules.txt", DocumentStatus.QUEUED)
    assert (renamed.sha256, renamed.pending_sha256) == (sha(LEAVE), sha(LEAVE))
    assert set(found(base, "absence", k=2)) == set(LEAVE.split("\n"))
    assert base.search("leave.txt", floor=0.0).passages[0].document_name == "absence rules.txt"
    key = (document.id, sha(LEAVE))
    assert base.pending(*key).staged_pages() == [base.page(document.id, 1)]  # not read again
    base.pending(*key).stage_chunks(chunks(LEAVE))
    ordinals, texts = zip(*base.pending(*key).unembedded(8), strict=True)
    assert all(text.startswith("absence rules >") for text in texts)
    base.pending(*key).stage_vectors(ordinals, embedder.encode_documents(texts))
    ready = base.pending(*key).publish()

    assert (ready.status, ready.sha256, ready.chunks, ready.warnings) == (
        DocumentStatus.READY,
        sha(LEAVE),
        2,
        ("a warning",),
    )
    assert base.original(document.id).read_text() == LEAVE
    assert base.rename(document.id, "absence rules.txt") == ready
    base.remove(document.id)
    assert b"Annual" not in bytes_of(base.folder)
    base.close()


def test_a_name_that_is_taken_is_refused_and_a_rename_in_work_begins_again(base):
    add(base, "travel.txt", TRAVEL)
    document = accept(base, "leave.txt", LEAVE)
    stage(base, document, LEAVE)
    with pytest.raises(NameTaken):
        base.rename(document.id, "travel.txt")
    base.rename(document.id, "absence.txt")
    with pytest.raises(Remade):
        base.pending(document.id, sha(LEAVE)).stage_vectors([0], np.zeros((1, 256), np.float32))
    stage(base, document, LEAVE)
    assert base.pending(document.id, sha(LEAVE)).publish().name == "absence.txt"


def test_several_documents_go_at_once_and_those_that_are_not_there_do_not_matter(base):
    gone = [add(base, f"{n}.txt", f"Secret number {n} is here.") for n in range(3)]
    kept = add(base, "leave.txt", LEAVE)
    receipts = base.remove_all([*(document.id for document in gone), gone[0].id, "doc_none"])

    assert [receipt.name for receipt in receipts] == ["0.txt", "1.txt", "2.txt"]
    assert base.documents() == [kept]
    assert b"Secret" not in bytes_of(base.folder)
    assert base.remove_all([gone[0].id]) == []


def test_a_list_is_filtered_by_status_and_attributes(base):
    ready = add(base, "leave.txt", LEAVE)
    queued = accept(base, "travel.txt", TRAVEL)
    base.annotate(queued.id, {"kind": "travel"})
    travel = parse({"type": "eq", "key": "kind", "value": "travel"})

    assert [each.id for each in base.documents(statuses=[DocumentStatus.READY])] == [ready.id]
    assert [each.id for each in base.documents(filter=travel)] == [queued.id]
    assert base.documents(filter=travel, statuses=[DocumentStatus.READY]) == []
    assert [each.id for each in base.documents(filter=travel, after=ready.id)] == [queued.id]
    with pytest.raises(UnusableFilter, match="page"):
        base.documents(filter=parse({"type": "eq", "key": "page", "value": 1}))


def test_what_each_page_holds_is_told(base):
    document = add(base, "leave.txt", LEAVE)
    [page] = base.pages_of(document.id)
    assert (page.number, page.label, page.characters, page.chunks) == (1, "page 1", len(LEAVE), 2)
    with pytest.raises(DocumentNotFound):
        base.pages_of("doc_none")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\kim\\report.pdf", "report.pdf"),
        ("..", "document"),
        ("", "document"),
        ("a\x00b\n.txt", "ab.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (unicodedata.normalize("NFD", "휴가 규정.pdf"), "휴가 규정.pdf"),
        ("가" * 400 + ".pdf", "가" * 251 + ".pdf"),
        ("x" * 400, "x" * 255),
    ],
)
def test_a_name_is_only_a_label(given, shown):
    assert label(given) == shown


def test_a_name_never_becomes_a_path(base):
    accept(base, "../../../outside.txt", LEAVE)
    accept(base, "가" * 300 + ".txt", TRAVEL)

    assert {path.parent.name for path in base.folder.rglob("*") if path.is_file()} == {"base", "files"}
    assert not (base.folder.parent / "outside.txt").exists()


def test_a_hash_that_is_none_is_refused(base, tmp_path):
    upload = tmp_path / "upload"
    upload.write_text("x")

    with pytest.raises(ValueError, match="sha256"):
        base.accept(upload, name="x", media_type="text/plain", sha256="../x", size=1)


def test_removed_text_is_in_no_file(tmp_path):
    base = open_base(tmp_path)
    for n in range(40):
        add(base, f"kept-{n}.txt", f"Kept line {n} about leave.\nAnother kept line {n}.")
    secret = "\n".join(f"Zanzibarcode{n} unlocks vault number {n}." for n in range(60))
    document = add(base, "vaultplan.txt", secret)
    for n in range(40, 80):
        add(base, f"kept-{n}.txt", f"Kept line {n} about leave.\nAnother kept line {n}.")
    assert b"anzibarcode7" in bytes_of(base.folder)

    base.remove(document.id)
    for trace in (b"anzibarcode", b"vaultplan", document.id.encode(), sha(secret).encode()):
        assert trace not in bytes_of(base.folder)
    base.close()
    assert b"anzibarcode" not in bytes_of(base.folder)


def test_replaced_text_is_in_no_file(tmp_path):
    base = open_base(tmp_path)
    for n in range(40):
        add(base, f"kept-{n}.txt", f"Kept line {n} about leave.\nAnother kept line {n}.")
    add(base, "plan.txt", "\n".join(f"Zanzibarcode{n} unlocks vault number {n}." for n in range(60)))
    add(base, "plan.txt", "The plan is off.")

    assert b"anzibarcode" not in bytes_of(base.folder)
    base.close()


def test_an_upload_that_was_superseded_is_in_no_file_once_the_newer_is_ready(tmp_path):
    base = open_base(tmp_path)
    stage(base, accept(base, "plan.txt", "Zanzibarcode one."), "Zanzibarcode one.")
    add(base, "plan.txt", "The plan is off.")

    assert b"anzibarcode" not in bytes_of(base.folder)
    base.close()


def test_a_damaged_or_missing_cache_is_made_again(tmp_path):
    def damage(cache: Path) -> None:
        data = bytearray(cache.read_bytes())
        data[-200:] = bytes(200)
        cache.write_bytes(data)

    for harm in (damage, Path.unlink, lambda cache: cache.write_bytes(b"")):
        base = open_base(tmp_path)
        add(base, "leave.txt", LEAVE)
        expected = search([base], "annual leave", floor=0.0).passages
        base.close()
        harm(base.folder / "index.faiss")
        base = open_base(tmp_path)
        assert search([base], "annual leave", floor=0.0).passages == expected
        base.close()


def test_a_cache_of_an_older_generation_is_not_believed(tmp_path):
    base = open_base(tmp_path)
    add(base, "leave.txt", LEAVE)
    old = (base.folder / "index.faiss").read_bytes()
    add(base, "travel.txt", TRAVEL)
    base.close()
    (base.folder / "index.faiss").write_bytes(old)
    base = open_base(tmp_path)

    scores = [passage.scores.dense for passage in search([base], "hotels cost", floor=0.0).passages]
    assert len(scores) == 4
    base.close()


def test_what_another_process_changes_is_seen(tmp_path):
    first, second = (KnowledgeBase.open(tmp_path / "base", embedder=HashingEmbedder()) for _ in range(2))
    document = add(first, "leave.txt", LEAVE)
    assert "Annual" in found(second, "annual leave")[0]
    second.remove(document.id)
    assert found(first, "annual leave") == []
    add(first, "travel.txt", TRAVEL)
    assert "Hotels" in found(second, "hotels cost")[0]
    first.close()
    second.close()


def test_files_that_no_document_names_are_swept_when_the_base_is_opened(tmp_path):
    base = open_base(tmp_path)
    add(base, "leave.txt", LEAVE)
    base.close()
    (base.folder / "files" / f"doc_{'0' * 24}-{'0' * 64}").write_text("half")
    base = open_base(tmp_path)

    assert len(list((base.folder / "files").iterdir())) == 1
    base.close()

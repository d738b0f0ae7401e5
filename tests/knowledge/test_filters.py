import pytest

from knowledge.base import KnowledgeBase
from knowledge.database import Database
from knowledge.documents import Chunk, Page
from knowledge.errors import DocumentNotFound, UnusableAttributes, UnusableFilter
from knowledge.filters import PAGE, Comparison, Operator, both, of_documents, parse
from knowledge.search import search
from tests.knowledge.library import accept, add, open_base, sha

TEXT = "Annual leave is {} days in this office.\nSick leave is paid in full here."


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = open_base(tmp_path_factory.mktemp("filters"))
    notes = {
        "berlin.txt": {"city": "Berlin", "year": 2024, "draft": False},
        "tartu.txt": {"city": "Tartu", "year": 2025, "draft": True},
        "seoul.txt": {"city": "서울", "year": 2026.5, "code": "10"},
        "plain.txt": {},
    }
    for days, (name, attributes) in enumerate(notes.items(), 20):
        document = add(base, name, TEXT.format(days))
        base.annotate(document.id, attributes)
    yield base
    base.close()


def names(base: KnowledgeBase, wanted) -> set[str]:
    result = base.search("days of annual leave", k=50, floor=0.0, filter=parse(wanted))
    return {passage.document_name.removesuffix(".txt") for passage in result.passages}


@pytest.mark.parametrize(
    ("kind", "key", "value", "expected"),
    [
        ("eq", "city", "Berlin", {"berlin"}),
        ("eq", "city", "서울", {"seoul"}),
        ("eq", "city", "berlin", set()),
        ("ne", "city", "Berlin", {"tartu", "seoul", "plain"}),
        ("gt", "year", 2024, {"tartu", "seoul"}),
        ("gte", "year", 2024, {"berlin", "tartu", "seoul"}),
        ("lt", "year", 2025, {"berlin"}),
        ("lte", "year", 2025, {"berlin", "tartu"}),
        ("gte", "city", "C", {"tartu", "seoul"}),
        ("in", "city", ["Berlin", "서울"], {"berlin", "seoul"}),
        ("in", "year", [2024, "2025"], {"berlin"}),
        ("in", "city", [], set()),
        ("nin", "city", ["Berlin", "서울"], {"tartu", "plain"}),
        ("eq", "draft", True, {"tartu"}),
        ("eq", "draft", 1, set()),
        ("eq", "draft", False, {"berlin"}),
        ("gte", "code", 5, set()),
        ("eq", "code", "10", {"seoul"}),
        ("eq", "nothing", "x", set()),
        ("eq", "document.name", "plain.txt", {"plain"}),
        ("gte", "document.uploaded_at", "2020-01-01", {"berlin", "tartu", "seoul", "plain"}),
        ("lt", "document.uploaded_at", "2020-01-01T12:00:00+09:00", set()),
        ("lt", "document.uploaded_at", 32503680000, {"berlin", "tartu", "seoul", "plain"}),
        ("eq", "'; DROP TABLE documents; --", "x", set()),
    ],
)
def test_a_comparison_keeps_the_documents_it_says(base, kind, key, value, expected):
    assert names(base, {"type": kind, "key": key, "value": value}) == expected


def test_groups_hold_when_all_or_one_of_their_filters_do(base):
    berlin = {"type": "eq", "key": "city", "value": "Berlin"}
    recent = {"type": "gte", "key": "year", "value": 2025}
    draft = {"type": "eq", "key": "draft", "value": True}
    assert names(base, {"type": "or", "filters": [berlin, recent]}) == {"berlin", "tartu", "seoul"}
    assert names(base, {"type": "and", "filters": [recent, draft]}) == {"tartu"}
    inner = {"type": "and", "filters": [recent, draft]}
    assert names(base, {"type": "or", "filters": [berlin, inner]}) == {"berlin", "tartu"}


def test_a_document_is_chosen_by_its_id(base):
    document = base.documents()[1]
    assert names(base, {"type": "eq", "key": "document.id", "value": document.id}) == {"tartu"}
    assert names(base, {"type": "nin", "key": "document.id", "value": [document.id]}) == {
        "berlin",
        "seoul",
        "plain",
    }


def test_the_filter_holds_before_the_ranking_so_that_k_passages_come_back(tmp_path):
    base = open_base(tmp_path)
    for number in range(80):
        add(base, f"loud {number}.txt", "Annual leave, annual leave, annual leave days.")
    quiet = add(base, "quiet.txt", "\n".join(f"Rule {n} of the archive, mentions leave." for n in range(5)))
    base.annotate(quiet.id, {"kind": "archive"})
    result = base.search(
        "annual leave days", k=5, floor=0.0, filter=parse({"type": "eq", "key": "kind", "value": "archive"})
    )
    assert [passage.document_id for passage in result.passages] == [quiet.id] * 5
    base.close()


def test_pages_are_chosen_within_their_documents(tmp_path):
    base = open_base(tmp_path)
    for name in ("one.txt", "two.txt"):
        document = accept(base, name, name)
        key = (document.id, sha(name))
        pages = [Page(number=n, label=f"page {n}", text=f"Leave rule number {n}.") for n in range(1, 7)]
        base.pending(*key).stage_pages(pages, [])
        chunks = [
            Chunk(
                ordinal=at,
                page=page.number,
                locator=page.label,
                section=(),
                text=page.text,
                start=0,
                end=len(page.text),
            )
            for at, page in enumerate(pages)
        ]
        base.pending(*key).stage_chunks(chunks)
        texts = [text for _, text in base.pending(*key).unembedded(10)]
        base.pending(*key).stage_vectors(range(6), base.embedder.encode_documents(texts))
        base.pending(*key).publish()
    some = Comparison(key=PAGE, operator=Operator.GTE, value=3)
    few = both(some, Comparison(key=PAGE, operator=Operator.LTE, value=4))
    one = both(few, of_documents([base.documents()[0].id]))
    found = [
        (passage.document_name, passage.chunk.page)
        for passage in search([base], "leave rule", k=50, floor=0.0, filter=one).passages
    ]
    assert sorted(found) == [("one.txt", 3), ("one.txt", 4)]
    assert len(search([base], "leave rule", k=50, floor=0.0, filter=few).passages) == 4
    assert len(search([base], "leave rule", k=50, floor=0.0).passages) == 12
    base.close()


DEEP = {"type": "eq", "key": "a", "value": 1}
for _ in range(9):
    DEEP = {"type": "and", "filters": [DEEP]}


@pytest.mark.parametrize(
    ("wanted", "about"),
    [
        ([], "filter is no object"),
        ({}, "filter.type"),
        ({"type": "like", "key": "a", "value": "b"}, "like"),
        ({"type": "eq", "key": "", "value": "b"}, "filter.key"),
        ({"type": "eq", "key": "a", "value": None}, "filter.value"),
        ({"type": "eq", "key": "a", "value": {"b": 1}}, "filter.value"),
        ({"type": "eq", "key": "a", "value": 2**80}, "filter.value"),
        ({"type": "eq", "key": "a", "value": float("nan")}, "filter.value"),
        ({"type": "eq", "key": "a", "value": "b", "boost": 2}, "boost"),
        ({"type": "in", "key": "a", "value": "b"}, "list"),
        ({"type": "and", "filters": []}, "filter.filters"),
        ({"type": "or", "filters": [{"type": "eq", "key": "a", "value": "b"}, 3]}, "filter.filters[1]"),
        ({"type": "eq", "key": "page", "value": "three"}, "page is compared with a number"),
        ({"type": "eq", "key": "document.id", "value": 3}, "document.id is compared with a text"),
        ({"type": "gt", "key": "document.uploaded_at", "value": "yesterday"}, "2026-11-24"),
        ({"type": "gt", "key": "document.uploaded_at", "value": "2026-13-01"}, "no date"),
        (DEEP, "too deep"),
        ({"type": "or", "filters": [{"type": "eq", "key": "a", "value": 1}] * 300}, "too many"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(wanted, about):
    with pytest.raises(UnusableFilter, match="write") as refused:
        parse(wanted)
    assert about in str(refused.value)


@pytest.mark.parametrize(
    "attributes",
    [
        {f"k{n}": n for n in range(17)},
        {"": 1},
        {"k" * 65: 1},
        {"page": 3},
        {"document.id": "x"},
        {"k": "v" * 513},
        {"k": None},
        {"k": ["a"]},
        {"k": float("inf")},
        {"k": 2**70},
        {"k": "\ud800"},
    ],
)
def test_attributes_that_cannot_be_kept_change_nothing(base, attributes):
    document = base.documents()[0]
    with pytest.raises(UnusableAttributes):
        base.annotate(document.id, attributes)
    assert base.document(document.id).attributes == {"city": "Berlin", "year": 2024, "draft": False}


def test_attributes_change_without_work_on_the_text_and_go_with_the_document(tmp_path):
    base = open_base(tmp_path)
    document = add(base, "leave.txt", TEXT.format(25))
    changed = base.annotate(document.id, {"city": "Tartu"})
    assert (changed.attributes, changed.status, changed.sha256) == (
        {"city": "Tartu"},
        document.status,
        document.sha256,
    )
    assert add(base, "leave.txt", TEXT.format(26)).attributes == {"city": "Tartu"}
    base.remove(document.id)
    with pytest.raises(DocumentNotFound):
        base.annotate(document.id, {})
    again = add(base, "leave.txt", TEXT.format(25))
    assert again.attributes == {}
    base.close()


def test_a_base_of_the_version_before_attributes_is_opened(tmp_path):
    base = open_base(tmp_path)
    add(base, "leave.txt", TEXT.format(25))
    base.close()
    database = Database(tmp_path / "base" / "base.sqlite")
    with database.writing() as connection:
        connection.execute("DROP TABLE attributes")
        connection.execute("DROP TABLE next_chunks")
        for column in ("settings", "recipe", "next_recipe"):
            connection.execute(f"ALTER TABLE state DROP COLUMN {column}")
        connection.execute("ALTER TABLE documents DROP COLUMN next_sha256")
        connection.execute("PRAGMA user_version = 2")
    database.close()
    base = open_base(tmp_path)
    assert base.documents()[0].attributes == {}
    assert len(base.search("annual leave", floor=0.0).passages) == 2
    base.close()

from datetime import UTC, datetime

import pytest

from knowledge.documents import DocumentStatus
from knowledge.errors import DocumentNotFound
from service.document_lists import Wanted, page_of
from service.records import KnowledgeBaseRecord
from service.store.pages import Window
from tests.knowledge.library import accept, add, open_base

SIZES = (3, 0, 2, 4)


@pytest.fixture(scope="module")
def shelves(tmp_path_factory):
    records, bases = [], []
    for at, size in enumerate(SIZES):
        base = open_base(tmp_path_factory.mktemp("shelf"))
        for number in range(size):
            name = f"{at}-{number}.txt"
            accept(base, name, name) if number == 1 else add(base, name, f"Rule {number} of base {at}.")
        bases.append(base)
        records.append(
            KnowledgeBaseRecord(
                id=f"kb_{at}", team_id="t", slug=f"b{at}", name="B", own=True, created_at=datetime.now(UTC)
            )
        )
    yield records, bases
    for base in bases:
        base.close()


def names(shelves, window, **wanted):
    page, more = page_of(*shelves, Wanted(window=window, **wanted))
    assert all(document.name.startswith(record.slug[1]) for document, record in page)
    return [document.name.removesuffix(".txt") for document, _ in page], more


def ids(shelves):
    page, _ = page_of(*shelves, Wanted(window=Window(order="asc")))
    return {document.name.removesuffix(".txt"): document.id for document, _ in page}


ASCENDING = ["0-0", "0-1", "0-2", "2-0", "2-1", "3-0", "3-1", "3-2", "3-3"]
DESCENDING = ["0-2", "0-1", "0-0", "2-1", "2-0", "3-3", "3-2", "3-1", "3-0"]


@pytest.mark.parametrize(("order", "everything"), [("asc", ASCENDING), ("desc", DESCENDING)])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 50])
def test_pages_of_several_bases_follow_each_other_without_gaps_in_both_directions(
    shelves, order, everything, limit
):
    known = ids(shelves)
    seen, cursor = [], None
    while True:
        page, more = names(shelves, Window(limit=limit, order=order, after=cursor))
        seen += page
        if not more:
            break
        cursor = known[page[-1]]
    assert seen == everything

    back, cursor = [], known[everything[-1]]
    while True:
        page, more = names(shelves, Window(limit=limit, order=order, before=cursor))
        back = page + back
        if not more:
            break
        cursor = known[page[0]]
    assert back == everything[:-1]


def test_a_status_is_asked_of_every_base(shelves):
    wanted = {"statuses": [DocumentStatus.QUEUED]}
    assert names(shelves, Window(order="asc"), **wanted) == (["0-1", "2-1", "3-1"], False)
    assert names(shelves, Window(order="asc", limit=2), **wanted) == (["0-1", "2-1"], True)


def test_a_cursor_of_elsewhere_looks_like_one_that_does_not_exist(shelves):
    with pytest.raises(DocumentNotFound):
        page_of(*shelves, Wanted(window=Window(after="doc_none")))

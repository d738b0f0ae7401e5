"""One function per resource of the OpenAI surface's storage side; each takes a client of the SDK."""

import base64
import hashlib
import math
import struct
from typing import Any

KOREAN = "연차 휴가 규정.md"


def embeddings(client: Any) -> None:
    """Vectors in both encodings, batches, what is refused."""
    texts = ["How much annual leave do I have?", "연차 휴가는 며칠입니까?", "word " * 900]
    reply = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts)  # the SDK asks for base64
    assert [each.index for each in reply.data] == [0, 1, 2]
    assert {len(each.embedding) for each in reply.data} == {384}
    assert all(abs(math.hypot(*each.embedding) - 1) < 1e-3 for each in reply.data)
    assert reply.usage.total_tokens > 900
    plain = client.embeddings.create(model="text-embedding-3-small", input=texts[0], encoding_format="float")
    assert plain.model == "all-MiniLM-L6-v2"
    same = zip(plain.data[0].embedding, reply.data[0].embedding, strict=True)
    assert max(abs(a - b) for a, b in same) < 1e-2
    raw = client.embeddings.create(model="all-MiniLM-L6-v2", input="leave", encoding_format="base64")
    assert len(struct.unpack("<384f", base64.b64decode(raw.data[0].embedding))) == 384
    for bad in ({"dimensions": 256}, {"input": [[1, 2, 3]]}, {"input": []}, {"input": ""}):
        assert refused(client.embeddings.create, **{"model": "all-MiniLM-L6-v2", "input": "x"} | bad) == 400
    assert refused(client.embeddings.create, model="bge-unheard-of", input="x") == 404


def files(client: Any) -> None:
    """A file from creation to deletion, with a Korean name."""
    content = "# 연차\n\n연차 휴가는 15일입니다.\n".encode()
    made = client.files.create(
        file=(KOREAN, content),
        purpose="assistants",
        extra_body={"expires_after": {"anchor": "created_at", "seconds": 3600}},
    )
    assert (made.filename, made.bytes, made.purpose, made.status) == (
        KOREAN,
        len(content),
        "assistants",
        "processed",
    )
    assert made.model_dump()["expires_at"] == made.created_at + 3600
    other = client.files.create(file=("notes.txt", b"notes"), purpose="user_data")
    assert client.files.retrieve(made.id).id == made.id
    assert client.files.content(made.id).read() == content
    assert [file.id for file in client.files.list(purpose="user_data", limit=1).data] == [other.id]
    newest = [file.id for file in client.files.list(limit=1)]  # the SDK walks the pages
    assert newest.index(other.id) < newest.index(made.id)
    assert client.files.delete(made.id).deleted
    assert client.files.delete(other.id).deleted
    assert refused(client.files.retrieve, made.id) == 404
    assert refused(client.files.content, made.id) == 404
    assert refused(client.files.create, file=("a.txt", b"a"), purpose="world-domination") == 400


def uploads(client: Any) -> None:
    """A file in parts, with its checksum; what does not fit is refused and changes nothing."""
    content = bytes(range(256)) * 1200
    announced = {"filename": KOREAN, "mime_type": "text/markdown", "purpose": "assistants"}
    upload = client.uploads.create(bytes=len(content), **announced)
    assert upload.status == "pending"
    half = len(content) // 2
    second = client.uploads.parts.create(upload.id, data=content[half:])
    first = client.uploads.parts.create(upload.id, data=content[:half])
    assert refused(client.uploads.parts.create, upload.id, data=b"one byte too many"[:1]) == 400
    order, md5 = [first.id, second.id], hashlib.md5(content).hexdigest()
    assert refused(client.uploads.complete, upload.id, part_ids=order, md5="0" * 32) == 400
    assert refused(client.uploads.complete, upload.id, part_ids=[first.id], md5=md5) == 400
    done = client.uploads.complete(upload.id, part_ids=order, md5=md5)
    assert (done.status, done.file.filename, done.file.bytes) == ("completed", KOREAN, len(content))
    assert client.files.content(done.file.id).read() == content
    assert refused(client.uploads.cancel, upload.id) == 400
    client.files.delete(done.file.id)
    dropped = client.uploads.create(bytes=10, **announced)
    client.uploads.parts.create(dropped.id, data=b"12345")
    assert client.uploads.cancel(dropped.id).status == "cancelled"
    assert refused(client.uploads.parts.create, dropped.id, data=b"12345") == 400
    assert refused(client.uploads.create, bytes=10**12, **announced) == 413


def refused(call: Any, *args: Any, **kwargs: Any) -> int:
    """The status of a call that must fail with an error in the one shape."""
    import openai

    try:
        call(*args, **kwargs)
    except openai.APIStatusError as error:
        found = error
    else:
        raise AssertionError("the call went through")
    assert found.type
    assert found.code
    assert found.message
    return found.status_code


def vector_stores(client: Any) -> None:
    """A store from creation to deletion: files, attributes, filters, search, pages of lists."""
    store = client.vector_stores.create(
        name="Harbour 항만",
        metadata={"team": "harbour"},
        expires_after={"anchor": "last_active_at", "days": 7},
    )
    assert (store.status, store.file_counts.total, store.metadata) == ("completed", 0, {"team": "harbour"})
    assert store.expires_at == store.last_active_at + 7 * 86400
    gates = client.files.create(file=("gates.md", GATES), purpose="assistants")
    old = client.files.create(file=("gates.md", OLD_GATES), purpose="assistants")  # the same name twice
    added = client.vector_stores.files.create_and_poll(
        gates.id,
        vector_store_id=store.id,
        attributes={"year": 2026, "lang": "en"},
        chunking_strategy=STATIC,
        poll_interval_ms=50,
    )
    assert (added.id, added.status, added.last_error) == (gates.id, "completed", None)
    assert added.attributes == {"year": 2026, "lang": "en"}
    assert added.chunking_strategy.static.max_chunk_size_tokens == 400
    client.vector_stores.files.create_and_poll(
        old.id, vector_store_id=store.id, attributes={"year": 2019}, poll_interval_ms=50
    )
    question = "When do the gates of Tallinn open?"
    found = client.vector_stores.search(store.id, query=question).data
    assert {hit.file_id for hit in found} == {gates.id, old.id}
    this_year = {"type": "eq", "key": "year", "value": 2026}
    found = client.vector_stores.search(store.id, query=question, filters=this_year, max_num_results=1).data
    assert [hit.file_id for hit in found] == [gates.id]
    assert (found[0].filename, found[0].attributes["year"]) == ("gates.md", 2026)
    assert "05:40" in found[0].content[0].text
    assert 0.05 < found[0].score <= 1
    both = {"type": "and", "filters": [this_year, {"type": "ne", "key": "lang", "value": "en"}]}
    assert client.vector_stores.search(store.id, query=question, filters=both).data == []
    changed = client.vector_stores.files.update(gates.id, vector_store_id=store.id, attributes={"year": 2027})
    assert changed.attributes == {"year": 2027}
    assert client.vector_stores.search(store.id, query=question, filters=this_year).data == []
    text = client.vector_stores.files.content(gates.id, vector_store_id=store.id).data
    assert "05:40" in text[0].text
    pages = client.vector_stores.files.list(store.id, limit=1, order="asc")
    assert pages.has_more
    assert [file.id for file in pages] == [gates.id, old.id]  # the SDK walks the pages
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 2
    assert client.vector_stores.retrieve(store.id).usage_bytes == len(GATES) + len(OLD_GATES)
    assert client.vector_stores.update(store.id, name="Gates", expires_after=None).expires_at is None
    assert store.id in [each.id for each in client.vector_stores.list(limit=1)]
    assert client.vector_stores.files.delete(old.id, vector_store_id=store.id).deleted
    assert client.files.retrieve(old.id).id == old.id  # out of the store, not out of the world
    assert refused(client.vector_stores.files.retrieve, old.id, vector_store_id=store.id) == 404
    client.files.delete(gates.id)  # out of every store
    assert client.vector_stores.search(store.id, query=question).data == []
    assert refused(client.vector_stores.files.create, store.id, file_id=gates.id) == 404
    assert refused(client.vector_stores.search, store.id, query="x", filters={"type": "like"}) == 400
    assert client.vector_stores.delete(store.id).deleted
    assert refused(client.vector_stores.retrieve, store.id) == 404
    client.files.delete(old.id)


def file_batches(client: Any) -> None:
    """Several files at once: one that cannot be read fails alone, one that does not exist stops all."""
    store = client.vector_stores.create(name="Batches")
    batch = client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[(f"note-{at}.md", f"Note {at}: pier {at} is closed.".encode()) for at in range(3)]
    )
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 3, 3)
    broken = client.files.create(file=("broken.pdf", b"%PDF-1.7 and nothing else"), purpose="assistants")
    batch = client.vector_stores.file_batches.create_and_poll(
        store.id, file_ids=[broken.id], poll_interval_ms=50
    )
    assert (batch.file_counts.failed, batch.file_counts.total) == (1, 1)
    (failed,) = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id).data
    assert (failed.status, failed.last_error.code) == ("failed", "invalid_file")
    assert failed.last_error.message
    assert [f.id for f in client.vector_stores.files.list(store.id, filter="failed")] == [broken.id]
    create = client.vector_stores.file_batches.create
    assert refused(create, store.id, file_ids=[broken.id, "file-000000000000000000000000"]) == 404
    notes = [each.id for each in client.vector_stores.files.list(store.id, filter="completed")]
    other = client.vector_stores.create(name="Batches", file_ids=notes)  # names need not be unique
    fresh = [client.files.create(file=(f"x{at}.md", GATES), purpose="assistants").id for at in range(4)]
    cancelled = client.vector_stores.file_batches.cancel(
        client.vector_stores.file_batches.create(other.id, file_ids=fresh).id, vector_store_id=other.id
    )
    assert cancelled.status == "cancelled"
    assert cancelled.file_counts.in_progress == 0
    assert cancelled.file_counts.total == 4
    for each in (store, other):
        client.vector_stores.delete(each.id)
    for file_id in (*notes, *fresh, broken.id):
        client.files.delete(file_id)


GATES = b"# Gates\n\nThe Tallinn warehouse opens its gates at 05:40 on weekdays.\n"
OLD_GATES = b"# Gates\n\nIn 2019 the Tallinn warehouse opened its gates at 07:15.\n"
STATIC = {"type": "static", "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 100}}

RESOURCES = (embeddings, files, uploads, vector_stores, file_batches)

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

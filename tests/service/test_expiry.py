"""What has an end goes with all that was made of it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import update

from service.expiry import sweep
from service.files import content_of, keep, keep_part
from service.installation import Installation
from service.records import Caller, Role, UploadStatus
from service.settings import Settings
from service.store.engine import now
from service.store.files import FileNotFound, UploadNotOpen
from service.store.tables import files, uploads, vector_stores
from service.vector_stores import Wanted, attach, create, is_expired
from service.vector_stores import files as files_of

LONG_AGO = timedelta(days=40)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation.open(Settings(data=tmp_path, embedder="hashing", examples=False))
    yield installation
    installation.close()


def editor(here: Installation) -> Caller:
    team = here.store.teams.create(slug="harbour", name="Harbour")
    return Caller(team=team, role=Role.EDITOR, member="mem_1")


def test_what_has_expired_is_swept_up_and_the_rest_stays(here: Installation) -> None:
    caller = editor(here)
    team = caller.team.id
    made = {
        name: keep(here, team, BytesIO(b"Gate 7 is open."), name=name, purpose="assistants", lasts_s=3600)
        for name in ("old.md", "kept.md")
    }
    store, idle = create(here, caller, "Store"), create(here, caller, "Idle")
    attach(here, caller, store, [Wanted(file_id=file.id) for file in made.values()])
    attach(here, caller, idle, [Wanted(file_id=made["kept.md"].id)])
    deadline = time.monotonic() + 60
    while any(file.status == "in_progress" for each in (store, idle) for file in files_of(here, each)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    here.store.vector_stores.note(team, idle.id, {"metadata": {}, "expires_days": 7})
    upload = here.store.files.begin(
        team, name="x", purpose="assistants", media_type="text/plain", size=4, lasts_s=None
    )
    part = keep_part(here, upload, BytesIO(b"part"))
    folder = content_of(here, made["old.md"]).parent / upload.id
    assert (folder / part.id).exists()

    sweep(here)  # nothing has ended yet
    assert len(files_of(here, store)) == 2
    assert (folder / part.id).exists()

    moment = now()
    with here.store.database.write() as connection:
        old = files.c.id == made["old.md"].id
        connection.execute(update(files).where(old).values(expires_at=moment))
        connection.execute(update(uploads).values(expires_at=moment))
        connection.execute(update(vector_stores).values(last_active_at=moment - LONG_AGO))
    with pytest.raises(FileNotFound):
        here.store.files.get(team, made["old.md"].id)  # also before it is swept up
    with pytest.raises(UploadNotOpen):
        here.store.files.open_upload(team, upload.id)

    sweep(here)
    assert not content_of(here, made["old.md"]).exists()
    assert not folder.exists()
    assert here.store.files.upload(team, upload.id).status is UploadStatus.EXPIRED
    assert [file.file_id for file in files_of(here, store)] == [made["kept.md"].id]
    assert is_expired(idle, here.store.vector_stores.notes(team, [idle.id])[idle.id])
    assert files_of(here, idle) == []
    assert content_of(here, made["kept.md"]).read_bytes() == b"Gate 7 is open."


def test_a_store_that_is_asked_stays(here: Installation) -> None:
    caller = editor(here)
    team = caller.team.id
    asked, page_made = create(here, caller, "Asked"), create(here, caller, "Page")
    here.store.vector_stores.note(team, asked.id, {"metadata": {}, "expires_days": 7})
    with here.store.database.write() as connection:
        connection.execute(update(vector_stores).values(last_active_at=now() - timedelta(days=6)))
    here.store.vector_stores.use(team, [asked.id, page_made.id])
    notes = here.store.vector_stores.notes(team, [asked.id, page_made.id])
    last = notes[asked.id].last_active_at
    assert last is not None
    assert now() - last < timedelta(minutes=5)
    assert notes[page_made.id].last_active_at is None
    assert not is_expired(page_made, notes[page_made.id])

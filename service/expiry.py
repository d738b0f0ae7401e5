"""What has an end: files, uploads in parts, vector stores that nobody uses. Swept once a minute."""

import asyncio
import logging
from datetime import timedelta

from anyio import to_thread

from service.files import content_of, drop_parts
from service.installation import Installation
from service.store.engine import now
from service.vector_stores import drop_file, forget, is_expired

_EVERY_S = 60.0
_DROPPED_AT_ONCE = 500

log = logging.getLogger("doumi")


async def keep_sweeping(here: Installation) -> None:
    """Until it is cancelled. A sweep that fails is told to the log and tried again."""
    while True:
        try:
            if here.not_ready() is None:
                await to_thread.run_sync(sweep, here)
        except Exception:
            log.exception("Sweeping up what has expired failed")
        await asyncio.sleep(_EVERY_S)


def drop_old(here: Installation) -> None:
    """Delete what teams keep no longer; a stretch at a time, so that nobody waits for it."""
    dropped = 0
    for team in here.store.teams.with_retention():
        before = now() - timedelta(days=team.retention_days or 0)
        dropped += here.store.conversations.drop_older(team.id, before, at_most=_DROPPED_AT_ONCE)
    if dropped:
        here.store.database.forget_deleted()


def sweep(here: Installation) -> None:
    """Delete what has expired. Reads refuse it from its moment on, whether or not it was swept up."""
    for file in here.store.files.expired():
        drop_file(here, file.team_id, file.id)
        content_of(here, file).unlink(missing_ok=True)
        here.store.files.drop_expired(file.team_id, file.id)
    here.store.budgets.sweep()
    drop_old(here)
    for upload in here.store.files.drop_stale_uploads():
        drop_parts(here, upload)
    for record, notes in here.store.vector_stores.with_expiry():
        if is_expired(record, notes):
            for document_id in here.bases.get(record.team_id, record.id).all_ids():
                forget(here, record, document_id)
            here.store.database.forget_deleted()

"""Waking an upload that waits: its account, its parts and itself are due at once. Nothing is spent here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from worker.cli.outlook import in_line
from worker.core.resolve import look_at_once
from worker.core.retry import account_again, part_again, parts_woken, upload_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.core.change import Change
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Times a record is read again that others write meanwhile; they are at work on it, which is what is wanted.
TRIES_MAX = 5


def wake(store: Store, upload: UploadRecord) -> int:
    """Wake everything of an upload that waits for a time; the parts that are due now.

    The account comes first, so that no part is held again; the upload last, with the only entry in the timeline.
    Parts in the account's line keep their turns: they are called up when its pause is over.
    """
    _write(store, lambda: account_again(store.account(upload.account, upload.provider)))
    part_ids = [part.part_id for part in store.parts_of(upload)]
    woken = sum(_write(store, partial(_part, store, part_id)) for part_id in part_ids)
    if not _write(store, partial(_upload, store, upload.upload_id)) and woken:
        store.commit(parts_woken(upload, woken))
    return woken


def _part(store: Store, part_id: str) -> Change | None:
    part = store.part(part_id)
    again = None if part is None else part_again(part, store.now())
    return None if part is None or in_line(store, part.account, [part]) else again


def _upload(store: Store, upload_id: str) -> Change | None:
    upload = store.upload(upload_id)
    return None if upload is None else upload_again(upload, store.now())


def _write(store: Store, decide: Callable[[], Change | None]) -> bool:
    """Write what is decided on the record as it is, once more when others were quicker; whether it was written."""
    from worker.store.errors import Stale  # noqa: PLC0415 - slow to import; the help does without it

    for _ in range(TRIES_MAX):
        change = decide()
        if change is None:
            return False
        try:
            store.commit(change)
        except Stale:
            continue
        return True
    return False


def nudge(store: Store, upload_id: str) -> None:
    """Have an upload looked at now, since one of its parts has moved; the place of that part is given away by turns."""
    _write(store, partial(_upload_at_once, store, upload_id))


def _upload_at_once(store: Store, upload_id: str) -> Change | None:
    upload = store.upload(upload_id)
    return None if upload is None else look_at_once(upload, store.now())

"""Attempt records: what is kept in storage before anything is spent, and what became of it.

`attempts/<token>/<n>.json` is created before attempt n is sent, `attempts/<token>/<n>.outcome.json` when its outcome is
known. They outlive Redis: an attempt that the store has forgotten is found here, and never followed by another unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.core.errors import LaterSchema
from worker.core.records import Attempt
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.store.errors import Later

if TYPE_CHECKING:
    from worker.context import Context
    from worker.core.records import PartRecord
    from worker.storage import Storage

#: Most bytes of an attempt record.
RECORD_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: accepted under `remote_id`, or `unspent` for a reason."""

    remote_id: str | None = None
    unspent: str | None = None


def attempt_name(token: str, number: int) -> str:
    """The storage name of an attempt."""
    return f"attempts/{token}/{number}.json"


def outcome_name(token: str, number: int) -> str:
    """The storage name of an attempt's outcome."""
    return f"attempts/{token}/{number}.outcome.json"


def open_attempt(context: Context, part: PartRecord, now: float, over_at: float) -> tuple[Attempt, bool]:
    """Record the next attempt of a part, durably; False beside it when that attempt is there already.

    Exactly one caller ever gets True for one number, whatever Redis remembers.
    """
    number = part.attempts + 1
    name = attempt_name(part.token, number)
    attempt = Attempt(number=number, object=name, at=now, over_at=over_at)
    known: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "upload_id": part.upload_id,
        "part": part.index,
        "account": part.account,
        "provider": part.provider,
        "kind": part.kind,
        "token": part.token,
        "attempt": number,
        "method": part.method,
        "rows": part.rows,
        "digest": part.digest,
        "values_object": part.values_object,
        "process": context.process,
        "at": now,
        "over_at": over_at,
    }
    return attempt, context.storage.create(name, json.dumps(known, indent=1).encode())


def close_attempt(storage: Storage, token: str, number: int, outcome: Outcome) -> None:
    """Record what became of an attempt; the first word stands."""
    text = {"schema_version": SCHEMA_VERSION, "remote_id": outcome.remote_id, "unspent": outcome.unspent}
    storage.create(outcome_name(token, number), json.dumps(text).encode())


def outcome_of(storage: Storage, token: str, number: int) -> Outcome | None:
    """What became of an attempt, or `None` when nobody knows. Raises `Later` when a newer program wrote it."""
    name = outcome_name(token, number)
    if not storage.exists(name):
        return None
    try:
        known = upgraded("outcome", json.loads(storage.read(name, RECORD_BYTES_MAX)))
    except LaterSchema as later:
        raise Later(f"{name}: {later}") from None
    return Outcome(remote_id=known.get("remote_id"), unspent=known.get("unspent"))

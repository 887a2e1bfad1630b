"""Attempt records: what is kept in storage before anything is spent, and what became of it.

`attempts/<token>/<n>.json` is created before attempt n is sent, `attempts/<token>/<n>.outcome.json` when its outcome is
known, and `attempts/<token>/<n>.found.outcome.json` when its job turns up although that said otherwise. They
outlive Redis: an attempt that the store has forgotten is found here, and never followed by another unseen.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from worker.actors.names import sent_values
from worker.core.errors import LaterSchema
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.core.states import PART_UNSPENT
from worker.core.values import Attempt
from worker.storage import StorageError, exists
from worker.store.errors import Later, Unreadable

if TYPE_CHECKING:
    from worker.context import Context
    from worker.core.records import PartRecord
    from worker.storage import Storage

log = structlog.get_logger()

#: Most bytes of an attempt record.
RECORD_BYTES_MAX = 64 * 1024
#: Why an attempt is closed whose outcome nobody knew when the next one was allowed: it may have been spent.
FOLLOWED = "followed_by_another"
#: How the name ends of what is kept of a job that turned up after its attempt was closed without one.
FOUND_SUFFIX = ".found.outcome.json"
_ATTEMPT = re.compile(r".*/([1-9][0-9]*)\.json")


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


def found_name(token: str, number: int) -> str:
    """The storage name of the job that turned up for an attempt after it was closed without one."""
    return f"attempts/{token}/{number}{FOUND_SUFFIX}"


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
        "service": part.service,
        "kind": part.kind,
        "token": part.token,
        "attempt": number,
        "method": part.method,
        "rows": part.rows,
        "digest": part.digest,
        "values_object": sent_values(part),
        "process": context.process,
        "watermark": part.watermark,
        "at": now,
        "over_at": over_at,
    }
    return attempt, context.storage.create(name, json.dumps(known, indent=1).encode())


def close_attempt(storage: Storage, token: str, number: int, outcome: Outcome) -> None:
    """Record what became of an attempt; the first word stands, but for a job, which is a fact however late it comes.

    So a job is kept beside an outcome that is there already, says otherwise, or cannot be read. Raises `StorageError`,
    and `Unreadable` as `outcome_of` does.
    """
    text = {"schema_version": SCHEMA_VERSION, "remote_id": outcome.remote_id, "unspent": outcome.unspent}
    said, name = json.dumps(text).encode(), outcome_name(token, number)
    if storage.create(name, said) or outcome.remote_id is None:
        return
    try:
        # Whoever was quicker may have learned of the same job, from the list or from the answer.
        known = _outcome(storage, name)
    except Unreadable:
        storage.create(found_name(token, number), said)
        raise
    if known is None or known.remote_id != outcome.remote_id:
        storage.create(found_name(token, number), said)


def outcome_of(storage: Storage, token: str, number: int) -> Outcome | None:
    """What became of an attempt, or `None` when nobody knows.

    Raises `Later` when a newer program wrote it, and `Unreadable` when it is damaged: it may have told of a job that is
    paid, so nothing is spent after it, and it is left as it is.
    """
    known = _outcome(storage, outcome_name(token, number))
    if known is None or known.remote_id is not None:
        return known
    return _outcome(storage, found_name(token, number)) or known


def found_late(storage: Storage, token: str) -> str | None:
    """The job that turned up for an attempt of a part after that was closed without one; `None`: there is no such job.

    To be asked before another attempt: the store may be back at a time when it was not known. Raises as `outcome_of`.
    """
    for name in storage.list(f"attempts/{token}"):
        if name.endswith(FOUND_SUFFIX) and (known := _outcome(storage, name)) is not None:
            return known.remote_id
    return None


def _outcome(storage: Storage, name: str) -> Outcome | None:
    if not exists(storage, name):
        return None
    try:
        known = upgraded("outcome", json.loads(storage.read(name, RECORD_BYTES_MAX)))
    except LaterSchema as later:
        raise Later(f"{name}: {later}") from None
    except (ValueError, TypeError, RecursionError):
        known = {}
    outcome = Outcome(remote_id=known.get("remote_id"), unspent=known.get("unspent"))
    match outcome:
        case Outcome(remote_id=str(), unspent=None) | Outcome(remote_id=None, unspent=str()):
            return outcome
    raise Unreadable(
        f"The object {name}, which tells what became of an attempt, is damaged. Restore it from a backup of the "
        "storage; where there is none, delete it: then the provider's list is searched for the attempt's job before "
        "anything more is spent."
    )


@dataclass(frozen=True, slots=True)
class Remembered:
    """An attempt as storage remembers it; what its record does not tell is `None`, times are epoch seconds."""

    number: int
    object: str
    at: float | None
    over_at: float | None
    #: Host, process id and nonce of the process that made it.
    process: str | None
    watermark: int | None
    #: Where the account spoke to: elsewhere the attempt's job cannot be found.
    service: str | None
    method: str | None
    outcome: Outcome | None


def remembered(storage: Storage, token: str) -> list[Remembered]:
    """Every attempt that storage remembers for a part, the first one first. Raises `StorageError`, `Unreadable`."""
    numbers = (_ATTEMPT.fullmatch(name) for name in storage.list(f"attempts/{token}"))
    return [
        remembered_attempt(storage, token, number) for number in sorted(int(found[1]) for found in numbers if found)
    ]


def remembered_attempt(storage: Storage, token: str, number: int) -> Remembered:
    """One attempt that storage has. Raises `StorageError`, and `Unreadable` as `outcome_of` does."""
    name = attempt_name(token, number)
    try:
        known = json.loads(storage.read(name, RECORD_BYTES_MAX))
    except ValueError:
        known = None
    told: dict[str, Any] = known if isinstance(known, dict) else {}
    return Remembered(
        number=number,
        object=name,
        at=_seconds(told.get("at")),
        over_at=_seconds(told.get("over_at")),
        process=None if told.get("process") is None else str(told["process"]),
        service=None if told.get("service") is None else str(told["service"]),
        method=None if told.get("method") is None else str(told["method"]),
        watermark=told["watermark"] if isinstance(told.get("watermark"), int) else None,
        outcome=outcome_of(storage, token, number),
    )


def part_of_token(storage: Storage, token: str) -> str | None:
    """The part whose first attempt was recorded under a token, `None` when there is none or it cannot be read."""
    name = attempt_name(token, 1)
    if not exists(storage, name):
        return None
    try:
        known = json.loads(storage.read(name, RECORD_BYTES_MAX))
        return f"{known['upload_id']}/{int(known['part'])}"
    except (ValueError, KeyError, TypeError):
        return None


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def close_found(storage: Storage, part: PartRecord, remote_id: str) -> None:
    """Close the last attempt of a part with the job that was found to be its own, though it was closed otherwise.

    The provider's list forgets jobs: a store that forgets the part could not find it there again. What storage refuses
    is logged: the store knows the job.
    """
    number = part.attempt.number if part.attempt is not None else max(part.attempts, 1)
    try:
        close_attempt(storage, part.token, number, Outcome(remote_id=remote_id))
    except (StorageError, Unreadable) as error:
        log.warning("outcome_not_recorded", upload_id=part.upload_id, part=part.index, error=str(error))


def close_followed(storage: Storage, part: PartRecord) -> None:
    """Close every attempt of a part that another one follows or may follow; those that are closed stay as they are.

    Without it a store that forgets the part would stop at such an attempt once more. Raises `StorageError`.
    """
    last = part.attempts if part.state in PART_UNSPENT else part.attempts - 1
    for number in range(1, last + 1):
        close_attempt(storage, part.token, number, Outcome(unspent=FOLLOWED))

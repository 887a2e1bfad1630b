"""A change as the commit script takes it, in JSON: records with the fields that indexes need, and what goes along."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from producers.contract import CONTRACT_VERSION
from worker.core.at_risk import uncollected_since
from worker.core.durations import DURATIONS_MAX
from worker.core.retention import staging_kept_since
from worker.core.schema import SCHEMA_VERSION
from worker.core.states import PartState
from worker.store.errors import Full, OverBudget, OverQuota, Stale, Taken
from worker.store.keys import INTAKE_GROUP
from worker.store.timeline import to_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.core.change import Change, Claim, Event
    from worker.core.records import PartRecord, Record, UploadRecord, WorkItem

#: Bytes of the nonce by which a repeated write is recognised as the same one.
TXN_BYTES = 6
#: Most characters of one timeline entry's details.
DETAILS_CHARACTERS_MAX = 2_000


class Written(NamedTuple):
    """A write that took place."""

    #: The store's time of it, epoch seconds.
    at: float
    #: The nonce that it was known by, and that every record it wrote carries.
    txn: str


def outcome_of(reply: Sequence[str], txn: str) -> Written:
    """What the commit script answered. Raises `Stale`, `Taken`, `Full`, `OverQuota` or `OverBudget`."""
    outcome, *rest = reply
    if outcome == "stale":
        raise Stale(f"{rest[0]} moved on; nothing was written.")
    if outcome == "taken":
        raise Taken(rest[0], rest[1])
    if outcome == "full":
        raise Full(rest[0])
    if outcome == "over":
        over = OverBudget if rest[0] == "budget" else OverQuota
        raise over(int(rest[1]), float(rest[2]))
    return Written(float(rest[0]), txn)


def new_txn() -> str:
    """The nonce of another write."""
    return secrets.token_hex(TXN_BYTES)


def encode(change: Change, txn: str, *, timeline_max: int, events_max: int, rejected_max: int) -> str:
    """The commit script's argument."""
    payload: dict[str, Any] = {
        "txn": txn,
        "upload_id": change.upload_id,
        "account": change.account,
        "group": INTAKE_GROUP,
        "schema": SCHEMA_VERSION,
        "contract": CONTRACT_VERSION,
        "records": list(_records(change, txn)),
        "claims": [_claim(claim) for claim in change.claims],
        "disclaims": [_claim(claim) for claim in change.disclaims],
        "guards": [{"account": g.account, "name": g.name, "most": g.most} for g in change.guards],
        "events": [_event(event, change) for event in change.events],
        "ledger": {str(entry): credits_ for entry, credits_ in change.ledger.items()},
        "counters": {"|".join(labels): by for labels, by in change.counters.items() if by},
        "timeline_max": timeline_max,
        "events_max": events_max,
        "rejected_max": rejected_max,
    }
    if change.details is not None and change.upload_id:
        payload["timeline"] = _timeline_entry(change)
    if change.quota is not None:
        payload["quota"] = {"producer": change.quota.producer, "rows": change.quota.rows, "most": change.quota.most}
    if change.budget is not None:
        payload["budget"] = {"day": change.budget.day, "most": change.budget.most}
    if change.duration is not None:
        duration = change.duration
        whose = [duration.kind, str(duration.bucket)]
        payload["duration"] = {"of": whose, "seconds": f"{duration.seconds:.3f}", "most": DURATIONS_MAX}
    if change.behind is not None:
        payload["behind"] = change.behind
    if change.stand is not None:
        payload["stand"] = {"urgent_at": change.stand.urgent_at}
    if change.acknowledge is not None:
        payload["acknowledge"] = change.acknowledge.entry_id
    if change.rejected is not None:
        payload["rejected"] = dict(change.rejected)
    return _json(payload)


def _event(event: Event, change: Change) -> dict[str, str]:
    """An entry of the events stream; it carries the producer's own id where the record that it is about has one."""
    item = next(iter((*change.uploads, *change.parts)), None)
    given = "" if item is None else item.trace.correlation_id
    details = ({"correlation_id": given} if given else {}) | dict(event.details)
    return {"name": event.name, "upload_id": event.upload_id, "details": _json(details)}


def _claim(claim: Claim) -> dict[str, str]:
    return {"scope": claim.scope, "remote_id": claim.remote_id, "part_id": claim.part_id}


def _json(value: object) -> str:
    """JSON text of a value; half a surrogate pair, which Lua cannot read, becomes a question mark."""
    return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def _timeline_entry(change: Change) -> str:
    part = change.parts[0].index if len(change.parts) == 1 and not change.uploads else None
    details: object = {name: value for name, value in (change.details or {}).items() if value not in (None, "")}
    text = _json(details)
    if len(text) > DETAILS_CHARACTERS_MAX:
        details = text[:DETAILS_CHARACTERS_MAX]
    return to_entry("@now", change.decision, part, change.reason, details)


def _records(change: Change, txn: str) -> Iterator[dict[str, Any]]:
    for upload in change.uploads:
        yield _record("upload", upload.upload_id, upload, txn) | _work_item(upload) | _retention(upload)
    for part in change.parts:
        yield _record("part", part.part_id, part, txn) | _work_item(part) | _part(part)
    for account in change.accounts:
        yield _record("account", account.account, account, txn)


def _record(kind_of_record: str, record_id: str, record: Record, txn: str) -> dict[str, Any]:
    written = record.model_copy(update={"version": record.version + 1, "txn": txn})
    fields = written.model_dump(mode="json", exclude_defaults=True) | {"schema_version": record.schema_version}
    return {
        "type": kind_of_record,
        "id": record_id,
        "expected": record.version,
        "read": record.txn,
        "doc": _json(fields),
    }


def _work_item(item: UploadRecord | PartRecord | WorkItem) -> dict[str, Any]:
    return {
        "account": item.account,
        "kind": item.kind,
        "state": str(getattr(item, "state", "")),
        "since": item.since,
        "lane": None if item.lane is None else str(item.lane),
        "due_at": item.due_at,
        "lease_until": None if item.lease is None else item.lease.until,
    }


def _retention(upload: UploadRecord) -> dict[str, Any]:
    return {
        "live": not upload.terminal,
        # A JSON null leaves the index; a key that is not there would not be seen by the script.
        "retain_until": upload.retain_until if upload.terminal else None,
        "staging_since": staging_kept_since(upload),
    }


def _part(part: PartRecord) -> dict[str, Any]:
    attempted = part.credits_reserved > 0
    return {
        "upload_id": part.upload_id,
        "rows_done": part.rows_done,
        "active": attempted or part.state is PartState.SUBMITTED,
        # One that was adopted by its time has its job: others may be attempted beside it.
        "intent": attempted and not part.provisional,
        "credits_reserved": part.credits_reserved,
        "credits_committed": part.credits_committed,
        "budget_day": part.budget_day,
        "reuse_key": part.reuse_key if part.reusable else None,
        "verified_at": part.verified_at,
        "uncollected_since": uncollected_since(part),
    }

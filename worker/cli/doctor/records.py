"""Checks of the records: what must be true at any moment, of a sample and of the ledger of each account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from worker.cli.health.check import ok, problem, unknown
from worker.core.coherence import faults, item_id
from worker.store.coherence import look, sample
from worker.store.sweeps import held_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.cli.health.check import Check
    from worker.store.store import Store

AREA = "records"
#: Faults that are told one by one.
FAULTS_TOLD_MAX = 20


def record_checks(store: Store, accounts: Iterable[str], most: int) -> Iterator[Check]:
    """At most `most` uploads and parts, then the ledgers. Workers may go on meanwhile. Raises `StoreUnavailable`."""
    yield from _sampled(store, most)
    for account in accounts:
        yield _ledger(store, account)


def _sampled(store: Store, most: int) -> Iterator[Check]:
    chosen = sample(store, most)
    now = store.now()
    broken: list[Check] = []
    for seen in look(store, chosen.chosen):
        if isinstance(seen, str):
            remedy = "Restore the record from a backup, or see what `bulkverify recover --dry-run` could make again."
            broken.append(problem(AREA, "unreadable", seen, remedy))
            continue
        item, beside = seen
        remedy = f"Keep `bulkverify show {_upload_id(item_id(item))} --json` and report it; this must never happen."
        broken += [problem(AREA, "incoherent", fault, remedy) for fault in faults(item, beside, now)]
    yield from broken[:FAULTS_TOLD_MAX]
    if len(broken) > FAULTS_TOLD_MAX:
        text = f"{len(broken) - FAULTS_TOLD_MAX:,} more records are not as they must be"
        yield problem(AREA, "incoherent", text, "See the first ones.")
    looked = f"{len(chosen.chosen):,} of {chosen.total:,} uploads and parts were looked at"
    part = "" if len(chosen.chosen) == chosen.total else ", the oldest of each state; --limit looks at more"
    yield ok(AREA, "looked_at", looked + part)


def _ledger(store: Store, account: str) -> Check:
    try:
        held = held_now(store, account)
    except redis.ResponseError:
        text = f"{account}: what its parts hold cannot be added up, because a record among them is damaged"
        return unknown(AREA, "ledger", text, "Mend what was found unreadable, and ask again.")
    if held is None:
        text = f"{account}: too many parts hold credits to add them up at one moment"
        return unknown(AREA, "ledger", text, f"`bulkverify reconcile {account}` compares its credits otherwise.")
    if held.outstanding == held.reserved_by_parts:
        return ok(AREA, "ledger", f"{account}: {held.outstanding:,} credits are reserved, and parts hold as many")
    text = f"{account}: {held.outstanding:,} credits are reserved, and parts hold {held.reserved_by_parts:,}"
    remedy = f"`bulkverify reconcile {account} --apply` releases what nobody holds (reservation_leak)."
    return problem(AREA, "ledger", text, remedy)


def _upload_id(name: str) -> str:
    return name.rpartition("/")[0] or name

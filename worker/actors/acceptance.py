"""A person accepts that provider and ledger differ: the difference is told, and then compared with no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from worker.actors.money import KeptReading, reading_before, reading_of
from worker.core.drift.acceptance import Acceptance
from worker.core.drift.classes import DriftClass
from worker.core.drift.counting import counted
from worker.core.drift.evaluate import Merged
from worker.core.drift.money import taken_between
from worker.core.errors import LaterSchema
from worker.store.errors import Later
from worker.store.findings import Kept, Replacement, open_counts, read_findings, replace_findings
from worker.store.sweeps import held_now

if TYPE_CHECKING:
    from worker.context import Connected, Context
    from worker.core.drift.findings import Finding


class Difference(NamedTuple):
    """What there is to accept in one account."""

    #: The findings that it was read with.
    before: Kept
    #: The finding that sweeps have made of it.
    finding: Finding
    acceptance: Acceptance
    #: What is compared with from then on.
    reading: KeptReading


def difference(context: Context, connected: Connected, by: str) -> Difference | None:
    """The difference as it is now, to be accepted by somebody; `None` when no sweep has told of one.

    Also `None` where the parts are too many to add up: then no sweep compares. One call for the balance.

    Raises `ProviderError`, `StoreUnavailable`, and `Later` where a newer program has written.
    """
    store, name = context.store, connected.account.name
    before = read_findings(store, name)
    finding = next((found for found in before.findings if found.drift is DriftClass.LEDGER_DRIFT), None)
    if finding is None:
        return None
    try:
        first = reading_before(store, name)
    except LaterSchema as later:
        raise Later(f"The reading of account {name}: {later}") from None
    with connected.gate.patient():
        credits_ = connected.provider.credits()
    held = held_now(store, name)
    if held is None:
        return None
    now = store.now()
    reading = reading_of(store, name, held, credits_, now)
    acceptance = Acceptance(
        at=now,
        since=None if first is None else first.at,
        by=by,
        taken=None if first is None else taken_between(first.reading, reading.reading),
        spent=0 if first is None else reading.spent - first.spent,
        reserved=held.outstanding,
        reserved_by_parts=held.reserved_by_parts,
    )
    return Difference(before, finding, acceptance, reading)


def accept(context: Context, connected: Connected, found: Difference) -> None:
    """Keep the acceptance, end its finding, and compare with the present reading from now on: all in one write.

    Credits that move meanwhile move on both sides, so that the correction of reservations stays right.

    Raises `Stale` when a sweep has written the findings meanwhile: nothing was written. Raises `StoreUnavailable`.
    """
    kept = [finding for finding in found.before.findings if finding.key != found.finding.key]
    closed = (found.finding,) if found.finding.believed else ()
    after = Replacement(
        kept,
        open_counts(kept),
        counted(Merged(suspected=(), opened=(), still=(), closed=closed, withdrawn=()), found.acceptance.at),
        money=found.reading.model_dump_json(),
        accepted=found.acceptance.dump(),
        ledger=found.acceptance.corrections,
    )
    replace_findings(context.store, connected.account.name, found.before, after)

"""What an account's credits were at one sweep and are at the next one, beside what the ledger says of the time between.

A reading is kept until the two sides disagree: then it stays, so that the difference does, until they agree again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import structlog
from pydantic import BaseModel, ConfigDict

from worker.core.drift.classes import DriftClass
from worker.core.drift.views import Money, Reading
from worker.core.errors import LaterSchema
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.store.sweeps import held_now, kinds_of, last_reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.context import Connected, Context
    from worker.core.drift.evaluate import Evaluation
    from worker.core.drift.views import ListedJob, Snapshot
    from worker.providers.port import Credits
    from worker.store.store import Store
    from worker.store.sweeps import Held

log = structlog.get_logger()


class KeptReading(BaseModel):
    """A reading as the store keeps it. Unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: int = SCHEMA_VERSION
    #: When it was made, epoch seconds by the store's clock.
    at: float
    balance: int
    #: All kinds together, `None` where the provider does not tell.
    usage: int | None = None
    #: Credits committed and wasted, by the ledger.
    spent: int
    #: Rows of jobs under way and of attempts without known outcome: either side may count them and the other not.
    under_way: int

    @property
    def reading(self) -> Reading:
        """What the comparison is about."""
        return Reading(self.balance, self.usage, self.spent)


class Compared(NamedTuple):
    """Two readings, and what they are compared by."""

    before: KeptReading | None
    after: KeptReading
    money: Money

    def to_keep(self, evaluation: Evaluation) -> str | None:
        """The text of the reading for the next sweep; `None` while the two sides disagree: the one before stays."""
        disagrees = any(finding.drift is DriftClass.LEDGER_DRIFT for finding in evaluation.findings)
        return None if disagrees and self.before is not None else self.after.model_dump_json()


def compare(context: Context, connected: Connected, snapshot: Snapshot, credits_: Credits) -> Compared | None:
    """The last reading that agreed, the present one, and what is known of the time between.

    Without an earlier one, only what is reserved is compared; `None` where the parts are too many to add that up, and
    where a newer program has kept the reading. So it is after a sweep that is not complete: strangers may have spent
    what is missing, and a reading that took the place of the one before would hide it for good.
    """
    name, occasion = connected.account.name, snapshot.occasion
    if not occasion.sweep.complete:
        return None
    held = held_now(context.store, name)
    if held is None:
        return None
    after = reading_of(context.store, name, held, credits_, occasion.now)
    try:
        before = reading_before(context.store, name)
    except LaterSchema as later:
        log.info("reading_left", account=name, error=str(later), remedy="a newer process compares the credits")
        return None
    first = before or after
    since = first.at - occasion.bounds.clock_skew_seconds
    money = Money(
        before=first.reading,
        after=after.reading,
        under_way=first.under_way + after.under_way,
        foreign_rows=_rows_begun(snapshot.unowned, since),
        reserved=held.outstanding,
        reserved_by_parts=held.reserved_by_parts,
    )
    return Compared(before, after, money)


def reading_of(store: Store, account: str, held: Held, credits_: Credits, now: float) -> KeptReading:
    """What the provider tells and what the ledger says, at one moment."""
    return KeptReading(
        at=now,
        balance=credits_.balance,
        usage=_usage(credits_, kinds_of(store, account)),
        spent=held.committed + held.wasted,
        under_way=held.under_way,
    )


def _usage(credits_: Credits, kinds: frozenset[str]) -> int | None:
    """All that was used; `None` where the provider counts not every kind that was submitted for the account."""
    return sum(credits_.usage.values()) if credits_.usage and kinds <= credits_.usage.keys() else None


def reading_before(store: Store, account: str) -> KeptReading | None:
    """The reading that was kept; `None` where there is none, or a damaged one: then the present one is the first.

    Raises `LaterSchema`.
    """
    text = last_reading(store, account)
    try:
        return None if text is None else KeptReading.model_validate(upgraded("reading", json.loads(text)))
    except LaterSchema:
        raise
    except (ValueError, TypeError):
        log.warning("reading_damaged", account=account, remedy="credits are compared with those of the next sweep")
        return None


def _rows_begun(jobs: Iterable[ListedJob], since: float) -> int | None:
    """Rows of jobs that nobody here has and that may have begun since then; `None` where one does not tell its rows."""
    rows = [job.rows for job in jobs if job.started_at is None or job.started_at >= since]
    known = [number for number in rows if number is not None]
    return sum(known) if len(known) == len(rows) else None

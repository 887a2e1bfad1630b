"""Differences of credits that persons have accepted, as `bulkverify accounts` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.report import shown
from worker.cli.tables import Column, print_heading, print_table
from worker.cli.wording import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.core.drift.acceptance import Acceptance
    from worker.store.store import Store

#: Acceptances of an account that are shown to people, the newest; --json has all that are kept.
ACCEPTED_SHOWN_MAX = 5
COLUMNS = (
    Column("account"),
    Column("when"),
    Column("by"),
    Column("provider took", right=True),
    Column("ledger said", right=True),
    Column("reserved", right=True),
    Column("by parts", right=True),
)


def accepted_of(store: Store, account: str) -> tuple[Acceptance, ...]:
    """What was accepted of an account, the oldest first; what only a later version can read is left out."""
    from worker.core.drift.acceptance import Acceptance  # noqa: PLC0415 - slow to import; the help does without it
    from worker.core.errors import LaterSchema  # noqa: PLC0415 - as above
    from worker.store.findings import accepted_texts  # noqa: PLC0415 - as above

    found = []
    for text in accepted_texts(store, account):
        try:
            found.append(Acceptance.load(text))
        except (LaterSchema, ValueError):
            continue
    return tuple(found)


def print_accepted(accepted: Iterable[tuple[str, Acceptance]]) -> None:
    """Print accounts with what was accepted of them, where there is anything."""
    rows = [
        (
            account,
            moment(one.at),
            shown(one.by),
            None if one.taken is None else f"{one.taken:,}",
            f"{one.spent:,}",
            f"{one.reserved:,}",
            f"{one.reserved_by_parts:,}",
        )
        for account, one in accepted
    ]
    if rows:
        print_heading("Differences of credits that were accepted")
        print_table(COLUMNS, rows)

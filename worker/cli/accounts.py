"""`bulkverify accounts`: what each account has at work and may submit today, how long jobs take, what is kept back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from producers.exit_codes import ExitCode
from worker.cli.accepted import ACCEPTED_SHOWN_MAX, accepted_of, print_accepted
from worker.cli.epilog import exit_codes
from worker.cli.tables import Column, print_heading, print_json, print_table
from worker.cli.wording import duration, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.account import Account
    from worker.cli.door import Door
    from worker.core.budget import BudgetDay
    from worker.core.drift.acceptance import Acceptance
    from worker.core.durations import Alike
    from worker.core.next_step import NextStep
    from worker.core.records import AccountRecord
    from worker.core.schedule import Expected
    from worker.store.store import Store

COLUMNS = (
    Column("account"),
    Column("provider"),
    Column("jobs", right=True),
    Column("most jobs", right=True),
    Column("rows today", right=True),
    Column("most rows", right=True),
    Column("credits", right=True),
    Column("told", right=True),
)
DURATION_COLUMNS = (
    Column("account"),
    Column("kind"),
    Column("rows", right=True),
    Column("jobs", right=True),
    Column("half took", right=True),
    Column("nine of ten took", right=True),
)
PAUSE_COLUMNS = (Column("account"), Column("when"), Column("what happens next"))


class Row(NamedTuple):
    """An account as the store knows it."""

    account: Account
    record: AccountRecord
    active_parts: int
    used_rows: int
    budget: BudgetDay | None
    pauses: tuple[NextStep, ...]
    #: How long its latest jobs took, by kind and size.
    durations: Mapping[Alike, Expected]
    #: Differences of credits that persons have accepted, the oldest first.
    accepted: tuple[Acceptance, ...]

    def as_document(self) -> dict[str, object]:
        """The same for programs."""
        from worker.cli.outlook import budget_document  # noqa: PLC0415 - slow to import; the help does without it

        return {
            "account": self.account.name,
            "provider": self.account.provider,
            "active_parts": self.active_parts,
            "active_parts_max": self.account.max_active,
            "rows_today": self.used_rows,
            "budget": budget_document(self.budget),
            "credits": self.record.credits_balance,
            "credits_at": self.record.credits_at,
            "durations": [_duration_document(like, took) for like, took in self.durations.items()],
            "accepted": [one.model_dump() for one in self.accepted],
            "pauses": [{"what": pause.what, "when": pause.when} for pause in self.pauses],
        }

    def cells(self, now: float) -> tuple[object, ...]:
        """The same for people."""
        told_at, balance = self.record.credits_at, self.record.credits_balance
        return (
            self.account.name,
            self.account.provider,
            self.active_parts,
            self.account.max_active,
            f"{self.used_rows:,}",
            None if self.budget is None else f"{self.budget.most_rows:,}",
            None if balance is None else f"{balance:,}",
            None if told_at is None else f"{duration(now - told_at)} ago",
        )


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else; times are epoch seconds.")
@click.pass_obj
def accounts(door: Door, *, as_json: bool) -> None:
    """Tell what each configured account has at work, may submit today (UTC), and what is kept back until when.

    Also how long its latest jobs took, by kind and size, where that was seen, and which differences between its credits
    and the ledger somebody has accepted.

    Asks no provider: credits are those that it told last. A pause ends by itself; `retry` ends one at once.
    """
    from config.accounts import load_accounts  # noqa: PLC0415 - slow to import; the help does without it

    store = door.store()
    rows = [_row(store, account) for account in load_accounts(door.settings().accounts_file).values()]
    if as_json:
        print_json([row.as_document() for row in rows])
        return
    now = store.now()
    print_table(COLUMNS, [row.cells(now) for row in rows])
    took = [cells for row in rows for cells in _duration_cells(row)]
    if took:
        print_heading("How long the latest jobs took, at most")
        print_table(DURATION_COLUMNS, took)
    print_accepted((row.account.name, one) for row in rows for one in row.accepted[-ACCEPTED_SHOWN_MAX:])
    pauses = [(row.account.name, when(pause.when, now), pause.what) for row in rows for pause in row.pauses]
    if pauses:
        print_heading("What is kept back")
        print_table(PAUSE_COLUMNS, pauses)


def _duration_document(like: Alike, took: Expected) -> dict[str, object]:
    rows_min, rows_max = like.rows
    return {
        "kind": like.kind,
        "rows_min": rows_min,
        "rows_max": rows_max,
        "jobs": took.samples,
        "p50_seconds": took.p50_seconds,
        "p90_seconds": took.p90_seconds,
    }


def _duration_cells(row: Row) -> Iterator[tuple[object, ...]]:
    for like, took in row.durations.items():
        rows_min, rows_max = like.rows
        rows = f"from {rows_min:,}" if rows_max is None else f"{rows_min:,} to {rows_max:,}"
        yield row.account.name, like.kind, rows, took.samples, duration(took.p50_seconds), duration(took.p90_seconds)


def _durations(store: Store, account: str) -> dict[Alike, Expected]:
    from worker.core.durations import all_alike, expected_of  # noqa: PLC0415 - slow to import; the help does without it
    from worker.providers.port import Kind  # noqa: PLC0415 - as above
    from worker.store.looking import durations  # noqa: PLC0415 - as above

    known = durations(store, account, all_alike(Kind))
    return {like: took for like, seconds in known.items() if (took := expected_of(seconds)) is not None}


def _row(store: Store, account: Account) -> Row:
    from worker.cli.outlook import budget_of, pauses_of  # noqa: PLC0415 - as above

    return Row(
        account=account,
        record=store.account(account.name, account.provider),
        active_parts=store.active_parts(account.name),
        used_rows=store.budget_used(account.name),
        budget=budget_of(store, account),
        pauses=pauses_of(store, account.name, account.provider),
        durations=_durations(store, account.name),
        accepted=accepted_of(store, account.name),
    )

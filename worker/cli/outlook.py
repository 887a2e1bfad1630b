"""What holds an account's lists back: its pauses, its budget of the day, and what of it is used."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from worker.cli.wording import moment
from worker.core.budget import BudgetDay, next_day_at
from worker.core.next_step import account_pauses, place_kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from config.account import Account
    from config.settings import Settings
    from worker.core.next_step import NextStep
    from worker.core.records import PartRecord
    from worker.store.store import Store


def accounts_here(settings: Settings) -> Mapping[str, Account]:
    """The accounts that are configured on this machine; none where they cannot be used, as without their keys."""
    from config.accounts import load_accounts  # noqa: PLC0415 - slow to import; the help does without it
    from config.errors import AccountsInvalid  # noqa: PLC0415 - as above

    try:
        return load_accounts(settings.accounts_file)
    except AccountsInvalid:
        return {}


def budget_of(store: Store, account: Account | None) -> BudgetDay | None:
    """How much of the present day is used for an account; `None` where nothing limits it, or it is not known here."""
    if account is None or account.rows_per_day_max is None:
        return None
    return BudgetDay(store.budget_used(account.name), account.rows_per_day_max, next_day_at(store.now()))


def pauses_of(store: Store, name: str, provider: str) -> tuple[NextStep, ...]:
    """What ends each pause of an account, and when. Raises `Unreadable`."""
    return tuple(account_pauses(store.account(name, provider), store.now()))


def held_up(store: Store, name: str, provider: str) -> Iterator[tuple[str, NextStep]]:
    """What keeps an account's calls or submits back, each with a word for it. Raises `Unreadable`."""
    record = store.account(name, provider)
    yield from (("paused", pause) for pause in account_pauses(record, store.now()))
    # An attempt that cannot be read here is told of by its own upload.
    kept = place_kept(record, store.open_attempts(name, lambda _part_id, _error: None))
    if kept is not None:
        yield "waits", kept


def in_line(store: Store, account: str, parts: Iterable[PartRecord]) -> frozenset[str]:
    """Ids of those of the parts that stand in the account's line, from where they are called up by turns."""
    from worker.store.lines import Lines  # noqa: PLC0415 - slow to import; the help does without it

    return Lines(store).standing(account, [part.part_id for part in parts if not part.terminal])


def budget_document(budget: BudgetDay | None) -> dict[str, object] | None:
    """A budget for programs."""
    return None if budget is None else asdict(budget) | {"left_rows": budget.left_rows}


def budget_sentence(budget: BudgetDay) -> str:
    """A budget for people."""
    left = f"{budget.left_rows:,} of {budget.most_rows:,} rows left"
    return f"{left} for its account until {moment(budget.ends_at)}"

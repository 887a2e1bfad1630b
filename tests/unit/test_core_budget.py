"""An account's day: what is left of it, and what a part that does not fit is told."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from config.account import Account
from tests.builders.core_records import LEASE_SECONDS
from tests.builders.records import a_part
from worker.core import part as core
from worker.core.budget import BudgetDay, budget_day
from worker.core.change import Budget
from worker.core.retention import DAY_SECONDS

#: Midnight (UTC) between two days, epoch seconds.
MIDNIGHT = 20_833 * DAY_SECONDS


def test_a_day_begins_at_midnight() -> None:
    """The last moment before midnight belongs to the day before."""
    assert (budget_day(MIDNIGHT - 0.001), budget_day(MIDNIGHT)) == (20_832, 20_833)


def test_a_part_that_comes_too_late_is_told_when_counting_begins_anew() -> None:
    """What is used, what the part needs, and the moment from which it may go on."""
    told = BudgetDay(used_rows=60, most_rows=100, ends_at=MIDNIGHT).why_not(a_part(rows=50))
    assert told == (
        "Account ipqs-main may submit 100 rows a day (rows_per_day_max); 60 are used and the part has 50. "
        "Counting begins anew at 2027-01-15 00:00 UTC."
    )


def test_a_part_larger_than_any_day_is_told_that_only_another_limit_helps() -> None:
    """Waiting for the next day would be in vain."""
    told = BudgetDay(used_rows=0, most_rows=49, ends_at=MIDNIGHT).why_not(a_part(rows=50))
    assert told == (
        "The part has 50 rows and account ipqs-main may submit 49 rows a day (rows_per_day_max): "
        "it fits into no day until that is raised."
    )


@pytest.mark.parametrize(("used", "left"), [(0, 100), (60, 40), (130, 0)])
def test_a_limit_that_was_lowered_leaves_nothing_and_not_less(used: int, left: int) -> None:
    """What is left never falls below zero."""
    assert BudgetDay(used, 100, MIDNIGHT).left_rows == left


def test_a_reservation_counts_for_the_day_on_which_it_is_decided() -> None:
    """The part keeps the day, and the write is refused on another one or beyond the limit."""
    limits = {"active_max": 5, "rows_per_day_max": 100}
    change = core.reserve(a_part(), "host:1", MIDNIGHT, LEASE_SECONDS, intents_max=None, **limits)
    assert (change.budget, change.parts[0].budget_day) == (Budget(20_833, 100), 20_833)
    without = core.reserve(a_part(), "host:1", MIDNIGHT, LEASE_SECONDS, active_max=5, intents_max=None)
    assert (without.budget, without.parts[0].budget_day) == (None, 20_833)


@pytest.mark.parametrize(
    ("part_rows", "day_rows", "most"), [(None, None, None), (50, None, 50), (None, 70, 70), (50, 70, 50), (90, 70, 70)]
)
def test_no_part_is_made_that_fits_into_no_day(part_rows: int | None, day_rows: int | None, most: int | None) -> None:
    """The largest part of an account is the lesser of both limits that it has."""
    account = Account(
        name="main", provider="ipqs", key=SecretStr("k"), max_part_rows=part_rows, rows_per_day_max=day_rows
    )
    assert account.part_rows_max == most

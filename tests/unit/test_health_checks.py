"""What the figures of an installation say of its health: each check in what it finds well, and in what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.health import ACCOUNT, MEBIBYTE, a_reading, figures, members
from tests.builders.health_cases import CASES, DAY_SECONDS, KEPT_SECONDS, Case, late, of_account
from tests.builders.records import NOW
from worker.cli.health.check import Check, State, most_severe_first
from worker.cli.health.checks import checks_of
from worker.cli.health.reading import overlong
from worker.core.states import PartState, UploadState
from worker.store.memory import Memory
from worker.store.pulse import Role

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.census import Figures


def names(checks: list[Check]) -> set[str]:
    """The checks by area and name."""
    return {f"{check.area}/{check.name}" for check in checks}


def test_where_everything_is_well_every_check_says_so(tmp_path: Path) -> None:
    """No check finds anything, and none has a remedy; each area is there."""
    checks = checks_of(a_reading(tmp_path))
    assert {check.state for check in checks} == {State.OK}
    assert not any(check.remedy for check in checks)
    assert {check.area for check in checks} == {"redis", "processes", "accounts", "work", "drift"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.text[:30]}")
def test_what_is_not_well_is_told_with_its_remedy(case: Case, tmp_path: Path) -> None:
    """One check says what is not well, in a sentence, and what to do."""
    checks = checks_of(a_reading(tmp_path, case.census, **case.more))
    (found,) = [
        check
        for check in checks
        if f"{check.area}/{check.name}" == case.check and check.state is case.state and case.text in check.text
    ]
    assert case.remedy in found.remedy
    assert not found.text.endswith(".")
    assert found.remedy.endswith(".")


def test_every_check_that_can_be_well_has_a_case_in_which_it_is_not(tmp_path: Path) -> None:
    """A check that never finds anything would be no check: those of the well installation are all among the cases."""
    fails = {case.check for case in CASES}
    one_of_its_kind = {"accounts/account": "accounts/paused_calls"} | {
        f"processes/{role}": "processes/poller" for role in Role
    }
    well = names(checks_of(a_reading(tmp_path)))
    assert {one_of_its_kind.get(name, name) for name in well} <= fails


@pytest.mark.parametrize(
    ("census", "more"),
    [
        (figures(memory=Memory(500 * MEBIBYTE, 0)), {}),
        (figures(backlog_entries=3, backlog_oldest_at=NOW - 60.0), {}),
        (late(KEPT_SECONDS * 0.9), {}),
        (of_account(budget_used_rows=800), {}),
        (of_account(record=None, sweep={}), {}),
        (of_account(drift={"open:foreign_remote": "9"}), {}),
        (of_account(active=2), {}),
    ],
)
def test_what_is_near_and_not_wrong_is_well(census: Figures, more: dict[str, Any], tmp_path: Path) -> None:
    """No limit of memory, fresh requests, results with days left, a budget not yet spent, an account never used."""
    assert {check.state for check in checks_of(a_reading(tmp_path, census, **more))} == {State.OK}


def test_only_states_in_which_the_program_itself_acts_can_be_overlong() -> None:
    """What waits for its account, for its provider or for a person is explained by other checks."""
    old = [
        members("upload", UploadState.PREPARING, age_seconds=DAY_SECONDS),
        members("upload", UploadState.RUNNING, age_seconds=DAY_SECONDS),
        members("part", PartState.HELD, age_seconds=DAY_SECONDS),
        members("part", PartState.FINISHED, age_seconds=60.0),
        members("part", PartState.FINISHED, 0),
    ]
    assert [each.state for each in overlong(figures(members=old))] == ["preparing"]


def test_the_commands_of_a_remedy_are_told_to_programs() -> None:
    """A document holds the check's words, and each command that the remedy names."""
    check = Check(
        "work", "stuck", State.WARNING, "x", "First `bulkverify why a`, then `bulkverify retry a`; `appendonly`."
    )
    assert check.as_document() == {
        "area": "work",
        "name": "stuck",
        "state": "warning",
        "text": "x",
        "remedy": check.remedy,
        "commands": ["bulkverify why a", "bulkverify retry a"],
    }


def test_the_most_severe_come_first() -> None:
    """Problems, then warnings, then what is not known, then what is well."""
    states = [State.OK, State.UNKNOWN, State.PROBLEM, State.WARNING]
    checks = [Check("a", str(state), state, "x") for state in states]
    ordered = [check.state for check in most_severe_first(checks)]
    assert ordered == [State.PROBLEM, State.WARNING, State.UNKNOWN, State.OK]


def test_a_reading_knows_the_provider_of_an_account_that_is_not_configured(tmp_path: Path) -> None:
    """The account's record names it; without one it is not known."""
    reading = a_reading(tmp_path, accounts={})
    assert reading.provider_of(ACCOUNT) == "whoisxml"
    nobody = replace(reading, figures=of_account(record=None))
    assert nobody.provider_of(ACCOUNT) == ""

"""Checks of what the sweeps have found: open differences, and whether the lists are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cli.health.check import ok, problem, warning
from worker.cli.wording import duration
from worker.core.drift.classes import ACCOUNT_MISMATCH, DriftClass, Handling, Severity
from worker.core.drift.rules import RULES, runbook_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading

AREA = "drift"
#: Periods of the sweeps after which a list should have been seen whole.
PERIODS_MAX = 2
#: Seconds for which a new installation has no sweep yet.
FIRST_SWEEP_SECONDS = 900.0


def drift_checks(reading: Reading) -> Iterator[Check]:
    """What is open, by account and class, and how old the last complete sweep is."""
    for account in reading.figures.accounts:
        found = list(_open(account.name, account.drift))
        yield from found
        if account.name in reading.accounts:
            yield _seen(reading, account.name, account.sweep)
        elif not found:
            yield ok(AREA, "open", f"{account.name}: no difference is open")


def open_classes(drift: Mapping[str, str]) -> dict[DriftClass, int]:
    """Open findings by class, as the census read them; strangers' jobs and the like are nobody's business."""
    counts = {found: int(drift.get(f"open:{found}", 0)) for found in DriftClass}
    return {found: number for found, number in counts.items() if number and _is_concern(found)}


def _is_concern(found: DriftClass) -> bool:
    rule = RULES[found]
    return not (rule.severity is Severity.INFO and rule.handling is Handling.TOLD)


def _open(account: str, drift: Mapping[str, str]) -> Iterator[Check]:
    for found, number in open_classes(drift).items():
        tell = problem if RULES[found].severity is Severity.PAGE else warning
        remedy = f"`bulkverify drift {account} --class {found}` tells what decides it; {runbook_of(found)} what it is."
        yield tell(AREA, f"open_{found}", f"{account}: {number:,} open findings of {found}", remedy)


def _seen(reading: Reading, account: str, sweep: Mapping[str, str]) -> Check:
    compare = f"`bulkverify reconcile {account}` compares now, and tells what hinders it."
    if sweep.get("outcome") == ACCOUNT_MISMATCH:
        text = f"{account}: the provider shows another account's jobs; nothing of it is repaired"
        return problem(AREA, "account_mismatch", text, f"See whether its key is another account's. {compare}")
    complete_at = float(sweep.get("complete_at") or 0)
    if not complete_at:
        text = f"{account}: its list was never seen whole"
        work = any(each.account == account and each.size for each in reading.figures.members)
        # Before the first upload nothing depends on it.
        return warning(AREA, "swept", text, compare) if work else ok(AREA, "swept", f"{text}, and has no job of ours")
    age_seconds = reading.now - complete_at
    text = f"{account}: its list was last seen whole {duration(age_seconds)} ago"
    most_seconds = max(PERIODS_MAX * reading.settings.reconcile_period_seconds, FIRST_SWEEP_SECONDS)
    return ok(AREA, "swept", text) if age_seconds <= most_seconds else warning(AREA, "swept", text, compare)

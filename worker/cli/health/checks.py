"""All checks of one reading, and the opening of what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cli.health.accounts import account_checks
from worker.cli.health.drift import drift_checks
from worker.cli.health.processes import process_checks
from worker.cli.health.server import server_checks
from worker.cli.health.work import work_checks

if TYPE_CHECKING:
    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading

#: The areas that one reading answers for, in the order in which they are told.
AREAS = (server_checks, process_checks, account_checks, work_checks, drift_checks)


def checks_of(reading: Reading) -> list[Check]:
    """Every check of the figures of one moment."""
    return [check for area in AREAS for check in area(reading)]

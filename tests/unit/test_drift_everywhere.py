"""One list of classes of drift: code, page, tables of cases, and what causes them with processes and in simulation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders.drift_cases import FOUND, NEAR
from tests.builders.injection.causes import CAUSES, NOT_CAUSED
from tests.builders.simulation.drift_faults import DRIFT_FAULTS, MADE_BY, NOT_MADE
from tests.builders.simulation.faults import FAULTS
from worker.core.drift.classes import DriftClass
from worker.core.drift.predicates import OF_ACCOUNTS, OF_JOBS, OF_PARTS, OF_STORAGE
from worker.core.drift.repairs import REPAIRS
from worker.core.drift.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "drift.md"

LISTS = {
    "rules": set(RULES),
    "repairs": set(REPAIRS),
    "predicates": {*OF_PARTS, *OF_JOBS, *OF_STORAGE, *OF_ACCOUNTS},
    "page": set(re.findall(r"(?m)^## (.*)$", PAGE.read_text(encoding="utf-8"))),
    "cases that are of a class": {drift for drift, cases in FOUND.items() if cases},
    "cases that nearly are": {drift for drift, cases in NEAR.items() if cases},
    "causes with real processes": {drift for cause in CAUSES.values() for drift in cause.drift} | set(NOT_CAUSED),
    "causes in the simulation": set(MADE_BY) | set(NOT_MADE),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_every_class(name: str) -> None:
    """A class is known everywhere, or it is said why it is not."""
    assert LISTS[name] == set(DriftClass)


def test_what_nothing_causes_has_a_reason_and_no_cause() -> None:
    """A class is either caused, or it is said why it is not."""
    caused = {drift for cause in CAUSES.values() for drift in cause.drift}
    assert (caused & set(NOT_CAUSED), set(MADE_BY) & set(NOT_MADE)) == (set(), set())
    assert all([*NOT_CAUSED.values(), *NOT_MADE.values()])


def test_what_makes_drift_in_the_simulation_is_a_fault_of_it() -> None:
    """Every fault that is named exists, and each of those that are there for drift makes some."""
    named = {fault for faults in MADE_BY.values() for fault in faults}
    assert set(DRIFT_FAULTS) <= named <= set(FAULTS)

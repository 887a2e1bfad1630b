"""The page that tells of faults tells of every fault that is brought about, and of no other."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import Any

from tests.builders.chaos.strikes import STRIKES
from tests.builders.faults_page import FIGURES, ROOT, page
from tests.builders.faults_told import FAULTS


def figures() -> dict[str, Any]:
    """What the run that the page tells of has measured."""
    document: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return document


def test_every_fault_that_is_told_is_brought_about() -> None:
    """There is one list of faults, and each of them has a strike."""
    assert [told.name for told in FAULTS] == list(STRIKES)


def test_every_fault_was_measured() -> None:
    """The run that the page tells of met every fault, and recovered from each of them."""
    measured = figures()["faults"]
    assert list(measured) == [told.name for told in FAULTS]
    assert [name for name, fault in measured.items() if fault["all_open_uploads_seconds"]["longest"] is None] == []


def test_the_run_kept_every_promise() -> None:
    """No part was charged twice, no row was lost, and every upload came to its end."""
    found = figures()
    assert (found["double_charges"], found["lost_rows"], found["not_ended"]) == (0, 0, 0)


def test_the_page_is_generated() -> None:
    """`docs/faults.md` is what `python -m tests.builders.faults_page` prints."""
    written = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    fresh = page(figures())
    assert list(unified_diff(written.splitlines(), fresh.splitlines(), lineterm="")) == []

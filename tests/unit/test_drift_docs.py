"""The page on drift is made from its rules, and tells of every class."""

from __future__ import annotations

import re
import string
from difflib import unified_diff
from pathlib import Path

import pytest

from worker.cli.drift_docs import markdown
from worker.core.drift.classes import DriftClass
from worker.core.drift.rules import RULES, runbook_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "drift.md"


def test_the_page_is_generated() -> None:
    """`docs/drift.md` is what `python -m worker.cli.drift_docs` prints."""
    written = PAGE.read_text(encoding="utf-8").splitlines(keepends=True)
    assert "".join(unified_diff(written, markdown().splitlines(keepends=True))) == ""


def test_the_page_tells_of_every_class_once() -> None:
    """Each class has a line in the table and a section, in the order in which the design names them."""
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.*)$", page) == re.findall(r"(?m)^\| \[`(\w+)`\]", page) == list(RULES)
    assert list(RULES) == list(DriftClass)


@pytest.mark.parametrize("drift", DriftClass)
def test_the_runbook_of_a_class_is_there(drift: DriftClass) -> None:
    """The place that a finding names is a heading of an existing page."""
    path, _, anchor = runbook_of(drift).partition("#")
    assert f"## {anchor}\n" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("drift", DriftClass)
def test_a_rule_is_complete(drift: DriftClass) -> None:
    """Every line of a rule says something, none ends like a sentence, and only known names stand in the next step."""
    rule = RULES[drift]
    lines = (rule.here, rule.there, rule.proof, rule.action, rule.next)
    assert all(line and not line.endswith(".") for line in lines)
    assert {name for _, name, _, _ in string.Formatter().parse(rule.next) if name} <= {"subject", "upload", "account"}

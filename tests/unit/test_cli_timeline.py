"""The timeline in words."""

from __future__ import annotations

import ast
from pathlib import Path

import worker.core
from worker.cli.timeline import DECISIONS, timeline_row
from worker.cli.wording import moment

#: Decisions that no timeline shows: heartbeats, and those of an account.
UNSHOWN = frozenset(
    {"reserve", "lease", "staging", "renew", "credits_seen", "echo_proven", "walk"}
    | {"pause_account", "probe_account", "leave_account", "resume_account", "account_well"}
)
#: Decisions that are named by the state they lead to.
NAMED_BY_STATE = frozenset({"completed", "failed", "cancelled"})


def test_every_decision_of_the_core_has_words() -> None:
    """What the core can write into a timeline is told in words, and no words are left for what it cannot write."""
    assert (_decisions() | NAMED_BY_STATE) - UNSHOWN == set(DECISIONS)


def test_an_entry_is_told_with_time_part_reason_and_details() -> None:
    """Each entry becomes one row; times within its details are told as times."""
    entry = {
        "at": 1_800_000_000.0,
        "decision": "hold",
        "part": 2,
        "reason": "out_of_credits",
        "details": {"message": "No credits.", "until": 1_800_000_600.0, "rows": 1_200, "duplicate": False},
    }
    assert timeline_row(entry) == (
        moment(1_800_000_000.0),
        "2",
        "the part was held",
        "out_of_credits",
        f"No credits; until {moment(1_800_000_600.0)}, rows 1,200, duplicate no",
    )


def test_an_entry_of_a_later_version_is_still_told() -> None:
    """An unknown decision is shown by its own word, and details that were cut to a text as that text."""
    row = timeline_row({"at": 0.0, "decision": "un_adopt", "details": '{"message": "cut'})
    assert row[1:] == ("", "un adopt", "", '{"message": "cut')


def _decisions() -> set[str]:
    """The first argument of every `change(…)` and `Change(…)` in the core, where it is a literal."""
    found: set[str] = set()
    for file in Path(str(worker.core.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in {"change", "Change"}:
                found |= {
                    leaf.value
                    for leaf in _branches(node.args[0])
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _branches(value: ast.expr) -> list[ast.expr]:
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]

"""How an entry of a timeline is written and read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.store.timeline import from_entry, to_entry

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    at=st.floats(0, 2e9),
    decision=WORDS,
    part=st.none() | st.integers(0, 10_000),
    reason=WORDS,
    details=st.dictionaries(WORDS, st.integers() | WORDS) | WORDS,
)
def test_an_entry_is_read_as_it_was_written(
    at: float, decision: str, part: int | None, reason: str, details: object
) -> None:
    """Whatever an entry tells comes back under its name; what is empty is not there, and a part 0 is not empty."""
    told = {"at": at, "decision": decision, "part": part, "reason": reason or None, "details": details or None}
    expected = {name: value for name, value in told.items() if value is not None}
    assert from_entry(to_entry(at, decision, part, reason, details)) == expected


def test_an_entry_that_tells_little_is_short() -> None:
    """What is empty takes no room, and what is there is named, as every program of this schema version reads it."""
    assert to_entry("@now", "accept", None, "", {}) == '{"at":"@now","decision":"accept"}'


def test_an_entry_that_names_no_fields_is_read_too() -> None:
    """A list is the same entry in another form; what is missing at its end, or `null`, is not there."""
    entry = {"at": 1.5, "decision": "hold", "part": 0, "reason": "no_credits", "details": {"until": 9}}
    assert from_entry(json.dumps(list(entry.values()))) == entry
    assert from_entry('[1.5,"prepared",null,"late"]') == {"at": 1.5, "decision": "prepared", "reason": "late"}


@pytest.mark.parametrize("half", ["\ud800", "a\udfffb"])
def test_half_a_surrogate_pair_does_not_get_in(half: str) -> None:
    """A text that no other program could read becomes a question mark where it is not text."""
    entry = to_entry(1, "hold", 0, "", {"message": half})
    assert from_entry(entry)["details"]["message"] == half.encode(errors="replace").decode()

"""What a person accepts is kept whole, and read by whoever may."""

from __future__ import annotations

import json

import pytest

from worker.core.change import Entry
from worker.core.drift.acceptance import Acceptance
from worker.core.errors import LaterSchema
from worker.core.schema import SCHEMA_VERSION


def test_an_acceptance_is_read_as_it_was_kept() -> None:
    """With fields that only a later program knows the meaning of."""
    kept = Acceptance(at=2.0, since=1.0, by="ann@host", taken=500, spent=3)
    assert Acceptance.load(kept.dump()) == kept
    more = json.loads(kept.dump()) | {"why": "x"}
    assert json.loads(Acceptance.load(json.dumps(more)).dump()) == more


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"at": "now"}'])
def test_a_damaged_one_is_refused(text: str) -> None:
    """It is nobody's acceptance."""
    with pytest.raises(ValueError, match=r".+"):
        Acceptance.load(text)


def test_one_of_a_later_version_is_left() -> None:
    """Only a newer program reads it."""
    with pytest.raises(LaterSchema):
        Acceptance.load(json.dumps({"schema_version": SCHEMA_VERSION + 1, "at": 1.0, "by": "x"}))


@pytest.mark.parametrize(
    ("reserved", "by_parts", "corrections"),
    [(5, 5, {}), (9, 5, {Entry.RELEASED: 4}), (5, 9, {Entry.RESERVED: 4}), (-3, 0, {Entry.RESERVED: 3})],
)
def test_the_ledger_is_corrected_by_entries_that_grow(
    reserved: int, by_parts: int, corrections: dict[Entry, int]
) -> None:
    """What is outstanding afterwards is what the parts have reserved."""
    found = Acceptance(at=1.0, by="x", reserved=reserved, reserved_by_parts=by_parts).corrections
    assert found == corrections
    assert reserved + found.get(Entry.RESERVED, 0) - found.get(Entry.RELEASED, 0) == by_parts

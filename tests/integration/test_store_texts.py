"""Whatever a text or a value is, it comes out of the store as it went in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.records import NOW, a_part, an_upload
from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.change import Change, Event

if TYPE_CHECKING:
    from worker.store.store import Store

#: Texts that JSON, Lua, patterns and Redis each read in a way of their own.
AWKWARD = ["", "@now", '"@now"', "%1 %d", "\\", '"', "null", "{}", "a\nb\tc", "\x00", "Grüße", "🎉", "￿", "[[", "1e999"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(AWKWARD)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ON_ONE_DATABASE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_ONE_DATABASE
@given(details=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_details_of_a_decision_are_read_as_they_were_written(store: Store, details: dict[str, Any]) -> None:
    """Timeline and events give every value back, empty ones in the events and in nested places included."""
    store.client.flushdb()
    store.commit(Change("look", "list-1", "a", details=details, events=(Event("look", "list-1", details),)))
    told = {name: value for name, value in details.items() if value not in (None, "")}
    entry = store.timeline("list-1")[0]
    assert entry.get("details", {}) == told
    assert isinstance(entry["at"], float)
    events: Any = store.client.xrange(store.key("events"))
    assert json.loads(events[0][1]["details"]) == details


@ON_ONE_DATABASE
@given(label=TEXTS, column=TEXTS, dialect=st.dictionaries(TEXTS, VALUES, max_size=3), at=st.floats(0, 1e12))
def test_a_record_is_read_as_it_was_written(
    store: Store, label: str, column: str, dialect: dict[str, Any], at: float
) -> None:
    """A record keeps every text and number through two writes, its time to the last digit."""
    store.client.flushdb()
    upload = an_upload(label=label, options={"column": column}, dialect=dialect, now=at)
    store.commit(uploads.change("one", upload))
    found = store.upload("list-1")
    assert found is not None
    store.commit(uploads.change("two", found))
    again = store.upload("list-1")
    assert again is not None
    kept = {"version": 0, "txn": ""}
    assert again.model_copy(update=kept) == upload
    assert again.version == 2
    assert store.next_due("ipqs-main", again.lane or upload.lane) == at  # type: ignore[arg-type]  # accepted has a lane


def test_only_the_time_of_a_timeline_entry_is_filled_in(store: Store) -> None:
    """A detail, or a name of one, that reads like the time's placeholder stays as it is."""
    store.commit(Change("look", "list-1", "a", reason="@now", details={"@now": "@now", "more": ["@now"]}))
    entry = store.timeline("list-1")[0]
    assert entry["reason"] == "@now"
    assert entry["details"] == {"@now": "@now", "more": ["@now"]}


def test_half_a_character_does_not_stop_the_store(store: Store) -> None:
    """A text with half a surrogate pair, as a mangled file name may hold, is written with the half replaced."""
    broken = "list-\udcff.csv"
    event = Event("rejected", "", {"message": broken})
    rejected = {"request": broken, "message": broken}
    store.commit(Change("reject", "list-1", "a", details={"file": broken}, events=(event,), rejected=rejected))
    store.commit(uploads.change("one", an_upload(message=broken)))
    store.commit(uploads.change("two", an_upload(message=broken).written()))
    assert [entry["decision"] for entry in store.timeline("list-1")] == ["reject", "one", "two"]
    found = store.upload("list-1")
    assert found is not None
    assert found.message == "list-?.csv"


def test_details_that_are_too_long_are_cut_and_still_readable(store: Store) -> None:
    """An entry of the timeline is bounded, whatever a decision wants to tell."""
    store.commit(Change("look", "list-1", "a", details={"message": "🎉" * 5_000}))
    raw: Any = store.client.lindex(store.key("timeline", "list-1"), 0)
    assert len(raw) < 5_000 * 2
    assert isinstance(store.timeline("list-1")[0]["details"], str)


@pytest.mark.parametrize("credits_", [1, 2**31, 10**15])
def test_large_numbers_are_exact(store: Store, credits_: int) -> None:
    """Ledger and counts add whole numbers without rounding."""
    part = a_part(rows=credits_, rows_done=credits_)
    store.commit(parts.submitted(part, "77", "list", NOW, look_at=NOW))
    ledger: Any = store.client.hgetall(store.key("ledger", "ipqs-main"))
    assert ledger == {"reserved": str(credits_), "committed": str(credits_)}
    assert store.client.hget(store.key("upload", "list-1", "parts"), "rows_done") == str(credits_)


@pytest.mark.parametrize("remote_id", ["0", "18446744073709551616", "a:b|c", "ü"])
def test_a_remote_id_is_a_text(store: Store, remote_id: str) -> None:
    """Ids are never read as numbers, so the longest and the strangest one is found again."""
    store.commit(parts.submitted(a_part(), remote_id, "list", NOW, look_at=NOW))
    assert store.part_of_remote("ipqs-main", remote_id) == "list-1/0"

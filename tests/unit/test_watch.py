"""The rules of a watched folder: names, the settling of files, and what becomes of a complete one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import UploadState
from producers.errors import Rejected
from producers.records import Status
from producers.watch import Next, Seen, Steady, is_complete, is_list, next_step, observe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

A, LONGER, LATER, OTHER = Seen(1, 10, 100), Seen(1, 20, 200), Seen(1, 10, 200), Seen(2, 10, 100)
REFUSAL = Rejected(upload_id="auto-1", entry="1-1", reason="conflict", message="It is one.", remedy="Mend it.")


def complete_after(looks: Sequence[Mapping[str, Seen]], *, settle: float = 10, period: float = 5) -> list[str]:
    """Names that are complete after looks that are a period apart, the first at 0."""
    files: dict[str, Steady] = {}
    now = 0.0
    for number, look in enumerate(looks):
        now = number * period
        files = observe(files, look, now)
    return [
        name for name, steady in files.items() if is_complete(steady, now, settle_seconds=settle, period_seconds=period)
    ]


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("list.csv", "*", True),
        ("list.csv", "*.csv", True),
        ("list.CSV", "*.csv", False),
        ("list.txt", "*.csv", False),
        (".list.csv", "*", False),
        ("list.csv.part", "*", False),
        ("list.csv.PART", "*", False),
        ("list.csv.tmp", "*", False),
        ("list.csv.crdownload", "*", False),
        ("list.csv~", "*", False),
        ("list.csv.reason.txt", "*", False),
        ("tmp", "*", True),
    ],
)
def test_a_list_is_told_by_its_name(name: str, pattern: str, expected: bool) -> None:
    """Hidden, unfinished and reason files are never lists; the others are if they match the pattern."""
    assert is_list(name, pattern) is expected


def test_a_file_is_complete_when_it_has_held_still() -> None:
    """Two looks after the one that found it so, and not before the settling time is over."""
    assert complete_after([{"a": A}]) == []
    assert complete_after([{"a": A}] * 2) == []
    assert complete_after([{"a": A}] * 3) == ["a"]
    assert complete_after([{"a": A}] * 3, settle=0) == ["a"]
    assert complete_after([{"a": A}] * 2, settle=0) == []
    assert complete_after([{"a": A}] * 3, settle=11) == []
    assert complete_after([{"a": A}] * 4, settle=11) == ["a"]


@pytest.mark.parametrize("changed", [LONGER, LATER, OTHER])
def test_a_change_begins_the_settling_anew(changed: Seen) -> None:
    """Another size, another time or another file under the same name has to hold still itself."""
    assert complete_after([{"a": A}, {"a": A}, {"a": changed}, {"a": changed}]) == []
    assert complete_after([{"a": A}, {"a": A}, {"a": changed}, {"a": changed}, {"a": changed}]) == ["a"]


def test_a_file_that_was_away_settles_anew() -> None:
    """What one look did not find may have been anything meanwhile."""
    assert complete_after([{"a": A}, {"a": A}, {}, {"a": A}]) == []


@pytest.mark.parametrize("unfinished", ["list.csv.part", ".list.csv", "list.csv.tmp"])
def test_a_file_that_is_renamed_into_place_is_complete_at_once(unfinished: str) -> None:
    """Taking an unfinished name away says that the file is finished."""
    assert complete_after([{unfinished: A}, {"list.csv": A}]) == ["list.csv"]


def test_only_the_very_same_file_counts_as_renamed() -> None:
    """A file that was also written to, or has only inherited the number of another one, has to hold still."""
    assert complete_after([{"list.csv.part": A}, {"list.csv": LONGER}]) == []
    assert complete_after([{"list.csv.part": A}, {"list.csv": OTHER}]) == []


def test_a_list_that_is_renamed_keeps_what_it_has_come_through() -> None:
    """From one list's name to another the settling goes on."""
    assert complete_after([{"a": A}, {"b": A}]) == []
    assert complete_after([{"a": A}, {"b": A}, {"b": A}]) == ["b"]


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([A, LONGER, OTHER])), min_size=1, max_size=8)
)
def test_no_list_is_complete_that_did_not_hold_still(looks: list[dict[str, Seen]]) -> None:
    """Whatever happens, a complete list was there, under some name and unchanged, at the last three looks."""
    for name in complete_after(looks):
        assert len(looks) >= 3
        assert all(looks[-1][name] in look.values() for look in looks[-3:])


@pytest.mark.parametrize(
    ("state", "parts", "expected"),
    [
        (None, 0, Next.ASK),
        (UploadState.ACCEPTED, 0, Next.WAIT),
        (UploadState.PREPARING, 0, Next.WAIT),
        (UploadState.RUNNING, 1, Next.FINISH),
        (UploadState.DELIVERING, 1, Next.FINISH),
        (UploadState.ATTENTION, 1, Next.FINISH),
        (UploadState.COMPLETED, 1, Next.FINISH),
        (UploadState.FAILED, 0, Next.REJECT),
        (UploadState.FAILED, 1, Next.REJECT),
        (UploadState.CANCELLED, 0, Next.REJECT),
        ("a later word", 0, Next.WAIT),
        ("a later word", 1, Next.FINISH),
    ],
)
def test_a_file_stays_until_the_workers_have_its_content(state: str | None, parts: int, expected: Next) -> None:
    """Only a staged upload lets its file go to done, and only one that ended badly sends it to rejected."""
    status = None if state is None else Status(upload_id="auto-1", state=state, parts_total=parts)
    assert next_step(status, None, asked=False) is expected


def test_a_request_under_way_is_not_repeated() -> None:
    """Without a record, what was asked is waited for."""
    assert next_step(None, None, asked=True) is Next.WAIT


@pytest.mark.parametrize("status", [None, Status(upload_id="auto-1", state="running", parts_total=1)])
def test_a_refusal_counts_before_a_record(status: Status | None) -> None:
    """A record may be of another request with the same id."""
    assert next_step(status, REFUSAL, asked=True) is Next.REJECT

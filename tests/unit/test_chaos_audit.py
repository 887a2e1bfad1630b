"""What judges a chaos run sees each broken promise, and times are counted from a fault's end."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.builders.chaos.audit import Findings, judge_charges, judge_rows, wait_for_a_place
from tests.builders.chaos.load import Wanted
from tests.builders.chaos.report import Recovery, Strike, recovery
from tests.builders.records import a_part
from worker.core.states import PartState


def wanted(asked_at: float = 0.0, completed_at: float | None = None) -> Wanted:
    """An upload of two rows."""
    upload = Wanted("one", "ipqs-main", "email", "form", ("a@example.com", "b@example.com"))
    upload.first_asked_at, upload.completed_at = asked_at, completed_at
    return upload


@pytest.mark.parametrize(
    ("charged", "owned", "waiting", "doubles", "lost"),
    [
        ({"7": 2, "8": 2}, {"7": 1, "8": 1}, 0, 0, 0),
        ({"7": 2, "8": 2}, {"7": 1}, 0, 1, 0),
        ({"7": 2, "8": 2}, {"7": 1}, 1, 0, 0),
        ({"7": 2}, {"7": 2}, 0, 0, 1),
        ({"7": 2}, {"7": 1, "8": 1}, 0, 0, 1),
    ],
    ids=["one each", "one too many", "one of a part that waits", "one for two parts", "one that never was"],
)
def test_charges_are_compared_with_parts(
    charged: dict[str, int], owned: dict[str, int], waiting: int, doubles: int, lost: int
) -> None:
    """A charge without a part, a part without its charge and a charge for two parts are each found."""
    findings = Findings()
    judge_charges("ipqs", charged, Counter(owned), waiting, findings)
    assert (len(findings.double_charges), len(findings.lost_rows)) == (doubles, lost)


@pytest.mark.parametrize(
    ("values", "verdicts", "lost"),
    [("ab", ("ok", "bad"), 0), ("ba", ("ok", "bad"), 1), ("a", ("ok",), 1), ("ab", ("ok", ""), 1)],
    ids=["all there", "out of place", "one missing", "one without a verdict"],
)
def test_rows_are_compared_with_the_list(values: str, verdicts: tuple[str, ...], lost: int) -> None:
    """A row that is missing, out of its place or without a verdict is found."""
    findings = Findings()
    rows = [
        {"email": f"{value}@example.com", "bv_row": "matched", "bv_verdict": verdict}
        for value, verdict in zip(values, verdicts, strict=True)
    ]
    judge_rows(wanted(), rows, findings)
    assert len(findings.lost_rows) == lost


@pytest.mark.parametrize(
    ("uploads", "expected"),
    [
        ([(1, 12), (11, 13)], Recovery(2, 2)),
        ([(1, 9), (11, 13)], Recovery(3, 0)),
        ([(1, 15), (2, 12)], Recovery(2, 5)),
        ([(1, None), (11, 13)], Recovery(3, None)),
        ([(1, 9)], Recovery(None, 0)),
    ],
    ids=["open one first", "nothing open", "two open", "one never ends", "nothing follows"],
)
def test_recovery_is_counted_from_the_end_of_the_fault(
    uploads: list[tuple[float, float | None]], expected: Recovery
) -> None:
    """The next completed upload, and the last of those that were open, by their distance from the fault's end."""
    assert recovery(Strike("any", 5, 10), [wanted(*times) for times in uploads]) == expected


@pytest.mark.parametrize(
    ("others", "waits"),
    [
        ([], True),
        ([(PartState.COLLECTED, "")], True),
        ([(PartState.HELD, "no_credits")], False),
        ([(PartState.PENDING, "")], False),
        ([(PartState.INTENT, "limit_intents")], False),
    ],
    ids=["alone", "beside one that is done", "beside one held for another reason", "beside one to do", "under way"],
)
def test_only_parts_without_a_place_wait_behind_others(others: list[tuple[PartState, str]], *, waits: bool) -> None:
    """One part that is left and waits for anything else makes the upload one that does not end."""
    parts = [(PartState.HELD, "limit_intents"), *others]
    assert wait_for_a_place([a_part("one", i, state, reason=why) for i, (state, why) in enumerate(parts)]) is waits


def test_an_upload_whose_parts_are_done_waits_for_no_place() -> None:
    """It ought to have been delivered."""
    assert not wait_for_a_place([a_part("one", 0, PartState.COLLECTED)])

"""Times and shares as people read them."""

from __future__ import annotations

import pytest

from worker.cli.wording import duration, moment, share, when


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0, "0 s"), (12.9, "12 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"),
     (172_800, "2 d")],
)  # fmt: skip
def test_a_duration_is_told_in_one_unit(seconds: float, words: str) -> None:
    """A duration is rounded down in the largest unit of which there are at least two."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [(None, "-"), (112.0, "in 12 s"), (101.0, "in 1 s"), (100.5, "now"), (41.0, "now"), (40.0, "overdue by 60 s")],
)
def test_a_due_time_is_told_from_now(at: float | None, words: str) -> None:
    """What is due within a second or was due within a minute is due now; what was due before is overdue."""
    assert when(at, 100.0) == words


def test_a_share_is_100_percent_only_when_all_is_done() -> None:
    """Shares are rounded down, and there is none of nothing."""
    assert [share(999, 1000), share(1000, 1000), share(0, 0)] == ["99 %", "100 %", "-"]


def test_a_moment_is_told_in_this_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epoch seconds become local date and time."""
    assert len(moment(1_800_000_000.0)) == len("2027-01-15 08:00:00")
    assert moment(1_800_000_000.0).endswith(":00")

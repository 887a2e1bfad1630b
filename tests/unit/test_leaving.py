"""What is left to a newer process: counted every time, told in the log once in a while."""

from __future__ import annotations

from structlog.testing import capture_logs

from worker.leaving import TELL_SECONDS, Leaving
from worker.metrics import Metrics


def test_everything_left_is_counted_and_the_log_is_bounded() -> None:
    """One entry in a minute tells what to do, and how much was left since the entry before."""
    now, metrics = [0.0], Metrics()
    leaving = Leaving(metrics, clock=lambda: now[0])
    with capture_logs() as told:
        for number in range(5):
            leaving.left("submit", "later", item=f"list-1/{number}")
        now[0] = TELL_SECONDS
        leaving.left("submit", "later", item="list-1/5")
    assert [(entry["item"], entry["untold"]) for entry in told] == [("list-1/0", 0), ("list-1/5", 4)]
    assert {entry["event"] for entry in told} == {"left_alone"}
    assert "start processes of the later version" in told[0]["remedy"]
    labels = {"queue": "submit", "reason": "later"}
    assert metrics.registry.get_sample_value("bulkverify_stale_messages_total", labels) == 6


def test_a_damaged_record_is_told_apart_from_a_later_one() -> None:
    """The two have their own entry, count and remedy."""
    leaving = Leaving(Metrics(), clock=lambda: 0.0)
    with capture_logs() as told:
        leaving.left("poll", "later", item="a")
        leaving.left("poll", "damaged", item="b")
    assert [entry["why"] for entry in told] == ["later", "damaged"]
    assert "backup" in told[1]["remedy"]

"""When an ended process is started again."""

from __future__ import annotations

from worker.host.restarts import RestartHistory, RestartLimits

LIMITS = RestartLimits(
    first_delay_seconds=0.5, longest_delay_seconds=4, healthy_seconds=60, restarts=6, window_seconds=300
)


def delays(history: RestartHistory, *ends: tuple[float, float]) -> list[float | None]:
    """Return the answers to ends at (now, ran) seconds."""
    return [history.next_delay_seconds(now_seconds=now, ran_seconds=ran) for now, ran in ends]


def test_the_wait_doubles_up_to_its_bound() -> None:
    """Each end in a row doubles the wait, up to the longest."""
    assert delays(RestartHistory(LIMITS), *[(now, 0.1) for now in range(5)]) == [0.5, 1, 2, 4, 4]


def test_a_healthy_run_starts_over() -> None:
    """A process that ran long enough is started again after the first wait."""
    assert delays(RestartHistory(LIMITS), (0, 1), (10, 1), (70, 60), (80, 1)) == [0.5, 1, 0.5, 1]


def test_too_many_restarts_in_the_window_end_it() -> None:
    """After the limit of restarts within the window the answer is to give up, even if each run was healthy."""
    assert delays(RestartHistory(LIMITS), *[(now * 49.0, 60) for now in range(7)])[-2:] == [0.5, None]


def test_restarts_outside_the_window_do_not_count() -> None:
    """Restarts that are a whole window ago are forgotten."""
    assert None not in delays(RestartHistory(LIMITS), *[(now * 50.0, 60) for now in range(50)])

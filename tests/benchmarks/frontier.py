"""Calls against lag: ours, polling at fixed intervals, and exponential backoff.

Two levels. *Policy*: every policy decides for the same seeded jobs, in memory. *Whole actor*: the program's own poll
actor on a virtual clock against both simulated providers over real HTTP; the calls are those that the simulators saw.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.command import parser_of, progress_bar
from tests.benchmarks.frontier_figures import Played, duration_words, figures_of, words_of
from tests.benchmarks.log_plot import Panel, Point, Series, picture
from tests.benchmarks.policies import (
    FIXED,
    SPREAD,
    Backoff,
    Fixed,
    Ours,
    Outcome,
    Policy,
    default_policy,
    durations,
    evaluated,
    least_looks,
)
from tests.benchmarks.polled_runs import SIMILAR_JOBS, InFlight, Measured, Single, run
from tests.benchmarks.report import Report, Table
from tests.benchmarks.told import print_report
from worker.core.durations import expected_of
from worker.core.schedule import PollPolicy
from worker.providers.whoisxml import OBSERVE_IDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.report import Cell

#: Mean seconds of the jobs that the policies are compared for, and how many there are of each.
DURATIONS_SECONDS = (10.0, 60.0, 600.0, 3_600.0, 36_000.0)
JOBS = 200
#: Jobs in flight on one account.
IN_FLIGHT = (1, 50, 10_000)
#: Values of epsilon for which the line of our schedule is drawn.
EPSILONS = (0.02, 0.05, 0.1, 0.2, 0.5)
#: Mean seconds of the jobs that each panel of the plot shows.
PANELS_SECONDS = (600.0, 3_600.0)
ACCOUNTS = ("whoisxml-main", "ipqs-main")
#: What the whole actor is measured with: single jobs, and virtual seconds for so many jobs in flight.
SINGLE_JOBS = 20
WINDOWS_SECONDS = {50: 1_800.0, 500: 120.0, 2_000: 40.0, 10_000: 20.0}
#: Jobs in flight of the largest case if nobody asks for more: ten thousand take minutes on two cores.
MOST_IN_FLIGHT = 2_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what was asked for. Exit code 0 whether or not goals are met."""
    parser = parser_of("frontier", __doc__)
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the plot to this file")
    parser.add_argument("--most", type=int, default=MOST_IN_FLIGHT, help="jobs in flight of the largest case")
    chosen = parser.parse_args(arguments)
    played = _play(chosen.most)
    report = Report(
        name="frontier",
        settings=_settings(played[0].ours),
        figures=[figure for one in played for figure in figures_of(one)],
        tables=[_measured_table(played), *_policy_tables()],
    )
    print_report(report)
    if chosen.json:
        report.write(chosen.json)
    if chosen.svg:
        chosen.svg.parent.mkdir(parents=True, exist_ok=True)
        chosen.svg.write_text(_plot(played), encoding="utf-8")
    return 0


def policies(mean_seconds: float, in_flight: int) -> list[Policy]:
    """Every policy for jobs of so many seconds, of which so many are in flight."""
    bounds, price = default_policy(), 1.0 / min(in_flight, OBSERVE_IDS_MAX)
    similar = expected_of(durations(mean_seconds, SIMILAR_JOBS, "similar"))
    return [
        FIXED,
        Fixed(30.0),
        Backoff(),
        Ours("ours, nothing known", bounds, price=price, in_flight=in_flight),
        Ours("ours, progress", bounds, tells_progress=True, price=price, in_flight=in_flight),
        Ours(f"ours, {SIMILAR_JOBS} similar", bounds, expected=similar, price=price, in_flight=in_flight),
    ]


# The whole actor


def cases(most: int) -> list[Single | InFlight]:
    """What the whole actor is measured with."""
    singles = [
        Single(account, seconds, known, SINGLE_JOBS)
        for account in ACCOUNTS
        for seconds in PANELS_SECONDS
        for known in ("nothing", "progress", "similar")
        # IPQS tells no progress.
        if not (account.startswith("ipqs") and known == "progress")
    ]
    many = [
        InFlight(account, 600.0, jobs, window)
        for jobs, window in WINDOWS_SECONDS.items()
        for account in ACCOUNTS
        if jobs <= most
    ]
    return [*singles, *many]


def _play(most: int) -> list[Played]:
    played = []
    with progress_bar() as bar:
        chosen = cases(most)
        task = bar.add_task("cases", total=len(chosen))
        for case in chosen:
            bar.update(task, description=words_of(case))
            ours = run(case, bar.refresh)
            played.append(Played(case, ours, evaluated(FIXED, ours.jobs_seconds)))
            bar.advance(task)
    return played


# Tables


def _settings(measured: Measured) -> dict[str, Cell]:
    settings = measured.settings
    return {
        "poll_floor_seconds": settings.poll_floor_seconds,
        "poll_cap_seconds": settings.poll_cap_seconds,
        "poll_epsilon": settings.poll_epsilon,
        "poll_slack_seconds": settings.poll_slack_seconds,
        "requests_per_second": 200,
        "job_spread": f"±{SPREAD:.0%}, evenly",
    }


def _measured_table(played: Sequence[Played]) -> Table:
    columns = ["whole actor", "jobs seen", "calls per job", "p95 lag, s", "fixed 5 s: calls", "fixed 5 s: p95 lag, s"]
    rows: list[list[Cell]] = []
    for case, ours, fixed in played:
        numbers = (ours.outcome.calls, ours.outcome.p95_seconds, fixed.calls, fixed.p95_seconds)
        rows.append([words_of(case), len(ours.jobs_seconds), *(round(number, 2) for number in numbers)])
    return Table(title="Whole poll actor against the simulated providers", columns=columns, rows=rows)


def _policy_tables() -> Iterator[Table]:
    """Every policy for every duration; a look is shared by up to 100 jobs where they are in flight together."""
    names = [policy.name for policy in policies(1.0, 1)]
    calls: list[list[Cell]] = []
    lags: list[list[Cell]] = []
    for seconds in DURATIONS_SECONDS:
        jobs = durations(seconds, JOBS, "jobs")
        least = sum(least_looks(default_policy(), job) for job in jobs) / len(jobs)
        for in_flight in IN_FLIGHT:
            outcomes = [evaluated(policy, jobs) for policy in policies(seconds, in_flight)]
            head: list[Cell] = [duration_words(seconds), in_flight]
            calls.append(
                [*head, *(round(one.calls, 2) for one in outcomes), round(least, 2) if in_flight == 1 else None]
            )
            lags.append([*head, *(round(one.p95_seconds, 2) for one in outcomes)])
    first = ["job", "in flight"]
    yield Table(title="Policies alone: calls per job", columns=[*first, *names, "least for the bound"], rows=calls)
    yield Table(title="Policies alone: p95 lag, s", columns=[*first, *names], rows=lags)


# The plot


def _plot(played: Sequence[Played]) -> str:
    return picture(
        [_panel(seconds, played) for seconds in PANELS_SECONDS],
        across="calls per job",
        up="p95 lag, seconds",
        about="Calls against lag, for every policy",
    )


def _panel(mean_seconds: float, played: Sequence[Played]) -> Panel:
    jobs = durations(mean_seconds, JOBS, "jobs")
    bounds = default_policy()
    line = [
        _point(evaluated(Ours("", PollPolicy(bounds.floor_seconds, bounds.cap_seconds, epsilon)), jobs))
        for epsilon in EPSILONS
    ]
    spread = f"{min(EPSILONS):g} to {max(EPSILONS):g}"
    series = [Series(f"ours, nothing known, ε from {spread}", line, line=True)]
    series += [Series(policy.name, [_point(evaluated(policy, jobs))]) for policy in policies(mean_seconds, 1)]
    shared = Ours("", bounds, price=1.0 / OBSERVE_IDS_MAX)
    series.append(Series(f"ours, {OBSERVE_IDS_MAX} jobs to a call", [_point(evaluated(shared, jobs))]))
    here = [one for one in played if one.case.mean_seconds == mean_seconds]
    for name, kind in (("whole actor, one job", Single), ("whole actor, 50 or more in flight", InFlight)):
        points = [_point(one.ours.outcome) for one in here if isinstance(one.case, kind)]
        series.append(Series(name, points, square=True))
    return Panel(f"Jobs of {duration_words(mean_seconds)}, ±{SPREAD:.0%}", series)


def _point(outcome: Outcome) -> Point:
    return outcome.calls, outcome.p95_seconds


if __name__ == "__main__":
    sys.exit(main())

"""Drift, again and again: real processes, a real Redis, and differences that come about at random moments.

Run as `python -m tests.builders.injection.run --minutes 10 [--seed 7] [--report FILE]`, which `make drift` does. The
same seed causes the same differences in the same order; what they meet is up to the machine.
"""

from __future__ import annotations

import json
import math
import signal
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import click

from tests.builders.chaos.audit import Audit
from tests.builders.chaos.site import running_chaos_site
from tests.builders.injection.causes import CAUSES
from tests.builders.injection.report import Report
from tests.builders.injection.world import ACCOUNTS, World
from worker.core.drift.classes import Handling
from worker.store.findings import read_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.core.drift.findings import Finding

#: What is to be compared is compared every two seconds, and all that drift waits for takes seconds, too.
SETTINGS: dict[str, object] = {
    "settle_seconds": 6.0,
    "settle_unnamed_seconds": 6.0,
    # Longer than two sweeps take to find it: a part that a look has given to a person before is found by none.
    "missing_job_seconds": 30.0,
    "drift_late_seconds": 1.0,
    "drift_uncollected_seconds": 3.0,
    "drift_stalled_seconds": 8.0,
}
#: Seconds that a job takes: long enough to be caught at work.
JOB_SECONDS = 1.5
#: Seconds between two requests.
PERIOD_SECONDS = 1.0
#: Uploads that are completed before the first difference: a list has to be known before one can miss something.
FIRST_UPLOADS = 6
FIRST_SECONDS = 60.0
#: Seconds between two looks at what has become of them.
STEP_SECONDS = 0.1
#: Seconds in which every upload must have come to its end when nothing is caused any more, and then every finding.
SETTLE_SECONDS = 120.0
CLEAN_SECONDS = 60.0


class Pace(NamedTuple):
    """How fast differences follow each other."""

    #: Those that are caused side by side at most.
    active_max: int
    #: Longest pause between the beginnings of two.
    pause_seconds_max: float


#: That of a long run.
PACE = Pace(active_max=6, pause_seconds_max=2.0)


class Injector:
    """Causes differences side by side, each to its end."""

    def __init__(self, world: World, order: Iterator[str], pace: Pace, say: Callable[[str], None]) -> None:
        self._world = world
        self._order = order
        self._pace = pace
        self._say = say
        self._next: str | None = next(order, None)
        self._next_at = 0.0
        self.active: dict[str, Iterator[None]] = {}

    @property
    def ended(self) -> bool:
        """Whether everything was caused, and is over."""
        return self._next is None and not self.active

    def step(self) -> None:
        """Begin what is next, and let everything go on that was begun."""
        now = time.monotonic()
        if self._next is not None and self._next not in self.active and self._may_begin(now):
            self.active[self._next] = CAUSES[self._next].act(self._world)
            self._next = next(self._order, None)
            self._next_at = now + self._world.chance.uniform(0.0, self._pace.pause_seconds_max)
        for name, cause in [*self.active.items()]:
            try:
                next(cause)
            except StopIteration:
                del self.active[name]
                self._say(f"{name} is over.")

    def _may_begin(self, now: float) -> bool:
        return now >= self._next_at and len(self.active) < self._pace.active_max


def inject(
    folder: Path,
    seed: int,
    causes: Callable[[Random], Iterator[str]],
    *,
    pace: Pace = PACE,
    say: Callable[[str], None],
) -> Report:
    """Cause the differences, let everything settle, and report."""
    chance, began_at = Random(seed), time.monotonic()
    with running_chaos_site(folder, chance, period_seconds=PERIOD_SECONDS, **SETTINGS) as site:
        for provider in ACCOUNTS:
            site.sandbox.set_knobs(provider, job_seconds=JOB_SECONDS)
        load = site.load
        load.until(lambda: len(load.completed) >= FIRST_UPLOADS, seconds=FIRST_SECONDS, what="the first uploads")
        with site.installation.records() as records:
            world = World(site, records)
            injector = Injector(world, causes(chance), pace, say)
            _all_caused(world, injector)
            load.stop_asking()
            load.reached(lambda: not load.moving, seconds=SETTLE_SECONDS)
            _until(world, lambda: not _to_end(world), CLEAN_SECONDS)
            still = _open(world)
            world.redis.close()
        audit = Audit(site).run()
        seconds = time.monotonic() - began_at
        return Report(seed, seconds, len(load.wanted), world.cases, world.beside, still, audit)


def _all_caused(world: World, injector: Injector) -> None:
    """Go on until everything was caused and is over; each cause waits for a limited time."""

    def ended() -> bool:
        injector.step()
        return injector.ended

    _until(world, ended, math.inf)


def _until(world: World, holds: Callable[[], bool], seconds: float) -> None:
    """Let everything go on until something holds, or for that long."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        world.site.load.go_on(STEP_SECONDS)
        world.site.is_up()
        world.listen()
    world.listen()


def _open(world: World) -> list[Finding]:
    """Every finding that is believed."""
    kept = [read_findings(world.records.store, account).findings for account in ACCOUNTS.values()]
    return [finding for findings in kept for finding in findings if finding.believed]


def _to_end(world: World) -> list[Finding]:
    """Findings that have to end."""
    return [finding for finding in _open(world) if finding.action is not Handling.TOLD]


def until_over(minutes: float, causes: Sequence[str]) -> Callable[[Random], Iterator[str]]:
    """These again and again, in another order each time, until `minutes` are over."""

    def chosen(chance: Random) -> Iterator[str]:
        until = time.monotonic() + minutes * 60
        while True:
            for cause in chance.sample(causes, len(causes)):
                if time.monotonic() > until:
                    return
                yield cause

    return chosen


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=10.0, show_default=True, help="How long to go on.")
@click.option("--seed", type=int, help="What decides the differences and their order.  [default: another each time]")
@click.option("--report", type=click.Path(path_type=Path), help="File for the figures, as JSON.")
@click.option("--only", type=click.Choice(list(CAUSES)), multiple=True, help="This cause; may be repeated.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to work in, with all its logs, that is kept.")
def main(minutes: float, seed: int | None, report: Path | None, only: tuple[str, ...], keep: Path | None) -> None:
    """Cause drift under an installation at work, and tell what became of it. Exits with 1 when a promise was broken."""
    seed = Random().randrange(2**32) if seed is None else seed
    # What was started is ended, however this process is asked to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(
        f"Drift for {minutes:g} minutes under seed {seed}; the same again: make drift MINUTES={minutes:g} SEED={seed}"
    )
    with tempfile.TemporaryDirectory(prefix="bulkverify-drift-") as folder:
        found = inject(keep or Path(folder), seed, until_over(minutes, only or tuple(CAUSES)), say=click.echo)
    for line in found.lines():
        click.echo(line)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(found.document(), indent=2) + "\n", encoding="utf-8")
    raise click.exceptions.Exit(bool(found.broken))


if __name__ == "__main__":
    main()

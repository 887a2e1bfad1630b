"""Chaos: real processes, real Redis, and faults at random moments, for as long as is wanted.

Run as `python -m tests.builders.chaos.run --minutes 5 [--seed 7] [--report FILE]`, which is what `make chaos` does. The
same seed strikes with the same faults in the same order; when each of them meets the work is up to the machine.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click

from tests.builders.chaos.audit import Audit
from tests.builders.chaos.report import Report, Strike
from tests.builders.chaos.site import ChaosSite, running_chaos_site
from tests.builders.chaos.strikes import STRIKES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Uploads that are completed before the first fault: a provider's list has to be known before one can miss something.
FIRST_UPLOADS = 6
FIRST_SECONDS = 60.0
#: Seconds in which some upload has to be completed after each fault.
RECOVERY_SECONDS = 60.0
#: Seconds in which everything has to reach its end once faults and requests have stopped.
SETTLE_SECONDS = 180.0
#: Seconds between two requests.
PERIOD_SECONDS = 0.5
#: Longest pause, in seconds, between a recovery and the next fault.
PAUSE_SECONDS_MAX = 4.0


def strike_all(
    folder: Path,
    seed: int,
    faults: Callable[[Random], Iterator[str]],
    *,
    pause_seconds_max: float = PAUSE_SECONDS_MAX,
    say: Callable[[str], None],
) -> Report:
    """Bring the faults about one after the other, let everything settle, and report."""
    chance, began_at = Random(seed), time.monotonic()
    with running_chaos_site(folder, chance, period_seconds=PERIOD_SECONDS) as site:
        load = site.load
        load.until(lambda: len(load.completed) >= FIRST_UPLOADS, seconds=FIRST_SECONDS, what="the first uploads")
        strikes = []
        for fault in faults(chance):
            strikes.append(_strike(site, fault, say))
            load.go_on(chance.uniform(0, pause_seconds_max))
        _settle(site, say)
        findings = Audit(site).run()
        return Report(seed, time.monotonic() - began_at, strikes, load.wanted, findings, load.repeats, site.restarts)


def until_over(minutes: float, faults: Sequence[str]) -> Callable[[Random], Iterator[str]]:
    """These faults again and again, in another order each time, until `minutes` are over."""

    def chosen(chance: Random) -> Iterator[str]:
        until = time.monotonic() + minutes * 60
        while True:
            for fault in chance.sample(faults, len(faults)):
                if time.monotonic() > until:
                    return
                yield fault

    return chosen


def _strike(site: ChaosSite, fault: str, say: Callable[[str], None]) -> Strike:
    """Bring one fault about, and wait until some upload is completed afterwards."""
    load, began_at = site.load, time.monotonic()
    STRIKES[fault](site)
    strike = Strike(fault, began_at, time.monotonic())
    completed = len(load.completed)
    recovered = load.reached(lambda: site.is_up() and len(load.completed) > completed, seconds=RECOVERY_SECONDS)
    word = "recovered" if recovered else "NOT recovered"
    say(f"{fault}: {strike.ended_at - began_at:.1f} s, and {word} after {time.monotonic() - strike.ended_at:.1f} s")
    return strike


def _settle(site: ChaosSite, say: Callable[[str], None]) -> None:
    """Ask for nothing more, and wait until every upload has reached its end or waits for a person, or time is up."""
    began_at = time.monotonic()
    site.load.stop_asking()
    site.load.reached(lambda: site.is_up() and not site.load.moving, seconds=SETTLE_SECONDS)
    say(f"Nothing moves any more {time.monotonic() - began_at:.1f} s after the last request.")


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=5.0, show_default=True, help="How long to strike.")
@click.option("--seed", type=int, help="What decides the faults and their order.  [default: another one each time]")
@click.option("--report", type=click.Path(path_type=Path), help="File for the figures, as JSON.")
@click.option("--only", type=click.Choice(list(STRIKES)), multiple=True, help="This fault; may be repeated.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to work in, with all its logs, that is kept.")
def main(minutes: float, seed: int | None, report: Path | None, only: tuple[str, ...], keep: Path | None) -> None:
    """Strike an installation with faults, and tell what became of it. Exits with 1 when a promise was broken."""
    seed = Random().randrange(2**32) if seed is None else seed
    # What was started is ended, however this process is asked to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(
        f"Chaos for {minutes:g} minutes under seed {seed}; the same again: make chaos MINUTES={minutes:g} SEED={seed}"
    )
    with tempfile.TemporaryDirectory(prefix="bulkverify-chaos-") as folder:
        found = strike_all(keep or Path(folder), seed, until_over(minutes, only or tuple(STRIKES)), say=click.echo)
    for line in found.lines():
        click.echo(line)
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(found.document(), indent=2) + "\n", encoding="utf-8")
    raise click.exceptions.Exit(bool(found.findings.broken))


if __name__ == "__main__":
    main()

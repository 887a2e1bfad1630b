"""How long the line stands still after a fault: processes killed, Redis gone for ten seconds, every message lost.

Run as `python -m tests.benchmarks.recovery --json FILE [--tries 5]`. Real processes (`bulkverify up` with two workers),
a real Redis and simulated providers; lists are sent all the time. Everything about messages, timers and leases of steps
is as in production; what a provider is given to show a job after an unclear submit is seconds instead of minutes, and
so is a submit's lease, because both are waited for on purpose and not by the queues.

What is left out: dramatiq by its defaults. It looks for dead processes with one command in a thousand, which takes a
quarter of an hour on a quiet queue, and what a live process holds when Redis goes it never runs at all.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import redis

from config.settings import Settings
from tests.benchmarks.report import Figure, Report, Table
from tests.builders.broker_process import RAN, a_process, declare
from tests.builders.brokers import a_broker
from tests.builders.chaos.redis_server import BROKER_DB, ChaosRedis
from tests.builders.chaos.site import SETTINGS, ChaosSite, running_chaos_site
from tests.builders.chaos.strikes import STRIKES
from tests.builders.deadline import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: What is brought about on the whole line, by its name among the faults of the chaos run.
FAULTS = {
    "worker_killed": "a worker killed, one of two",
    "workers_killed_in_submit": "all workers killed within a submit",
    "poller_killed": "the poller killed",
    "redis_frozen": "Redis gone for 10 s",
    "broker_flushed": "every message lost",
}
#: Settings of the chaos run that are as in production here: they decide how soon lost work is found.
IN_PRODUCTION = (
    *("work_lease_seconds", "rearm_grace_seconds", "rearm_period_seconds", "safety_look_seconds"),
    *("timekeeper_period_seconds", "heartbeat_timeout_seconds", "consumer_wait_seconds"),
)
#: Seconds between two lists, and lists completed before the first fault.
PERIOD_SECONDS, FIRST_LISTS = 0.5, 6
#: Seconds that the line gets to move again, and all that was open to be completed.
RECOVERY_SECONDS = 180.0
#: Seconds within which the messages of a dead process have to be run, and an idle process has to begin.
DEAD_SECONDS, IDLE_SECONDS = 60.0, 0.2
#: Messages sent to an idle process, and seconds before each: a consumer looks ever more rarely, down to its setting.
IDLE_MESSAGES, IDLE_FOR_SECONDS = 30, 1.0
#: Logical database to count in.
COUNTS_DB = 2


class Recovery(NamedTuple):
    """Seconds from the end of a fault until some list was completed, and until all that were open then were."""

    next_seconds: float
    all_seconds: float


def strike(site: ChaosSite, fault: str) -> Recovery:
    """Bring a fault about while lists are under way, and wait for what was under way."""
    load = site.load
    load.until(lambda: bool(load.moving), seconds=RECOVERY_SECONDS, what="a list under way")
    STRIKES[fault](site)
    ended_at, completed = time.monotonic(), len(load.completed)
    opened = list(load.moving)
    load.until(lambda: site.is_up() and len(load.completed) > completed, seconds=RECOVERY_SECONDS, what="a list")
    next_seconds = time.monotonic() - ended_at
    load.until(lambda: all(each.completed_at for each in opened), seconds=RECOVERY_SECONDS, what="all open lists")
    return Recovery(next_seconds, time.monotonic() - ended_at)


def on_the_line(folder: Path, tries: int, faults: Sequence[str]) -> Iterator[tuple[str, list[Recovery]]]:
    """Each fault that many times, with what followed."""
    production = dict.fromkeys(IN_PRODUCTION)
    with running_chaos_site(folder, Random(1), period_seconds=PERIOD_SECONDS, **production) as site:
        site.load.until(lambda: len(site.load.completed) >= FIRST_LISTS, seconds=RECOVERY_SECONDS, what="first lists")
        for fault in faults:
            yield fault, [strike(site, fault) for _ in range(tries)]


class BrokerAlone:
    """Processes that do nothing but run messages, on a Redis of their own, with the settings of production."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._server = ChaosRedis(folder / "redis")
        self._server.start()
        stack.callback(self._server.kill)
        self._urls = (self._server.url(BROKER_DB), self._server.url(COUNTS_DB))
        broker = stack.enter_context(a_broker(self._urls[0]))
        counts = stack.enter_context(redis.Redis.from_url(self._urls[1]))
        self._broker: Any = broker
        self._counts: Any = counts
        self._actors = declare(broker, counts)

    def idle_seconds(self) -> list[float]:
        """How long a message takes to be run by an idle process, for each of `IDLE_MESSAGES`."""
        process = self._started()
        taken = [self._run_seconds(number) for number in range(IDLE_MESSAGES)]
        process.kill()
        return taken

    def _run_seconds(self, number: int) -> float:
        time.sleep(IDLE_FOR_SECONDS)
        sent_at = time.monotonic()
        self._actors["act"].send(number)
        self._until(lambda: self._ran()[number] == 1)
        return time.monotonic() - sent_at

    def dead_seconds(self) -> float:
        """How long a message that a killed process was working on takes to be run by another process."""
        self._counts.flushdb()
        first = self._started()
        self._actors["hold"].send(1)
        self._until(lambda: self._ran()[1] == 1)
        second = self._started()
        first.kill()
        killed_at = time.monotonic()
        self._until(lambda: self._ran()[1] == 2)
        taken = time.monotonic() - killed_at
        # Killed before it has acknowledged the message, it would leave it to the next try.
        self._until(lambda: self._broker.client.hlen("dramatiq:work.msgs") == 0)
        second.kill()
        return taken

    def _started(self) -> Any:
        before = self._hearts()
        timeout_seconds = Settings().heartbeat_timeout_seconds
        process = self._stack.enter_context(a_process(self._folder, "ours", *self._urls, timeout_seconds))
        self._until(lambda: bool(self._hearts() - before))
        return process

    def _hearts(self) -> set[bytes]:
        return set(self._broker.client.zrange("dramatiq:__heartbeats__", 0, -1))

    def _ran(self) -> Counter[int]:
        return Counter(int(number) for number in self._counts.lrange(RAN, 0, -1))

    @staticmethod
    def _until(holds: Callable[[], bool]) -> None:
        wait_until(holds, seconds=RECOVERY_SECONDS, what="the message")


def measured(folder: Path, tries: int, faults: Sequence[str], say: Callable[[str], None]) -> Report:
    """Measure it all."""
    rows: list[list[str | int | float | bool | None]] = []
    figures = []
    with ExitStack() as stack:
        alone = BrokerAlone(folder / "alone", stack)
        idle, dead = sorted(alone.idle_seconds()), [alone.dead_seconds() for _ in range(tries)]
    for what, word, taken, value, goal_seconds in (
        ("an idle process begins with a message", "95th percentile", idle, idle[len(idle) * 95 // 100], IDLE_SECONDS),
        ("the message of a killed process is run by another", "longest", dead, max(dead), DEAD_SECONDS),
    ):
        figures.append(_held_to(f"{what}, {word}", value, goal_seconds))
        rows.append(_row(what, taken))
        say(_told(rows[-1]))
    for fault, recoveries in on_the_line(folder / "line", tries, faults):
        for until, taken in (
            ("the next list completed", [each.next_seconds for each in recoveries]),
            ("all open lists completed", [each.all_seconds for each in recoveries]),
        ):
            what = f"{FAULTS[fault]}: {until}"
            figures.append(Figure(what=f"{what}, median", unit="s", value=round(statistics.median(taken), 2)))
            rows.append(_row(what, taken))
            say(_told(rows[-1]))
    table = Table(title="Time to recover", columns=["what", "tries", "median (s)", "longest (s)"], rows=rows)
    settings = {name: getattr(Settings(), name) for name in IN_PRODUCTION}
    settings |= {name: value for name, value in SETTINGS.items() if name not in IN_PRODUCTION}
    return Report(name="recovery", settings=settings, figures=figures, tables=[table])


def _held_to(what: str, seconds: float, goal_seconds: float) -> Figure:
    goal = f"at most {goal_seconds:g} s"
    return Figure(what=what, unit="s", value=round(seconds, 3), goal=goal, met=seconds <= goal_seconds)


def _row(what: str, taken: Sequence[float]) -> list[str | int | float | bool | None]:
    return [what, len(taken), round(statistics.median(taken), 3), round(max(taken), 3)]


def _told(row: Sequence[object]) -> str:
    what, tries, median, longest = row
    return f"{what}: median {median} s, longest {longest} s ({tries} tries)"


@click.command()
@click.option("--json", "file", type=click.Path(path_type=Path), required=True, help="File for the figures.")
@click.option("--tries", type=click.IntRange(min=1), default=5, show_default=True, help="How often each is tried.")
@click.option("--only", type=click.Choice(list(FAULTS)), multiple=True, help="This fault; may be repeated.")
def main(file: Path, tries: int, only: tuple[str, ...]) -> None:
    """Measure the time to recover from each fault."""
    with tempfile.TemporaryDirectory(prefix="bulkverify-recovery-") as folder:
        measured(Path(folder), tries, only or tuple(FAULTS), click.echo).write(file)


if __name__ == "__main__":
    main()

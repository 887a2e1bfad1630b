"""100,000 parts in flight on one machine: what they weigh in Redis, and how late and how large their poller is.

`python -m tests.benchmarks.in_flight --json FILE`. In one run: ours with few parts and with many, and the usual way,
one delayed dramatiq message for each job, with many. Jobs are 1,000 to 9,000 s old and looked at every tenth of that,
so a crowd of 100,000 wants some 275 looks in a second. A look that was due in the time watched and had not come by its
end counts with the lateness that it had by then.
"""

from __future__ import annotations

import math
import tempfile
import time
from array import array
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.benchmarks.keyspace import families
from tests.benchmarks.plain_poller import THREADS, enqueue_looks
from tests.benchmarks.process_figures import cpu_seconds, memory_bytes
from tests.benchmarks.report import Cell, Figure, Report, Table
from tests.benchmarks.told import print_report
from tests.benchmarks.under_way import UnderWay, under_way
from worker.core.states import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

#: Goals: bytes in Redis of one upload, bytes of a poller, and seconds by which one look in a hundred may be late.
UPLOAD_BYTES_GOAL = 2_500
POLLER_BYTES_GOAL = 150_000_000
LATENESS_SECONDS_GOAL = 2.0
#: Memory counts as flat when many parts need no more than this share of what few need.
FLAT_RATIO = 1.2
#: Seconds that writing takes for each upload before it was ever measured, and for each message, and that the provider
#: needs to begin: a crowd's moment lies so far ahead.
WRITE_SECONDS = 0.003
MESSAGE_SECONDS = 0.0002
START_SECONDS = 5.0
#: How much longer the many may take than the few did, for each.
WRITE_MARGIN = 1.3
#: Seconds that a poller has to begin before its looks are due.
WARM_SECONDS = 8.0


@dataclass
class Watched:
    """What was seen of one way to look at a crowd."""

    way: str
    parts: int
    latenesses: list[float] = field(default_factory=list)
    #: Looks that were due and had not come.
    missing: int = 0
    memory_bytes: int = 0
    #: Of one processor, on average.
    poller_share: float = 0.0
    redis_share: float = 0.0
    redis_commands_per_second: float = 0.0
    calls_per_second: float = 0.0

    def late(self, fraction: float) -> float:
        """Seconds by which that fraction of the looks came at most."""
        ordered = sorted(self.latenesses)
        return ordered[max(math.ceil(fraction * len(ordered)) - 1, 0)] if ordered else math.inf

    def row(self) -> list[Cell]:
        """The row of the table."""
        return [
            self.way,
            self.parts,
            len(self.latenesses),
            self.missing,
            round(self.late(0.5), 2),
            round(self.late(0.99), 2),
            round(self.memory_bytes / 1e6, 1),
            round(self.poller_share, 2),
            round(self.redis_share, 2),
            round(self.redis_commands_per_second),
            round(self.calls_per_second, 1),
        ]


COLUMNS = [
    "way",
    "parts",
    "looks",
    "of them not come",
    "p50 late (s)",
    "p99 late (s)",
    "memory (MB)",
    "poller CPU",
    "Redis CPU",
    "Redis commands/s",
    "calls/s",
]


@dataclass
class Weight:
    """What the records of a crowd weigh in Redis."""

    #: Bytes of one upload, all in all; and without the events, of which a bounded number is kept whatever there is.
    upload_bytes: float
    bounded_bytes: float
    table: Table


def weighed(place: UnderWay, told: Callable[[int], None]) -> Weight:
    """Write the crowd, and see what that adds to the memory in use."""
    with place.store() as store:
        store.client.ping()
        before = store.memory().used_bytes
        place.write(told)
        added = store.memory().used_bytes - before
        found = families(store.client)
    parts = place.crowd.parts
    rows: list[list[Cell]] = [
        [name, family.keys, round(family.total_bytes / parts, 1)]
        for name, family in found.items()
        if family.total_bytes / parts >= 0.1
    ]
    known = sum(family.total_bytes for family in found.values())
    rows.append(["(table of keys, buffers)", None, round((added - known) / parts, 1)])
    events = found["events"].total_bytes if "events" in found else 0.0
    title = f"Bytes in Redis of one of {parts:,} one-part uploads, by family of keys"
    return Weight((added - events) / parts, events, Table(title=title, columns=["family", "keys", "bytes"], rows=rows))


def watched_ours(place: UnderWay, seconds: float) -> Watched:
    """One poller process of ours, from the crowd's moment on for so many seconds."""
    seen = Watched("ours", place.crowd.parts)
    out = place.folder / "latenesses"
    with place.store() as store, place.running("watched_poller", out) as process:
        _watch(seen, place, store.client, process.pid, seconds)
        end = place.moment + seconds
        for account in place.crowd.accounts:
            waiting: Any = store.client.zrangebyscore(
                store.key("due", account, Lane.POLL), "-inf", end, withscores=True
            )
            overdue = [end - due_at for _, due_at in waiting]
            seen.latenesses += overdue
            seen.missing += len(overdue)
    latenesses = array("d")
    latenesses.frombytes(out.read_bytes())
    seen.latenesses += latenesses
    return seen


def watched_plain(place: UnderWay, seconds: float) -> Watched:
    """One worker with a delayed message for each job, for so many seconds."""
    crowd, moment = place.crowd, place.moment
    seen = Watched("a delayed message for each job", crowd.parts)
    due_at = {number: crowd.due_at(number, moment) for number in range(crowd.parts)}
    out = place.folder / "plain"
    with place.store() as store:
        enqueue_looks(
            place.redis_url, ((number, due, moment - crowd.age_seconds(number)) for number, due in due_at.items())
        )
        with place.running("plain_poller", place.redis_url, place.provider_url, out) as process:
            _watch(seen, place, store.client, process.pid, seconds)
    looked = [line.split() for line in out.read_text().splitlines()]
    come = {int(number) for number, _ in looked}
    end = moment + seconds
    overdue = [end - due for number, due in due_at.items() if due < end and number not in come]
    seen.missing = len(overdue)
    seen.latenesses = [float(lateness) for _, lateness in looked] + overdue
    return seen


def _watch(seen: Watched, place: UnderWay, client: redis.Redis, pid: int, seconds: float) -> None:
    """Let the crowd's time pass, and read what processes and Redis have used in it."""
    _wait_until(place.moment)
    began_at, before, cpu = time.time(), client.info(), cpu_seconds(pid)
    calls = place.provider_calls()
    _wait_until(place.moment + seconds)
    after, passed = client.info(), time.time() - began_at
    seen.memory_bytes = memory_bytes(pid)
    seen.poller_share = (cpu_seconds(pid) - cpu) / passed
    seen.redis_share = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys")) / passed
    name = "total_commands_processed"
    seen.redis_commands_per_second = (after[name] - before[name]) / passed
    seen.calls_per_second = (place.provider_calls() - calls) / passed


def _wait_until(moment: float) -> None:
    time.sleep(max(moment - time.time(), 0.0))


def report(weight: Weight, few: Watched, many: Watched, plain: Watched, seconds: float) -> Report:
    """The figures against their goals."""
    ratio = many.memory_bytes / few.memory_bytes
    return Report(
        name="in_flight",
        settings={"parts": many.parts, "few parts": few.parts, "seconds watched": seconds, "threads": THREADS},
        figures=[
            Figure(
                what="Redis memory of a one-part upload in flight: record, part, timeline, indexes, ledger",
                unit="bytes",
                value=round(weight.upload_bytes),
                goal=f"at most {UPLOAD_BYTES_GOAL:,}",
                met=weight.upload_bytes <= UPLOAD_BYTES_GOAL,
            ),
            Figure(
                what="its part of the events, of which at most 100,000 are kept",
                unit="bytes",
                value=round(weight.bounded_bytes / many.parts),
            ),
            Figure(
                what=f"Memory of the poller with {many.parts:,} parts",
                unit="MB",
                value=round(many.memory_bytes / 1e6, 1),
                against=round(plain.memory_bytes / 1e6, 1),
                ratio=round(many.memory_bytes / plain.memory_bytes, 3),
                goal=f"at most {POLLER_BYTES_GOAL // 1_000_000}",
                met=many.memory_bytes <= POLLER_BYTES_GOAL,
            ),
            Figure(
                what=f"Memory of the poller with {many.parts:,} parts against {few.parts:,}",
                unit="MB",
                value=round(many.memory_bytes / 1e6, 1),
                against=round(few.memory_bytes / 1e6, 1),
                ratio=round(ratio, 3),
                goal=f"flat: ratio at most {FLAT_RATIO}",
                met=ratio <= FLAT_RATIO,
            ),
            Figure(
                what=f"p99 lateness of a look with {many.parts:,} parts",
                unit="s",
                value=round(many.late(0.99), 2),
                against=round(plain.late(0.99), 2),
                ratio=round(many.late(0.99) / max(plain.late(0.99), 0.001), 4),
                goal=f"at most {LATENESS_SECONDS_GOAL:g}",
                met=many.late(0.99) <= LATENESS_SECONDS_GOAL,
            ),
        ],
        tables=[
            weight.table,
            Table(title="Looking at jobs", columns=COLUMNS, rows=[seen.row() for seen in (few, many, plain)]),
        ],
    )


def measured(parts: int, few_parts: int, seconds: float, folder: Path, console: Console) -> Report:
    """Everything, one after the other."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        seen: list[Watched] = []
        weight: Weight | None = None
        write_seconds = WRITE_SECONDS
        for size in (few_parts, parts):
            task = progress.add_task(f"writing {size:,} uploads", total=size)
            ready_in_seconds = START_SECONDS + WARM_SECONDS + size * write_seconds
            with under_way(size, folder / f"ours-{size}", ready_in_seconds=ready_in_seconds) as place:
                began_at = time.time()
                weight = weighed(place, partial(progress.advance, task))
                write_seconds = WRITE_MARGIN * (time.time() - began_at) / size
                place.arm()
                if (late_seconds := time.time() + WARM_SECONDS - place.moment) > 0:
                    console.print(f"[yellow]Writing took {late_seconds:.0f} s too long, so looks may begin late.")
                _wait_until(place.moment - WARM_SECONDS)
                seen.append(watched_ours(place, seconds))
        progress.add_task(f"{parts:,} delayed messages", total=None)
        ready_in_seconds = START_SECONDS + WARM_SECONDS + parts * MESSAGE_SECONDS
        with under_way(parts, folder / "plain", ready_in_seconds=ready_in_seconds) as place:
            plain = watched_plain(place, seconds)
    assert weight is not None
    few, many = seen
    return report(weight, few, many, plain, seconds)


@click.command()
@click.option("--parts", default=100_000, help="Parts in flight.")
@click.option("--few-parts", default=10_000, help="Parts in flight against which memory is to be flat.")
@click.option("--seconds", default=40.0, help="Time for which each way is watched.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where the report goes.")
def main(parts: int, few_parts: int, seconds: float, out: Path | None) -> None:
    """Measure a crowd of uploads in flight."""
    with tempfile.TemporaryDirectory(prefix="in-flight-") as folder:
        found = measured(parts, few_parts, seconds, Path(folder), Console(stderr=True))
    print_report(found)
    if out is not None:
        found.write(out)


if __name__ == "__main__":
    main()

"""The page of what was measured: `python -m tests.benchmarks.page > docs/performance.md` prints it anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.benchmarks.performance import DOCS, Performance
from tests.benchmarks.told import cells, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.performance import Run
    from tests.benchmarks.report import Table

PAGE = DOCS / "performance.md"

_HEAD = """\
# Performance, measured

`make bench` measures everything on this page anew, on the machine it runs on and with what it compares with in the same
run; `make bench ONLY=frontier` one benchmark alone. The numbers are in [performance.json](performance.json) too. A goal
is stated with whether it is met; figures without one are for information.
"""

#: What each benchmark measures, as the page tells it.
ABOUT = {
    "frontier": """\
## Calls and lag of looking at remote jobs

How many calls it takes to see that a job has ended, and how late that is seen. "Whole actor" is the program's poll
actor on a virtual clock, with a real Redis and over real HTTP; its calls are those that the simulated providers saw,
and a call takes no time beyond what the account's own rate makes it wait. Single jobs come one after the other, so
that after 20 similar ones each is one more for the next. Where many are in flight, another job starts whenever one
ends. Walks over the remote list that look for lost jobs are not counted. "Policies alone" asks each policy for the
same jobs, in memory, as if every look at a job fell together with those at others in flight, at most 100 to a call
(WhoisXML). With nothing known our schedule is, by its formula, the one that reaches any run time in the fewest looks
for its bound; the figures show that the whole actor looks no more often.

The accounts allow 200 calls a second here, so that the policy is what is measured; at the default of 2 a look at very
many jobs takes longer than the 5 s between two. From 5,000 jobs in flight on, shared looks wait a thousandth of a
second for each job (10 s for 10,000) and see ends later than fixed 5 s would: those 2,000 looks a second would take
more than one core, and 2,000 calls a second that no provider allows.

![Calls per job against p95 lag, both on logarithmic axes, for every policy](frontier.svg)
""",
    "in_flight": """\
## A hundred thousand parts in flight

What a one-part upload in flight takes in Redis, and what looking at so many takes in memory and in lateness: one real
poller process, ten accounts at one simulated WhoisXML, jobs that run for hours. The other way is dramatiq's own, a
delayed message for each job.

The goal for Redis is missed because the upload and its part are two records of readable JSON, which an operator can
look at with any client, and its timeline is kept from the beginning. Binary records would meet it.
""",
    "throughput": """\
## Throughput of small uploads

The whole line, from the request to the result, against a bare loop of the same HTTP calls with as many threads, which
keeps nothing. With instant calls the line is bound by its own work: for each upload some fifty commands to Redis, and
twelve files that are synced to disk before anything is built on them, so that a crash anywhere costs no second charge
and no row. No part of that work stands out in the profile (`--profile`); the goal for instant calls is missed.
""",
    "recovery": """\
## Time to recover

How long the line stands still after a fault has ended: real processes, with lists coming in all the time. Submit leases
and settle times are shortened as in the chaos runs; a process killed within a submit waits for them on purpose.
""",
    "rows": """\
## Rows of large lists

What one list of 1 GB costs on its way through the program, step by step: each step is the code that a worker runs,
alone in a fresh process that has imported what a worker has, and right after it a tool made for the same work runs on
the same files. Lists and files between the steps were just written, so they are read from the system's cache. MB are
millions of bytes that a step takes in: of the list where rows are split, staged and delivered, of the staged values
where they are uploaded, of the provider's result where that is downloaded and collected. Memory is all that a process
has resident at most; that of `cp` and curl was not looked at.

The list has 77 bytes a row in five columns; a quarter of the rows has a quoted cell, one in a thousand a line break
inside of it, one in ten repeats the address of an earlier row anywhere in the list, one in a hundred has none. The
provider answers for every address in some of its columns, for each second part in an order of its own.

- *Split* finds where rows end and nothing else. A plain loop over lines does not see quotes; DuckDB parses cells.
- *Stage* reads, checks, folds and writes the parts with their digests. DuckDB folds the same values on all cores in as
  much memory as it wants, and leaves neither order nor account of rows; `cp` is what the disk and the cache allow.
- *Upload* and *download* are the adapter's own calls to a server on this machine that does nothing with the bytes; the
  faster of a few tries counts, for curl too. The download takes the file's SHA-256 on the way, curl does not.
- *Collect* is that download, the check that the file is whole and parses, and its verdicts kept in the program's form.
- *Deliver* joins the verdicts to the rows in the list's order. DuckDB joins the same files on all cores and sorts.

`python -m tests.benchmarks.rows --large` also takes a list of 5 GB through the steps that see every row, in about half
an hour more; what it found is in [engines.md](engines.md#how-much-memory). `make rows` sends ten million rows through
the whole line, from request to result, and compares each of them.
""",
    "scrape": """\
## A scrape of the exporter

How long Prometheus waits for `/metrics`, over HTTP: the exporter asks Redis for sizes and ends of indexes and for no
record, so what is in the store makes no difference. Most of the time goes into adding up the files of the processes
that count, of which eight live here.
""",
}


def page(performance: Performance) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(run) for run in performance.runs)])


def _section(run: Run) -> str:
    report, machine = run.report, run.machine
    settings = ", ".join(f"`{name}` {number(value)}" for name, value in report.settings.items())
    where = (
        f"`{run.command}` on {machine.cores} cores, Python {machine.python}, {machine.redis}; {run.seconds} s. "
        f"Settings: {settings}.\n"
    )
    figures = _grid(["measured", "value", "against", "ratio", "goal", "met"], map(cells, report.figures))
    return "\n".join([ABOUT[report.name], where, figures, *map(_table, report.tables)])


def _table(table: Table) -> str:
    return f"### {table.title}\n\n" + _grid(table.columns, ([number(cell) for cell in row] for row in table.rows))


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(_lines([columns, ["---"] * len(columns), *rows]))


def _lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(page(Performance.read()))

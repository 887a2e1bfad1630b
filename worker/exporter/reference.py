"""The reference of all metrics, as Markdown: `python -m worker.exporter.reference > docs/metrics.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from worker.exporter.families import STATE_FAMILIES
from worker.metric_families import PROCESS_FAMILIES
from worker.metrics import OTHER, WORDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.metric_families import Family

_HEAD = f"""\
# Metrics

The exporter serves these at `http://METRICS_HOST:METRICS_PORT/metrics`, as Prometheus text or OpenMetrics. Beside them:
`/healthz` answers 200 while the exporter lives, `/readyz` answers 200 while Redis answers and 503 otherwise.

No label carries an upload's id, a file's name or a value of a list. A label's value that is no plain word, or that
comes after {WORDS_MAX} others in a process, is counted as `{OTHER}`.

This page is made by `python -m worker.exporter.reference`; a test compares the two.
"""
_STATE = """\
## State of the installation

Read from Redis at the moment of the scrape: always true, and gone when their object is gone. The counters among them
are kept in Redis, so that none is lost with a process. While Redis is away `bulkverify_redis_up` is 0 and what would
have been read from it is absent.
"""
_PROCESSES = """\
## Work of the processes

Counted and timed by the processes and added up over all of one machine, also over those that have ended. They begin
again at zero when the whole installation starts; what alerts ask for, as the calls of each configured account by how
they end, is there from then on. Histograms come as `_bucket`, `_sum` and `_count`. The folder METRICS_DIR belongs to
the processes of one host, and of one container: an exporter takes a process that it cannot see for ended, and folds
its files into one.
"""


def reference() -> str:
    """The whole page."""
    tables = (_HEAD, _STATE, _table(STATE_FAMILIES), _PROCESSES, _table(PROCESS_FAMILIES))
    return "\n".join(tables)


def _table(families: Iterable[Family]) -> str:
    head = "| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(f"{_row(family)}\n" for family in families)


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels) or "none"
    return f"| `{family.full_name}` | {family.type} | {labels} | {family.unit} | {family.help} |"


if __name__ == "__main__":
    sys.stdout.write(reference())

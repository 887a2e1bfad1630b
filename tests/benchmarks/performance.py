"""All that the benchmarks have measured last, with the machine and the command of each: `docs/performance.json`."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import redis
from pydantic import BaseModel, ConfigDict

from tests.benchmarks.report import Report
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: What was measured, and the plot of calls against lag.
MEASURED = DOCS / "performance.json"
PLOT = DOCS / "frontier.svg"

#: Every benchmark in the order of the page, with the arguments that it is run with beside `--json`.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "frontier": ("--svg", str(PLOT.relative_to(ROOT))),
    "in_flight": ("--parts", "100000"),
    "throughput": (),
    "recovery": (),
    "rows": (),
    "scrape": (),
}


class Machine(BaseModel):
    """Where something was measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: int
    python: str
    #: The server that the benchmarks start, with its version.
    redis: str

    @classmethod
    def here(cls) -> Self:
        """This machine, with the Redis that a benchmark gets on it."""
        with (
            tempfile.TemporaryDirectory(prefix="bulkverify-redis-") as home,
            EmbeddedServer(Path(home)) as server,
            redis.Redis.from_url(server.url(0), decode_responses=True) as client,
        ):
            info: Any = client.info("server")
        name = info.get("server_name", "redis")
        return cls(
            cores=os.cpu_count() or 1,
            python=platform.python_version(),
            redis=f"{name} {info.get(f'{name}_version', info['redis_version'])}",
        )


class Run(BaseModel):
    """One benchmark's last run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    seconds: int
    machine: Machine
    report: Report


class Performance(BaseModel):
    """The last run of every benchmark that was run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: list[Run]

    @classmethod
    def read(cls, path: Path = MEASURED) -> Self:
        """What was measured before; nothing where there is no file yet."""
        if not path.exists():
            return cls(runs=[])
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def write(self, path: Path = MEASURED) -> None:
        """Write it as JSON that reads well in a diff."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def updated(self, fresh: Sequence[Run]) -> Self:
        """With the fresh runs in the place of earlier ones of the same benchmarks, in the order of the page."""
        runs = {run.report.name: run for run in [*self.runs, *fresh]}
        return self.model_copy(update={"runs": [runs[name] for name in PROGRAMS if name in runs]})

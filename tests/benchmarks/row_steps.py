"""What the program does with the rows of a list, each step by itself: `python -m tests.benchmarks.row_steps STEP …`.

Every step is the code that a worker runs, in a process that has imported what a worker has.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import SecretStr

import worker.processes  # noqa: F401 - the memory of a step is that of a worker process
from config.accounts import Account
from tests.benchmarks.measured_step import Done, answer, checked
from tests.builders.line import IPQS_KEY
from worker.providers.ipqs import Ipqs
from worker.providers.port import Artifact, Kind, Reporter, Submission, SubmitMethod
from worker.rows.collected import CollectedPart, SentPart, write_verdicts
from worker.rows.delivery import StagedInput, deliver
from worker.rows.dialect import Options
from worker.rows.limits import Limits
from worker.rows.raw_rows import RawRows
from worker.rows.staging import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.row_files import RowFiles
    from worker.providers.port import Provider

#: Lists of any size: how much a worker takes is a setting.
LIMITS = replace(Limits(), input_bytes_max=2**40, input_rows_max=2**32)
#: Seconds that a submit may take.
DEADLINE_SECONDS = 900.0
#: When every verdict was made, for all that delivery cares.
CHECKED_AT = "2026-11-21T12:00:00Z"


class OpenGate:
    """Lets every call through."""

    def acquire(self, operation: str) -> None:
        """Take a token, of which there are any number."""


class Stopwatch(Reporter):
    """Keeps how long the latest call took."""

    seconds = 0.0

    def call_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """One HTTP call ended."""
        del operation, outcome
        self.seconds = seconds


def split(files: RowFiles, _url: str) -> Done:
    """Find the characters of every row."""
    with RawRows(files.source, files.dialect(), LIMITS) as blocks:
        rows = sum(map(len, blocks))
    return checked(files.rows, Done(files.source.stat().st_size, rows))


def stage_list(files: RowFiles, _url: str) -> Done:
    """Read the list, fold it, and write its parts."""
    files.staged.mkdir()
    staged = stage(
        files.source,
        files.staged,
        kind=Kind.EMAIL,
        options=Options(),
        limits=LIMITS,
        rows_per_part=files.part_rows,
        on_progress=_ignored,
    )
    files.keep(staged)
    return checked(files.rows, Done(staged.input_bytes, staged.rows))


def upload(files: RowFiles, url: str) -> Done:
    """Submit all values as one job."""
    rows = files.distinct()
    watch = Stopwatch()
    submission = Submission(files.values, rows, Kind.EMAIL, "rows.csv", DEADLINE_SECONDS, SubmitMethod.FORM)
    _adapter(url, watch).submit(submission)
    return Done(files.values.stat().st_size, rows, watch.seconds)


def download(files: RowFiles, url: str) -> Done:
    """Fetch the provider's result and check it; the seconds are those of the call that fetches."""
    watch = Stopwatch()
    with _collected(files, _adapter(url, watch)) as artifact:
        return Done(artifact.size_bytes, files.distinct(), watch.seconds)


def collect(files: RowFiles, url: str) -> Done:
    """Fetch the provider's result, check it, and keep its verdicts, as if each part had been a job of its own."""
    provider = _adapter(url, Reporter())
    with _collected(files, provider) as artifact:
        verdicts = provider.read((artifact,), Kind.EMAIL)
        rows = 0
        for part in files.parts():
            with part.verdicts.open("wb") as out:
                rows += write_verdicts(islice(verdicts, part.rows), Kind.EMAIL, out).rows
        return Done(artifact.size_bytes, rows)


def deliver_rows(files: RowFiles, _url: str) -> Done:
    """Join all verdicts to the rows of the list."""
    scratch = files.folder / "scratch"
    scratch.mkdir()
    staged = StagedInput(files.source, files.index(), files.dialect(), Kind.EMAIL, files.sha256())
    sent = [
        SentPart(index, part.rows, CollectedPart(part.verdicts, part.values, CHECKED_AT))
        for index, part in enumerate(files.parts())
    ]
    with files.result.open("wb") as out:
        delivered = deliver(staged, sent, out, folder=scratch, provider="ipqs", limits=LIMITS, on_progress=_ignored)
    if delivered.counts.missing:
        raise RuntimeError(f"{delivered.counts.missing:,} rows have found no verdict")
    return checked(files.rows, Done(files.source.stat().st_size, delivered.counts.rows))


def _adapter(url: str, reporter: Reporter) -> Ipqs:
    fields = {"name": "rows", "provider": "ipqs", "key": SecretStr(IPQS_KEY), "base_url": url}
    return Ipqs(Account.model_validate(fields), OpenGate(), reporter)


@contextmanager
def _collected(files: RowFiles, provider: Provider) -> Iterator[Artifact]:
    """The provider's result on disk."""
    with TemporaryDirectory(dir=files.folder) as folder:
        (artifact,) = provider.collect("1", Path(folder))
        yield artifact


def _ignored(rows: int) -> None:
    """Nobody watches."""


#: By name; the arguments are those of `tests.benchmarks.measured_step.answer`.
STEPS = {
    "split": split,
    "stage": stage_list,
    "upload": upload,
    "download": download,
    "collect": collect,
    "deliver": deliver_rows,
}

if __name__ == "__main__":
    answer(STEPS)

"""Whether a result is what its manifest tells: read once from its beginning to its end, at bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from worker.core.rows import RowState
from worker.rows.delivery import BV_COLUMNS
from worker.rows.digest import MeasuredInput
from worker.rows.errors import ResultUnreadable
from worker.rows.result_reading import READ_BYTES, read_result
from worker.rows.result_tally import Finding, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.rows.manifest import Manifest

#: Rows between two calls of `on_progress`.
PROGRESS_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a result was found to hold."""

    rows: int
    #: Rows by state and by verdict word, as counted.
    states: Mapping[str, int]
    verdicts: Mapping[str, int]
    sha256: str
    bytes: int
    findings: tuple[Finding, ...]


def check_manifest(manifest: Manifest) -> Iterator[Finding]:
    """What in a manifest contradicts itself, besides what loading it refuses already (the rows' conservation)."""
    counts, told = manifest.counts, sum(manifest.verdicts.values())
    if told != counts.matched + counts.folded:
        yield _contradiction(f"{told:,} verdicts, and {counts.matched + counts.folded:,} rows that have one")
    sent = sum(part.rows for part in manifest.parts)
    if counts.matched > sent:
        yield _contradiction(f"{counts.matched:,} matched rows, and {sent:,} values that were sent")
    paid = sum(part.credits for part in manifest.parts)
    if paid != manifest.credits:
        yield _contradiction(f"{manifest.credits:,} credits, and {paid:,} in its parts")
    if added_place(manifest.result.columns) is None:
        yield _contradiction(f"columns that do not hold {', '.join(BV_COLUMNS)} beside each other")


def check_result(source: BinaryIO, manifest: Manifest, on_progress: Callable[[int], None]) -> Checked:
    """Read the result in `source` and compare it with its manifest; `on_progress` is told the bytes read so far.

    Of each check that fails, the first row is told. `source` stays open. Raises `OSError`.
    """
    measured = MeasuredInput(source)
    told = manifest.result
    tally = Tally(len(told.columns), added_place(told.columns) or 0, manifest.provider)
    broken: list[Finding] = []
    try:
        for cells in read_result(measured, told):
            tally.take(cells)
            if tally.rows % PROGRESS_ROWS == 0:
                on_progress(measured.bytes)
    except ResultUnreadable as error:
        broken.append(Finding("rows", str(error), tally.rows + 1))
    _read_on(measured, on_progress)
    # Where reading ended early the counts are those of a beginning, and tell nothing.
    miscounted = () if broken else _miscounted(manifest, tally)
    return Checked(
        rows=tally.rows,
        states=dict(tally.states),
        verdicts=dict(tally.words),
        sha256=measured.sha256,
        bytes=measured.bytes,
        findings=(*_mismeasured(manifest, measured), *broken, *tally.findings(), *miscounted),
    )


def check_object(source: BinaryIO, name: str, sha256: str) -> Finding | None:
    """Compare an object that the manifest names, such as a segment, with its digest. Raises `OSError`."""
    measured = MeasuredInput(source)
    _read_on(measured, lambda _bytes: None)
    if measured.sha256 == sha256:
        return None
    return Finding("digest", f"{name} has another SHA-256 than its manifest tells")


def added_place(columns: Sequence[str]) -> int | None:
    """Where the four columns begin that delivery added: the last such ones, as the input may have some of its own."""
    for start in range(len(columns) - len(BV_COLUMNS), -1, -1):
        suffix = columns[start].removeprefix(BV_COLUMNS[0])
        if tuple(columns[start : start + len(BV_COLUMNS)]) == tuple(name + suffix for name in BV_COLUMNS):
            return start
    return None


def _read_on(measured: MeasuredInput, on_progress: Callable[[int], None]) -> None:
    """Measure what is left of a file."""
    rest = bytearray(READ_BYTES)
    while measured.readinto(rest):
        on_progress(measured.bytes)


def _contradiction(what: str) -> Finding:
    return Finding("manifest", f"the manifest contradicts itself: it tells {what}")


def _mismeasured(manifest: Manifest, measured: MeasuredInput) -> Iterator[Finding]:
    told = manifest.result
    if measured.bytes != told.bytes:
        yield Finding("bytes", f"it has {measured.bytes:,} bytes, and the manifest tells {told.bytes:,}")
    if measured.sha256 != told.sha256:
        yield Finding("digest", f"its SHA-256 is {measured.sha256}, and the manifest tells {told.sha256}")


def _miscounted(manifest: Manifest, tally: Tally) -> Iterator[Finding]:
    """Counts that are not those of the rows."""
    if tally.rows != manifest.counts.rows:
        yield Finding("rows", f"it has {tally.rows:,} rows, and the manifest tells {manifest.counts.rows:,}")
    for state in RowState:
        told = getattr(manifest.counts, state.value)
        if tally.states[state.value] != told:
            yield Finding("states", f"{tally.states[state.value]:,} rows are {state}, and the manifest tells {told:,}")
    for word in sorted({*tally.words, *manifest.verdicts}):
        told = manifest.verdicts.get(word, 0)
        if tally.words[word] != told:
            yield Finding("verdicts", f"{tally.words[word]:,} rows are {word}, and the manifest tells {told:,}")

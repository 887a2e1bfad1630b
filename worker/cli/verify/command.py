"""`bulkverify verify`: whether a result is complete and what its manifest tells."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.cli.verify.place import place_of
from worker.cli.verify.report import EXIT_NOT_GOOD, Report, print_report
from worker.rows.errors import ManifestUnreadable
from worker.rows.result_check import check_manifest, check_object, check_result
from worker.rows.result_reading import ROW_CHARACTERS_MAX
from worker.rows.result_tally import Finding
from worker.storage import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.cli.door import Door
    from worker.cli.verify.place import Place
    from worker.rows.manifest import Manifest

_EPILOG = """\b
Exit codes:
  0  The result is what its manifest tells, and every row is accounted for; it may be partial.
  1  It is not; each difference is told, and what to do.
  2  The command line is wrong, or there is no such result or manifest.
"""


@click.command(epilog=_EPILOG)
@click.argument("named", metavar="RESULT")
@click.option(
    "--manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The manifest of a copied result."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def verify(door: Door, *, named: str, manifest: Path | None, as_json: bool) -> None:
    """Check RESULT against its manifest: bytes, digests, columns, every row's state and verdict, and all counts.

    RESULT is a result's file, its manifest or the folder of both; for these no setting is needed. It may also be the
    result's address in the configured storage, or the id of its upload. Redis is never asked.
    """
    # A provider's cells may be longer than the module allows by itself; nothing else reads CSV in this process.
    csv.field_size_limit(ROW_CHARACTERS_MAX)
    report = _checked(place_of(door, named, manifest))
    print_report(report, as_json=as_json)
    if not report.good:
        raise click.exceptions.Exit(EXIT_NOT_GOOD)


def _checked(place: Place) -> Report:
    try:
        manifest = place.manifest()
    except ManifestUnreadable as error:
        return Report(findings=(Finding("manifest", str(error)),))
    try:
        called, size_bytes, source = place.result(manifest)
    except (FileNotFoundError, NotFound):
        missing = Finding("result", f"the manifest is there, but not the result {manifest.result.object}")
        return Report(manifest, findings=(*check_manifest(manifest), missing))
    with source, _bar(size_bytes) as on_progress:
        checked = check_result(source, manifest, on_progress)
    findings = [*check_manifest(manifest), *checked.findings]
    objects = 0
    for name, sha256 in _objects(manifest):
        with ExitStack() as opened:
            beside = place.beside(name)
            if beside is not None:
                objects += 1
                found = check_object(opened.enter_context(beside), name, sha256)
                findings += [found] if found else []
    return Report(manifest, called, checked, objects, tuple(findings))


def _objects(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Names and digests of everything else that the manifest names: segments, and the parts' verdicts while kept."""
    for part in manifest.parts:
        if part.object and part.sha256:
            yield part.object, part.sha256
        yield from ((file.object, file.sha256) for file in part.segments if file.object and file.sha256)


@contextmanager
def _bar(total_bytes: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, and nothing elsewhere; what it yields is told the bytes so far."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=total_bytes)
        yield lambda so_far: bar.update(task, completed=so_far)

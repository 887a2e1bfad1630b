"""What `bulkverify verify` tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from worker.cli.tables import print_fields, print_json

if TYPE_CHECKING:
    from worker.rows.manifest import Manifest
    from worker.rows.result_check import Checked
    from worker.rows.result_tally import Finding

#: Exit code for a result that is not what its manifest tells.
EXIT_NOT_GOOD = 1
#: What to do with one.
REMEDY = (
    "Fetch the result and its manifest from the workers' storage again. Where they are damaged there, take them from a "
    "backup, or submit the list under another id with --reuse: what is still kept of its verdicts is not paid again."
)


@dataclass(frozen=True, slots=True)
class Report:
    """One checked result."""

    #: `None` when it cannot be read.
    manifest: Manifest | None = None
    #: What the result is called; empty when there is none.
    called: str = ""
    checked: Checked | None = None
    #: Other objects that the manifest names, were there and were compared: segments, and parts' verdicts while kept.
    objects: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the result is what its manifest tells."""
        return self.checked is not None and not self.findings

    def as_document(self) -> dict[str, object]:
        """The report for programs."""
        manifest, checked = self.manifest, self.checked
        return {
            "good": self.good,
            "result": self.called,
            "upload_id": manifest.upload_id if manifest else "",
            "partial": manifest.partial if manifest else None,
            "counts": asdict(manifest.counts) if manifest else None,
            "rows": checked.rows if checked else None,
            "ragged": manifest.input.ragged if manifest else None,
            "states": checked.states if checked else None,
            "verdicts": checked.verdicts if checked else None,
            "bytes": checked.bytes if checked else None,
            "sha256": checked.sha256 if checked else None,
            "objects": self.objects,
            "findings": [finding._asdict() for finding in self.findings],
            "remedy": "" if self.good else REMEDY,
        }


def print_report(report: Report, *, as_json: bool) -> None:
    """Print the report: what was found on standard output, and on a bad end the remedy on standard error."""
    if as_json:
        print_json(report.as_document())
        return
    manifest, checked = report.manifest, report.checked
    if manifest is not None and checked is not None:
        print_fields(
            [
                ("result", report.called),
                ("upload", manifest.upload_id),
                ("rows", f"{checked.rows:,}"),
                ("states", ", ".join(f"{number:,} {state}" for state, number in checked.states.items())),
                ("verdicts", ", ".join(f"{number:,} {word}" for word, number in checked.verdicts.items())),
                ("partial", f"{manifest.counts.missing:,} rows have no verdict" if manifest.partial else None),
                ("ragged", _ragged(manifest)),
                ("bytes", f"{checked.bytes:,}"),
                ("SHA-256", checked.sha256),
                ("also checked", f"{report.objects:,} other files of the upload" if report.objects else None),
            ]
        )
    for finding in report.findings:
        click.echo(f"{click.style('not good', fg='red')}  {finding.check}: {finding.message}")
    if report.good:
        click.echo(f"{click.style('good', fg='green')}  the result is what its manifest tells")
    else:
        click.echo(REMEDY, err=True)


def _ragged(manifest: Manifest) -> str | None:
    """What the list was like that the result is made of: in the result itself all rows have as many cells."""
    ragged = manifest.input.ragged
    return f"{ragged:,} rows of the list had more or fewer cells than columns" if ragged else None

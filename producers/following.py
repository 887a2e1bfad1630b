"""Follow uploads to their ends before a person's eyes, and bring their results to where they are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from producers.errors import NoResult, Unavailable
from producers.records import Status
from producers.report import report_of_error, report_of_status
from producers.stages import Stage, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from producers.client import Client
    from producers.display import Display
    from producers.errors import ProducerError
    from producers.report import Report


def follow(
    client: Client, names: Mapping[str, str], display: Display, timeout_seconds: float | None
) -> Iterator[Report]:
    """A report on each upload when it ends; `names` is what the display calls each upload id.

    `timeout_seconds` is for all of them together. When Redis goes away for too long, that is the report on the rest.
    """
    left = dict(names)
    try:
        for upload_id, outcome in client.wait_all(
            tuple(names),
            timeout_seconds=timeout_seconds,
            on_status=lambda upload_id, status: display.show(names[upload_id], stage_of(status)),
        ):
            yield _ended(upload_id, left.pop(upload_id), outcome, display)
    except Unavailable as error:
        for upload_id in left:
            yield report_of_error(upload_id, error)


def deliver(client: Client, report: Report, target: Path) -> Report:
    """The report after its result, if it has one, was copied to `target`, from its file or else from Redis."""
    if report.result is None:
        return report
    try:
        client.with_rows(report.result).copy_to(target)
    except (NoResult, Unavailable) as error:
        return report.with_error(error)
    return replace(report, output=target)


def target_of(report: Report, output: Path) -> Path:
    """Where a result goes: `output` itself, or into it when it is a folder, with the ending that the result has."""
    if not output.is_dir():
        return output
    ending = ".jsonl" if report.result is not None and report.result.url.endswith(".jsonl") else ".csv"
    return output / f"{report.upload_id}{ending}"


def _ended(upload_id: str, name: str, outcome: Status | ProducerError, display: Display) -> Report:
    if isinstance(outcome, Status):
        return report_of_status(outcome)
    report = report_of_error(upload_id, outcome)
    display.show(name, Stage(report.state, details=report.reason))
    return report

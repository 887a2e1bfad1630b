"""Where a result is copied to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from producers.following import target_of
from producers.records import RowCounts, VerdictCounts
from producers.report import Report
from producers.results import Result

if TYPE_CHECKING:
    from pathlib import Path


def a_report(url: str | None) -> Report:
    """The report on an upload whose result is at `url`, or that has none."""
    result = url and Result(
        upload_id="crm-1",
        state="completed",
        url=url,
        manifest_url="file:///srv/results/crm-1/manifest.json",
        counts=RowCounts(),
        verdicts=VerdictCounts(),
        partial=False,
        credits=0,
    )
    return Report("crm-1", "completed", ExitCode.OK, result=result or None)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:///srv/results/crm-1/result.csv", "crm-1.csv"),
        ("file:///srv/results/crm-1/result.jsonl", "crm-1.jsonl"),
        (None, "crm-1.csv"),
    ],
)
def test_a_result_in_a_folder_is_named_for_its_upload_and_form(tmp_path: Path, url: str | None, name: str) -> None:
    """The ending says what is in the file; a target that is named is taken as it is."""
    assert target_of(a_report(url), tmp_path) == tmp_path / name
    assert target_of(a_report(url), tmp_path / "mine.txt") == tmp_path / "mine.txt"

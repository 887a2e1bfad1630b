"""The state that an alert tells of, brought about at a desk, and undone at the end of a block."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.builders.runbook.desk import Desk


def _nothing() -> None:
    """Nobody mends anything elsewhere."""


@dataclass(frozen=True)
class State:
    """What the page's names stand for now, and what is mended elsewhere after the first look."""

    account: str = "rough-ipqs"
    upload: str = ""
    part: int = 0
    mend: Callable[[], None] = _nothing

    @property
    def names(self) -> Mapping[str, str]:
        """What stands in place of the names in the page's commands."""
        return {"ACCOUNT": self.account, "UPLOAD": self.upload, "PART": str(self.part)}


def a_name(word: str) -> str:
    """An upload's id that no other upload has."""
    return f"{word}-{time.monotonic_ns()}"


def wait_for_completion(desk: Desk, upload: str) -> None:
    """Return when the upload is completed, so that no pause of its account lasts beyond the state.

    Whoever was calling when the cause went away has paused the account anew: it is retried until it goes through.
    """

    def completed() -> bool:
        desk.installation.run("retry", upload)
        found = desk.records.upload(upload)
        return found is not None and found.state == "completed"

    wait_until(completed, seconds=2 * WORK_SECONDS, what=f"{upload} completed")


def wait_for_drift(desk: Desk, account: str, found: str) -> None:
    """Return when a finding of that class is believed."""
    wait_for_metric(desk, rf'open_findings\{{account="{account}",class="{found}",[^}}]*\}} [1-9]')


def wait_for_pause(desk: Desk, account: str, reason: str) -> None:
    """Return when the account is left alone for that reason."""
    wait_for_metric(desk, rf'account_paused\{{account="{account}",[^}}]*reason="{reason}",[^}}]*\}} 1')


def wait_for_metric(desk: Desk, sample: str) -> None:
    """Return when the exporter serves a sample like that."""
    series = re.compile(f"(?m)^bulkverify_[a-z_]*{sample}")
    wait_until(lambda: series.search(desk.metrics()) is not None, seconds=WORK_SECONDS, what=sample)

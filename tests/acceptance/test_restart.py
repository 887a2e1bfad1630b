"""An orderly stop in the middle of the work: what was begun is ended, and the next start goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.site import EMAILS, PART_ROWS, SEVERAL_PARTS, running_site
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

#: An answer to a submit that takes its time, yet less than the submit's deadline.
SLOW_ANSWER = Fault("submit", "drip", piece_bytes=1, pause_seconds=0.1)


def test_a_stop_waits_for_a_submit_and_a_start_goes_on(tmp_path: Path) -> None:
    """SIGTERM lets a submit that is on its way end; `up` on the same home then finishes everything, charged once."""
    with running_site(tmp_path, submit_deadline_seconds=10) as site:
        uploads = site.submit_several()
        site.records.wait_for_parts("submitted", SEVERAL_PARTS, *uploads)
        site.providers.whoisxml.knobs.faults.append(SLOW_ANSWER)
        late = site.submit("on-its-way", "whoisxml-main", "email", *EMAILS[:PART_ROWS])
        wait_until(
            lambda: len(site.providers.charges) == SEVERAL_PARTS + 1, seconds=WORK_SECONDS, what="the late list charged"
        )
        assert [part.state for part in site.records.parts(late)] == ["intent"]
        assert (site.installation.stop(), site.installation.running()) == (0, [])

        site.installation.start()
        assert [part.state for part in site.records.parts(late)] == ["submitted"]
        site.providers.finish_jobs()
        site.records.wait_for_uploads("completed", *uploads, late)
        assert site.providers.charges == site.records.spent(*uploads, late)
        site.assert_verified(late, *EMAILS[:PART_ROWS])

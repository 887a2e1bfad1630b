"""`bulkverify doctor` at a real installation: every process, a list that came back, and what is seen once all stops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.server_process import free_port
from tests.builders.site import EMAILS, running_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

#: Seconds within which every process is heard, and every list was seen whole once.
WELL_SECONDS = 60.0


def test_an_installation_that_works_is_well_and_one_that_has_stopped_is_not(tmp_path: Path) -> None:
    """With a list that came back all is well, from the exporter to the ledger.

    Once everything has stopped, Redis is what the doctor misses, and it says how to start it.
    """
    with running_site(tmp_path, metrics_port=free_port()) as site:
        site.submit("customers", "ipqs-main", "email", *EMAILS)
        site.records.wait_for_parts("submitted", 3, "customers")
        site.providers.finish_jobs()
        site.installation.told(0, "wait", "customers")
        wait_until(
            lambda: site.installation.run("doctor").returncode == 0, seconds=WELL_SECONDS, what="an installation well"
        )
        checks = json.loads(site.installation.told(0, "doctor", "--json"))["checks"]
        assert {"processes", "exporter", "records", "storage", "drift"} <= {check["area"] for check in checks}
        assert "Nothing needs anybody." in site.installation.told(0, "top", "--once")
        charges = site.providers.charges
        site.installation.told(0, "doctor", "--providers")
        assert site.providers.charges == charges
        installation = site.installation
    told = installation.told(2, "doctor")
    assert "Redis cannot be used: No server is running for" in told
    assert "`bulkverify up` runs a private one" in told

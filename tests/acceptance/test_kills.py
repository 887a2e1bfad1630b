"""Any process may be killed at any time: it comes back by itself, and nothing is lost or paid for twice."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
import redis

from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from tests.builders.deadline import wait_until
from tests.builders.installation import PROCESSES, WORK_SECONDS
from tests.builders.site import EMAILS, IPS, PART_ROWS, SEVERAL_PARTS, running_site
from worker.intake.stream import TAKEOVER_MILLISECONDS
from worker.providers.sandbox.faults import Fault
from worker.store.keys import INTAKE_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.builders.installation import Installation
    from tests.builders.site import Site
    from worker.providers.sandbox.simulated import SimulatedProvider

pytestmark = pytest.mark.processes

#: Longer than any test: what hangs, hangs until its client is killed.
HANGS_SECONDS = 120.0


def test_each_process_may_be_killed_while_jobs_run(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Intake, worker, poller and exporter, killed one after the other, come back, and every upload is completed."""
    with running_site(tmp_path, redis_url=redis_url, broker_url=broker_url) as site:
        uploads = site.submit_several()
        site.records.wait_for_parts("submitted", SEVERAL_PARTS, *uploads)
        before = {name: site.installation.pid(name) for name in PROCESSES}
        for name in ("intake", "worker", "poller", "exporter"):
            site.installation.kill(name)
        assert all(site.installation.pid(name) != pid for name, pid in before.items())

        late = (site.submit("after-the-kills", "ipqs-main", "proxy", *IPS), taken_by_a_dead_intake(site))
        site.records.wait_for_parts("submitted", SEVERAL_PARTS + len(late), *uploads, *late)
        site.providers.finish_jobs()
        site.records.wait_for_uploads("completed", *uploads, *late)

        assert site.providers.charges == site.records.spent(*uploads, *late)
        for upload_id in late:
            site.assert_verified(upload_id, *IPS)
        assert "bulkverify_uploads{" in metrics_page(site.installation)


def taken_by_a_dead_intake(site: Site) -> str:
    """Put in a request that an intake has taken, long enough ago, and not answered: it was killed; the upload's id."""
    path = site.installation.list_file("taken.txt", *IPS)
    request = {"version": 1, "upload_id": "taken", "account": "ipqs-main", "kind": "proxy"}
    text = json.dumps(request | {"source": {"path": str(path)}, "options": {"header": False}})
    with redis.Redis.from_url(site.installation.redis_url) as client, client.pipeline(transaction=True) as at_once:
        at_once.xadd(UPLOADS_STREAM, {REQUEST_FIELD: text})
        at_once.xreadgroup(INTAKE_GROUP, "killed", {UPLOADS_STREAM: ">"})
        entry, _ = at_once.execute()
        client.xclaim(UPLOADS_STREAM, INTAKE_GROUP, "killed", 0, [entry], idle=TAKEOVER_MILLISECONDS)
    return "taken"


def metrics_page(installation: Installation) -> str:
    """What the newest exporter serves."""
    port = [entry["port"] for entry in installation.log() if entry["event"] == "exporter_started"][-1]
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_look_and_a_download_may_be_cut_by_a_kill(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A poller killed in the middle of a look and a worker killed while it downloads leave work that others take up."""
    with running_site(tmp_path, redis_url=redis_url, broker_url=broker_url) as site:
        ipqs, whoisxml = site.providers.ipqs, site.providers.whoisxml
        uploads = site.submit_several()
        site.records.wait_for_parts("submitted", SEVERAL_PARTS, *uploads)
        look_hangs = (hang(ipqs, "list"), hang(whoisxml, "status"))
        wait_until(lambda: all(hangs() for hangs in look_hangs), seconds=WORK_SECONDS, what="a look at each provider")
        site.installation.kill("poller")
        fetch_hangs = (hang(ipqs, "download"), hang(whoisxml, "completed"))
        site.providers.finish_jobs()
        wait_until(lambda: all(hangs() for hangs in fetch_hangs), seconds=WORK_SECONDS, what="a download from each")
        site.installation.kill("worker")
        site.records.wait_for_uploads("completed", *uploads)
        site.assert_several_verified()


def hang(provider: SimulatedProvider[Any], operation: str) -> Callable[[], bool]:
    """Make the next call of the operation hang; the answer tells whether one does."""
    fault = Fault(operation, "hang", seconds=HANGS_SECONDS)
    provider.knobs.faults.append(fault)
    return lambda: fault not in provider.knobs.faults


def test_a_kill_within_a_submit_never_pays_twice(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A part whose submit was cut is searched for and submitted no more: by its token, without names by its time."""
    quick: dict[str, Any] = {"reconcile_period_seconds": 1, "submit_deadline_seconds": 5}
    with running_site(tmp_path, redis_url=redis_url, broker_url=broker_url, **quick) as site:
        both = (site.providers.ipqs, site.providers.whoisxml)
        for provider in both:
            provider.knobs.faults.append(Fault("submit", "answer_hang", seconds=HANGS_SECONDS))
            provider.knobs.list_delay_seconds = math.inf
        uploads = (
            site.submit("at-ipqs", "ipqs-main", "proxy", *IPS),
            site.submit("at-whoisxml", "whoisxml-main", "email", *EMAILS[:PART_ROWS]),
        )
        wait_until(lambda: len(site.providers.charges) == len(both), seconds=WORK_SECONDS, what="both parts charged")
        assert [part.state for part in site.records.parts(*uploads)] == ["intent"] * 2
        site.installation.kill("worker")

        wait_until(
            lambda: [part.reason for part in site.records.parts(*uploads)] == ["unresolved_attempt"] * 2,
            seconds=WORK_SECONDS,
            what="both jobs searched for",
        )
        assert [part.state for part in site.records.parts(*uploads)] == ["intent"] * 2
        for provider in both:
            provider.knobs.list_delay_seconds = 0.0
        site.records.wait_for_parts("submitted", 2, *uploads)
        assert [[found.how for found in part.evidence] for part in site.records.parts(*uploads)] == [["list"], ["time"]]
        site.providers.finish_jobs()
        site.records.wait_for_uploads("completed", *uploads)
        site.assert_verified("at-ipqs", *IPS)
        site.assert_verified("at-whoisxml", *EMAILS[:PART_ROWS])
        assert [provider.calls["submit"] for provider in both] == [1, 1]
        assert len(site.providers.charges) == len(both)

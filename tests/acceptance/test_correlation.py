"""One upload through the program's own processes: its producer's id leads from the request to the result."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from producers.client import Client
from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.site import EMAILS, PART_ROWS, running_site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

#: The producer's own id, and an upload id that does not hold it.
CORRELATION_ID = "newsletter/7f3a"
UPLOAD_ID = "list-of-may"
#: What every part of the upload goes through, as the log names it.
OF_PARTS = ("submitted", "spending_call", "finished", "collected")
OF_UPLOAD = ("accept", "preparing", "prepared", "delivering", "completed")


def test_one_grep_finds_an_upload_from_its_request_to_its_result(tmp_path: Path) -> None:
    """Its lines in the logs of all processes, its record, its events and its manifest carry the producer's id."""
    with running_site(tmp_path) as site:
        for upload_id, trace in ((UPLOAD_ID, {"correlation_id": CORRELATION_ID}), ("other", None)):
            path = site.installation.list_file(f"{upload_id}.txt", *EMAILS)
            with Client(site.installation.redis_url, producer="test") as client:
                client.submit(path, account="ipqs-main", kind="email", upload_id=upload_id, trace=trace)
        site.records.wait_for_parts("submitted", 2 * parts_of(EMAILS), UPLOAD_ID, "other")
        site.providers.finish_jobs()
        site.records.wait_for_uploads("completed", UPLOAD_ID, "other")
        wait_until(lambda: "completed" in events(found(tmp_path)), seconds=WORK_SECONDS, what="the last line")
        lines = found(tmp_path)
        with Client(site.installation.redis_url) as client:
            status, told = client.status(UPLOAD_ID), [*client.events()]
    assert {line["upload_id"] for line in lines} == {UPLOAD_ID}
    assert all(line["correlation_id"] == CORRELATION_ID for line in lines)
    assert events(lines) >= {*OF_UPLOAD, *OF_PARTS}
    for event in OF_PARTS:
        assert sorted(line["part"] for line in lines if line["event"] == event) == [*range(parts_of(EMAILS))], event
    assert all(line["message_id"] for line in lines if line["event"] in {"submitted", "collected", "completed"})
    assert {line["attempt"] for line in lines if line["event"] in {"spending_call", "submitted"}} == {1}
    assert status is not None
    assert status.trace.correlation_id == CORRELATION_ID
    assert status.result is not None
    manifest = tmp_path / "installation" / "home" / "storage" / "results" / UPLOAD_ID / "manifest.json"
    assert json.loads(manifest.read_text())["correlation_id"] == CORRELATION_ID
    assert all(event.details["correlation_id"] == CORRELATION_ID for event in told if event.upload_id == UPLOAD_ID)
    assert {event.event for event in told if event.upload_id == UPLOAD_ID} >= {"accepted", "started", "completed"}
    assert not any("correlation_id" in event.details for event in told if event.upload_id != UPLOAD_ID)


def parts_of(rows: tuple[str, ...]) -> int:
    """How many parts a list of these rows has."""
    return -(-len(rows) // PART_ROWS)


def found(folder: Path) -> list[dict[str, Any]]:
    """What an operator's one grep finds in the logs of all processes."""
    logs = folder.rglob("up.log")
    done = subprocess.run(
        ["grep", "-hF", CORRELATION_ID, *map(str, logs)], capture_output=True, text=True, timeout=30, check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def events(lines: list[dict[str, Any]]) -> set[str]:
    """The events of the lines."""
    return {str(line["event"]) for line in lines}

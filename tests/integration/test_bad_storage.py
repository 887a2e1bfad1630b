"""Storage that takes nothing: the list waits with a reason until it does, and nothing of it is lost or paid twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.builders.line import running_line
from worker.actors import prepare

ROOT = Path(__file__).parents[2]


#: Size to which a file may grow: the list that is submitted is larger.
FILE_BYTES_MAX = 50_000


def test_a_full_disk_is_waited_for(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A list for which there is no room is not failed: it says why it waits, and is prepared once there is room."""
    command = [sys.executable, "-m", "tests.builders.full_storage", str(tmp_path), redis_url, broker_url]
    done = subprocess.run(
        [*command, str(FILE_BYTES_MAX)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    full, room = (json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"'))
    assert (full["state"], full["reason"], full["crashes"]) == ("preparing", "storage_full", 0)
    for words in ("input/readers.csv", "no space left (EFBIG)", "free space or raise the quota"):
        assert words in full["message"]
    assert (room["state"], room["reason"], room["rows"]) == ("running", "", 5_000)


def test_storage_that_is_in_the_way_is_named(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Where a folder of the storage cannot be made, the object is named and another list goes on."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        path = line.file("list.csv", "email\nann@example.com\n")
        for upload_id in ("stuck-1", "fine-1"):
            line.submit(path, "ipqs-main", upload_id=upload_id)
        (tmp_path / "storage/uploads").mkdir()
        (tmp_path / "storage/uploads/stuck-1").write_text("in the way")
        for upload_id in ("stuck-1", "fine-1"):
            prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
        stuck, fine = line.upload("stuck-1"), line.upload("fine-1")
        assert (stuck.state, stuck.reason, stuck.crashes) == ("preparing", "storage_invalid_name", 0)
        assert "'uploads/stuck-1/input/list.csv'" in stuck.message
        assert fine.state == "running"

"""Storage that takes nothing: the list waits with a reason until it does, and nothing of it is lost or paid twice."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.line import poll_now, running_line
from worker.actors import collect, deliver, prepare, submit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.line import Line
    from worker.core.records import PartRecord, UploadRecord

ROOT = Path(__file__).parents[2]


#: Size to which a file may grow: the list that is submitted is larger.
FILE_BYTES_MAX = 50_000
#: Seconds after which a submitted part is looked at for certain.
POLL_SECONDS = 60.0
#: The first file that a result is downloaded into, by account.
PARTIAL_FILES = {"ipqs-main": "all.csv.part", "whoisxml-main": "completed.json.part"}


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


def no_folder(*_: object, **__: object) -> str:
    """What making a folder on a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")


def do_step(line: Line, step: str, account: str = "ipqs-main") -> UploadRecord | PartRecord:
    """Do a step of the list `full-1`, which has one part; what it left written."""
    context = line.plant.context
    if step == "poll":
        context.store.clock_offset_seconds += POLL_SECONDS
        poll_now(context, account)
    elif step in {"prepare", "deliver"}:
        actor = prepare if step == "prepare" else deliver
        actor.run(context, "full-1", line.upload("full-1").epoch)
        return line.upload("full-1")
    else:
        (part,) = line.parts("full-1")
        actor = submit if step == "submit" else collect
        actor.run(context, part.part_id, part.epoch)
    return line.parts("full-1")[0]


@pytest.mark.parametrize("full_at", ["prepare", "submit", "collect", "deliver"])
def test_a_disk_without_room_for_a_folder_is_waited_for(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    """A step that gets no folder for its files is no crash: it says so, waits, and goes on once there is room."""
    with running_line(tmp_path, redis_url, broker_url, start=False, ipqs={"job_seconds": 0.0}) as line:
        line.submit(line.file("list.csv", "email\nann@example.com\n"), "ipqs-main", upload_id="full-1")
        for step in ("prepare", "submit", "poll", "collect", "deliver"):
            if step == full_at:
                with monkeypatch.context() as patch:
                    patch.setattr(tempfile, "mkdtemp", no_folder)
                    waiting = do_step(line, step)
                assert waiting.reason == ("storage_unavailable" if step == "submit" else "storage_full")
                assert (waiting.lease, waiting.crashes) == (None, 0)
            do_step(line, step)
        assert line.upload("full-1").state == "completed"
        assert [charge.rows for charge in line.ipqs.ledger] == [1]


@pytest.mark.parametrize("account", PARTIAL_FILES)
def test_a_result_without_room_is_waited_for(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """A download that fills the disk is ours: it says where there is no room, and the account goes on working."""
    no_delay = {"job_seconds": 0.0}
    with running_line(tmp_path, redis_url, broker_url, start=False, ipqs=no_delay, whoisxml=no_delay) as line:
        workspace = line.plant.context.workspace
        folder, made = workspace.folder, []

        @contextmanager
        def full_folder() -> Iterator[Path]:
            with folder() as path:
                (path / PARTIAL_FILES[account]).symlink_to("/dev/full")
                made.append(path)
                yield path

        line.submit(line.file("list.csv", "email\nann@example.com\n"), account, upload_id="full-1")
        for step in ("prepare", "submit", "poll", "collect", "deliver"):
            if step == "collect":
                with monkeypatch.context() as patch:
                    patch.setattr(workspace, "folder", full_folder)
                    waiting = do_step(line, step, account)
                assert (waiting.reason, waiting.lease, waiting.crashes) == ("storage_full", None, 0)
                assert all(words in waiting.message for words in (str(made[0]), "ENOSPC", "BULKVERIFY_HOME"))
                provider = account.removesuffix("-main")
                assert line.plant.context.store.account(account, provider).calls_pause.reason == ""
            do_step(line, step, account)
        assert line.upload("full-1").state == "completed"

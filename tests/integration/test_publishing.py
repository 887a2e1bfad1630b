"""Publishing: a manifest and the result beside it fit each other at every moment, whoever is killed in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.published import unfit_results
from tests.builders.publisher import NOTHING, Publisher
from worker.actors.names import manifest_name, result_name
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.storage import exists, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders.s3_server import S3Server
    from worker.storage import Storage

ROOT = Path(__file__).parents[2]
#: Effects of one publication at most; there is no point in going on after the one that is not killed.
EFFECTS_MAX = 60


class Room:
    """A storage with a private folder beside it; in a folder of a server's bucket where they are given."""

    def __init__(self, folder: Path, s3: S3Server | None = None, bucket: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._endpoint = s3.endpoint if s3 else ""
        self._url = f"s3://{bucket}/{folder.name}" if s3 else (folder / "storage").as_uri()
        self.storage: Storage = open_storage(self._url, s3.options(folder / "spool") if s3 else None)

    def publisher(self) -> Publisher:
        """A publisher in this process."""
        return Publisher(self.storage, self.scratch())

    def scratch(self) -> Path:
        """An empty folder."""
        folder = self.folder / f"scratch-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return folder

    def killed_at(self, number: int) -> bool:
        """Publish the complete result in a process that is killed at that effect; whether it came to it."""
        told = (self._url, self._endpoint, str(self.scratch()), str(number))
        command = (sys.executable, "-m", "tests.builders.publisher", *told)
        ended = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
        assert ended.returncode in (0, -signal.SIGKILL)
        return ended.returncode != 0

    def told(self) -> tuple[str | None, str | None]:
        """What the manifest tells of rows without a verdict (`partial` or `complete`), and what the result holds."""
        manifest = result = None
        if exists(self.storage, manifest_name("crm-1")):
            text = self.storage.read(manifest_name("crm-1"), MANIFEST_BYTES_MAX)
            manifest = "partial" if Manifest.load(text).partial else "complete"
        if exists(self.storage, result_name("crm-1")):
            result = "partial" if b"missing" in self.storage.read(result_name("crm-1"), 1_000_000) else "complete"
        return manifest, result


@pytest.mark.parametrize("before", [None, "partial", "complete"])
def test_a_kill_leaves_the_old_result_the_new_one_or_none(tmp_path: Path, before: str | None) -> None:
    """SIGKILL before each effect of a publication: what a manifest tells of is there and whole, and a retry ends it."""
    check_every_kill(lambda number: Room(tmp_path / str(number)), before)


@pytest.mark.parametrize("before", [None, "partial", "complete"])
def test_a_kill_leaves_no_half_result_in_an_object_store(tmp_path: Path, s3: S3Server, before: str | None) -> None:
    """SIGKILL before each request to a real server: the same holds where each object appears with its last request."""
    bucket = s3.new_bucket()
    check_every_kill(lambda number: Room(tmp_path / str(number), s3, bucket), before)


def check_every_kill(new_room: Callable[[int], Room], before: str | None) -> None:
    """Kill a publication at each of its effects, each time in a new room that holds the result of `before`."""
    seen = []
    for number in range(1, EFFECTS_MAX):
        room = new_room(number)
        if before is not None:
            room.publisher().publish(lost="lost" if before == "partial" else NOTHING)
        killed = room.killed_at(number)
        assert list(unfit_results(room.storage)) == [], number
        manifest, result = room.told()
        assert manifest in (None, result), number
        seen.append((manifest, result))
        room.publisher().publish(lost=NOTHING)
        assert room.told() == ("complete", "complete")
        assert list(unfit_results(room.storage)) == []
        if not killed:
            break
    assert seen[0] == (before, before)
    assert seen[-1] == ("complete", "complete")
    steps = list(dict.fromkeys(seen))
    assert (
        steps
        == {
            None: [(None, None), (None, "complete"), ("complete", "complete")],
            "partial": [("partial", "partial"), (None, "partial"), (None, "complete"), ("complete", "complete")],
            "complete": [("complete", "complete")],
        }[before]
    )


def test_a_result_that_is_the_same_again_keeps_its_manifest(tmp_path: Path) -> None:
    """Only where the bytes differ does the manifest go first; a damaged one goes, too."""
    room = Room(tmp_path)
    room.publisher().publish()
    withdrawn: list[str] = []
    delete = room.storage.delete

    def noted(name: str) -> None:
        withdrawn.append(name)
        delete(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room.storage, "delete", noted)
        room.publisher().publish()
        assert withdrawn == []
        room.publisher().publish(lost=NOTHING)
        assert withdrawn == [manifest_name("crm-1")]
        with room.storage.write(manifest_name("crm-1")) as out:
            out.write(b"{")
        room.publisher().publish(lost=NOTHING)
        assert withdrawn == [manifest_name("crm-1")] * 2
    assert room.told() == ("complete", "complete")


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """What goes wrong before the new result is complete changes neither the result nor its manifest."""
    room = Room(tmp_path)
    room.publisher().publish()
    again = room.publisher()
    again._source.path.write_text("email\nsomebody@example.com\n")
    with pytest.raises(Exception, match="not the file that was staged"):
        again.publish(lost=NOTHING)
    assert room.told() == ("partial", "partial")
    assert list(unfit_results(room.storage)) == []

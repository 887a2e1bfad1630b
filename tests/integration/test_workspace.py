"""Folders for intermediate files come and go with their steps and processes."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from worker.storage import StorageUnavailable
from worker.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

#: A process that leaves a piece of a list behind and is killed.
KILLED = """
import os, pathlib, signal, sys
from worker.workspace import Workspace
with Workspace(pathlib.Path(sys.argv[1])).folder() as folder:
    (folder / "piece.csv").write_text("secret@example.com")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_is_gone_after_its_step_and_the_rest_after_its_process(tmp_path: Path) -> None:
    """Nothing is left of a process that ends in order."""
    workspace = Workspace(tmp_path)
    with workspace.folder() as folder:
        (folder / "piece.csv").write_text("a")
    assert not folder.exists()
    workspace.close()
    assert not list((tmp_path / "scratch").iterdir())


def test_what_a_killed_process_left_is_swept_up_by_the_next(tmp_path: Path) -> None:
    """Pieces of lists do not stay behind for ever."""
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False).returncode < 0
    assert list((tmp_path / "scratch").rglob("piece.csv"))
    workspace = Workspace(tmp_path)
    assert not list((tmp_path / "scratch").rglob("piece.csv"))
    workspace.close()


def test_the_files_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    """A second process of the same home does not touch what the first one works on."""
    first = Workspace(tmp_path)
    with first.folder() as folder:
        (folder / "piece.csv").write_text("a")
        Workspace(tmp_path).close()
        assert (folder / "piece.csv").exists()
    first.close()


def test_processes_that_start_together_leave_each_other_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is caught between making its folder and locking it has a folder all the same."""
    flock, others = fcntl.flock, []

    def another_starts_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        others.append(Workspace(tmp_path))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", another_starts_first)
    workspace = Workspace(tmp_path)
    with workspace.folder() as mine, others[0].folder() as its:
        assert mine.exists()
        assert its.exists()
    for each in (workspace, *others):
        each.close()


def test_a_folder_that_cannot_be_made_is_told_as_ours(tmp_path: Path) -> None:
    """What keeps a step from its folder is told with the place and the remedy, and as something that passes."""
    workspace = Workspace(tmp_path)
    shutil.rmtree(tmp_path / "scratch")
    with (
        pytest.raises(StorageUnavailable, match=rf"{tmp_path}/scratch/.*BULKVERIFY_HOME") as caught,
        workspace.folder(),
    ):
        pytest.fail("there is a folder")
    assert caught.value.retryable
    workspace.close()

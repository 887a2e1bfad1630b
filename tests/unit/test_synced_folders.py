"""Which folders are synced for an object, and which are known to be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from worker.storage import synced_folders
from worker.storage.synced_folders import KNOWN_SECONDS, SyncedFolders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return what is synced, in order."""
    paths: list[Path] = []
    monkeypatch.setattr(synced_folders, "sync_path", paths.append)
    return paths


def entered(folders: SyncedFolders, folder: Path, synced: list[Path]) -> list[Path]:
    """What is synced when something is entered into a folder, which is made if it is not there."""
    synced.clear()
    folders.make(folder)
    folders.sync(folder)
    return list(synced)


def test_the_first_object_in_a_folder_has_every_folder_above_it_synced(tmp_path: Path, synced: list[Path]) -> None:
    """Before anything is known, all levels are synced, the folder itself first."""
    folders = SyncedFolders(tmp_path)
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b", tmp_path / "a", tmp_path]


def test_what_is_known_is_not_synced_again(tmp_path: Path, synced: list[Path]) -> None:
    """A second object needs its own folder alone, one in a new folder the levels that are new too."""
    folders = SyncedFolders(tmp_path)
    entered(folders, tmp_path / "a/b", synced)
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b"]
    assert entered(folders, tmp_path / "a/c", synced) == [tmp_path / "a/c", tmp_path / "a"]
    assert entered(folders, tmp_path, synced) == [tmp_path]


def test_a_folder_that_was_made_anew_is_not_known(tmp_path: Path, synced: list[Path]) -> None:
    """Whoever removed it: its entry is another one, and synced."""
    folders = SyncedFolders(tmp_path)
    entered(folders, tmp_path / "a/b", synced)
    (tmp_path / "a/b").rmdir()
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b", tmp_path / "a"]
    (tmp_path / "a/b").rename(tmp_path / "other")
    (tmp_path / "a/b").mkdir()
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b", tmp_path / "a"]


def test_nothing_is_known_for_ever(tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while every level is synced once more, because others may have made it anew."""
    folders = SyncedFolders(tmp_path)
    entered(folders, tmp_path / "a/b", synced)
    later = time.monotonic() + KNOWN_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b", tmp_path / "a", tmp_path]


def test_a_sync_that_fails_leaves_nothing_known(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be synced is synced by the next object."""
    folders = SyncedFolders(tmp_path)
    folders.make(tmp_path / "a/b")

    def fail(folder: Path) -> None:
        if folder == tmp_path:
            raise OSError("the medium is gone")

    with monkeypatch.context() as broken:
        broken.setattr(synced_folders, "sync_path", fail)
        with pytest.raises(OSError, match="gone"):
            folders.sync(tmp_path / "a/b")
    assert entered(folders, tmp_path / "a/b", synced) == [tmp_path / "a/b", tmp_path / "a", tmp_path]

"""Storage in a real folder, with real processes that race and die."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from worker.storage import (
    InvalidName,
    InvalidUrl,
    NotFound,
    StorageError,
    StorageFull,
    StorageUnavailable,
    exists,
    open_storage,
)
from worker.storage.errors import from_os_error
from worker.storage.object_file import ObjectFile

if TYPE_CHECKING:
    from worker.storage import Storage


def storage_in(folder: Path) -> Storage:
    """A storage in a folder that does not exist yet."""
    return open_storage((folder / "sto rage").as_uri())


def written(storage: Storage, name: str, data: bytes) -> None:
    """Write an object."""
    with storage.write(name) as file:
        file.write(data)


def test_an_object_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Content, size, existence, place and address of an object agree."""
    storage = storage_in(tmp_path)
    written(storage, "uploads/u1/result.csv", b"abc")
    with storage.open("uploads/u1/result.csv") as file:
        assert file.read() == b"abc"
    path = storage.local_path("uploads/u1/result.csv")
    assert path is not None
    assert path.read_bytes() == b"abc"
    assert Path(unquote(urlsplit(storage.url("uploads/u1/result.csv")).path)) == path
    assert storage.size("uploads/u1/result.csv") == 3
    assert exists(storage, "uploads/u1/result.csv")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads the names of open files from /proc")
@pytest.mark.parametrize("again", [False, True], ids=["created", "already there"])
def test_create_returns_only_when_the_object_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """The content is synced before it has its name, then every folder up to the root, whoever created the object."""
    storage = storage_in(tmp_path)
    root = tmp_path / "sto rage"
    if again:
        storage.create("attempts/t/1", b"x")
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        synced.append((path, (root / "attempts/t/1").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    storage.create("attempts/t/1", b"x")
    assert Path(synced[0][0]).parent == root / ".unfinished"
    assert synced[0][1] is again
    assert synced[1:] == [(str(folder), True) for folder in (root / "attempts/t", root / "attempts", root)]


WRITER = """
import sys
from worker.storage import open_storage
with open_storage(sys.argv[1]).write("results/r.csv") as file:
    file.write(b"half a result")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_killed_writer_leaves_nothing_visible(tmp_path: Path) -> None:
    """What a SIGKILL in the middle of a write leaves is no object, and can be removed once it is old enough."""
    url = (tmp_path / "storage").as_uri()
    storage = open_storage(url)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    assert list(storage.list()) == []
    assert not exists(storage, "results/r.csv")
    assert storage.remove_leftovers(older_than_seconds=3600) == 0
    assert storage.remove_leftovers(older_than_seconds=0) == 1
    assert storage.remove_leftovers(older_than_seconds=0) == 0


def test_a_name_inside_another_object_is_refused(tmp_path: Path) -> None:
    """An object cannot be a folder, nor a folder an object."""
    storage = storage_in(tmp_path)
    written(storage, "a", b"")
    written(storage, "b/c", b"")
    for name in ("a/b", "b"):
        with pytest.raises(StorageError, match=f"'{name}'"):
            written(storage, name, b"")
    assert list(storage.list()) == ["a", "b/c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space left while writing is `StorageFull` with the object's name, and worth another try."""
    storage = storage_in(tmp_path)
    monkeypatch.setattr(ObjectFile, "__init__", _write_to_full_device)
    with pytest.raises(StorageFull, match=r"'r\.csv': no space left \(ENOSPC\)") as caught:
        written(storage, "r.csv", b"x")
    assert caught.value.retryable
    assert list(storage.list()) == []


def _write_to_full_device(file: ObjectFile, _path: Path, _mode: str, object_name: str, doing: str) -> None:
    """Open the device that is always full in place of a private file."""
    super(ObjectFile, file).__init__("/dev/full", "r+b")
    file._object_name, file._doing = object_name, doing


@pytest.mark.parametrize(
    ("code", "doing", "error"),
    [
        (errno.ENOSPC, "create", StorageFull),
        (errno.EDQUOT, "write", StorageFull),
        (errno.ENOENT, "open", NotFound),
        (errno.EACCES, "open", StorageUnavailable),
        (errno.EXDEV, "create", StorageUnavailable),
        (errno.EIO, "read", StorageUnavailable),
        (errno.ENOTDIR, "write", InvalidName),
    ],
)
def test_operating_system_errors_become_words(code: int, doing: str, error: type[StorageError]) -> None:
    """Each error says what could not be done with which object, and carries a bounded reason."""
    explained = from_os_error(OSError(code, os.strerror(code)), doing, "u/x")
    assert type(explained) is error
    assert f"could not {doing} 'u/x'" in str(explained)
    assert explained.reason.startswith("storage_")


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:s3cr3t@bucket/x",
        "/plain/path",
        "",
        "file://host/x",
        "file:relative",
        "file:///x?a=s3cr3t",
        "file:///x#y",
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    """The message names the setting and an example; a URL may hold credentials and is not shown."""
    with pytest.raises(InvalidUrl, match=r"BULKVERIFY_STORAGE_URL .*file:///") as caught:
        open_storage(url)
    assert "s3cr3t" not in str(caught.value)


def test_a_root_that_it_creates_is_private(tmp_path: Path) -> None:
    """Lists of people are readable by their owner only, unless the operator made the folder otherwise."""
    storage_in(tmp_path)
    assert (tmp_path / "sto rage").stat().st_mode & 0o777 == 0o700


def test_a_root_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    """A file in the place of the root is told with its path."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not open"):
        open_storage((tmp_path / "file").as_uri())


def test_a_folder_is_as_young_as_its_newest_object(tmp_path: Path) -> None:
    """The time is that of the object that was written last, wherever beneath; an empty folder has none."""
    storage = storage_in(tmp_path)
    for name, at in (("uploads/a/x", 100.0), ("uploads/a/parts/1/y", 300.0), ("uploads/a/z", 200.0)):
        storage.create(name, b"")
        path = storage.local_path(name)
        assert path is not None
        os.utime(path, (at, at))
    assert storage.written_at("uploads/a") == 300.0
    assert storage.written_at("uploads/b") is None


def test_an_address_with_its_escapes_undone_is_another(tmp_path: Path) -> None:
    """Only the very address that storage gives leads back to an object."""
    storage = storage_in(tmp_path)
    url = storage.url("inputs/list.csv")
    assert storage.name_of(url) == "inputs/list.csv"
    assert storage.name_of(url.replace("%20", " ")) is None

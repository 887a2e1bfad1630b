"""Storage in a real folder, with real processes that race and die."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from worker.storage import (
    InvalidName,
    InvalidUrl,
    NotFound,
    ObjectTooLarge,
    StorageError,
    StorageFull,
    StorageUnavailable,
    open_storage,
)
from worker.storage.errors import from_os_error
from worker.storage.local import _ObjectFile

if TYPE_CHECKING:
    from collections.abc import Callable

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
    assert storage.exists("uploads/u1/result.csv")


def test_writing_again_replaces_the_object_at_once(tmp_path: Path) -> None:
    """A reader that opened the old object keeps it; whoever opens the name later gets the new one."""
    storage = storage_in(tmp_path)
    written(storage, "a", b"old")
    with storage.open("a") as reader:
        with storage.write("a") as file:
            file.write(b"new one")
            assert storage.read("a", 10) == b"old"
        assert reader.read() == b"old"
    assert storage.read("a", 10) == b"new one"


def test_an_exception_while_writing_publishes_nothing(tmp_path: Path) -> None:
    """The cause reaches the caller, the older object stays and no unfinished file is left."""
    storage = storage_in(tmp_path)
    written(storage, "a", b"old")

    def interrupted(name: str) -> None:
        with storage.write(name) as file:
            file.write(b"half")
            raise ConnectionResetError

    for name in ("a", "b"):
        with pytest.raises(ConnectionResetError):
            interrupted(name)
    assert storage.read("a", 10) == b"old"
    assert list(storage.list()) == ["a"]
    assert storage.remove_leftovers(0) == 0


def test_create_succeeds_once(tmp_path: Path) -> None:
    """The second creation changes nothing and says so."""
    storage = storage_in(tmp_path)
    assert storage.create("attempts/t/1", b"first")
    assert not storage.create("attempts/t/1", b"second")
    assert storage.read("attempts/t/1", 100) == b"first"
    assert list(storage.list()) == ["attempts/t/1"]


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


def test_of_many_threads_that_create_exactly_one_wins(tmp_path: Path) -> None:
    """Each of a hundred names is created by one of eight threads, and holds what that one wrote."""
    storage = storage_in(tmp_path)
    threads = 8
    barrier = Barrier(threads)

    def racer(number: int) -> list[int]:
        barrier.wait()
        return [n for n in range(100) if storage.create(f"attempts/{n}/1", str(number).encode())]

    with ThreadPoolExecutor(threads) as pool:
        won = list(pool.map(racer, range(threads)))
    assert sorted(n for names in won for n in names) == list(range(100))
    assert all(storage.read(f"attempts/{n}/1", 9) == b"%d" % who for who, names in enumerate(won) for n in names)


def _create_in_process(url: str, number: int) -> bool:
    return open_storage(url).create("attempts/t/1", str(number).encode())


def test_of_many_processes_that_create_exactly_one_wins(tmp_path: Path) -> None:
    """Processes that share nothing but the folder agree on who was first."""
    url = (tmp_path / "storage").as_uri()
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_create_in_process, [(url, number) for number in range(12)])
    assert sum(won) == 1
    assert open_storage(url).read("attempts/t/1", 9) == str(won.index(True)).encode()


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
    assert not storage.exists("results/r.csv")
    assert storage.remove_leftovers(older_than_seconds=3600) == 0
    assert storage.remove_leftovers(older_than_seconds=0) == 1
    assert storage.remove_leftovers(older_than_seconds=0) == 0


def test_list_and_delete_go_by_whole_folders(tmp_path: Path) -> None:
    """Names beneath a folder, sorted; a name that merely begins alike is not beneath it."""
    storage = storage_in(tmp_path)
    for name in ("u1/b", "u1/a/2", "u1/a/1", "u10/a", "z"):
        written(storage, name, b"x")
    assert list(storage.list()) == ["u1/a/1", "u1/a/2", "u1/b", "u10/a", "z"]
    assert list(storage.list("u1")) == ["u1/a/1", "u1/a/2", "u1/b"]
    assert list(storage.list("nothing/here")) == list(storage.list("z")) == []
    assert storage.delete_prefix("u1") == 3
    assert storage.delete_prefix("u1") == 0
    assert list(storage.list()) == ["u10/a", "z"]


def test_one_object_is_deleted(tmp_path: Path) -> None:
    """The object goes and nothing beside or above it; one that is not there, or whose folder is not, is no error."""
    storage = storage_in(tmp_path)
    for name in ("u1/a", "u1/b"):
        written(storage, name, b"x")
    storage.delete("u1/a")
    storage.delete("u1/a")
    storage.delete("u2/a")
    assert list(storage.list()) == ["u1/b"]
    with pytest.raises(StorageError, match="delete 'u1'"):
        storage.delete("u1")


def test_a_local_file_is_copied_in(tmp_path: Path) -> None:
    """The object does not follow later changes of the file it was copied from."""
    storage = storage_in(tmp_path)
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    storage.put_file("inputs/a.csv", source)
    source.write_bytes(b"changed")
    assert storage.size("inputs/a.csv") == 3_000_000
    with pytest.raises(NotFound, match=r"read the local file for 'inputs/b\.csv'"):
        storage.put_file("inputs/b.csv", tmp_path / "gone")


def test_reading_is_bounded(tmp_path: Path) -> None:
    """An object of exactly the allowed size is read; one byte more is refused by name."""
    storage = storage_in(tmp_path)
    written(storage, "a", b"12345")
    assert storage.read("a", 5) == b"12345"
    with pytest.raises(ObjectTooLarge, match=r"'a' is larger than the 4 bytes"):
        storage.read("a", 4)


@pytest.mark.parametrize(
    "use",
    [lambda s: s.open("u/x"), lambda s: s.read("u/x", 9), lambda s: s.size("u/x"), lambda s: s.size("u")],
    ids=["open", "read", "size", "folder"],
)
def test_what_is_not_there_is_named(tmp_path: Path, use: Callable[[Storage], object]) -> None:
    """A missing object, or a folder in its place, is `NotFound` with the name."""
    storage = storage_in(tmp_path)
    written(storage, "u/y", b"")
    with pytest.raises(NotFound, match="'u"):
        use(storage)
    assert not storage.exists("u/x")
    assert not storage.exists("u")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        ".hidden",
        "a/.b",
        "a b",
        "a\\b",
        "a\0b",
        "ä",
        "-a",
        "a" * 201,
        "a/" * 300,
    ],
)
def test_unsafe_names_are_refused_everywhere(tmp_path: Path, name: str) -> None:
    """No method touches a file for a name that could lead outside, hide or be too long."""
    storage = storage_in(tmp_path)
    uses: list[Callable[[], object]] = [
        lambda: storage.create(name, b""),
        lambda: written(storage, name, b""),
        lambda: storage.open(name),
        lambda: storage.exists(name),
        lambda: storage.delete(name),
        lambda: storage.delete_prefix(name),
        lambda: storage.local_path(name),
        lambda: storage.url(name),
    ]
    for use in uses:
        with pytest.raises(InvalidName):
            use()
    assert list(storage.list()) == []


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
    monkeypatch.setattr(_ObjectFile, "__init__", _write_to_full_device)
    with pytest.raises(StorageFull, match=r"'r\.csv': no space left \(ENOSPC\)") as caught:
        written(storage, "r.csv", b"x")
    assert caught.value.retryable
    assert list(storage.list()) == []


def _write_to_full_device(file: _ObjectFile, path: Path, object_name: str) -> None:
    """Open the device that is always full in place of a private file."""
    super(_ObjectFile, file).__init__("/dev/full", "r+b")
    file._object_name = object_name


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


def test_an_address_leads_back_to_its_object(tmp_path: Path) -> None:
    """The address that storage gives an object, and no other way to write it, is the object's."""
    storage = storage_in(tmp_path)
    url = storage.url("inputs/a/list.csv")
    assert storage.name_of(url) == "inputs/a/list.csv"
    beginning = url.removesuffix("inputs/a/list.csv")
    others = (
        "",
        "..",
        "../list.csv",
        "inputs/../list.csv",
        "inputs//list.csv",
        "inputs%2Flist.csv",
        ".unfinished/x",
        "a b",
    )
    assert [storage.name_of(beginning + other) for other in others] == [None] * len(others)
    assert storage.name_of(url.replace("%20", " ")) is None
    assert storage.name_of(url.replace("file:", "http:")) is None
    assert storage.name_of("") is None


def test_folders_are_listed_from_where_a_walk_stopped(tmp_path: Path) -> None:
    """The folders directly beneath one come sorted, without files and hidden ones, after a given name."""
    storage = storage_in(tmp_path)
    for name in ("uploads/b/input/x", "uploads/a/x", "uploads/c/x", "uploads/file", "other/d/x"):
        storage.create(name, b"")
    assert list(storage.folders("uploads")) == ["uploads/a", "uploads/b", "uploads/c"]
    assert list(storage.folders("uploads", after="a")) == ["uploads/b", "uploads/c"]
    assert list(storage.folders("uploads", after="c")) == []
    assert list(storage.folders("attempts")) == list(storage.folders("uploads/file")) == []


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

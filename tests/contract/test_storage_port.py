"""What every storage promises, tried on a folder and on a real S3 server."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from worker.storage import CloudOptions, InvalidName, NotFound, ObjectTooLarge, exists, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.builders.s3_server import S3Server
    from worker.storage import Storage


@dataclass(frozen=True)
class Address:
    """Where a storage is."""

    url: str
    options: CloudOptions | None = None

    def open(self) -> Storage:
        """The storage, as a process opens it."""
        return open_storage(self.url, self.options)


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Return the address of a storage that holds nothing, of each sort."""
    if request.param == "folder":
        return Address((tmp_path / "sto rage").as_uri())
    server: S3Server = request.getfixturevalue("s3")
    return Address(f"s3://{server.new_bucket()}/some/folder", server.options(tmp_path / "spool"))


@pytest.fixture
def storage(address: Address) -> Storage:
    """Return a storage that holds nothing, of each sort."""
    return address.open()


def written(storage: Storage, name: str, data: bytes) -> None:
    """Write an object."""
    with storage.write(name) as file:
        file.write(data)


def test_an_object_comes_back_as_it_was_written(storage: Storage) -> None:
    """Content, size and existence of an object agree."""
    written(storage, "uploads/u1/result.csv", b"abc")
    with storage.open("uploads/u1/result.csv") as file:
        assert file.read() == b"abc"
    assert storage.size("uploads/u1/result.csv") == 3
    assert exists(storage, "uploads/u1/result.csv")


def test_a_large_object_is_read_and_sought_in_pieces(storage: Storage) -> None:
    """What is longer than one request of any store comes back whole, and from any position."""
    content = b"".join(number.to_bytes(4, "big") for number in range(5_000_000))
    written(storage, "a", content)
    with storage.open("a") as file:
        pieces = iter(lambda: file.read(1_000_003), b"")
        assert b"".join(pieces) == content
        for position in (0, 19_999_990, 8_388_600, 4):
            assert file.seek(position) == position
            assert file.read(20) == content[position : position + 20]
        assert file.seek(-4, 2) == len(content) - 4
        assert (file.read(), file.read()) == (content[-4:], b"")


def test_an_empty_object_is_one(storage: Storage) -> None:
    """Nothing at all can be written, found, opened and read."""
    written(storage, "a", b"")
    with storage.open("a") as file:
        assert (file.read(), storage.read("a", 0), storage.size("a")) == (b"", b"", 0)
    assert list(storage.list()) == ["a"]


def test_writing_again_replaces_the_object_at_once(storage: Storage) -> None:
    """A reader that opened the old object keeps it; whoever opens the name later gets the new one."""
    written(storage, "a", b"old")
    with storage.open("a") as reader:
        with storage.write("a") as file:
            file.write(b"new one")
            assert storage.read("a", 10) == b"old"
        assert reader.read() == b"old"
    assert storage.read("a", 10) == b"new one"


def test_an_exception_while_writing_publishes_nothing(storage: Storage) -> None:
    """The cause reaches the caller, the older object stays and no unfinished file is left."""
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


def test_create_succeeds_once(storage: Storage) -> None:
    """The second creation changes nothing and says so."""
    assert storage.create("attempts/t/1", b"first")
    assert not storage.create("attempts/t/1", b"second")
    assert storage.read("attempts/t/1", 100) == b"first"
    assert list(storage.list()) == ["attempts/t/1"]


def test_of_many_threads_that_create_exactly_one_wins(storage: Storage) -> None:
    """Each of a hundred names is created by one of eight threads, and holds what that one wrote."""
    threads = 8
    barrier = Barrier(threads)

    def racer(number: int) -> list[int]:
        barrier.wait()
        return [n for n in range(100) if storage.create(f"attempts/{n}/1", str(number).encode())]

    with ThreadPoolExecutor(threads) as pool:
        won = list(pool.map(racer, range(threads)))
    assert sorted(n for names in won for n in names) == list(range(100))
    assert all(storage.read(f"attempts/{n}/1", 9) == b"%d" % who for who, names in enumerate(won) for n in names)


def _create_in_process(address: Address, number: int) -> bool:
    return address.open().create("attempts/t/1", str(number).encode())


def test_of_many_processes_that_create_exactly_one_wins(address: Address) -> None:
    """Processes that share nothing but the storage agree on who was first."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_create_in_process, [(address, number) for number in range(12)])
    assert sum(won) == 1
    assert address.open().read("attempts/t/1", 9) == str(won.index(True)).encode()


def test_list_and_delete_go_by_whole_folders(storage: Storage) -> None:
    """Names beneath a folder, sorted; a name that merely begins alike is not beneath it."""
    for name in ("u1/b", "u1/a/2", "u1/a/1", "u10/a", "z"):
        written(storage, name, b"x")
    assert list(storage.list()) == ["u1/a/1", "u1/a/2", "u1/b", "u10/a", "z"]
    assert list(storage.list("u1")) == ["u1/a/1", "u1/a/2", "u1/b"]
    assert list(storage.list("nothing/here")) == list(storage.list("z")) == []
    assert storage.delete_prefix("u1") == 3
    assert storage.delete_prefix("u1") == 0
    assert list(storage.list()) == ["u10/a", "z"]


def test_one_object_is_deleted(storage: Storage) -> None:
    """The object goes and nothing beside or above it; one that is not there, or whose folder is not, is no error."""
    for name in ("u1/a", "u1/b"):
        written(storage, name, b"x")
    storage.delete("u1/a")
    storage.delete("u1/a")
    storage.delete("u2/a")
    assert list(storage.list()) == ["u1/b"]


def test_a_local_file_is_copied_in(storage: Storage, tmp_path: Path) -> None:
    """The object does not follow later changes of the file it was copied from."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    storage.put_file("inputs/a.csv", source)
    source.write_bytes(b"changed")
    assert storage.size("inputs/a.csv") == 3_000_000
    with pytest.raises(NotFound, match=r"read the local file for 'inputs/b\.csv'"):
        storage.put_file("inputs/b.csv", tmp_path / "gone")


def test_reading_is_bounded(storage: Storage) -> None:
    """An object of exactly the allowed size is read; one byte more is refused by name."""
    written(storage, "a", b"12345")
    assert storage.read("a", 5) == b"12345"
    with pytest.raises(ObjectTooLarge, match=r"'a' is larger than the 4 bytes"):
        storage.read("a", 4)


@pytest.mark.parametrize(
    "use",
    [lambda s: s.open("u/x"), lambda s: s.read("u/x", 9), lambda s: s.size("u/x"), lambda s: s.size("u")],
    ids=["open", "read", "size", "folder"],
)
def test_what_is_not_there_is_named(storage: Storage, use: Callable[[Storage], object]) -> None:
    """A missing object, or a folder in its place, is `NotFound` with the name."""
    written(storage, "u/y", b"")
    with pytest.raises(NotFound, match="'u"):
        use(storage)
    assert not exists(storage, "u/x")
    assert not exists(storage, "u")


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
        "~",
        "-a",
        "a" * 201,
        "a/" * 300,
    ],
)
def test_unsafe_names_are_refused_everywhere(storage: Storage, name: str) -> None:
    """No method touches a file for a name that could lead outside, hide or be too long."""
    uses: list[Callable[[], object]] = [
        lambda: storage.create(name, b""),
        lambda: written(storage, name, b""),
        lambda: storage.open(name),
        lambda: exists(storage, name),
        lambda: storage.delete(name),
        lambda: storage.delete_prefix(name),
        lambda: storage.local_path(name),
        lambda: storage.url(name),
    ]
    for use in uses:
        with pytest.raises(InvalidName):
            use()
    assert list(storage.list()) == []


def test_an_address_leads_back_to_its_object(storage: Storage) -> None:
    """The address that storage gives an object, and no other way to write it, is the object's."""
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
    assert storage.name_of(url.replace("://", "s://", 1)) is None
    assert storage.name_of("") is None


def test_folders_are_listed_from_where_a_walk_stopped(storage: Storage) -> None:
    """The folders directly beneath one come sorted, without files and hidden ones, after a given name."""
    for name in ("uploads/b/input/x", "uploads/a/x", "uploads/c/x", "uploads/file", "other/d/x"):
        storage.create(name, b"")
    assert list(storage.folders("uploads")) == ["uploads/a", "uploads/b", "uploads/c"]
    assert list(storage.folders("uploads", after="a")) == ["uploads/b", "uploads/c"]
    assert list(storage.folders("uploads", after="c")) == []
    assert list(storage.folders("attempts")) == list(storage.folders("uploads/file")) == []


def test_names_are_sorted_segment_by_segment(storage: Storage) -> None:
    """However a store sorts, what is beneath a folder comes before its longer namesakes."""
    names = ["u/a/1", "u/a-/1", "u/a.b/1", "u/a0/1", "u/b"]
    for name in reversed(names):
        written(storage, name, b"x")
    assert list(storage.list("u")) == names


def test_a_walk_finds_every_folder_wherever_it_stops(storage: Storage) -> None:
    """Folders of which one's name begins the other's, and one of many objects, are each found once."""
    names = ["a", "a-", "a.b", "a0", "b"]
    for name in names:
        storage.create(f"u/{name}/x", b"")
    for number in range(1_200):
        storage.create(f"u/a/parts/{number}", b"")
    position, found = "", []
    while following := next(storage.folders("u", after=position), None):
        position = following.rpartition("/")[2]
        found.append(position)
    assert sorted(found) == names
    assert sorted(storage.folders("u")) == [f"u/{name}" for name in names]
    assert storage.delete_prefix("u/a") == 1_201
    assert sorted(storage.folders("u")) == [f"u/{name}" for name in names[1:]]


def test_a_folder_has_the_time_of_its_writing(storage: Storage) -> None:
    """The time of the newest object is that of the clock on the wall; an empty folder has none."""
    storage.create("uploads/a/x", b"")
    at = storage.written_at("uploads/a")
    assert at is not None
    assert abs(at - time.time()) < 60
    assert storage.written_at("uploads/b") is None

"""The input of an upload: opened when it is a plain file inside the roots, and refused with a reason when it is not."""

from __future__ import annotations

import hashlib
import os
import socket
from typing import TYPE_CHECKING

import pytest

from worker.rows.errors import InputError
from worker.rows.source import BLOCK_BYTES, open_source, source_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder that may be read, with a list in it, beside one that may not."""
    root = tmp_path / "lists"
    root.mkdir()
    (root / "list.csv").write_bytes(b"a@example.com\n")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "list.csv").write_bytes(b"secret@example.com\n")
    return root


def opened(path: Path, *roots: Path) -> bytes:
    """The bytes of a source."""
    with open_source({"path": str(path)}, roots) as file:
        return file.read()


def refusal(path: Path, *roots: Path) -> InputError:
    """How a source is refused."""
    with pytest.raises(InputError) as caught:
        open_source({"path": str(path)}, roots)
    return caught.value


def test_a_file_inside_a_root_is_opened(root: Path) -> None:
    """A plain file in a folder that may be read is read, also when its path goes up and down."""
    assert opened(root / "list.csv", root) == b"a@example.com\n"
    assert opened(root / ".." / "lists" / "list.csv", root) == b"a@example.com\n"


def test_any_of_several_roots_will_do(root: Path, tmp_path: Path) -> None:
    """A file needs to be inside one of the roots."""
    assert opened(root / "list.csv", tmp_path / "elsewhere", root) == b"a@example.com\n"


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    """Where the operator's root is a link to a folder, the files in that folder may be read by either path."""
    (tmp_path / "link").symlink_to(root)
    assert opened(tmp_path / "link" / "list.csv", tmp_path / "link") == b"a@example.com\n"
    assert opened(root / "list.csv", tmp_path / "link") == b"a@example.com\n"


def test_a_link_that_stays_inside_is_followed(root: Path) -> None:
    """A link to a file inside the roots is that file."""
    (root / "latest.csv").symlink_to(root / "list.csv")
    assert opened(root / "latest.csv", root) == b"a@example.com\n"


@pytest.mark.parametrize("name", ["../private/list.csv", "out.csv", "folder/list.csv"])
def test_nothing_leads_out_of_the_roots(root: Path, tmp_path: Path, name: str) -> None:
    """Neither dots, nor a link to a file, nor a link to a folder reach what lies outside, and nothing of it is told."""
    (root / "out.csv").symlink_to(tmp_path / "private" / "list.csv")
    (root / "folder").symlink_to(tmp_path / "private")
    error = refusal(root / name, root)
    assert error.reason == "outside_roots"
    assert "private" not in str(error).replace(name, "")


def test_a_folder_whose_name_only_begins_like_a_root_is_outside(root: Path, tmp_path: Path) -> None:
    """A root is a folder and not a beginning of a name."""
    (tmp_path / "lists-of-others").mkdir()
    (tmp_path / "lists-of-others" / "list.csv").write_bytes(b"x\n")
    assert refusal(tmp_path / "lists-of-others" / "list.csv", root).reason == "outside_roots"


def test_without_roots_nothing_may_be_read(root: Path) -> None:
    """An installation that names no root reads no file, and says which setting is missing."""
    error = refusal(root / "list.csv")
    assert error.reason == "outside_roots"
    assert "BULKVERIFY_INPUT_ROOTS" in str(error)


def test_a_missing_file_is_not_found(root: Path) -> None:
    """A file that is not there, or a link to one, is refused as such."""
    (root / "dangling.csv").symlink_to(root / "gone.csv")
    assert refusal(root / "gone.csv", root).reason == "not_found"
    assert refusal(root / "dangling.csv", root).reason == "not_found"


def fifo(path: Path) -> None:
    """A named pipe that nobody writes to."""
    os.mkfifo(path)


def listening(path: Path) -> None:
    """A socket in the file system."""
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def circle(path: Path) -> None:
    """A link that leads to itself."""
    path.symlink_to(path)


@pytest.fixture
def back_home() -> Iterator[None]:
    """Return to the working folder."""
    before = os.getcwd()  # noqa: PTH109 - restored as it was, whatever it was
    yield
    os.chdir(before)


@pytest.mark.parametrize("make", [fifo, listening, circle, lambda path: path.mkdir()])
def test_what_is_no_plain_file_is_refused_at_once(root: Path, make: Callable[[Path], None], back_home: None) -> None:
    """A pipe, a socket, a folder and a link in a circle are refused without waiting for anybody."""
    make(root / "odd.csv")
    assert refusal(root / "odd.csv", root).reason == "unreadable"


def test_a_path_through_a_file_is_no_defect(root: Path) -> None:
    """A path that treats a file as a folder, or a name no file system takes, is refused and not crashed over."""
    assert refusal(root / "list.csv" / "more.csv", root).reason in {"not_found", "unreadable"}
    assert refusal(root / ("x" * 5_000), root).reason == "unreadable"


def test_an_empty_file_has_nothing_to_verify(root: Path) -> None:
    """A file without a byte is refused before anything is made of it."""
    (root / "empty.csv").touch()
    assert refusal(root / "empty.csv", root).reason == "empty"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_unreadable(root: Path) -> None:
    """A file that the workers' user may not read is refused with that reason."""
    (root / "list.csv").chmod(0)
    assert refusal(root / "list.csv", root).reason == "unreadable"


@pytest.mark.parametrize("size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_the_digest_is_that_of_all_bytes(root: Path, size: int) -> None:
    """The fingerprint of a source is the SHA-256 of its bytes, at every boundary of the blocks."""
    (root / "list.csv").write_bytes(b"x" * size)
    with open_source({"path": str(root / "list.csv")}, (root,)) as file:
        assert source_sha256(file, size, "list.csv") == hashlib.sha256(b"x" * size).hexdigest()


def test_a_source_larger_than_allowed_is_refused_while_it_is_read(root: Path) -> None:
    """One byte more than the limit is too much, and the message names the limit."""
    source = {"path": str(root / "list.csv")}
    with (
        open_source(source, (root,)) as file,
        pytest.raises(InputError, match=r"list\.csv has more than the 13 bytes") as caught,
    ):
        source_sha256(file, 13, "list.csv")
    assert caught.value.reason == "too_large"

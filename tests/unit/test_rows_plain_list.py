"""Plain lists: what was compressed is decompressed whole, within limits, or refused in words."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rows import plain_list as module
from worker.rows.errors import CompressionDamaged, InputChanged, InputTooLarge, InputUnreadable, ScratchFailed
from worker.rows.plain_list import PlainList, plain_list

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"email\nann@x.example\n"
PACKED = gzip.compress(TEXT, mtime=0)


def plain(folder: Path, content: bytes, *, name: str = "list.csv.gz", bytes_max: int = 1_000_000) -> PlainList:
    """The plain list of a file with this content."""
    sent = folder / name
    sent.write_bytes(content)
    return plain_list(sent, hashlib.sha256(content).hexdigest(), folder, bytes_max=bytes_max, name=name)


def test_an_uncompressed_list_is_the_file_itself(tmp_path: Path) -> None:
    """Nothing is copied or said of a list that is plain already, whatever its name."""
    found = plain(tmp_path, TEXT)
    assert (found.path, found.sha256) == (tmp_path / "list.csv.gz", hashlib.sha256(TEXT).hexdigest())
    assert (found.sent_bytes, found.decompressed_bytes, found.why) == (len(TEXT), None, "")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (PACKED, TEXT),
        (PACKED + gzip.compress(b"bob@x.example\n", mtime=0), TEXT + b"bob@x.example\n"),
        (PACKED + gzip.compress(b"", mtime=0) + bytes(512), TEXT),
        (gzip.compress(b"", mtime=0), b""),
    ],
)
def test_members_are_one_text(tmp_path: Path, content: bytes, text: bytes) -> None:
    """Appended members are one text, and padding with NUL bytes is none of it; the name loses its suffix."""
    found = plain(tmp_path, content)
    assert found.path.read_bytes() == text
    assert found.path.name == "list.csv"
    assert found.sha256 == hashlib.sha256(text).hexdigest()
    assert (found.sent_bytes, found.decompressed_bytes) == (len(content), len(text))
    assert found.why == f"decompressed with gzip from {len(content):,} to {len(text):,} bytes"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_any_bytes_survive(tmp_path_factory: pytest.TempPathFactory, members: list[bytes]) -> None:
    """What was compressed, in however many members, is what comes out."""
    content = b"".join(map(gzip.compress, members))
    assert plain(tmp_path_factory.mktemp("any"), content).path.read_bytes() == b"".join(members)


@pytest.mark.parametrize("name", ["list", ".gz", "LIST.CSV.GZ", "list.csv.gz"])
def test_the_bytes_decide_and_not_the_name(tmp_path: Path, name: str) -> None:
    """A list is decompressed by how it begins; its plain file never takes the place of the one that was sent."""
    found = plain(tmp_path, PACKED, name=name)
    assert found.path.read_bytes() == TEXT
    assert (tmp_path / name).read_bytes() == PACKED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PACKED[:-1], "cut off"),
        (PACKED[:12], "cut off"),
        (PACKED[:-8] + bytes(8), "damaged"),
        (PACKED + b"\0\0more", "not gzip"),
        (PACKED + PACKED[:-3], "cut off"),
        (b"\x1f\x8b\x08\0" + b"\xff" * 40, "damaged"),
        (b"\x1f\x8b", "cut off"),
    ],
)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that is cut off, damaged, or followed by something else is never taken for a shorter list."""
    with pytest.raises(CompressionDamaged, match=rf"list\.csv\.gz is compressed.*{said}.*compress the list again"):
        plain(tmp_path, content)


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    """A small file that decompresses to too much is refused, and no more than the limit is ever written."""
    bomb = gzip.compress(bytes(20 * module.BLOCK_BYTES))
    with pytest.raises(InputTooLarge, match="decompressed, there are more than the 3,000,000 bytes allowed; split it"):
        plain(tmp_path, bomb, bytes_max=3_000_000)
    (written,) = (tmp_path / module.PLAIN_FOLDER).iterdir()
    assert written.stat().st_size <= 3_000_000
    assert plain(tmp_path, PACKED, bytes_max=len(TEXT)).decompressed_bytes == len(TEXT)


def test_another_file_than_the_accepted_one_is_refused(tmp_path: Path) -> None:
    """The digest of a compressed list is checked: that of its text, or of the file as earlier versions recorded it."""
    (tmp_path / "list.csv.gz").write_bytes(PACKED)
    with pytest.raises(InputChanged, match="is not the list that was accepted"):
        plain_list(tmp_path / "list.csv.gz", "0" * 64, tmp_path, bytes_max=1_000, name="list.csv.gz")
    for accepted in (TEXT, PACKED):
        digest = hashlib.sha256(accepted).hexdigest()
        found = plain_list(tmp_path / "list.csv.gz", digest, tmp_path, bytes_max=1_000, name="list.csv.gz")
        assert found.sha256 == hashlib.sha256(TEXT).hexdigest()


def test_faults_of_the_disk_are_told_apart(tmp_path: Path) -> None:
    """A list that is gone is its own fault, a folder that cannot be written is worth another try."""
    with pytest.raises(InputUnreadable, match=r"gone\.gz cannot be read"):
        plain_list(tmp_path / "gone.gz", "", tmp_path, bytes_max=1, name="gone.gz")
    (tmp_path / module.PLAIN_FOLDER).write_text("a file in the folder's place")
    with pytest.raises(ScratchFailed, match="check free space"):
        plain(tmp_path, PACKED)

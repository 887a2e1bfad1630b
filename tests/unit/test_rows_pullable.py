"""Whether a provider may fetch a list itself: only one that is, value for value, what would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.providers.port import Kind
from worker.rows.dialect import Options
from worker.rows.limits import Limits
from worker.rows.pullable import has_same_lines, pull_obstacles
from worker.rows.staging import Staged, stage

if TYPE_CHECKING:
    from pathlib import Path


def staged_of(path: Path, rows_per_part: int = 100) -> Staged:
    """A list, staged beside itself."""
    return stage(
        path,
        path.parent,
        kind=Kind.EMAIL,
        options=Options(),
        limits=Limits(),
        rows_per_part=rows_per_part,
        on_progress=lambda _: None,
    )


def obstacles_of(folder: Path, content: bytes, rows_per_part: int = 100) -> tuple[str, ...]:
    """Why a provider may not fetch a list of this content."""
    path = folder / "list.csv"
    path.write_bytes(content)
    staged = staged_of(path, rows_per_part)
    return pull_obstacles(staged, same_lines=has_same_lines(path, staged.parts[0].path))


@pytest.mark.parametrize(
    "content",
    [
        b"a@example.com\nb@example.com\n",
        b"a@example.com\nb@example.com",
        b"a@example.com\r\nb@example.com\r\n",
        b"a@example.com\r\nb@example.com",
        b"a@example.com\n",
        "jürgen@example.com\n".encode(),
    ],
)
def test_bare_values_may_be_pulled(tmp_path: Path, content: bytes) -> None:
    """One value a line and nothing else is what would be sent, whatever its line ends."""
    assert obstacles_of(tmp_path, content) == ()


@pytest.mark.parametrize(
    ("content", "obstacle"),
    [
        (b"email\na@example.com\n", "its first row is a header"),
        (b"a@example.com,Ann\nb@example.com,Bob\n", "it has 2 columns"),
        (b"a@example.com\n\nb@example.com\n", "it has 1 row without a value"),
        (b"a@example.com\na@example.com\nb@example.com\na@EXAMPLE.com\n", "it has 2 rows with a value that an earlier"),
        (b'a@example.com\n"b@exa\nmple.com"\n', "it has 1 row with a value that is not sent"),
        (b"\xef\xbb\xbfa@example.com\n", "its lines are not the bare values"),
        (b'"a@example.com"\nb@example.com\n', "its lines are not the bare values"),
        (b" a@example.com\nb@example.com\n", "its lines are not the bare values"),
        (b"a@example.com\rb@example.com\r", "its lines are not the bare values"),
        ("a@example.com\nb@example.com\n".encode("utf-16"), "its lines are not the bare values"),
    ],
)
def test_anything_else_may_not(tmp_path: Path, content: bytes, obstacle: str) -> None:
    """What a provider would charge for or read differently is named as the obstacle, alone."""
    (found,) = obstacles_of(tmp_path, content)
    assert found.startswith(obstacle)


def test_a_list_of_several_parts_may_not(tmp_path: Path) -> None:
    """A provider fetches a whole file; a part of one it cannot."""
    assert obstacles_of(tmp_path, b"a@x.org\nb@x.org\nc@x.org\n", 2) == ("it is too long for one job and makes 2",)


def test_a_compressed_list_may_not(tmp_path: Path) -> None:
    """What a provider would fetch is the compressed file, whatever the text in it."""
    (tmp_path / "list.csv").write_bytes(b"a@example.com\n")
    staged = staged_of(tmp_path / "list.csv")
    assert pull_obstacles(staged, same_lines=True, compressed=True) == ("it is compressed",)


def test_every_obstacle_is_told_at_once(tmp_path: Path) -> None:
    """Whoever mends a list learns of all that has to be mended."""
    found = obstacles_of(tmp_path, b"email,name\na@x.org,A\na@x.org,A\n,\n")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (b"a\nb\n", True),
        (b"a\nb", True),
        (b"a\r\nb", True),
        (b"a\nb\nc", False),
        (b"a\n", False),
        (b"", False),
        (b"ab\n", False),
    ],
)
def test_lines_are_compared_to_the_end(tmp_path: Path, found: bytes, *, same: bool) -> None:
    """One line more or less, or two run together, is another list."""
    (tmp_path / "found").write_bytes(found)
    (tmp_path / "values").write_bytes(b"a\nb\n")
    assert has_same_lines(tmp_path / "found", tmp_path / "values") is same

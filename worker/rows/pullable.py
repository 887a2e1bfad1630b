"""Whether a provider may fetch a list from where it lies: only if that is, value for value, what would be sent to it.

Whatever else it finds there, a provider would charge for, and its verdicts could not be told apart by their rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from worker.rows.staging import Staged


def pull_obstacles(staged: Staged, *, same_lines: bool, compressed: bool = False) -> tuple[str, ...]:
    """Why the provider may not fetch the list itself, in words; nothing when it may.

    `same_lines` tells whether the list's lines are those of the only part (see `has_same_lines`), `compressed` whether
    they had to be decompressed first.
    """
    columns, parts = len(staged.dialect.columns), len(staged.parts)
    found = [
        ("it is compressed", compressed),
        ("its first row is a header", staged.dialect.header),
        (f"it has {columns:,} columns", columns > 1),
        (f"{_rows(staged.empty)} without a value", staged.empty > 0),
        (f"{_rows(staged.withheld)} with a value that is not sent", staged.withheld > 0),
        (f"{_rows(staged.folded)} with a value that an earlier row has", staged.folded > 0),
        (f"it is too long for one job and makes {parts:,}", parts > 1),
    ]
    obstacles = tuple(words for words, present in found if present)
    if obstacles or same_lines:
        return obstacles
    return ("its lines are not the bare values in UTF-8: it has quotes, spaces or a byte order mark",)


def has_same_lines(path: Path, values: Path) -> bool:
    """Whether two files have the same lines, but for line ends (LF or CRLF, and none at the end). Memory is bounded.

    `values` is a staged part: every line of it is one value and ends with LF.
    """
    with path.open("rb") as found, values.open("rb") as expected:
        for line in expected:
            value = line.removesuffix(b"\n")
            if found.readline(len(line) + 1) not in (line, value + b"\r\n", value):
                return False
        return not found.read(1)


def _rows(count: int) -> str:
    return f"it has {count:,} row{'' if count == 1 else 's'}"

"""A result file in CSV: a header, then rows of as many cells. Read by name, checked to its end, one row in memory.

The files' columns are not documented and may change, so every name is accepted and kept. A ragged row or an open quote
at the end is damage: it is reported, never repaired by guessing. Bytes that are not UTF-8 become U+FFFD: an odd company
name must not hold back a result that is paid for.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from worker.providers.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Characters of one cell beyond which a file counts as damaged (an open quote swallows everything after it).
CELL_CHARACTERS_MAX = 131_072


def read_csv(path: Path) -> Iterator[list[str]]:
    """The header with unique names, then every row, blank lines left out. Raises `Malformed` at the first damage."""
    header: list[str] | None = None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, strict=True)
        for row in _intact(reader, path):
            if not row:
                continue
            if header is None:
                header = _unique(row)
                yield header
            elif len(row) == len(header):
                yield row
            else:
                raise Malformed(
                    f"{path.name}, line {reader.line_num}: {len(row)} cells under a header of {len(header)}; "
                    "the file is damaged or cut off"
                )
    if header is None:
        raise Malformed(f"{path.name} is empty: not even a header")


def check_csv(path: Path, *, length_known: bool) -> int:
    """How many rows the file has below its header. Raises `Malformed` for damage.

    Where HTTP did not prove the file complete (`length_known` is false), it has to end with a line end.
    """
    rows = sum(1 for _ in read_csv(path)) - 1
    if not length_known and not _ends_with_line_end(path):
        raise Malformed(f"{path.name}: its length was not declared and its last line has no end; it may be cut off")
    return rows


def value_column(header: Sequence[str], names: Sequence[str]) -> int:
    """The column of the verified value: the first named like one of `names`, else the first of all."""
    lowered = [name.strip().lower() for name in header]
    return next((index for index, name in enumerate(lowered) if name in names), 0)


def _intact(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The reader's rows; what it cannot read is told in this project's words."""
    damaged = False
    while not damaged:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            damaged = True
        else:
            yield row
    raise Malformed(
        f"{path.name}: a quote that does not fit or a cell over {CELL_CHARACTERS_MAX:,} characters; damaged or cut"
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Names as they are, repeated ones with a number behind, so that no column hides another."""
    unique: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique.append(candidate)
    return unique


def _ends_with_line_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) in b"\r\n"

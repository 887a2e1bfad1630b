"""Whether an input has a header row, and which column holds the values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from worker.providers.port import Kind
from worker.rows.errors import ColumnNotFound, ColumnUnclear, WrongKind
from worker.rows.shown import shown
from worker.rows.values import FORMLESS, looks_like, names_column

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Most column names that a message lists, and the characters of one.
_LISTED_COLUMNS_MAX = 30
_NAME_CHARACTERS_MAX = 64

#: The forms that values of another kind are told by, the narrower ones first: many an IP address could be a phone.
_FORMS = (Kind.EMAIL, Kind.PROXY, Kind.URL, Kind.PHONE)

#: What may stand in a header: words, not numbers, addresses or sentences.
_NAME = re.compile(r"[^\W\d][\w \-()#/]{0,63}")


def find_header(rows: Sequence[Sequence[str]], kind: Kind) -> tuple[bool, str]:
    """Whether the first of `rows` (none of them blank) is a header, and why.

    In doubt it is not: a header taken for data costs one credit and shows in the result, a row taken for a header would
    silently stay unverified.
    """
    first = rows[0]
    if any(looks_like(kind, cell) for cell in first):
        return False, f"no header (the first row holds a value of kind {kind.value})"
    known = next((index for index, cell in enumerate(first) if names_column(kind, cell)), None)
    if known is not None:
        return True, f"header (the first row names {shown_column(kind, first, known)})"
    names = all(_NAME.fullmatch(cell.strip()) for cell in first if cell.strip())
    if names and len(rows) > 1 and any(looks_like(kind, cell) for cell in rows[1]):
        return True, "header (the first row has names, the second a value)"
    return False, "no header found"


def find_column(
    rows: Sequence[Sequence[str]], names: Sequence[str], kind: Kind, name: str, *, header: bool
) -> tuple[int, str]:
    """The index of the value column from `names` (all columns) and data `rows` of the file `name`, and why.

    Raises `ColumnNotFound` or `ColumnUnclear`, with the columns listed, and `WrongKind` for an only column that has
    neither the kind's name nor mostly values of its form.
    """
    named = [i for i, n in enumerate(names) if header and names_column(kind, n)]
    if len(names) == 1:
        if not named:
            _check_only_column(rows, kind, name)
        return 0, "its only column"
    if len(named) == 1:
        return named[0], f"column {shown_column(kind, names, named[0])} by its name"
    looking = [i for i in named or range(len(names)) if _mostly_values(rows, i, kind)]
    if len(looking) == 1:
        return looking[0], f"column {shown_column(kind, names, looking[0])}, the only one that looks like {kind.value}"
    if looking or named:
        raise ColumnUnclear(
            f"{name}: columns {_listed(kind, names, looking or named)} could all hold the {kind.value} values; "
            "set options.column to the name or position of one",
        )
    raise ColumnNotFound(
        f"{name}: no column looks like {kind.value}; it has {_listed(kind, names, range(len(names)))}; "
        "set options.column to a name or position",
    )


def named_column(column: str | int, names: Sequence[str], kind: Kind, name: str) -> tuple[int, str]:
    """The index of the column a request asks for by name, or by position counted from 0, and why.

    Exact names come first, then names that are the same but for case and white space. Raises like `find_column`.
    """
    if isinstance(column, int):
        found = [column] if 0 <= column < len(names) else []
    else:
        exact = [i for i, n in enumerate(names) if n == column]
        found = exact or [i for i, n in enumerate(names) if n.strip().lower() == column.strip().lower()]
    if not found:
        asked = shown(column) if isinstance(column, str) else column
        raise ColumnNotFound(
            f"{name}: options.column is {asked}, but it has {_listed(kind, names, range(len(names)))}; "
            "set options.column to one of these names or positions",
        )
    if len(found) > 1:
        raise ColumnUnclear(
            f"{name}: columns {_listed(kind, names, found)} have that name; set options.column to a position"
        )
    return found[0], f"column {shown_column(kind, names, found[0])} as asked"


def shown_column(kind: Kind, names: Sequence[str], index: int) -> str:
    """How a message calls a column: by its name, but by its position where a name may be a secret in a header's place.

    What stands in a first row is called a name on somebody's word; a list of passwords without a header has one there.
    """
    return f"at position {index}" if kind.secret else shown(names[index], _NAME_CHARACTERS_MAX)


def _check_only_column(rows: Sequence[Sequence[str]], kind: Kind, name: str) -> None:
    """Raise `WrongKind` unless the values of the only column may be of the kind; without any, they may."""
    cells = _filled(rows, 0)
    if kind in FORMLESS or not cells or _mostly_values(rows, 0, kind):
        return
    count = sum(looks_like(kind, cell) for cell in cells)
    form = next((form.value for form in _FORMS if _mostly_values(rows, 0, form)), "no kind that has a form")
    raise WrongKind(
        f"{name}: of the {len(cells)} values looked at, {count} look like {kind.value}; most look like {form}. Give "
        "the kind that they are of, or set options.column to 0 to have them sent, and paid for, all the same",
    )


def _mostly_values(rows: Sequence[Sequence[str]], index: int, kind: Kind) -> bool:
    """Whether at least half of a column's cells that are not blank look like values."""
    cells = _filled(rows, index)
    return bool(cells) and 2 * sum(looks_like(kind, cell) for cell in cells) >= len(cells)


def _filled(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [row[index] for row in rows if index < len(row) and row[index].strip()]


def _listed(kind: Kind, names: Sequence[str], indices: Sequence[int]) -> str:
    """Columns for a message: their names (see `shown_column`) with their positions, counted from 0."""
    first = indices[:_LISTED_COLUMNS_MAX]
    listed = ", ".join(shown_column(kind, names, i) + ("" if kind.secret else f" (position {i})") for i in first)
    more = len(indices) - _LISTED_COLUMNS_MAX
    return f"{listed} and {more} more" if more > 0 else listed

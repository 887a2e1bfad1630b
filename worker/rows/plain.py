"""The fold keys of many cells at once.

Most cells are *plain*: they are their own value and their own fold key. One pass of a pattern over a whole block of
cells finds those that are not, and only for these the rules of `worker.rows.values` are asked one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: In place of a key, for a row without one. A key has no control character, and so none of these.
EMPTY_MARK = "\x02"
WITHHELD_MARK = "\x03"
#: Both of them, as they stand in files.
MARKS = frozenset({EMPTY_MARK.encode(), WITHHELD_MARK.encode()})

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#: Printable ASCII without white space at either end.
_TEXT = r"[!-~]+(?: +[!-~]+)*"

# No group is possessive: before 3.11.5 Python lets such a group match what it does not (a space at the end, for one).
#: By kind, cells for which `row_value` and `fold_key` change nothing. Not all of them: cells that people mostly have.
_PLAIN: Mapping[Kind, str] = {
    Kind.EMAIL: r"[!-?A-~]++@[!-?\[-~]++",
    Kind.LEAKED_EMAIL: r"[!-?A-~]++@[!-?\[-~]++",
    Kind.PROXY: rf"(?:{_OCTET}\.){{3}}{_OCTET}",
    # Lower case up to the path; or no colon, and so no scheme whose case could be ignored.
    Kind.URL: r"[a-z][a-z0-9+.-]*+://[!\"$-.0->@\[-~]++(?:[/?#][!-~]*)?|[!-9;-~]++",
    Kind.PHONE: _TEXT,
    Kind.LEAKED_USERNAME: _TEXT,
    Kind.LEAKED_PASSWORD: _TEXT,
}
_PLAIN_LINES = {kind: re.compile(rf"(?:(?:{plain})\n)*") for kind, plain in _PLAIN.items()}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of some cells, and what is known of them besides."""

    #: One line for each cell, which ends with LF: its key, or one of the marks.
    lines: str
    #: The cells whose value is not their key: position among the cells, and value.
    spelled: tuple[tuple[int, str], ...]
    empty: int
    withheld: int


def keys_of(kind: Kind, cells: Sequence[str], *, screen: bool = False) -> Keys:
    """The fold keys of cells, and the states of those that have none: as `row_value` and `fold_key` say.

    With `screen` each cell is looked at by itself: one that is plain may be none of its kind all the same.
    """
    text = "\n".join(cells) + "\n" if cells else ""
    # A cell with a line break in it makes the lines others than the cells.
    judged = screen or text.count("\n") != len(cells)
    odd = range(len(cells)) if judged else _odd_lines(kind, text)
    if not odd:
        return Keys(text, (), 0, 0)
    lines = list(cells)
    spelled = []
    for at in odd:
        value, state = row_value(kind, cells[at], screen=screen)
        if state is None:
            lines[at] = key = fold_key(kind, value)
            if key != value:
                spelled.append((at, value))
        else:
            lines[at] = EMPTY_MARK if state is RowState.EMPTY else WITHHELD_MARK
    empty, withheld = lines.count(EMPTY_MARK), lines.count(WITHHELD_MARK)
    return Keys("\n".join(lines) + "\n", tuple(spelled), empty, withheld)


def fold_keys(kind: Kind, values: Sequence[str]) -> list[str]:
    """The fold key of each value, as `fold_key` says."""
    keys = list(values)
    text = "\n".join(keys) + "\n"
    for at in _odd_lines(kind, text) if text.count("\n") == len(keys) else range(len(keys)):
        keys[at] = fold_key(kind, keys[at])
    return keys


def _odd_lines(kind: Kind, text: str) -> list[int]:
    """The numbers, from 0, of the lines that are not plain."""
    plain_lines = _PLAIN_LINES[kind].match
    odd = []
    line = start = 0
    while (match := plain_lines(text, start)) and (end := match.end()) < len(text):
        line += text.count("\n", start, end)
        odd.append(line)
        line += 1
        start = text.index("\n", end) + 1
    return odd

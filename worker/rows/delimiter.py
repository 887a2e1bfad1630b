"""Which character separates the cells of an input's rows.

A delimiter qualifies when it splits the first rows evenly, when it uncovers a column name known for the kind in the
first row, or when it uncovers cells that look like values in most rows.
Of those that qualify, the one that uncovers most values wins; a tie is not guessed. Whole lines win where no delimiter
uncovers more values. Whether a comma in lines that are URLs as a whole belongs to these URLs is told by the first row;
where it is itself such a line, it is not guessed either.
"""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from worker.rows.csv_rows import CsvRows
from worker.rows.errors import CellTooLarge, DelimiterUnclear, QuoteOpen
from worker.rows.values import looks_like, names_column

if TYPE_CHECKING:
    from worker.providers.port import Kind

#: What is looked for; anything else has to be asked for.
CANDIDATES = (",", ";", "\t", "|")
#: Rows looked at.
SAMPLE_ROWS = 500
#: Share of rows with the same number of cells that counts as even.
_EVEN_SHARE = 0.9
#: Share of rows with a value that makes an uneven split credible.
_VALUES_SHARE = 0.5


def find_delimiter(text: str, kind: Kind, name: str) -> tuple[str | None, str]:
    """The delimiter of the sample `text` of the file `name` (`None`: a single column), and why.

    Raises `DelimiterUnclear`.
    """
    lines = sample_rows(text, None, name)
    whole = _values_share(lines, kind)
    candidates = {candidate: sample_rows(text, candidate, name) for candidate in CANDIDATES if candidate in text}
    shares = {candidate: _values_share(rows, kind) for candidate, rows in candidates.items()}
    fit = [
        candidate
        for candidate, rows in candidates.items()
        if _is_even(rows) or _names_column(rows, kind) or shares[candidate] >= _VALUES_SHARE
    ]
    best = max((shares[candidate] for candidate in fit), default=0.0)
    winners = [candidate for candidate in fit if shares[candidate] == best]
    guessed = False
    if whole > 0 and whole >= best:
        winners = [candidate for candidate in winners if _may_tear(candidate, candidates[candidate], lines, kind)]
        if not winners:
            return None, "one column (whole lines are values)"
        guessed = looks_like(kind, lines[0][0])
    if len(winners) == 1 and not guessed:
        return winners[0], f"delimiter {winners[0]!r}"
    if not winners and lines and names_column(kind, lines[0][0]):
        return None, "one column (the first line names it)"
    if not winners and not _mostly_split(candidates):
        return None, "one column (no delimiter found)"
    raise DelimiterUnclear(
        f"{name}: cannot tell which character separates cells (seen: {' '.join(map(repr, candidates))}); "
        "set options.delimiter (to one that does not occur, such as a tab, if there is one column)",
    )


def sample_rows(text: str, delimiter: str | None, name: str) -> list[list[str]]:
    """The first rows of a sample that are not blank; a sample may end in the middle of a row."""
    rows: list[list[str]] = []
    # A sample is small, so the whole of it may be one row.
    reader = CsvRows(io.StringIO(text, newline=""), delimiter, name, row_characters_max=len(text) + 1)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) == SAMPLE_ROWS:
                break
    except (QuoteOpen, CellTooLarge):
        # Staging reads the whole file and reports it; what came before is enough to detect.
        return rows
    return rows


def _may_tear(delimiter: str, rows: list[list[str]], lines: list[list[str]], kind: Kind) -> bool:
    """Whether a delimiter splits rows credibly that hold it in lines which are values as they stand: URLs may."""
    credible = _is_even(rows) or _names_column(rows, kind)
    return credible and any(delimiter in cell and looks_like(kind, cell) for line in lines for cell in line)


def _is_even(rows: list[list[str]]) -> bool:
    """Whether nearly all rows have the same number of cells, the first among them, and more than one."""
    widths = Counter(map(len, rows))
    width, times = widths.most_common(1)[0] if widths else (0, 0)
    return width > 1 and len(rows[0]) == width and times >= _EVEN_SHARE * len(rows)


def _names_column(rows: list[list[str]], kind: Kind) -> bool:
    """Whether one of several cells of the first row is a column name known for the kind."""
    return len(rows[0]) > 1 and any(names_column(kind, cell) for cell in rows[0]) if rows else False


def _values_share(rows: list[list[str]], kind: Kind) -> float:
    """The share of rows in which some cell looks like a value."""
    return sum(any(looks_like(kind, cell) for cell in row) for row in rows) / len(rows) if rows else 0.0


def _mostly_split(candidates: dict[str, list[list[str]]]) -> bool:
    """Whether some candidate occurs in more than half of the rows."""
    return any(sum(len(row) > 1 for row in rows) * 2 > len(rows) for rows in candidates.values())

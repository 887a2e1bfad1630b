"""The same steps by tools made for it: `python -m tests.benchmarks.row_yardsticks STEP …`.

Lines are counted by a plain loop. DuckDB, an engine for tables with as many threads as there are cores, counts, folds
and joins rows; it accounts for nothing, keeps no row as it stood, and takes the memory it wants.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import duckdb

from tests.benchmarks.measured_step import Done, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.row_files import RowFiles

_LIST = "read_csv(?, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true)"
#: A mailbox is as it is written, its domain in small letters.
_KEY = "regexp_extract(email, '^(.*)@', 1) || '@' || lower(regexp_extract(email, '@([^@]*)$', 1))"
_FOLD = f"""
COPY (
    SELECT any_value(email) FROM (SELECT email, {_KEY} AS key FROM {_LIST} WHERE email <> '') GROUP BY key
) TO '{{}}' (HEADER false)
"""
_JOIN = f"""
COPY (
    SELECT list.* EXCLUDE (row), answered.verdict, unnest(answered.columns)
    FROM (SELECT *, row_number() OVER () AS row FROM {_LIST}) AS list
    LEFT JOIN read_json(?, format = 'newline_delimited') AS answered
    ON {_KEY.replace("email", "list.email")} = {_KEY.replace("email", "answered.value")}
    ORDER BY row
) TO '{{}}' (HEADER)
"""


def count_lines(files: RowFiles, _url: str) -> Done:
    """Count the lines of the list; those within cells too."""
    with files.source.open("rb") as file:
        lines = sum(1 for _ in file)
    return Done(files.source.stat().st_size, lines)


def count_rows(files: RowFiles, _url: str) -> Done:
    """Count the rows of the list."""
    with _duckdb(files) as database:
        (rows,) = database.execute(f"SELECT count(*) FROM {_LIST}", [str(files.source)]).fetchall()[0]
    return Done(files.source.stat().st_size, int(rows))


def fold(files: RowFiles, _url: str) -> Done:
    """Write each address once."""
    with _duckdb(files) as database:
        database.execute(_FOLD.format(files.output), [str(files.source)])
    return Done(files.source.stat().st_size, files.rows)


def join(files: RowFiles, _url: str) -> Done:
    """Write the list with its verdicts, in its order."""
    with _duckdb(files) as database:
        database.execute(_JOIN.format(files.output), [str(files.source), str(files.staged / "*.jsonl")])
    return Done(files.source.stat().st_size, files.rows)


@contextlib.contextmanager
def _duckdb(files: RowFiles) -> Iterator[duckdb.DuckDBPyConnection]:
    spill = str(files.folder / "spill")
    with duckdb.connect(config={"temp_directory": spill, "autoinstall_known_extensions": False}) as database:
        yield database


#: By name; the arguments are those of `tests.benchmarks.measured_step.answer`.
STEPS = {"count_lines": count_lines, "count_rows": count_rows, "fold": fold, "join": join}

if __name__ == "__main__":
    answer(STEPS)

"""The same steps by tools made for it: `python -m tests.benchmarks.row_yardsticks STEP …`.

Lines are counted by a plain loop. DuckDB, an engine for tables with as many threads as there are cores, counts, folds
and joins rows; it accounts for nothing, keeps no row as it stood, and takes the memory it wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from tests.benchmarks.measured_step import Done, answer, checked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.row_files import RowFiles

_LIST = "read_csv(?, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true)"
#: A mailbox is as it is written, its domain in small letters.
_KEY = "split_part(email, '@', 1) || '@' || lower(split_part(email, '@', 2))"
_COUNT = f"SELECT count(*) FROM {_LIST}"
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
    return _run(files, _COUNT, files.source, rows=files.rows)


def fold(files: RowFiles, _url: str) -> Done:
    """Write each address once."""
    return _run(files, _FOLD, files.source, rows=files.distinct())


def join(files: RowFiles, _url: str) -> Done:
    """Write the list with its verdicts, in its order."""
    return _run(files, _JOIN, files.source, files.staged / "*.jsonl", rows=files.rows)


def _run(files: RowFiles, statement: str, *paths: Path, rows: int) -> Done:
    """Run a statement on those files that answers with a number of rows, which must be `rows`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(files.folder / "spill"),
        "autoinstall_known_extensions": False,
    }
    with duckdb.connect(config=config) as database:
        ((found,),) = database.execute(statement.format(files.output), [*map(str, paths)]).fetchall()
    checked(rows, Done(0, found))
    return Done(files.source.stat().st_size, files.rows)


#: By name; the arguments are those of `tests.benchmarks.measured_step.answer`.
STEPS = {"count_lines": count_lines, "count_rows": count_rows, "fold": fold, "join": join}

if __name__ == "__main__":
    answer(STEPS)

"""Staging: from an input to parts."""

from __future__ import annotations

import csv
import gc
import hashlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.providers.port import Kind
from worker.rows.csv_rows import CsvRows
from worker.rows.dialect import Options
from worker.rows.errors import (
    CellTooLarge,
    EncodingUnclear,
    InputTooLarge,
    NotText,
    NoValues,
    QuoteOpen,
    RowsError,
    ScratchFailed,
    TooManyColumns,
    TooManyRows,
)
from worker.rows.limits import Limits
from worker.rows.staging import PROGRESS_ROWS, Staged, stage
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def nobody(_rows: int) -> None:
    """Progress that nobody wants to know."""


def staged(
    folder: Path,
    content: str | bytes,
    *,
    kind: Kind = Kind.EMAIL,
    limits: Limits | None = None,
    rows_per_part: int = 100,
    on_progress: Callable[[int], None] = nobody,
    options: Options | None = None,
) -> Staged:
    """What staging makes of a file with this content."""
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return stage(
        path,
        folder,
        kind=kind,
        options=options or Options(),
        limits=limits or Limits(),
        rows_per_part=rows_per_part,
        on_progress=on_progress,
    )


def values_of(staged: Staged) -> list[str]:
    """The values of all parts in order."""
    return [row[0] for part in staged.parts for row in csv.reader(io.StringIO(part.path.read_text(), newline=""))]


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """A table as CSV in which every cell is quoted, so that any text survives."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


def test_rows_are_counted_by_what_becomes_of_them(tmp_path: Path) -> None:
    """Blank lines and cells are empty, equal values fold, a value with a line break is withheld, the rest is sent."""
    result = staged(
        tmp_path,
        'n,email\n1,a@x.example\n\n2,  \n3, a@X.example \n4,A@x.example\n5,"b@x.example\nc"\n6\n7,"d""@x.example"\n',
    )
    assert (result.rows, result.empty, result.folded, result.withheld, result.distinct) == (8, 3, 1, 1, 3)
    assert result.ragged == 1
    assert values_of(result) == ["a@x.example", "A@x.example", 'd"@x.example']


def test_parts_are_balanced_and_described_exactly(tmp_path: Path) -> None:
    """The fewest parts that fit, sizes at most one apart, in the order of the rows, each with its digest and count."""
    emails = [f"user{n}@x.example" for n in range(11)]
    result = staged(tmp_path, "\n".join(emails), rows_per_part=4)
    assert [(part.index, part.rows) for part in result.parts] == [(0, 4), (1, 4), (2, 3)]
    assert values_of(result) == emails
    for part in result.parts:
        content = part.path.read_bytes()
        assert part.sha256 == hashlib.sha256(content).hexdigest()
        assert content.count(b"\n") == part.rows


def test_an_exact_multiple_makes_no_part_too_many(tmp_path: Path) -> None:
    """Twice the most rows of a part are two parts."""
    result = staged(tmp_path, "".join(f"u{n}@x.example\n" for n in range(8)), rows_per_part=4)
    assert [part.rows for part in result.parts] == [4, 4]


def test_the_input_is_measured_whole(tmp_path: Path) -> None:
    """Size and digest are those of the file's bytes, byte order mark included."""
    content = "\ufeffemail\r\nzoé@x.example\r\n".encode()
    result = staged(tmp_path, content)
    assert (result.input_bytes, result.input_sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert values_of(result) == ["zoé@x.example"]


def test_staging_again_gives_the_same_parts(tmp_path: Path) -> None:
    """A second staging in the same folder, as after a crash, gives the same result and leaves nothing else behind."""
    content = "".join(f"u{n % 7}@x.example\n" for n in range(30))
    (tmp_path / "fold").mkdir()
    (tmp_path / "fold" / "keys.txt").write_bytes(b"what a crash left")
    first = staged(tmp_path, content, rows_per_part=3)
    assert staged(tmp_path, content, rows_per_part=3) == first
    names = ["list.csv", *(part.path.name for part in first.parts), "rows.index"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_every_line_end_and_encoding_gives_the_same_values(tmp_path: Path, end: str, encoding: str) -> None:
    """What a file's bytes look like does not matter to its values."""
    content = end.join(["nom;email", "Zoé;a@x.example", '"x;\ny";b@x.example', ""]).encode(encoding)
    options = Options(encoding=encoding if encoding == "cp1252" else None)
    assert values_of(staged(tmp_path, content, options=options)) == ["a@x.example", "b@x.example"]


def test_long_cells_are_not_kept_in_memory(tmp_path: Path) -> None:
    """Rows that are read one by one are let go of at once, and not when garbage happens to be collected."""
    content = "password\n" + "".join(f"{number}{'x' * 20_000}\n" for number in range(60))
    gc.collect()
    gc.disable()
    try:
        staged(tmp_path, content, kind=Kind.LEAKED_PASSWORD)
        # One is that of detection.
        assert sum(isinstance(each, CsvRows) for each in gc.get_objects()) <= 1
    finally:
        gc.enable()


def test_a_quote_inside_a_cell_is_an_ordinary_character(tmp_path: Path) -> None:
    """Only a quote that begins a cell opens a quoted one; a stray one swallows nothing."""
    result = staged(tmp_path, 'note,email\n6" pipe,a@x.example\nx"y"z,b@x.example\n')
    assert values_of(result) == ["a@x.example", "b@x.example"]


def test_longer_rows_widen_the_dialect(tmp_path: Path) -> None:
    """Cells beyond the header get columns of their own, so that delivery has a place for them."""
    rows = "".join(f"u{n}@x.example,x\n" for n in range(600))
    result = staged(tmp_path, "email,n\n" + rows + "z@x.example,1,2,3\n")
    assert result.dialect.columns == ("email", "n", "column_3", "column_4")
    assert result.ragged == 1


def test_a_long_row_is_told_wherever_it_stands(tmp_path: Path) -> None:
    """A row among those that detection sees is as ragged as one after them, and the columns that it adds are told."""
    rows = ["u1@x.example,x", "z@x.example,1,2,3", *(f"u{n}@x.example,x" for n in range(2, 9)), "y@x.example"]
    result = staged(tmp_path, "\n".join(["email,n", *rows]))
    assert (result.ragged, result.added_columns) == (2, 2)
    assert result.dialect.columns == ("email", "n", "column_3", "column_4")


@pytest.mark.parametrize("rows_before", [1, 20_000])
def test_a_row_that_would_inflate_the_result_is_refused(tmp_path: Path, rows_before: int) -> None:
    """Hundreds of cells where the list has two columns would stand in every row of the result: the line is told."""
    even = "".join(f"u{n}@x.example,x\n" for n in range(rows_before))
    content = f"email,n\n{even}z@x.example{',1' * 64}\nlast@x.example,x\n"
    line = rf"line {rows_before + 2} has 65 cells, where the list has 2 columns; 64 would be the most.* repair the row"
    with pytest.raises(TooManyColumns, match=line):
        staged(tmp_path, content)
    assert staged(tmp_path, content.replace(",1", "", 1)).added_columns == 62


def test_a_wide_list_may_have_wide_rows(tmp_path: Path) -> None:
    """Four times as many cells as there are columns are taken, of a header too that most rows fill only in part."""
    header = ",".join(["email", *(f"c{n}" for n in range(19))])
    result = staged(tmp_path, f"{header}\na@x.example\nb@x.example\nc@x.example{',' * 79}\n")
    assert (len(result.dialect.columns), result.added_columns, result.ragged) == (80, 60, 3)
    with pytest.raises(TooManyColumns, match="line 4 has 81 cells, where the list has 20 columns; 80 would be"):
        staged(tmp_path, f"{header}\na@x.example\nb@x.example\nc@x.example{',' * 80}\n")


def test_ip_addresses_fold_by_their_canonical_text(tmp_path: Path) -> None:
    """Two spellings of an address are sent once, in the spelling that came first."""
    result = staged(tmp_path, "ip\n2001:DB8::1\n2001:db8:0::1\nhost\n", kind=Kind.PROXY)
    assert values_of(result) == ["2001:DB8::1", "host"]
    assert result.folded == 1


@pytest.mark.parametrize("content", ["", "\n\n", "email\n", "email\n \n\n", "\ufeff"])
def test_an_input_without_values_is_refused(tmp_path: Path, content: str) -> None:
    """Nothing to verify is an error that says so, whatever the nothing is made of."""
    with pytest.raises(NoValues, match=r"list\.csv: column 'email' has no email to verify"):
        staged(tmp_path, content)


ROWS = "id,email\n" + "".join(f"{n},u{n}@x.example\n" for n in range(20))


@pytest.mark.parametrize(
    ("content", "limits", "error", "message"),
    [
        (
            ROWS,
            Limits(input_bytes_max=len(ROWS) - 1),
            InputTooLarge,
            r"more than the \d+ bytes.*BULKVERIFY_INPUT_BYTES_MAX",
        ),
        (ROWS, Limits(input_rows_max=19), TooManyRows, r"more than the 19 rows.*BULKVERIFY_INPUT_ROWS_MAX"),
        (ROWS, Limits(columns_max=1), TooManyColumns, r"row on line 1 has 2 cells.*_COLUMNS_MAX"),
        (
            ROWS + f"20,{'x' * 70}\n",
            Limits(cell_bytes_max=69),
            CellTooLarge,
            r"line 22 has a cell of 70 .*_CELL_BYTES_MAX",
        ),
        (ROWS + "x" * 101, Limits(row_characters_max=100), CellTooLarge, r"row that begins on line 22 is too long"),
        (ROWS + '"' + "x\n" * 70_000, Limits(), CellTooLarge, r"line 22 .*double quote"),
        (ROWS + '20,"u20@x.example\n21,u21@x.example\n', Limits(), QuoteOpen, r"begins on line 22 never ends"),
    ],
)
def test_every_limit_is_named_with_the_place(
    tmp_path: Path, content: str, limits: Limits, error: type[RowsError], message: str
) -> None:
    """An input beyond a limit is refused as a whole, and the message leads to the line."""
    with pytest.raises(error, match=message):
        staged(tmp_path, content, limits=limits)


def test_what_is_exactly_at_the_limits_passes(tmp_path: Path) -> None:
    """The limits are the most that is allowed, not the least that is refused."""
    limits = Limits(input_bytes_max=len(ROWS), input_rows_max=20, columns_max=2, cell_bytes_max=13)
    assert staged(tmp_path, ROWS, limits=limits).distinct == 20


@pytest.mark.parametrize(
    ("bad", "error"), [(b"\xff\xfe@x.example", EncodingUnclear), (b"a\0@x.example", NotText)], ids=["encoding", "nul"]
)
def test_damage_far_into_the_file_is_found_with_its_line(tmp_path: Path, bad: bytes, error: type[RowsError]) -> None:
    """What detection cannot see from the beginning stops staging at the right line."""
    good = b"".join(b"user%d@x.example\n" % n for n in range(30_000))
    with pytest.raises(error, match=r"list\.csv: line 30001 "):
        staged(tmp_path, good + bad + b"\nlast@x.example\n")


def test_progress_is_told_and_may_stop_staging(tmp_path: Path) -> None:
    """Rows read so far are reported at a steady pace; what the listener raises ends the work and cleans up."""
    content = "".join(f"u{n}@x.example\n" for n in range(2 * PROGRESS_ROWS + 5))
    told: list[int] = []
    staged(tmp_path, content, rows_per_part=50_000, on_progress=told.append)
    assert told[:2] == [PROGRESS_ROWS, 2 * PROGRESS_ROWS]
    assert set(told[2:]) == {2 * PROGRESS_ROWS + 5}

    def lost(_rows: int) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        staged(tmp_path, content, on_progress=lost)
    assert not (tmp_path / "fold").exists()


def test_a_folder_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    """A failing disk is not the input's fault."""
    (tmp_path / "part-00000.csv").mkdir()
    with pytest.raises(ScratchFailed, match=r"part-00000\.csv cannot be written") as caught:
        staged(tmp_path, ROWS)
    assert caught.value.retryable


def test_passwords_are_staged_as_they_stand(tmp_path: Path) -> None:
    """Commas, quotes and white space of a password reach the part, and nothing but equal passwords folds."""
    content = 'password\n Secret,1\nSecret,1\n"say ""hi"""\n\nSecret,1\n'
    result = staged(tmp_path, content, kind=Kind.LEAKED_PASSWORD)
    assert values_of(result) == [" Secret,1", "Secret,1", 'say "hi"']
    assert (result.folded, result.empty) == (1, 1)


def test_a_list_without_passwords_names_no_cell(tmp_path: Path) -> None:
    """What stands in the place of a header may be a password, so the message has the column's position."""
    with pytest.raises(NoValues, match=r"column at position 0 has no leaked_password"):
        staged(tmp_path, "hunter2\n", kind=Kind.LEAKED_PASSWORD, options=Options(header=True))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
EMAILS = st.sampled_from(["a@x.example", " A@X.example", "a@X.EXAMPLE ", 'q"q@x.example', "", "  ", "é@x.example"])


@settings(max_examples=150)
@given(rows=st.lists(st.tuples(CELLS, EMAILS | CELLS), min_size=1, max_size=25), rows_per_part=st.integers(1, 9))
def test_whatever_the_table_rows_are_conserved(rows: list[tuple[str, str]], rows_per_part: int) -> None:
    """Any cells, quotes and line breaks: the parts hold each sendable value once, in order, and the counts add up."""
    expected: dict[str, str] = {}
    for _, cell in rows:
        value, state = row_value(Kind.EMAIL, cell)
        if state is None:
            expected.setdefault(fold_key(Kind.EMAIL, value), value)
    with TemporaryDirectory() as folder:
        options = Options(column=1, header=False, delimiter=",", encoding="utf-8")
        content = csv_text(rows)
        if not expected:
            with pytest.raises(NoValues):
                staged(Path(folder), content, options=options)
            return
        result = staged(Path(folder), content, rows_per_part=rows_per_part, options=options)
        assert values_of(result) == list(expected.values())
    assert result.rows == len(rows) == result.empty + result.withheld + result.folded + result.distinct
    assert sum(part.rows for part in result.parts) == result.distinct == len(expected)
    assert max(part.rows for part in result.parts) <= rows_per_part

"""The fold engine, against folding in memory."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.fuzzing import fuzzing
from worker.providers.port import Kind
from worker.rows import engine, fold_engine, key_file, staging
from worker.rows.dialect import Options, plain_values
from worker.rows.errors import FoldTooLarge, InputError, NoValues, ScratchFailed
from worker.rows.fold_engine import engine_repeats
from worker.rows.index import EMPTY, WITHHELD, read_index
from worker.rows.key_file import KeyFile
from worker.rows.limits import Limits
from worker.rows.long_keys import KEY_BYTES_MAX
from worker.rows.repeats import memory_repeats
from worker.rows.staging import Staged, stage
from worker.rows.values import fold_key, row_value, values_digest

CELLS = st.sampled_from(
    ["a", "b", "a ", " a", "A", "", " ", "\ufeffa", "a\tb", "é", "e\u0301", "NULL", "#a", "'", "\\"]
) | (st.text(st.characters(codec="utf-8"), max_size=4))


def keys_in(folder: Path, kind: Kind, *blocks: list[str]) -> KeyFile:
    """A key file of cells."""
    keys = KeyFile(folder, kind)
    assert list(keys.write(iter(blocks)))[-1] == sum(map(len, blocks))
    return keys


@fuzzing(60)
@given(
    cells=st.lists(CELLS, min_size=1, max_size=40),
    kind=st.sampled_from([Kind.LEAKED_PASSWORD, Kind.EMAIL]),
    share_rows=st.integers(5, 50),
)
@example(cells=["\ufeffa", "a"], kind=Kind.LEAKED_PASSWORD, share_rows=1)
@example(cells=[" a", "a", "a "], kind=Kind.LEAKED_PASSWORD, share_rows=2)
@example(cells=['"a', '"a', 'a""', "'a,"], kind=Kind.LEAKED_PASSWORD, share_rows=9)
@example(cells=["", "", "\x01", "\x01", "x"], kind=Kind.EMAIL, share_rows=9)
def test_the_engine_finds_what_memory_finds(cells: list[str], kind: Kind, share_rows: int) -> None:
    """Any keys, in however many shares: the same rows repeat the same first rows, and nothing else folds."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_engine, "SHARE_ROWS", share_rows)
        keys = keys_in(Path(name), kind, cells)
        expected = memory_repeats(keys)
        with engine_repeats(keys.path, Path(name), keys.rows, lambda: None) as found:
            assert found.rows == expected.rows
            assert list(found.before(keys.rows)) == list(expected.before(keys.rows))


def test_the_longest_key_is_folded(tmp_path: Path) -> None:
    """As many bytes as the csv module lets into a cell are one key like any other."""
    longest = "\U0001f600" * 131_072
    keys = keys_in(tmp_path, Kind.PHONE, [longest, "1", longest, longest + "1"[:0]])
    with engine_repeats(keys.path, tmp_path, keys.rows, lambda: None) as found:
        assert list(found.before(4)) == [(2, 0), (3, 0)]


@pytest.mark.parametrize("value_bytes", [2_000, 20_000, 60_000])
def test_long_values_fold_in_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value_bytes: int) -> None:
    """Of values that are together larger than the engine's memory, each is sent once and whole, whatever its length."""
    monkeypatch.setattr(staging, "IN_MEMORY_BYTES_MAX", 0)
    monkeypatch.setattr(engine, "MEMORY_BYTES_MAX", 24 * 1024 * 1024)
    monkeypatch.setattr(key_file, "_VALUES_BYTES", 100_000)
    values = [f"http://X.example/{'x' * value_bytes}{number}" for number in range(30_000_000 // value_bytes)]
    path = tmp_path / "list.csv"
    path.write_text("".join(f"{value}\n" for value in (*values, *values)))
    found = staged(path, Kind.URL, len(values))
    (part,) = found.parts
    assert part.path.read_text().split("\n")[:-1] == values
    assert part.values_digest == values_digest(fold_key(Kind.URL, value) for value in values)
    with found.index.open("rb") as file:
        assert [number for block in read_index(file) for number in block] == [*range(len(values))] * 2


@pytest.mark.parametrize("in_memory", [False, True])
def test_keys_around_the_longest_that_stands_for_itself_differ(tmp_path: Path, in_memory: bool) -> None:
    """Keys fold when they are equal to their last byte, and with the same key whatever stands around the value."""
    stem = "é" * (KEY_BYTES_MAX // 2 - 1)
    cells = [stem, stem + "x", stem + "xy", stem + "xyz", f" {stem}xyz ", stem + "xya", stem + "xy"]
    keys = keys_in(tmp_path, Kind.PHONE, cells)
    assert max(map(len, keys.path.read_bytes().split(b"\n"))) == KEY_BYTES_MAX
    if in_memory:
        assert list(memory_repeats(keys).before(len(cells))) == [(4, 3), (6, 2)]
        return
    with engine_repeats(keys.path, tmp_path, keys.rows, lambda: None) as found:
        assert list(found.before(len(cells))) == [(4, 3), (6, 2)]


def test_a_list_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that is used up is no trouble with the disk, and trying again would not help: the list has to be split."""
    for module in (engine, fold_engine):
        monkeypatch.setattr(module, "MEMORY_BYTES_MAX", 2 * 1024 * 1024)
    keys = keys_in(tmp_path, Kind.LEAKED_PASSWORD, [f"hunter{number % 60_000}" for number in range(120_000)])
    with (
        pytest.raises(FoldTooLarge, match=r"120,000 values cannot .* 2 MiB of memory .* split the list") as caught,
        engine_repeats(keys.path, tmp_path, keys.rows, lambda: None),
    ):
        pytest.fail("it went into the memory")
    assert isinstance(caught.value, InputError)
    assert caught.value.__context__ is None


def test_a_disk_without_room_for_what_is_written_out_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine says of a full disk that it is out of memory: it is the disk that has to be looked at."""
    full_disk = ("SET max_temp_directory_size = '256KB'", "SET memory_limit = '16MB'")
    big = "CREATE TABLE big AS SELECT md5(range::VARCHAR) FROM range(3000000) ORDER BY 1"
    monkeypatch.setattr(fold_engine, "_FIND", (*full_disk, big))
    keys = keys_in(tmp_path, Kind.PHONE, ["1", "1"])
    with (
        pytest.raises(ScratchFailed, match="check free space"),
        engine_repeats(keys.path, tmp_path, keys.rows, lambda: None),
    ):
        pytest.fail("it went onto the disk")


def test_what_the_listener_raises_interrupts_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that nobody waits for ends at once, and leaves no thread behind."""
    monkeypatch.setattr(fold_engine, "WAIT_SECONDS", 0.0)
    keys = keys_in(tmp_path, Kind.PHONE, [str(number) for number in range(300_000)])

    def lost() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError), engine_repeats(keys.path, tmp_path, keys.rows, lost):
        pytest.fail("the fold went on")
    assert not any(thread.name.startswith("fold") for thread in threading.enumerate())


def test_a_damaged_key_file_is_worth_another_try_and_shows_no_key(tmp_path: Path) -> None:
    """Fewer rows than were written are not folded; what the engine says of its own is not repeated."""
    keys = keys_in(tmp_path, Kind.LEAKED_PASSWORD, ["hunter2"])
    with pytest.raises(ScratchFailed, match="took in 1 of 2 rows"), engine_repeats(keys.path, tmp_path, 2, print):
        pytest.fail("rows are missing")
    keys.path.write_bytes(b"key\nhunter2\x01hunter3\n")
    (tmp_path / "again").mkdir()
    with (
        pytest.raises(ScratchFailed, match="failed") as caught,
        engine_repeats(keys.path, tmp_path / "again", 1, print),
    ):
        pytest.fail("no key file")
    assert "hunter" not in str(caught.value)
    assert caught.value.__context__ is None


def staged(path: Path, kind: Kind, rows_per_part: int) -> Staged:
    """What staging makes of a file of one column."""
    return stage(
        path,
        path.parent,
        kind=kind,
        options=Options(),
        limits=Limits(),
        rows_per_part=rows_per_part,
        on_progress=lambda _rows: None,
        dialect=plain_values(kind),
    )


@fuzzing(60)
@given(
    cells=st.lists(CELLS.filter(lambda cell: "\0" not in cell and "\ufeff" not in cell), min_size=1, max_size=30),
    kind=st.sampled_from(Kind),
    rows_per_part=st.integers(1, 9),
    in_memory=st.booleans(),
)
def test_parts_and_index_are_those_of_a_simple_fold(
    cells: list[str], kind: Kind, rows_per_part: int, in_memory: bool
) -> None:
    """Any values, whichever way they are folded: each row's number leads to its value in the parts."""
    text = "".join('"{}"\n'.format(cell.replace('"', '""')) for cell in cells)
    numbers: dict[str, int] = {}
    values: list[str] = []
    index = []
    for cell in cells:
        value, state = row_value(kind, cell)
        key = fold_key(kind, value)
        if state is None and key not in numbers:
            numbers[key] = len(values)
            values.append(value)
        index.append({None: numbers.get(key), "empty": EMPTY, "withheld": WITHHELD}[state])
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        if not in_memory:
            patch.setattr(staging, "IN_MEMORY_BYTES_MAX", 0)
        path = Path(name) / "list.csv"
        path.write_bytes(text.encode())
        if not values:
            with pytest.raises(NoValues):
                staged(path, kind, rows_per_part)
            return
        found = staged(path, kind, rows_per_part)
        lines = b"".join(part.path.read_bytes() for part in found.parts)
        assert lines.decode().split("\n")[:-1] == [quoted(value) for value in values]
        with found.index.open("rb") as file:
            assert [number for block in read_index(file) for number in block] == index


def quoted(value: str) -> str:
    """A value as a line of CSV."""
    return '"{}"'.format(value.replace('"', '""')) if '"' in value or "," in value else value


def test_a_share_that_takes_too_much_memory_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine runs out of memory, keys are folded in more shares, from the beginning and to the same end."""
    whole, tried = fold_engine._find_in, []

    def short(database: duckdb.DuckDBPyConnection, shares: int) -> None:
        tried.append(shares)
        whole(database, shares)
        if shares < 4:
            raise duckdb.OutOfMemoryException

    monkeypatch.setattr(fold_engine, "_find_in", short)
    keys = keys_in(tmp_path, Kind.LEAKED_USERNAME, [*"abcdefghijabc"])
    with engine_repeats(keys.path, tmp_path, keys.rows, lambda: None) as found:
        assert list(found.before(keys.rows)) == [(10, 0), (11, 1), (12, 2)]
    assert tried == [1, 2, 4]

"""The files of ended processes: folded into one, whatever interrupts it, and every count is there once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from worker.exporter.ended import JOURNAL, LOCK, NEW, EndedProcesses, is_alive_here
from worker.exporter.failures import Failures
from worker.exporter.processes import ProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable

#: Process numbers that nobody has: beyond the highest that a kernel gives.
GONE = range(2**22 + 1, 2**22 + 5)
KEY = mmap_key("bulkverify_looks", "bulkverify_looks_total", [], [], "Looks.")


def a_file(folder: Path, pid: int, value: float, content: str = "counter") -> Path:
    """A process's file with one figure in it."""
    file = folder / f"{content}_{pid}.db"
    figures = MmapedDict(str(file))  # type: ignore[no-untyped-call]  # as the library is
    figures.write_value(KEY, value, 0.0)  # type: ignore[no-untyped-call]  # as the library is
    figures.close()  # type: ignore[no-untyped-call]  # as the library is
    return file


def fold(folder: Path) -> None:
    """Fold once, as a scrape does."""
    with EndedProcesses(folder).folded():
        pass


def files_in(folder: Path) -> set[str]:
    """Names of the files that hold figures, or are left over."""
    return {path.name for path in folder.iterdir()} - {LOCK}


def total(folder: Path) -> float:
    """What a scrape says was counted."""
    (family,) = ProcessCollector(folder, Failures()).collect()
    return sum(sample.value for sample in family.samples)


def test_ended_processes_become_one_file_and_nothing_is_lost(tmp_path: Path) -> None:
    """However many processes have ended, one file is left with their sum, and more of them are added to it."""
    for pid in GONE[:2]:
        a_file(tmp_path, pid, 2)
    fold(tmp_path)
    assert files_in(tmp_path) == {"counter_ended.db"}
    for pid in GONE:
        a_file(tmp_path, pid, 3)
    assert total(tmp_path) == 2 * 2 + 4 * 3
    assert files_in(tmp_path) == {"counter_ended.db"}


def test_living_processes_keep_their_files(tmp_path: Path) -> None:
    """What a living process still writes into is left alone, and counted."""
    alive = a_file(tmp_path, 1, 7)
    a_file(tmp_path, GONE[0], 5)
    assert is_alive_here(1)
    assert total(tmp_path) == 12
    assert files_in(tmp_path) == {alive.name, "counter_ended.db"}


def test_a_damaged_file_stays_and_keeps_no_other_from_being_folded(tmp_path: Path) -> None:
    """A file that cannot be read is neither folded nor removed: the scrape names it for as long as it is there."""
    damaged = tmp_path / f"counter_{GONE[0]}.db"
    damaged.write_bytes(b"\x01")
    a_file(tmp_path, GONE[1], 5)
    assert total(tmp_path) == 5
    assert files_in(tmp_path) == {damaged.name, "counter_ended.db"}


def interrupted_before_the_journal(folder: Path) -> None:
    """The sums are written, and nothing says that they count."""
    a_file(folder, 1, 9).rename(folder / f"counter_ended.db{NEW}")


def interrupted_after_the_journal(folder: Path) -> None:
    """The sums count, and nothing was put in its place."""
    a_file(folder, 1, 5).rename(folder / f"counter_ended.db{NEW}")
    (folder / JOURNAL).write_text(json.dumps([f"counter_{pid}.db" for pid in GONE[:2]]))


def interrupted_among_the_removals(folder: Path) -> None:
    """The sums are in their place, and one of two files is removed."""
    interrupted_after_the_journal(folder)
    (folder / f"counter_ended.db{NEW}").rename(folder / "counter_ended.db")
    (folder / f"counter_{GONE[0]}.db").unlink()


@pytest.mark.parametrize(
    "interrupted", [interrupted_before_the_journal, interrupted_after_the_journal, interrupted_among_the_removals]
)
def test_a_fold_that_was_interrupted_counts_nothing_twice(tmp_path: Path, interrupted: Callable[[Path], None]) -> None:
    """Wherever an exporter dies while it folds, the next one serves the same total."""
    a_file(tmp_path, GONE[0], 2)
    a_file(tmp_path, GONE[1], 3)
    interrupted(tmp_path)
    assert total(tmp_path) == 5
    assert files_in(tmp_path) == {"counter_ended.db"}


def test_whoever_reads_is_not_folded_under(tmp_path: Path) -> None:
    """While one scrape reads the files, another one folds nothing, and reads them too."""
    with EndedProcesses(tmp_path).folded():
        a_file(tmp_path, GONE[0], 4)
        assert total(tmp_path) == 4
        assert files_in(tmp_path) == {f"counter_{GONE[0]}.db"}


@pytest.mark.parametrize("content", ["counter", "histogram"])
def test_each_kind_of_file_has_its_own_sum(tmp_path: Path, content: str) -> None:
    """Counters and histograms are folded apart, as the library tells them apart by the name."""
    a_file(tmp_path, GONE[0], 4, content)
    fold(tmp_path)
    assert files_in(tmp_path) == {f"{content}_ended.db"}


def test_a_folder_that_is_not_there_is_left_so(tmp_path: Path) -> None:
    """Before the first process has begun there is nothing to fold, and no folder is made."""
    fold(tmp_path / "absent")
    assert not Path(tmp_path, "absent").exists()

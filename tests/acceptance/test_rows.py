"""A list from end to end by real processes, and each row compared: a short one here, a long one by `make rows`."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.installation import PROCESSES
from tests.builders.leftovers import processes_in
from tests.builders.rows.odd_list import first_difference, row_of, state_of, write_list
from tests.builders.rows.run import run_rows
from worker.core.rows import RowState

if TYPE_CHECKING:
    from pathlib import Path

#: More than are done before anybody can stop it.
MANY_ROWS = 5_000_000
#: Seconds that processes get to start, and to end, on a machine that does other things too.
PROCESS_SECONDS = 60.0
#: Enough for every kind of row that the list has.
ROWS = 20_000


def nobody(*_: object) -> None:
    """Progress that nobody wants to know."""


@pytest.mark.timeout(300)
def test_every_row_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """Folded, blank, short, malformed and quoted rows alike; charged once each value; checked by verify and by hand."""
    figures = run_rows(tmp_path, ROWS, nobody)
    assert figures.wrong == []
    assert {"stage", "submit", "collect", "deliver", "verify"} == set(figures.seconds)


def test_a_row_that_differs_is_found(tmp_path: Path) -> None:
    """The comparison sees another byte, another state, a row less and a row more, and says which row it was."""
    write_list(tmp_path / "list.csv", 100, nobody)
    good = ["email,name,note,bv_row,score"]
    for number in range(100):
        row = row_of(number)
        good.append(row + "," * (2 - row.count(",") if row.count(",") < 2 else 0) + f",{state_of(number)},1")
    assert {state_of(number) for number in range(100)} == {RowState.MATCHED, RowState.FOLDED, RowState.EMPTY}

    def difference(lines: list[str]) -> str | None:
        return first_difference(io.BytesIO("".join(f"{line}\n" for line in lines).encode()), 100, nobody)

    assert difference(good) is None
    for place, damaged in ((8, good[8].replace("empty", "matched")), (51, good[51].replace("person", "persom"))):
        wrong = difference([*good[:place], damaged, *good[place + 1 :]])
        assert wrong is not None
        assert wrong.startswith(f"row {place} ")
    assert difference(good[:-1]) is not None
    assert difference([*good, good[-1]]) == "there are more rows than in the list"


@pytest.mark.timeout(300)
def test_a_run_that_is_terminated_leaves_nothing_behind(tmp_path: Path) -> None:
    """Asked to end in the middle, it ends every process that it has started, and removes what it has written."""
    command = [sys.executable, "-m", "tests.builders.rows.run", "--rows", str(MANY_ROWS), "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            wait_until(
                lambda: run.poll() is not None or len(processes_in(tmp_path)) > len(PROCESSES),
                seconds=PROCESS_SECONDS,
                what="the run's processes",
            )
            assert run.poll() is None
        finally:
            run.terminate()
            assert run.wait(PROCESS_SECONDS) != 0
    assert (processes_in(tmp_path), list(tmp_path.iterdir())) == ({}, [])

"""Every mutation that is kept, and whether the tests named for it fail: `make mutations`.

Run as `python -m tests.builders.mutations.run [--only NAME] [--json]`. First the tests have to pass without a mutation.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tests.builders.mutations.catalog import MUTATIONS
from tests.builders.mutations.mutation import DoesNotApply
from tests.builders.mutations.trial import RUNNING, Run, Verdict, copy_program, run_tests, try_out
from worker.cli.tables import Column, plain_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import FrameType

    from tests.builders.mutations.mutation import Mutation

#: Trials at the same time.
PROCESSES = 2

COLUMNS = (Column("mutation"), Column("caught"), Column("seconds", right=True), Column("by"))


def unbroken(mutations: Sequence[Mutation], folder: Path) -> Run:
    """The tests of all the mutations, on the program as it is."""
    folder.mkdir(parents=True)
    tests = [test for mutation in mutations for test in mutation.tests]
    return run_tests(copy_program(folder / "program"), tests, folder)


def try_all(mutations: Sequence[Mutation], folder: Path, processes: int, say: Callable[[str], None]) -> list[Verdict]:
    """Try every mutation in a copy of its own of what `unbroken` has left; the verdicts in the mutations' order.

    Raises `DoesNotApply`.
    """
    verdicts: dict[str, Verdict] = {}
    source = folder / "unbroken" / "program"
    with ThreadPoolExecutor(processes) as pool:
        trials = [pool.submit(try_out, mutation, folder / mutation.name, source) for mutation in mutations]
        try:
            for done, trial in enumerate(as_completed(trials), 1):
                verdict = trial.result()
                verdicts[verdict.mutation.name] = verdict
                word = "caught" if verdict.caught else "NOT caught"
                say(f"{done}/{len(trials)} {verdict.mutation.name}: {word} in {verdict.seconds:.1f} s")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [verdicts[mutation.name] for mutation in mutations]


def table(verdicts: Iterable[Verdict]) -> list[str]:
    """A line for each test: its mutation, whether it caught that, and the seconds of the mutation's trial."""
    rows = [[column.title for column in COLUMNS]]
    for verdict in verdicts:
        begins = [verdict.mutation.name, f"{verdict.seconds:.1f}"]
        for test in verdict.mutation.tests:
            caught = "yes" if verdict.noticed_by(test) else "NO"
            rows.append([begins[0], caught, begins[1], test.rpartition("/")[2]])
            begins = ["", ""]
    return plain_lines(COLUMNS, rows)


def document(verdicts: Sequence[Verdict], seconds: float) -> dict[str, Any]:
    """The figures, fit for JSON."""
    return {
        "mutations": len(verdicts),
        "caught": sum(verdict.caught for verdict in verdicts),
        "seconds": round(seconds, 1),
        "trials": [
            {
                "mutation": verdict.mutation.name,
                "breaks": verdict.mutation.breaks,
                "file": verdict.mutation.path,
                "tests": {test: verdict.run.failed.get(test) for test in verdict.mutation.tests},
                "caught": verdict.caught,
                "problems": verdict.problems,
                "seconds": round(verdict.seconds, 1),
            }
            for verdict in verdicts
        ],
    }


def _leave(number: int, _frame: FrameType | None) -> None:
    """Leave no process and no folder behind: the trials end, and then whoever waits for them."""
    RUNNING.interrupt()
    sys.exit(128 + number)


@click.command()
@click.option("--only", type=click.Choice(list(MUTATIONS)), multiple=True, help="This mutation; may be repeated.")
@click.option("--processes", type=click.IntRange(1, 16), default=PROCESSES, show_default=True, help="At the same time.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
def main(only: tuple[str, ...], processes: int, *, as_json: bool) -> None:
    """Break one rule at a time, and see whether the tests notice. Exits with 1 when one is not caught."""
    signal.signal(signal.SIGTERM, _leave)
    mutations = [MUTATIONS[name] for name in only or MUTATIONS]
    began = time.monotonic()

    def say(text: str) -> None:
        click.echo(text, err=True)

    with tempfile.TemporaryDirectory(prefix="bulkverify-mutations-") as name:
        folder = Path(name)
        say(f"The tests of {len(mutations)} mutations, without any of them …")
        whole = unbroken(mutations, folder / "unbroken")
        if whole.trouble or whole.failed:
            raise click.ClickException(f"They do not pass as it is: {whole.trouble or dict(whole.failed)}")
        say(f"{len(whole.ran)} tests pass.")
        try:
            verdicts = try_all(mutations, folder, processes, say)
        except DoesNotApply as error:
            raise click.ClickException(str(error)) from None
    figures = document(verdicts, time.monotonic() - began)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        for line in table(verdicts):
            click.echo(line)
        for verdict in verdicts:
            for problem in verdict.problems:
                click.echo(f"{verdict.mutation.name} ({verdict.mutation.breaks}): {problem}")
        click.echo(f"{figures['caught']} of {figures['mutations']} mutations caught in {figures['seconds']} s")
    raise click.exceptions.Exit(int(figures["caught"] != figures["mutations"]))


if __name__ == "__main__":
    main()

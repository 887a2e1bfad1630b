"""The page that tells of faults: what happens, what bulkverify does about it, and how long that took when measured.

`python -m tests.builders.faults_page > docs/faults.md` prints it from `tests/builders/faults_told.py` and the figures
in `docs/faults.json`, which `make chaos REPORT=docs/faults.json` measures anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.builders.faults_told import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
#: The figures of the run that the page tells of.
FIGURES = ROOT / "docs" / "faults.json"

_HEAD = """\
# Faults, and what bulkverify does about them

`make chaos MINUTES=5` runs a whole installation (`bulkverify up` with two workers, on a Redis of its own with an
append-only file) against the simulated providers, sends it one short list after the other, and brings about every fault
of this table at random moments, many of them in the middle of a submit. At the end it compares the providers' ledgers
and the results with what was asked for. `make test` brings each fault about once.

The times are of the run below. They were measured with settings that make everything wait for seconds (a submit has
{deadline:g} s, then {settle:g} s to settle, {settle_unnamed:g} s where names are not echoed); in production these are
minutes, and what has to be searched for takes as much longer: see `SUBMIT_DEADLINE_SECONDS`, `SETTLE_SECONDS` and
`SETTLE_UNNAMED_SECONDS` in [the settings](settings.md). Each time is the median, and in brackets the longest, from the
end of the fault; further faults came while the last uploads were still on their way. The machine had two cores and
other work to do: processes took up to ten seconds to start.

"""
_COLUMNS = """\
| fault | what bulkverify does | next upload completed | all uploads open then completed | struck |
|---|---|---|---|---|
"""


def page(figures: Mapping[str, Any]) -> str:
    """The whole page, for the figures of one run."""
    run = (
        f"The run (seed {figures['seed']}, {figures['seconds']} s): {figures['uploads']} uploads of {figures['parts']} "
        f"parts under {sum(fault['times'] for fault in figures['faults'].values())} faults. "
        f"{figures['double_charges']} double charges, {figures['lost_rows']} results with a row lost, "
        f"{figures['not_ended']} uploads without an end, {figures['quarantined']} parts left to a person.\n\n"
    )
    return _HEAD.format(**figures["settings"]) + run + _COLUMNS + "".join(_rows(figures["faults"]))


def _rows(faults: Mapping[str, Any]) -> Iterator[str]:
    for told in FAULTS:
        measured = faults[told.name]
        following, caught_up = measured["next_upload_seconds"], measured["all_open_uploads_seconds"]
        times = f"{measured['times']} times"
        yield f"| {told.happens} | {told.does} | {_words(following)} | {_words(caught_up)} | {times} |\n"


def _words(figures: Mapping[str, float | None]) -> str:
    longest = figures["longest"]
    return "never" if longest is None else f"{figures['median']:.1f} s ({longest:.1f} s)"


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(FIGURES.read_text(encoding="utf-8"))))

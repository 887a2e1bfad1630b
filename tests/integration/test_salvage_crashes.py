"""A process that dies anywhere between the sweep that takes an upload up again and its delivery: nothing is lost."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from tests.builders.effects import Crashed, Effect, Fate, nothing_happens
from tests.builders.invariants import broken_invariants
from tests.builders.snapshot import Snapshot
from tests.builders.stepping import NotAtRest, stepping
from tests.builders.swept import Swept
from worker.actors.names import result_name
from worker.core import part as core
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UPLOAD = "crm-1"
#: One effect of so many is crashed at; not a multiple of three, so that all fates come up.
SHARE = 31
FATES = (Fate.CRASH_BEFORE, Fate.CRASH_AFTER, Fate.LOSE_REPLY)
#: Seconds after which every lease of a dead process is over, and every job is done.
LATER_SECONDS = 3_600.0
#: Most bytes of a result of these tests.
BYTES_MAX = 1_000_000


def lose_everything(swept: Swept) -> None:
    """Storage has lost the result, and what it was made from."""
    swept.line.settle(UPLOAD)
    storage = swept.line.process.context.storage
    storage.delete(swept.part(UPLOAD).verdicts_object or "")
    storage.delete(result_name(UPLOAD))


def fail_too_early(swept: Swept) -> None:
    """The part is taken to have failed although its job goes on."""
    lost = swept.part(UPLOAD).moved(PartState.FAILED, swept.line.clock.now(), reason="remote_aborted")
    swept.line.store.commit(core.change("aborted", lost, reason=lost.reason))
    swept.line.settle(UPLOAD)


def rows_of(swept: Swept) -> list[list[str]]:
    """The rows of the result, but for when they were checked: some providers do not tell that."""
    text = swept.line.process.context.storage.read(result_name(UPLOAD), BYTES_MAX).decode("utf-8-sig")
    columns, *rows = csv.reader(io.StringIO(text))
    return [[cell for name, cell in zip(columns, row, strict=True) if name != "bv_checked_at"] for row in rows]


def mend(swept: Swept, watcher: Callable[[Effect], Fate]) -> None:
    """One sweep and what follows from it; where the process dies, another one does the rest."""
    swept.line.process.effects.watcher = watcher
    try:
        swept.sweep(after_seconds=LATER_SECONDS)
        swept.line.settle(UPLOAD)
    except Crashed:
        swept.line.restart()
    swept.line.process.effects.watcher = nothing_happens
    swept.sweep(after_seconds=LATER_SECONDS)
    swept.line.settle(UPLOAD)


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
@pytest.mark.parametrize("harm", [lose_everything, fail_too_early])
def test_a_crash_in_a_salvage_ends_well(
    tmp_path: Path, redis_url: str, account: str, harm: Callable[[Swept], None]
) -> None:
    """Wherever it is, the upload is completed with every row at last, nothing is open, and nothing was paid."""
    with stepping(tmp_path, redis_url) as line:
        swept = Swept(line, account)
        swept.ask(UPLOAD, "ann@example.com", "bob@example.com")
        swept.until(UPLOAD, PartState.SUBMITTED)
        harm(swept)
        charged, world, effects = len(swept.sandbox.ledger), Snapshot(line), list[Effect]()

        def note(effect: Effect) -> Fate:
            effects.append(effect)
            return Fate.PERFORM

        line.restart()
        mend(swept, note)
        result = rows_of(swept)
        points = [(effect, fate) for effect in effects for fate in FATES]
        wrong: list[str] = []
        for effect, fate in points[::SHARE]:
            world.restore()
            line.restart()
            try:
                mend(swept, lambda met, at=effect, then=fate: then if met.number == at.number else Fate.PERFORM)  # type: ignore[misc]  # the defaults bind the loop's values
                open_now = swept.sweep()
            except NotAtRest as moving:
                wrong.append(f"{effect} {fate}: {moving}")
                continue
            storage = line.process.context.storage
            broken = broken_invariants(line.store, storage, (line.ipqs, line.whoisxml))
            done = line.upload(UPLOAD).state is UploadState.COMPLETED
            same = done and rows_of(swept) == result
            if broken or open_now or not same or len(swept.sandbox.ledger) != charged:
                wrong.append(f"{effect} {fate}: {broken} {open_now} {line.story(UPLOAD)}")
        assert len(points) > SHARE
        assert not wrong, "\n".join(wrong)

"""Redis is set back to an earlier state under a step: what it has read is true no more, and no harm comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.effects import Effect, Fate
from tests.builders.redis_copies import copy_of, put_back
from tests.builders.stepping import Stepping, stepping
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.redis_copies import RedisCopy


class SetBack:
    """A watcher that sets Redis back right before the first effect of a name."""

    def __init__(self, line: Stepping, before: str, copy: RedisCopy) -> None:
        self._line = line
        self._before = before
        self._copy = copy
        self.done = False

    def __call__(self, effect: Effect) -> Fate:
        """Let every effect pass."""
        if str(effect) == self._before and not self.done:
            self.done = True
            put_back(self._line.redis, self._copy)
            self._line.clock.publish()
        return Fate.PERFORM


def ask(line: Stepping) -> None:
    """Submit a list of one part as a producer does."""
    (line.folder / "list.csv").write_text("ann@example.com\nbob@example.com\n")
    line.client.submit(line.folder / "list.csv", account="ipqs-main", kind="email", upload_id="crm-1")


def test_a_delivery_whose_part_is_open_again_loses_no_row(tmp_path: Path, redis_url: str) -> None:
    """The upload waits for its part once more, and is completed with every row."""
    with stepping(tmp_path, redis_url, safety_look_seconds=3_600.0) as line:
        ask(line)
        while not (parts := line.store.upload("crm-1") and line.parts("crm-1")) or (
            parts[0].state is not PartState.SUBMITTED
        ):
            line.step()
        line.process.effects.watcher = watcher = SetBack(line, "redis commit delivering", copy_of(line.redis))
        line.settle("crm-1")
        assert watcher.done
        upload = line.upload("crm-1")
        assert upload.state is UploadState.COMPLETED
        assert upload.result is not None
        assert (upload.result.counts.matched, len(line.ipqs.ledger)) == (2, 1)

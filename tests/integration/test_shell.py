"""What surrounds a step: leases that are kept, outcomes decided on the record as it is, crashes as decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from worker.actors.shell import keeping, lease, step
from worker.core.records import UploadRecord
from worker.core.states import Lane, UploadState
from worker.core.upload import fail, preparing, request_cancel
from worker.store.errors import Stale

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.context import Context
    from worker.core.change import Change


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line with short leases, whose steps run only when a test calls them."""
    overrides = {"work_lease_seconds": 1.0, "crashes_max": 3}
    with running_line(tmp_path, redis_url, broker_url, start=False, **overrides) as line:
        line.submit(line.file("list.csv", "email\none@example.com\n"), "ipqs-main", upload_id="one")
        yield line


def failed(line: Line, record: UploadRecord) -> Change:
    """An outcome."""
    return fail(record, line.plant.context.store.now(), "reason", "message", 1.0)


def begun(line: Line) -> Change:
    """The change that leases the upload for its preparation."""
    store = line.plant.context.store
    return preparing(line.upload("one"), "me", store.now(), line.settings.work_lease_seconds)


def test_a_lease_is_renewed_while_the_step_lasts(line: Line) -> None:
    """The lease moves on by itself, and takes along how far the work has come."""
    with keeping(line.plant.context, begun(line), UploadRecord) as keeper:
        first = line.upload("one").lease
        keeper.progress(staged_rows=7)
        wait_until(lambda: line.upload("one").lease != first and line.upload("one").staged_rows == 7)
    keeper.conclude(lambda record: failed(line, record))
    assert line.upload("one").state is UploadState.FAILED


def test_an_outcome_is_decided_on_what_others_wrote_meanwhile(line: Line) -> None:
    """A cancellation that arrives during the step is not lost, and does not cost the step its work."""
    store = line.plant.context.store
    with keeping(line.plant.context, begun(line), UploadRecord) as keeper:
        store.commit(request_cancel(line.upload("one"), store.now()))
    keeper.conclude(lambda record: failed(line, record))
    assert line.upload("one").cancel_requested
    assert line.upload("one").state is UploadState.FAILED


def test_an_outcome_under_a_lost_lease_is_not_written(line: Line) -> None:
    """Once another worker has leased the record, the first one's outcome counts for nothing."""
    context = line.plant.context
    with keeping(context, begun(line), UploadRecord) as keeper:
        context.store.commit(lease(context, line.upload("one")))
    with pytest.raises(Stale):
        keeper.conclude(lambda record: failed(line, record))
    assert line.upload("one").state is UploadState.PREPARING


def test_a_crash_is_written_tried_again_and_stopped_in_the_end(line: Line) -> None:
    """A step that keeps failing in unforeseen ways waits longer each time, and is then not begun any more."""

    def crash(context: Context, upload: UploadRecord) -> None:
        context.apply(preparing(upload, "me", context.store.now(), 0.0))
        raise RuntimeError("unforeseen")

    for crashes in (1, 2):
        step(line.plant.context, Lane.PREPARE, "one", line.upload("one").epoch, crash)
        upload = line.upload("one")
        assert (upload.crashes, upload.reason, upload.lease) == (crashes, "crashed", None)
        assert "RuntimeError" in upload.message
    step(line.plant.context, Lane.PREPARE, "one", line.upload("one").epoch, crash)
    assert (line.upload("one").state, line.upload("one").reason) == (UploadState.FAILED, "poison_upload")


@pytest.mark.parametrize("stale_by", ["epoch", "lane", "lease", "unknown"])
def test_a_stale_hint_does_nothing(line: Line, stale_by: str) -> None:
    """A hint of another epoch or lane, of a leased record, or of none at all falls out without a trace."""

    def must_not_run(_context: Context, _upload: UploadRecord) -> None:
        pytest.fail("the step ran")

    context = line.plant.context
    epoch = line.upload("one").epoch + (stale_by == "epoch")
    lane = Lane.DELIVER if stale_by == "lane" else Lane.PREPARE
    if stale_by == "lease":
        context.store.commit(begun(line))
        epoch = line.upload("one").epoch
    before = context.store.timeline("one")
    step(context, lane, "none" if stale_by == "unknown" else "one", epoch, must_not_run)
    assert context.store.timeline("one") == before

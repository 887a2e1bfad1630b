"""A part's values on the line: what is paid for is what was staged, or nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.coherence import check_coherent
from tests.builders.line import Line, running_line
from worker.actors import prepare, submit
from worker.actors.list_staging import plain_input, stage_upload
from worker.actors.names import sent_values
from worker.core.change import Change
from worker.core.retry import part_again
from worker.core.states import PartState
from worker.rows.errors import SplitDiffers
from worker.storage.copies import local_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.records import PartRecord

UPLOAD = "one"
LIST = "email\none@example.com\ntwo@EXAMPLE.com\none@EXAMPLE.com\n"
VALUES = b"one@example.com\ntwo@EXAMPLE.com\n"


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose steps run only when a test calls them."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line
        check_coherent(line.plant.context.store)


def pending_part(line: Line, method: str, version: str) -> PartRecord:
    """A part that is ready to be submitted, prepared by this version of the program or by an earlier one."""
    line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id=UPLOAD, method=method)
    context = line.plant.context
    prepare.run(context, UPLOAD, line.upload(UPLOAD).epoch)
    (part,) = line.parts(UPLOAD)
    if version == "an earlier one":
        earlier = part.model_copy(update={"values_sha256": ""})
        context.store.commit(Change("edit", UPLOAD, part.account, parts=(earlier,)))
    return line.parts(UPLOAD)[0]


def step(line: Line, part: PartRecord) -> PartRecord:
    """Run the submit step for a part and read the part again."""
    submit.run(line.plant.context, part.part_id, part.epoch)
    return line.parts(part.upload_id)[0]


def put(line: Line, part: PartRecord, values: bytes) -> None:
    """Put other bytes where the values of a part lie."""
    with line.plant.context.storage.write(sent_values(part)) as out:
        out.write(values)


@pytest.mark.parametrize("version", ["this one", "an earlier one"])
@pytest.mark.parametrize("method", ["form", "json"])
@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"one@example.com\n", id="too few"),
        pytest.param(VALUES + b"three@example.com\n", id="too many"),
        pytest.param(VALUES.replace(b"two", b"owt"), id="other values"),
        pytest.param(VALUES + b"\n", id="a blank line"),
        pytest.param(b"\xff\xfe" + VALUES, id="no text"),
    ],
)
def test_nothing_is_paid_for_values_that_are_not_those_that_were_staged(
    line: Line, damaged: bytes, method: str, version: str
) -> None:
    """The part stops before an attempt, says why, and holds no credits; mended and retried, it is submitted once."""
    part = pending_part(line, method, version)
    put(line, part, damaged)
    stopped = step(line, part)
    assert (stopped.state, stopped.reason) == (PartState.QUARANTINED, "values_damaged")
    assert sent_values(part) in stopped.message
    assert (stopped.attempt, stopped.credits_reserved, line.ipqs.ledger) == (None, 0, [])
    assert not list(line.plant.context.storage.list("attempts"))
    put(line, part, VALUES)
    again = part_again(stopped, line.plant.context.store.now())
    assert again is not None
    line.plant.context.apply(again)
    sent = step(line, line.parts(UPLOAD)[0])
    assert (sent.state, [charge.rows for charge in line.ipqs.ledger]) == (PartState.SUBMITTED, [2])


@pytest.mark.parametrize("version", ["this one", "an earlier one"])
def test_values_that_are_not_there_are_waited_for(line: Line, version: str) -> None:
    """A mount that is away for a while is no damage: the part is held, and no attempt is begun."""
    part = pending_part(line, "form", version)
    line.plant.context.storage.delete(sent_values(part))
    held = step(line, part)
    assert (held.state, held.reason, held.attempts) == (PartState.HELD, "storage_unavailable", 0)
    assert not list(line.plant.context.storage.list("attempts"))


def test_another_staging_does_not_touch_the_values_of_a_part(line: Line, tmp_path: Path) -> None:
    """A worker that was thought to be dead stages under other settings: the part goes out as its record says."""
    part, context, upload = pending_part(line, "form", "this one"), line.plant.context, line.upload(UPLOAD)
    folder = tmp_path / "thawed"
    folder.mkdir()
    copy = local_file(context.storage, str(upload.input_object), folder)
    plain = plain_input(upload, copy, folder, context.limits)
    staged = stage_upload(upload, plain, folder, limits=context.limits, caps=(1,), on_progress=lambda _rows: None)
    found = prepare._found(upload, staged, plain, prepare._index_name(upload, staged), ())
    with pytest.raises(SplitDiffers):
        prepare._publish(context, upload, staged, found)
    sent = step(line, part)
    assert (sent.state, [charge.rows for charge in line.ipqs.ledger]) == (PartState.SUBMITTED, [2])

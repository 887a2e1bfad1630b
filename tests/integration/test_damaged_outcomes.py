"""Outcomes of attempts that cannot be read in storage: nothing is spent after them, and none is written over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.line import running_line
from worker.actors import prepare, submit
from worker.actors.attempts import Outcome, attempt_name, close_attempt, found_name, outcome_name, outcome_of
from worker.core.states import PartState
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line
    from worker.core.records import PartRecord

ACCOUNT = "ipqs-main"

#: What a damaged outcome may look like: cut off, another document, of another shape, telling nothing or two things.
DAMAGED = (
    b'{"schema_version": 1, "remo',
    b"",
    b"[]",
    b"{}",
    b'{"remote_id": 77}',
    b'{"remote_id": "77", "unspent": "throttled"}',
)


def pending_part(line: Line) -> PartRecord:
    """A part that is ready to be submitted."""
    line.submit(line.file("list.csv", "email\none@example.com\n"), ACCOUNT, upload_id="one")
    prepare.run(line.plant.context, "one", line.upload("one").epoch)
    return line.parts("one")[0]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_nothing_is_spent_after_an_attempt_whose_outcome_is_damaged(
    tmp_path: Path, redis_url: str, broker_url: str, damaged: bytes
) -> None:
    """The part waits, says which object it is and what to do, and goes on once the object is mended."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        part, context = pending_part(line), line.plant.context
        name = outcome_name(part.token, 1)
        assert context.storage.create(attempt_name(part.token, 1), b"{}")
        assert context.storage.create(name, damaged)
        for _ in range(context.settings.crashes_max + 1):
            submit.run(context, part.part_id, line.parts("one")[0].epoch)
        (held,) = line.parts("one")
        assert (held.state, held.reason, held.crashes, held.credits_reserved) == (PartState.HELD, "damaged", 0, 0)
        assert all(words in held.message for words in (name, "Restore it from a backup", "delete it"))
        assert context.storage.read(name, 1000) == damaged
        context.storage.delete(name)
        close_attempt(context.storage, part.token, 1, Outcome(remote_id="4711"))
        submit.run(context, part.part_id, held.epoch)
        assert line.parts("one")[0].remote_id == "4711"
        assert not line.ipqs.ledger


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_job_is_kept_beside_an_outcome_that_is_damaged(
    tmp_path: Path, redis_url: str, broker_url: str, damaged: bytes
) -> None:
    """Whoever learns of an attempt's job is told of the damage; the job is written down, and nothing is overwritten."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        storage = line.plant.context.storage
        name = outcome_name("bv-token", 1)
        assert storage.create(name, damaged)
        with pytest.raises(Unreadable, match=name):
            close_attempt(storage, "bv-token", 1, Outcome(remote_id="4711"))
        assert storage.read(name, 1000) == damaged
        assert b'"4711"' in storage.read(found_name("bv-token", 1), 1000)
        with pytest.raises(Unreadable, match=name):
            outcome_of(storage, "bv-token", 1)


def test_an_accepted_part_has_its_job_though_the_outcome_is_damaged(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """What the provider answered reaches the store, whatever somebody else left in storage meanwhile."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        part, context = pending_part(line), line.plant.context
        assert context.storage.create(outcome_name(part.token, 1), b"damaged")
        submit.run(context, part.part_id, part.epoch)
        (charge,) = line.ipqs.ledger
        (accepted,) = line.parts("one")
        assert (accepted.state, accepted.remote_id) == (PartState.SUBMITTED, str(charge.remote_id))

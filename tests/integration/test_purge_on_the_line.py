"""An upload from its request to its tombstone and beyond, with providers that count what they charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.deadline import wait_until
from tests.builders.ended import DAY_SECONDS
from tests.builders.line import Line, running_line
from worker.actors import reconcile
from worker.core.tombstone import Tombstone
from worker.retention.housekeeper import Housekeeper
from worker.retention.purging import purge_ended
from worker.store.retention import Purged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a running line."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        yield line


def test_nothing_of_a_purged_upload_is_paid_again_or_taken_for_an_orphan(line: Line) -> None:
    """Its files go, its result stays, its job in the provider's list is ours, and submitting it again costs nothing."""
    context, path = line.plant.context, line.file("list.csv", "email\na@example.com\nb@example.com\n")
    upload_id = line.submit(path, "ipqs-main")
    line.finish(upload_id)
    charges = len(line.ipqs.ledger)
    keeper = Housekeeper(context)
    context.store.clock_offset_seconds += 8 * DAY_SECONDS
    assert keeper.cleaner.remove_staged() > 0
    context.store.clock_offset_seconds += 23 * DAY_SECONDS
    assert purge_ended(context.store, keeper.retention, line.settings) == {Purged.OK: 1}
    line.client.submit(path, account="ipqs-main", kind="email", upload_id=upload_id, result="rows")
    line.intake.read()
    assert isinstance(context.store.found(upload_id), Tombstone)
    sweep = swept(line)
    assert (sweep["ours"], sweep["orphans"]) == ("1", "0")
    assert len(line.ipqs.ledger) == charges
    assert list(context.storage.list("uploads")) == []
    names = [f"results/{upload_id}/manifest.json", f"results/{upload_id}/result.csv"]
    assert list(context.storage.list("results")) == names
    assert len(list(context.storage.list("attempts"))) == 2
    # Rows are not put into Redis for it any more: its file is in storage only.
    assert not context.store.client.exists(f"bulkverify:result:{upload_id}")


def test_the_files_of_passwords_are_gone_when_their_upload_has_ended(line: Line) -> None:
    """Running beside the workers, the housekeeper removes every copy but the result."""
    keeper = Housekeeper(line.plant.context)
    keeper.start()
    path = line.file("secrets.csv", "password\nhunter2\ncorrect horse\n")
    upload_id = line.submit(path, "ipqs-main", kind="leaked_password")
    line.finish(upload_id)
    storage = line.plant.context.storage
    wait_until(lambda: list(storage.list("uploads")) == [], what="no staged file")
    keeper.stop()
    keeper.join(10)
    assert len(list(storage.list("results"))) == 2


def swept(line: Line) -> dict[str, str]:
    """Walk the account's list once; what was seen."""
    context = line.plant.context
    reconcile.run(context, "ipqs-main", 0)
    client: Any = context.store.client
    found: dict[str, str] = client.hgetall(context.store.key("sweep", "ipqs-main"))
    return found

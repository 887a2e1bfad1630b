"""Many jobs on one account are looked at in few calls, and the end of each is seen soon."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.stepping import Stepping, stepping
from worker.core.states import PartState

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.records import PartRecord

#: Seconds between two looks of the polling that ours is compared with.
FIXED_SECONDS = 5.0
#: Seconds that the jobs take.
JOB_SECONDS = 900.0
#: Lines of accounts that keep nothing back.
WIDE = "max_active = 1000\n"


def submitted(world: Stepping, account: str, *uploads: tuple[str, int]) -> list[PartRecord]:
    """Submit uploads of so many one-row parts each, and step until the provider has all of them; the parts."""
    for upload_id, rows in uploads:
        file = world.folder / f"{upload_id}.csv"
        file.write_text("email\n" + "".join(f"{upload_id}-{n}@example.com\n" for n in range(rows)))
        world.client.submit(file, account=account, kind="email", upload_id=upload_id)
    names = [upload_id for upload_id, _ in uploads]
    waits = {PartState.PENDING, PartState.HELD, PartState.INTENT}
    for _ in range(20_000):
        records = [world.store.upload(name) for name in names]
        if all(record is not None and record.parts_total for record in records):
            parts = [part for name in names for part in world.parts(name)]
            if not any(part.state in waits for part in parts):
                return parts
        world.step()
    raise AssertionError([world.story(name) for name in names])


def lags(parts: list[PartRecord]) -> list[float]:
    """How long after its end each job was seen to have ended, sorted."""
    return sorted((part.finished_at or math.inf) - (part.submitted_at or 0.0) - JOB_SECONDS for part in parts)


def p95(values: list[float]) -> float:
    """The value that 95 % of them do not exceed."""
    return values[math.ceil(0.95 * len(values)) - 1]


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
def test_sixty_jobs_are_seen_as_soon_as_by_fixed_polling_in_a_tenth_of_its_calls(
    tmp_path: Path, redis_url: str, account: str
) -> None:
    """The lag is no worse than with a look at each job every 5 s, and the calls are fewer than a tenth."""
    knobs: Any = {"job_seconds": JOB_SECONDS}
    with stepping(tmp_path, redis_url, max_part_rows=1, account_lines=WIDE, ipqs=knobs, whoisxml=knobs) as world:
        submitted(world, account, ("list", 60))
        provider = world.ipqs if account == "ipqs-main" else world.whoisxml
        world.settle("list")
        parts = world.parts("list")
        assert {part.state for part in parts} == {PartState.COLLECTED}
        looks = provider.calls["list"] + provider.calls["status"] - (len(parts) if account == "ipqs-main" else 0)
        assert p95(lags(parts)) <= FIXED_SECONDS
        assert looks <= len(parts) * JOB_SECONDS / FIXED_SECONDS / 10


def test_a_short_list_is_not_delayed_by_a_long_one(tmp_path: Path, redis_url: str) -> None:
    """Looks go round the uploads: of single calls, the first ones are for every upload."""
    with stepping(tmp_path, redis_url, max_part_rows=1, account_lines=WIDE) as world:
        parts = submitted(world, "ipqs-main", ("long", 12), ("short", 3))
        asked: list[str] = []
        provider: Any = world.process.context.accounts["ipqs-main"].provider
        observe = provider.observe

        def noted(remote_ids: list[str]) -> Any:
            asked.extend(remote_ids)
            return observe(remote_ids)

        provider.observe = noted
        # Without pages to jump to, every job is asked for by its id.
        provider.capabilities = replace(provider.capabilities, list_jump=None)
        while len(asked) < len(parts):
            world.step()
        owners = {part.remote_id: part.upload_id for part in parts}
        assert [owners[remote_id] for remote_id in asked[:6]].count("short") == 3

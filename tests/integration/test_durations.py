"""How long jobs took is kept by the write that says that they have finished, and only so much of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.command_line import CommandLine
from tests.builders.line import accounts_file
from tests.builders.records import a_part, an_upload, stored
from worker.core.change import Duration
from worker.core.durations import DURATIONS_MAX, Alike
from worker.core.observe import Seen, observed
from worker.core.schedule import PollPolicy
from worker.core.states import PartState, UploadState
from worker.core.values import Evidence
from worker.store.errors import Stale
from worker.store.looking import durations

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.store import Store

ACCOUNT, LIKE = "ipqs-main", Alike("email", 3)
POLICY = PollPolicy(5.0, 900.0, 0.1)


def end_jobs(store: Store, *seconds: float) -> None:
    """Have jobs finish that took so long."""
    now = store.now()
    parts = [
        a_part(
            "u",
            index,
            PartState.SUBMITTED,
            now=now - took,
            rows=100,
            remote_id=str(index),
            submitted_at=now - took,
            evidence=(Evidence(remote_id=str(index), how="answer", at=now - took),),
        )
        for index, took in enumerate(seconds)
    ]
    stored(store, an_upload("u", UploadState.RUNNING, now=now, parts_total=len(parts)), *parts)
    for part in store.parts([part.part_id for part in parts]):
        store.commit(observed(part, Seen("finished", ended_at=now), now, POLICY))


def test_the_end_of_a_job_keeps_how_long_it_took(store: Store) -> None:
    """Durations come back in the order in which the jobs ended, and none for jobs that are not like them."""
    end_jobs(store, 30.0, 12.5)
    assert durations(store, ACCOUNT, [LIKE, Alike("email", 4), LIKE]) == {LIKE: [30.0, 12.5]}
    assert durations(store, "another", [LIKE]) == {}
    assert durations(store, ACCOUNT, []) == {}


def test_only_the_latest_are_kept(store: Store) -> None:
    """Of many jobs the first are forgotten."""
    end_jobs(store, *(float(n) for n in range(1, DURATIONS_MAX + 11)))
    assert durations(store, ACCOUNT, [LIKE])[LIKE] == [float(n) for n in range(11, DURATIONS_MAX + 11)]


def test_a_decision_that_is_not_written_keeps_nothing(store: Store) -> None:
    """A stale write leaves the durations as they are."""
    end_jobs(store, 30.0)
    (part,) = store.parts(["u/0"])
    change = observed(part.model_copy(update={"state": PartState.SUBMITTED}), Seen("finished"), store.now(), POLICY)
    before = change.parts[0].model_copy(update={"version": 0})
    with pytest.raises(Stale):
        store.commit(replace(change, parts=(before,), duration=Duration("email", 3, 99.0)))
    assert durations(store, ACCOUNT, [LIKE]) == {LIKE: [30.0]}


def test_an_operator_is_told_how_long_jobs_take(store: Store, redis_url: str, tmp_path: Path) -> None:
    """`accounts` shows for each kind and size what half of the latest jobs took, and nine of ten."""
    end_jobs(store, *(float(n) for n in range(61, 81)))
    command = CommandLine(redis_url, tmp_path)
    command.environment["BULKVERIFY_ACCOUNTS_FILE"] = str(accounts_file(tmp_path, "http://127.0.0.1:9"))
    ours, theirs = json.loads(command("accounts", "--json").stdout)
    size = {"kind": "email", "rows_min": 64, "rows_max": 255, "jobs": 20}
    assert ours["durations"] == [size | {"p50_seconds": 70.0, "p90_seconds": 78.0}]
    assert theirs["durations"] == []
    assert "64 to 255" in command("accounts").stdout

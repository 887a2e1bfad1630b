"""The crowd that benchmarks put into Redis is what the line itself would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.crowd import AGES_SECONDS, Crowd, write_uploads
from tests.benchmarks.keyspace import families
from tests.builders.coherence import check_coherent
from worker.core.states import Lane, PartState, UploadState

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.store import Store


def test_a_crowd_is_coherent_and_due_in_its_time(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Each upload has one submitted part, due for a look after the crowd's moment and within a tenth of its age."""
    crowd, moment = Crowd(12), store.now()
    assert write_uploads(redis_url, crowd, moment, tmp_path, range(12)) == 12
    check_coherent(store)
    (account,) = crowd.accounts
    uploads = list(store.uploads(store.upload_ids(most=100)))
    assert {upload.state for upload in uploads} == {UploadState.RUNNING}
    parts = [part for upload in uploads for part in store.parts_of(upload)]
    assert [part.state for part in parts] == [PartState.SUBMITTED] * 12
    assert sorted(part.due_at or 0.0 for part in parts) == sorted(crowd.due_at(n, moment) for n in range(12))
    assert len(store.due(account, Lane.POLL, moment, 100)) == 0
    assert len(store.due(account, Lane.POLL, moment + max(AGES_SECONDS) / 10, 100)) == 12


def test_what_keys_weigh_is_told_by_family(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Every key belongs to a family, and single uploads' keys are told from indexes."""
    write_uploads(redis_url, Crowd(4), store.now(), tmp_path, range(4))
    found = families(store.client)
    assert {name: found[name].keys for name in ("upload", "part", "timeline", "parts of upload")} == dict.fromkeys(
        ("upload", "part", "timeline", "parts of upload"), 4
    )
    assert sum(family.keys for family in found.values()) == len(store.client.keys("*"))
    assert all(family.total_bytes > 0 for family in found.values())

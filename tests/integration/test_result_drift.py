"""What a job brought, and what it brings when it is asked again: against both simulated providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.invariants import broken_invariants
from tests.builders.stepping import stepping
from tests.builders.swept import Swept
from worker.core.columns import NEWS_SECONDS
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState, UploadState
from worker.storage import exists
from worker.store.columns import known_columns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EARLIER = "crm-0"


@pytest.fixture(params=["ipqs-main", "whoisxml-main"])
def swept(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account of each provider with a list that is delivered, after its first sweep."""
    with stepping(tmp_path, redis_url) as line:
        swept = Swept(line, str(request.param))
        swept.ask(EARLIER)
        line.settle(EARLIER)
        assert swept.sweep() == []
        yield swept


def delivered(swept: Swept, upload_id: str, *values: str) -> None:
    """Another list, to its end."""
    swept.ask(upload_id, *values)
    swept.line.settle(upload_id)


# Columns


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_other_columns_are_told_of_for_a_while(swept: Swept) -> None:
    """From the first result that has them, whatever follows; after a week they are the known ones."""
    swept.sandbox.knobs.extra_columns = ("moon",)
    delivered(swept, "crm-1")
    assert swept.sweep() == swept.sweep() == ["schema_drift"]
    (found,) = swept.findings()
    assert (found.subject, found.evidence["columns_new"], found.evidence["columns_gone"]) == ("email", 1, 0)
    delivered(swept, "crm-2")
    assert swept.sweep(after_seconds=NEWS_SECONDS) == []
    delivered(swept, "crm-3")
    assert swept.sweep() == []
    assert swept.counted("drift", "schema_drift") == swept.counted("drift_repaired", "schema_drift") == 1


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_columns_that_are_back_end_it(swept: Swept) -> None:
    """One odd result was all."""
    swept.sandbox.knobs.extra_columns = ("moon",)
    delivered(swept, "crm-1")
    assert swept.sweep() == ["schema_drift"]
    swept.sandbox.knobs.extra_columns = ()
    delivered(swept, "crm-2")
    assert swept.sweep() == []


def test_the_same_columns_are_no_drift(swept: Swept) -> None:
    """Nor are those of the first result of a kind, nor is a result without a row."""
    swept.sandbox.knobs.missing_row_every = 1
    delivered(swept, "crm-1")
    assert "schema_drift" not in swept.sweep()
    swept.sandbox.knobs.missing_row_every = 0
    delivered(swept, "crm-2")
    assert "schema_drift" not in swept.sweep()


@pytest.mark.parametrize(("text", "kept"), [("{", False), ('{"schema_version": 99}', True)])
def test_columns_that_cannot_be_read_end_no_sweep(swept: Swept, text: str, *, kept: bool) -> None:
    """Damaged ones are those of the next result; a newer program's are left to it."""
    store = swept.line.store
    key = store.key("columns", swept.account)
    swept.line.redis.hset(key, "email", text)
    assert swept.sweep() == []
    delivered(swept, "crm-1")
    assert (swept.line.redis.hget(key, "email") == text) is kept
    assert (known_columns(store, swept.account) == {}) is kept


# Rows


def test_a_result_that_lacks_rows_is_downloaded_once_more(swept: Swept) -> None:
    """It may be whole by then: nothing is delivered before, and the first download is kept."""
    swept.sandbox.knobs.missing_row_every = 2
    swept.ask("crm-1", "ann@example.com", "bob@example.com")
    while not (part := swept.until("crm-1", PartState.FINISHED)).again:
        swept.line.step()
    first = part.verdicts_object or ""
    assert (part.reason, part.rows_returned) == ("row_mismatch", 1)
    swept.sandbox.knobs.missing_row_every = 0
    swept.line.settle("crm-1")
    part = swept.part("crm-1")
    assert (part.state, part.reason, part.rows_returned) == (PartState.COLLECTED, "", 2)
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED
    assert swept.sweep() == ["result_changed"]
    storage = swept.line.process.context.storage
    assert (part.other_object, exists(storage, first)) == (first, True)
    assert swept.counted("drift", "row_mismatch") == 0
    assert broken_invariants(swept.line.store, storage, (swept.line.ipqs, swept.line.whoisxml)) == []


@pytest.mark.parametrize(("every", "drift"), [(2, DriftClass.ROW_MISMATCH), (1, DriftClass.HOLLOW_SUCCESS)])
def test_a_result_that_stays_so_is_taken_as_it_is(swept: Swept, every: int, drift: DriftClass) -> None:
    """It is downloaded twice and no more, and its missing rows are said to be missing; nothing is paid again."""
    swept.sandbox.knobs.missing_row_every = every
    asked = len(swept.sandbox.ledger)
    delivered(swept, "crm-1", "ann@example.com", "bob@example.com")
    assert swept.line.upload("crm-1").reason == "rows_missing"
    assert swept.sweep() == swept.sweep() == [str(drift)]
    assert list(swept.decisions("crm-1")).count("collect_again") == 1
    assert len(swept.sandbox.ledger) == asked + 1
    assert swept.part("crm-1").other_digest is None


def test_a_whole_result_is_downloaded_once(swept: Swept) -> None:
    """There is no reason to ask again."""
    delivered(swept, "crm-1", "ann@example.com", "bob@example.com")
    assert swept.part("crm-1").again == 0
    assert "collect_again" not in swept.decisions("crm-1")


def test_other_verdicts_of_a_second_download_are_kept_beside_the_first(swept: Swept) -> None:
    """Where storage has lost the first ones, the finding still tells that they were others."""
    swept.ask("crm-1", "ann@example.com", "bob@example.com")
    part = swept.until("crm-1", PartState.COLLECTED)
    storage = swept.line.process.context.storage
    storage.delete(part.verdicts_object or "")
    swept.sandbox.knobs.reorder_rows = True
    assert swept.sweep() == ["missing_artifact"]
    swept.line.settle("crm-1")
    after = swept.part("crm-1")
    assert (after.state, after.again) == (PartState.COLLECTED, 1)
    changed = after.verdicts_digest != part.verdicts_digest
    assert swept.sweep() == (["result_changed"] if changed else [])
    assert after.other_digest == (part.verdicts_digest if changed else None)
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED


def test_the_first_verdicts_stay_where_they_are_back(swept: Swept) -> None:
    """A backup was quicker than the download: what it brought is kept as the other one, if it differs."""
    swept.ask("crm-1", "ann@example.com", "bob@example.com")
    part = swept.until("crm-1", PartState.COLLECTED)
    storage, name = swept.line.process.context.storage, part.verdicts_object or ""
    kept = storage.read(name, 1_000_000)
    storage.delete(name)
    assert swept.sweep() == ["missing_artifact"]
    with storage.write(name) as out:
        out.write(kept)
    swept.sandbox.knobs.missing_row_every = 2
    swept.line.settle("crm-1")
    after = swept.part("crm-1")
    assert (after.verdicts_object, after.verdicts_digest) == (name, part.verdicts_digest)
    assert after.other_digest is not None
    assert exists(storage, after.other_object or "")
    assert swept.sweep() == ["result_changed"]

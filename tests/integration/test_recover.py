"""Redis is lost: what was paid for is brought back from storage, and nothing is paid for once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.coherence import check_coherent
from tests.builders.line import running_line
from tests.builders.wiped import STAGES, Wiped
from worker.actors import prepare, submit
from worker.actors.kept import kept_name
from worker.actors.names import manifest_name
from worker.actors.orphans import import_orphan
from worker.core.retry import UNSENT_REASON
from worker.core.states import PartState, UploadState
from worker.providers.sandbox.faults import Fault
from worker.storage import exists

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = ("ipqs-main", "whoisxml-main")
#: A search that comes to its end while a test waits.
QUICK_SEARCH = {"settle_seconds": 0.5, "settle_unnamed_seconds": 0.5, "reconcile_period_seconds": 1.0}


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("stage", STAGES[2:])
def test_what_was_sent_is_brought_back(
    tmp_path: Path, redis_url: str, broker_url: str, account: str, stage: str
) -> None:
    """Whatever stage a paid upload was at, one command brings it back, and the workers complete it without a charge."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=2) as line:
        wiped = Wiped(line, account)
        wiped.advance(stage)
        assert wiped.charged_rows() == 3
        wiped.wipe()
        told = wiped.recover()
        assert (told["credits_safe"], told["rows"], sum(told["uploads"].values())) == (3, 5, 1)
        check_coherent(line.plant.context.store)
        again = wiped.recover()
        assert (again["uploads"], again["uploads_known"]) == ({}, 1)
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("stage", STAGES)
def test_who_asks_again_brings_it_back(
    tmp_path: Path, redis_url: str, broker_url: str, account: str, stage: str
) -> None:
    """Without the command the same request is enough: it becomes the upload that it was, at whatever stage that is."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=2) as line:
        wiped = Wiped(line, account)
        wiped.advance(stage)
        wiped.wipe()
        wiped.ask_again()
        wiped.ask_again()
        check_coherent(line.plant.context.store)
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


@pytest.mark.parametrize("way", ["resume", "retry"])
def test_what_was_never_sent_stops_until_somebody_wants_it(
    tmp_path: Path, redis_url: str, broker_url: str, way: str
) -> None:
    """Parts without an attempt wait in quarantine and cost nothing; a word of the operator sends them, once."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=2) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("prepared")
        wiped.wipe()
        told = wiped.recover(code=3)
        assert told["parts_unsent_stopped"] == 2
        assert [part.reason for part in wiped.parts(PartState.QUARANTINED)] == [UNSENT_REASON] * 2
        check_coherent(line.plant.context.store)
        assert "bulkverify retry crm-1" in wiped.attention("why", "crm-1")
        if way == "resume":
            assert wiped.recover("--resume")["parts_unsent_going_on"] == 2
        else:
            wiped.attention("retry", "crm-1", "--yes")
        assert wiped.charged_rows() == 0
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


def test_a_dry_run_changes_nothing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """What would be made again is told, and Redis is as empty afterwards as before."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("submitted")
        wiped.wipe()
        keys = sorted(line.plant.context.store.client.keys("*"))
        told = wiped.recover("--dry-run")
        assert (told["uploads"], told["parts"]) == ({"running": 1}, {"submitted": 1})
        assert sorted(line.plant.context.store.client.keys("*")) == keys
        assert line.plant.context.store.upload("crm-1") is None


def test_only_the_uploads_of_an_account_are_wanted(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With an account named, those of others stay lost."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped, other = Wiped(line, "ipqs-main"), Wiped(line, "whoisxml-main", "crm-2")
        wiped.advance("submitted")
        other.advance("submitted")
        wiped.wipe()
        wiped.recover("--account", "whoisxml-main")
        store = line.plant.context.store
        assert (store.upload("crm-1"), store.upload("crm-2") is not None) == (None, True)


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("running", [False, True])
def test_a_lost_answer_is_searched_for(
    tmp_path: Path, redis_url: str, broker_url: str, account: str, *, running: bool
) -> None:
    """An attempt of unknown outcome is open again: its job is found in the provider's list, and no second one made.

    So it is too when workers run while the records are made again.
    """
    with running_line(tmp_path, redis_url, broker_url, start=False, **QUICK_SEARCH) as line:
        wiped = Wiped(line, account)
        sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
        sandbox.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        wiped.advance("submitted")
        assert len(wiped.parts(PartState.INTENT)) == 1
        wiped.wipe()
        if running:
            line.start_worker()
        told = wiped.recover()
        assert (told["credits_safe"], told["credits_unclear"]) == (0, 3)
        if not running:
            check_coherent(line.plant.context.store)
            line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


def test_a_request_that_was_never_sent_is_sent_once(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """An attempt that reached nobody is open again, and once its absence is proven the part is submitted, once."""
    with running_line(tmp_path, redis_url, broker_url, start=False, **QUICK_SEARCH) as line:
        control = Wiped(line, "ipqs-main", "control")
        control.advance("collected")
        wiped = Wiped(line, "ipqs-main")
        # Nothing is accepted, but every byte was sent: only the list tells that.
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="reset", after_bytes=2**20))
        wiped.advance("submitted")
        wiped.wipe()
        wiped.recover()
        line.start_worker()
        line.finish("crm-1", "control")
        assert wiped.charged_rows() == 6


def test_a_job_in_the_list_brings_back_its_upload(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A job with our token that Redis knows nothing of is its part's again; told twice, nothing changes any more."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        wiped.advance("submitted")
        (part,) = wiped.parts()
        wiped.wipe()
        context = line.plant.context
        connected = context.accounts["ipqs-main"]
        (charge,) = line.ipqs.ledger
        assert import_orphan(context, connected, part.token, str(charge.remote_id))
        (found,) = wiped.parts()
        assert (found.state, found.remote_id) == (PartState.SUBMITTED, str(charge.remote_id))
        assert import_orphan(context, connected, part.token, str(charge.remote_id))
        assert wiped.parts() == [found]
        assert not import_orphan(context, connected, "bv-aaaaaaaaaaaaaaaa", "7")
        check_coherent(context.store)
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


def test_a_job_of_a_part_that_stopped_unsent_is_its_first(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A part whose only attempt counted as unspent takes the job that turns up all the same: nothing was wasted."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="no_credits"))
        wiped.advance("submitted")
        (part,) = wiped.parts()
        wiped.wipe()
        wiped.recover(code=3)
        context = line.plant.context
        assert import_orphan(context, context.accounts["ipqs-main"], part.token, "4711")
        (found,) = wiped.parts()
        assert (found.state, found.remote_id) == (PartState.SUBMITTED, "4711")
        assert "wasted" not in context.store.client.hgetall("bulkverify:ledger:ipqs-main")


def test_another_list_under_a_lost_id_is_refused(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The id stays that of the list which it was given to, though Redis has forgotten it."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("submitted")
        wiped.wipe()
        line.submit(line.file("other.csv", "email\ndan@example.com\n"), "ipqs-main", upload_id="crm-1")
        rejected: Any = line.plant.context.store.client.xrange("bulkverify:rejected")
        assert [fields["reason"] for _, fields in rejected] == ["conflict"]
        assert wiped.charged_rows() == 3


def test_a_list_is_never_split_in_two_ways(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With the staged files gone and the rows of a part changed, the upload waits: other parts would be paid anew."""
    for rows in (2, 1):
        with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=rows) as line:
            wiped = Wiped(line, "ipqs-main")
            if rows == 2:
                wiped.advance("submitted")
                wiped.wipe()
                line.plant.context.storage.delete_prefix("uploads/crm-1")
                assert wiped.recover(code=3)["to_ask_again"] == ["crm-1"]
                continue
            wiped.advance("prepared")
            upload = line.upload("crm-1")
            assert (upload.state, upload.reason) == (UploadState.PREPARING, "split_differs")
            assert wiped.charged_rows() == 0


def test_verdicts_that_were_taken_over_are_known_again(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A part that was never sent, since another one had its verdicts, has them still and is not paid for now."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped, other = Wiped(line, "ipqs-main"), Wiped(line, "ipqs-main", "crm-2")
        wiped.advance("collected")
        line.submit(line.folder / "list.csv", "ipqs-main", upload_id="crm-2", reuse=24)
        prepare.run(line.plant.context, "crm-2", line.upload("crm-2").epoch)
        submit.run(line.plant.context, "crm-2/0", other.parts()[0].epoch)
        assert [part.reused_from for part in other.parts(PartState.COLLECTED)] == ["crm-1/0"]
        wiped.wipe()
        wiped.recover()
        line.start_worker()
        line.finish("crm-1", "crm-2")
        wiped.check_paid_once()
        assert line.upload("crm-2").state is UploadState.COMPLETED


def test_what_cannot_be_read_is_named_and_holds_up_no_other(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A damaged record in storage costs only its own upload, which the command names with what is wrong."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped, other = Wiped(line, "ipqs-main"), Wiped(line, "ipqs-main", "crm-2")
        wiped.advance("submitted")
        other.advance("submitted")
        wiped.wipe()
        with line.plant.context.storage.write(kept_name("crm-2")) as out:
            out.write(b"{")
        told = wiped.recover(code=1)
        assert list(told["failures"]) == ["crm-2"]
        assert told["uploads"] == {"running": 1}


def test_attempts_of_before_anything_was_kept_are_told(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """An upload with attempts and without a record is named, to be asked for again, and is then not paid again."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("submitted")
        wiped.wipe()
        line.plant.context.storage.delete(kept_name("crm-1"))
        assert wiped.recover(code=3)["to_ask_again"] == ["crm-1"]
        wiped.ask_again()
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


def test_a_result_whose_staged_files_are_gone_is_known_again(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The manifest alone tells what the upload came to, and whose each job was."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=2) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("delivered")
        before, parts = line.upload("crm-1"), wiped.parts()
        wiped.wipe()
        storage = line.plant.context.storage
        storage.delete_prefix("uploads/crm-1")
        assert exists(storage, manifest_name("crm-1"))
        wiped.recover()
        after = line.upload("crm-1")
        assert (after.state, after.result, after.finished_at) == (before.state, before.result, after.since)
        assert [part.remote_id for part in wiped.parts()] == [part.remote_id for part in parts]
        scope = line.plant.context.accounts["ipqs-main"].remote_scope
        assert line.plant.context.store.part_of_remote(scope, parts[0].remote_id or "") == "crm-1/0"
        check_coherent(line.plant.context.store)
        wiped.ask_again()
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()

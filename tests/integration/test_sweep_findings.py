"""What a sweep finds, against both simulated providers: each class beside its near miss, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.records import a_part, an_upload
from tests.builders.stores import everything
from tests.builders.swept import Swept, swept_account
from tests.builders.watched_redis import CLOCK_KEY
from worker.actors import drift, reconcile
from worker.actors.preview import preview
from worker.actors.shown import Shown
from worker.actors.snapshot import Seen
from worker.core.change import Change, Entry
from worker.core.drift import repairs
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState, UploadState
from worker.core.sweep import Sweep
from worker.store.errors import Stale
from worker.store.findings import Kept, Replacement, read_findings, replace_findings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3_600.0
#: Seconds that a job takes which is to be under way for the whole test.
LONG_SECONDS = 10 * 86_400.0


@pytest.fixture(params=["ipqs-main", "whoisxml-main"])
def swept(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account of each provider, whose list has a job that is known to be ours, after its first sweep."""
    with swept_account(tmp_path, redis_url, str(request.param)) as swept:
        yield swept


def submitted(swept: Swept, *upload_ids: str, job_seconds: float = LONG_SECONDS) -> None:
    """Lists whose jobs are under way."""
    swept.sandbox.knobs.job_seconds = job_seconds
    for upload_id in upload_ids:
        swept.ask(upload_id)
        swept.until(upload_id, PartState.SUBMITTED)


# Existence


def test_a_job_that_vanishes_is_missing_after_two_sweeps(swept: Swept) -> None:
    """One sweep proves nothing; it makes the next one prove what it does not show. A job that is back is no drift."""
    submitted(swept, "crm-1")
    job = swept.sandbox.jobs.pop(int(swept.part("crm-1").remote_id or 0))
    assert swept.sweep(after_seconds=HOUR) == []
    assert swept.tally()["unseen"] == "1"
    assert swept.sweep() == ["missing_remote"]
    assert swept.counted("drift", "missing_remote") == 1
    swept.sandbox.jobs[job.remote_id] = job
    assert swept.sweep() == []
    assert swept.counted("drift_repaired", "missing_remote") == 1
    assert swept.part("crm-1").state is PartState.SUBMITTED


def test_a_job_that_one_sweep_does_not_show_is_nothing(swept: Swept) -> None:
    """It was hidden for a moment: the suspicion goes without having been told of."""
    submitted(swept, "crm-1")
    job = swept.sandbox.jobs.pop(int(swept.part("crm-1").remote_id or 0))
    swept.sweep(after_seconds=HOUR)
    swept.sandbox.jobs[job.remote_id] = job
    assert swept.sweep() == []
    assert swept.counted("drift", "missing_remote") == swept.counted("drift_repaired", "missing_remote") == 0


def test_strangers_are_one_finding_and_no_orphans(swept: Swept) -> None:
    """However many there are; where they have none of our tokens nothing is imported."""
    for number in range(3):
        swept.stranger(f"{number}@example.org")
    assert swept.sweep() == []
    (found,) = swept.findings()
    assert (found.drift, found.subject, found.evidence["jobs"]) == (DriftClass.FOREIGN_REMOTE, swept.account, 3)


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_a_job_with_our_token_that_nobody_has_is_an_orphan(swept: Swept) -> None:
    """It is told with what an import needs, and not among the strangers."""
    remote_id = swept.stranger("a@example.org", name="bv-abcdefghijklmnop.lists.csv")
    assert swept.sweep() == ["orphan_remote"]
    (found,) = swept.findings()
    assert (found.subject, found.evidence["token"]) == (str(remote_id), "bv-abcdefghijklmnop")


# Status


def test_an_end_that_nobody_looked_at_is_told_and_mended_by_the_walk(swept: Swept) -> None:
    """The part goes on at once, and the next sweep finds the difference gone."""
    submitted(swept, "crm-1", job_seconds=60.0)
    assert swept.sweep(after_seconds=2 * HOUR) == ["stale_local"]
    assert swept.part("crm-1").state is PartState.FINISHED
    swept.line.settle("crm-1")
    assert swept.sweep() == []
    assert swept.counted("drift", "stale_local") == swept.counted("drift_repaired", "stale_local") == 1
    told_by_the_provider = swept.account == "whoisxml-main"
    assert (swept.counted("drift_detect_seconds", "stale_local") > HOUR) is told_by_the_provider
    assert swept.counted("drift_repair_seconds", "stale_local") >= 60


def test_an_end_that_the_next_look_would_have_seen_is_no_drift(swept: Swept) -> None:
    """The walk moves the part, and there is nothing to tell."""
    submitted(swept, "crm-1", job_seconds=60.0)
    assert swept.sweep(after_seconds=300.0) == []
    assert swept.part("crm-1").state is PartState.FINISHED


# Results


def test_a_result_that_nobody_fetches_is_due_again(swept: Swept) -> None:
    """A download that was put off for hours is due at once, which the timeline tells; sooner it is no drift."""
    submitted(swept, "crm-1", job_seconds=60.0)
    swept.sweep(after_seconds=300.0)
    swept.put_off("crm-1")
    assert swept.sweep(after_seconds=HOUR / 2) == []
    assert swept.sweep(after_seconds=HOUR) == ["uncollected_result"]
    (entry,) = [one for one in swept.line.store.timeline("crm-1") if "drift" in one.get("details", {})]
    assert entry["details"]["drift"] == "uncollected_result"
    swept.line.settle("crm-1")
    assert swept.sweep() == []


# Money


@pytest.mark.parametrize("swept", ["whoisxml-main"], indirect=True)
def test_credits_that_nobody_here_has_spent_are_ledger_drift(swept: Swept) -> None:
    """Two sweeps in a row must say so; as long as it is so, the reading that agreed is kept."""
    swept.sandbox.knobs.credits -= 90
    assert swept.sweep() == swept.sweep() == []
    swept.sandbox.knobs.credits -= 500
    assert swept.sweep() == []
    assert swept.sweep() == swept.sweep() == ["ledger_drift"]
    swept.sandbox.knobs.credits += 500
    assert swept.sweep() == []


@pytest.mark.parametrize("swept", ["whoisxml-main"], indirect=True)
def test_a_sweep_that_is_not_complete_says_nothing_of_credits(swept: Swept) -> None:
    """It hides no charge from the next ones, and ends no finding: what it has not seen may be a stranger's."""
    swept.sandbox.knobs.credits -= 5_000
    swept.sandbox.knobs.list_drops = 1
    assert swept.sweep() == []
    assert swept.tally()["complete"] == "0"
    assert swept.sweep() == []
    assert swept.sweep() == ["ledger_drift"]
    swept.sandbox.knobs.list_drops = 1
    assert swept.sweep() == ["ledger_drift"]
    assert swept.counted("drift_repaired", "ledger_drift") == 0
    swept.sandbox.knobs.credits += 5_000
    assert swept.sweep() == []


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_where_usage_is_told_the_balance_says_nothing(swept: Swept) -> None:
    """Credits may be bought, or expire: what was used is what the ledger says."""
    swept.sandbox.knobs.credits -= 5_000
    assert swept.sweep() == swept.sweep() == []


@pytest.mark.parametrize(("text", "kept"), [("{", False), ('{"schema_version": 99, "at": 0}', True)])
def test_a_reading_that_cannot_be_read_ends_no_sweep(swept: Swept, text: str, *, kept: bool) -> None:
    """A damaged one gives way to the present one; that of a later version stays as it is."""
    client: Any = swept.line.store.client
    key = swept.line.store.key("money", swept.account)
    client.set(key, text)
    assert swept.sweep() == []
    assert (client.get(key) == text) is kept


def test_what_an_ended_part_holds_is_released_once(swept: Swept) -> None:
    """The ledger and the parts agree afterwards, however many sweeps follow."""
    store, account = swept.line.store, swept.account
    provider, now = account.partition("-")[0], store.now()
    whose: dict[str, Any] = {"account": account, "provider": provider}
    upload = an_upload("leaky", UploadState.FAILED, now=now, parts_total=1, **whose)
    part = a_part("leaky", 0, PartState.FAILED, now=now, credits_reserved=100, reason="given_up", **whose)
    store.commit(Change("leak", "leaky", account, uploads=(upload,), parts=(part,), ledger={Entry.RESERVED: 100}))
    assert swept.sweep() == ["reservation_leak"]
    assert swept.part("leaky").credits_reserved == 0
    assert swept.sweep() == swept.sweep() == []
    assert swept.counted("drift_repaired", "reservation_leak") == 1
    assert list(swept.decisions("leaky")).count("release") == 1


# Many at once


def test_a_list_without_many_of_our_jobs_is_not_believed(swept: Swept, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is repaired, and of no job it is told that it is missing, until the list is whole again."""
    submitted(swept, "crm-1", "crm-2", "crm-3")
    swept.until("crm-1", PartState.SUBMITTED)
    jobs = {remote_id: job for remote_id, job in swept.sandbox.jobs.items() if job.work_seconds == LONG_SECONDS}
    for remote_id in jobs:
        del swept.sandbox.jobs[remote_id]
    assert swept.sweep(after_seconds=HOUR) == swept.sweep() == []
    assert (swept.tally()["outcome"], swept.tally()["unseen"]) == ("account_mismatch", "3")
    assert "account_mismatch" in capsys.readouterr().out
    swept.sandbox.jobs |= jobs
    assert swept.sweep() == []
    assert swept.tally()["outcome"] == "complete"


def test_what_is_beyond_the_budget_waits_for_the_next_sweep(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three downloads that nobody makes two are due again, and then the third; none twice."""
    monkeypatch.setattr(repairs, "REPAIRS_MAX", 2)
    uploads = ["crm-1", "crm-2", "crm-3"]
    submitted(swept, *uploads, job_seconds=60.0)
    swept.sweep(after_seconds=300.0)
    swept.put_off(*uploads)

    def repaired() -> int:
        stories = (swept.line.store.timeline(upload_id) for upload_id in uploads)
        return sum("drift" in entry.get("details", {}) for story in stories for entry in story)

    swept.sweep(after_seconds=2 * HOUR)
    assert repaired() == 2
    assert swept.counted("drift", "uncollected_result") == 3
    swept.line.settle(*uploads)
    assert swept.sweep() == []
    assert swept.counted("drift_repaired", "uncollected_result") == 3


# Crashes, races and looking only


def judged_now(swept: Swept) -> drift.Judged:
    """What a sweep means that saw no job, because it ended early."""
    context, connected = swept.line.process.context, swept.connected
    seen = Seen(Sweep(began_at=context.store.now()), Shown())
    return drift.judge_sweep(context, connected, seen, read_findings(context.store, swept.account), None)


def test_a_crash_between_keeping_and_repairing_costs_a_sweep(swept: Swept) -> None:
    """What was kept is counted once, and repaired by the next sweep."""
    submitted(swept, "crm-1", job_seconds=60.0)
    swept.sweep(after_seconds=300.0)
    swept.put_off("crm-1")
    swept.line.clock.advance(2 * HOUR)
    drift.keep(swept.line.process.context, swept.connected, judged_now(swept))
    assert "drift" not in str(swept.line.store.timeline("crm-1"))
    assert swept.sweep() == ["uncollected_result"]
    assert "uncollected_result" in str(swept.line.store.timeline("crm-1"))
    assert swept.counted("drift", "uncollected_result") == 1


def test_of_two_sweeps_at_the_same_time_one_counts(swept: Swept) -> None:
    """The other one writes nothing: what it read is not what is there."""
    submitted(swept, "crm-1", job_seconds=60.0)
    swept.sweep(after_seconds=300.0)
    swept.put_off("crm-1")
    swept.line.clock.advance(2 * HOUR)
    one, other = judged_now(swept), judged_now(swept)
    drift.keep(swept.line.process.context, swept.connected, one)
    before = everything(swept.line.store)
    with pytest.raises(Stale):
        drift.keep(swept.line.process.context, swept.connected, other)
    assert everything(swept.line.store) == before
    assert swept.counted("drift", "uncollected_result") == 1


def test_a_repair_of_a_part_that_has_moved_on_is_left(swept: Swept) -> None:
    """It was planned on another version of the record: nothing is written."""
    submitted(swept, "crm-1", job_seconds=60.0)
    swept.sweep(after_seconds=300.0)
    swept.put_off("crm-1")
    swept.line.clock.advance(2 * HOUR)
    judged = judged_now(swept)
    swept.line.settle("crm-1")
    before = swept.part("crm-1")
    assert len(judged.plan.repairs) == 1
    assert drift.repair_all(swept.line.process.context, swept.connected, judged) == 0
    assert swept.part("crm-1") == before


def test_what_would_be_done_is_told_without_doing_it(swept: Swept) -> None:
    """An evaluation finds and plans what a sweep does, moves no part and keeps no finding."""
    submitted(swept, "crm-1", job_seconds=60.0)
    swept.line.clock.advance(2 * HOUR)

    def state() -> dict[str, bytes]:
        kept = everything(swept.line.store).items()
        return {key: value for key, value in kept if "rate" not in key.split(":") and key != CLOCK_KEY}

    before = state()
    told = preview(swept.line.process.context, swept.connected)
    assert [finding.drift for finding in told.judged.merged.opened] == [DriftClass.STALE_LOCAL]
    assert [repair.change.decision for repair in told.judged.plan.repairs] == ["finished"]
    assert (told.sweep.complete, told.failure) == (True, "")
    assert state() == before


def test_findings_that_cannot_be_read_are_found_again(swept: Swept) -> None:
    """A damaged one is removed with the next sweep; one of a later version is left, and the account with it."""
    client: Any = swept.line.store.client
    key = swept.line.store.key("findings", swept.account)
    client.hset(key, "stale_local|crm-9/0", "{")
    swept.stranger("a@example.org")
    swept.sweep()
    assert [finding.drift for finding in swept.findings()] == [DriftClass.FOREIGN_REMOTE]
    assert client.hlen(key) == 1
    client.hset(key, "stale_local|crm-9/0", '{"schema_version": 99}')
    before = client.hgetall(key)
    swept.stranger("b@example.org")
    swept.line.clock.advance(60.0)
    reconcile.run(swept.line.process.context, swept.account, 0)
    assert client.hgetall(key) == before
    assert swept.tally()["outcome"] == "complete"


def test_only_what_changed_is_written(swept: Swept) -> None:
    """A finding that is gone leaves, one that is new comes, and the number of open ones is that of now."""
    store, account = swept.line.store, swept.account
    swept.stranger("a@example.org")
    swept.sweep()
    kept = read_findings(store, account)
    (found,) = kept.findings
    other = replace_subject(found, "crm-1/0")
    replace_findings(store, account, kept, Replacement([other], {DriftClass.STALE_LOCAL: 1}))
    after = read_findings(store, account)
    assert (after.findings, after.version != kept.version) == ((other,), True)
    with pytest.raises(Stale):
        replace_findings(store, account, replace(kept, findings=()), Replacement([found], {}))
    with pytest.raises(Stale):
        replace_findings(store, account, Kept(), Replacement([found], {}))


def replace_subject(finding: Any, subject: str) -> Any:
    """The finding about something else, of another class."""
    return finding.model_copy(update={"drift": DriftClass.STALE_LOCAL, "subject": subject})

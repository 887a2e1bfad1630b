"""Salvage as decisions: what is taken up again, what is not, and which of two downloads is the part's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.any_drift import cases
from tests.builders.drift_cases import BUSY, KEPT_SHORTLY, SWEPT, TOKEN, an_occasion, ended, listed, named
from tests.builders.records import NOW, a_part, an_upload
from worker.core.change import Change, Entry
from worker.core.drift.classes import DriftClass
from worker.core.drift.evaluate import Evaluation, evaluate
from worker.core.drift.repairs import plan, salvage
from worker.core.drift.views import PartCase, Snapshot, StoredObject, UploadCase
from worker.core.errors import IllegalMove
from worker.core.part import collected
from worker.core.retry import part_again
from worker.core.salvage import AGAIN_MAX, TRIES_MAX, Download, choose, noted, once_more, reopened, unfetched
from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, PartState, UploadState
from worker.core.upload import Standing, settle

if TYPE_CHECKING:
    from worker.core.drift.findings import Finding
    from worker.core.records import PartRecord, UploadRecord

C, P, U = DriftClass, PartState, UploadState
SERVICE = "https://ipqs.example"
#: What a part that was collected has.
VERDICTS = {"verdicts_object": "verdicts.jsonl", "verdicts_digest": "a", "service": SERVICE, "collected_at": NOW}


def an_end(state: UploadState = U.FAILED, **fields: Any) -> UploadRecord:
    """An upload of one part at its end."""
    return an_upload(state=state, **({"parts_total": 1, "finished_at": NOW, "retain_until": NOW + 9.0} | fields))


def disagreeing(state: PartState = P.FAILED, **seen: Any) -> tuple[Finding, Snapshot]:
    """A part that has ended in `state` although its job is done; and what is known of its upload."""
    upload = seen.pop("upload", an_end())
    known = {"listed": seen.pop("listed", True), "service": SERVICE}
    occasion = seen.pop("occasion", an_occasion())
    part = seen.pop("part", ended(state, service=SERVICE, reason="remote_aborted"))
    case = PartCase(occasion, part, **({"job": listed(status="finished")} | seen))
    snapshot = Snapshot(occasion, (case,))
    found = evaluate(snapshot).findings
    finding = next(one for one in found if one.drift is C.TERMINAL_DISAGREEMENT)
    return finding, replace(snapshot, uploads={upload.upload_id: UploadCase(occasion, upload, seen=(case,), **known)})


def lossy(upload: UploadRecord, *parts: PartRecord, lost: int = 0, listed: bool = True) -> tuple[Finding, Snapshot]:
    """An upload whose result is gone, and the verdicts of its first `lost` parts too."""
    occasion = an_occasion()
    subject = upload.upload_id if upload.terminal else parts[0].part_id
    snapshot = Snapshot(occasion, stored=(StoredObject(subject, "result.csv", found=False),))
    (finding,) = evaluate(snapshot).findings
    without = frozenset(part.part_id for part in parts[:lost])
    left = UploadCase(occasion, upload, SERVICE, listed=listed, parts=parts, without=without)
    return finding, replace(snapshot, uploads={upload.upload_id: left})


@pytest.mark.parametrize("state", sorted(UPLOAD_TERMINAL))
def test_an_upload_that_is_taken_up_waits_for_its_parts_again(state: UploadState) -> None:
    """It is due at once, is not to be purged, and counts that it was taken up."""
    upload = reopened(an_end(state), SWEPT)
    assert upload is not None
    assert (upload.state, upload.due_at, upload.reopened) == (U.RUNNING, SWEPT, 1)
    assert (upload.retain_until, upload.finished_at, upload.terminal) == (None, None, False)
    again = settle(upload, Standing({P.COLLECTED: 1}), "host:1", SWEPT, lease=60.0, safety=900.0)
    assert again.uploads[0].state is U.DELIVERING


@pytest.mark.parametrize(
    "upload",
    [
        an_end(parts_total=0),
        an_end(U.DELIVERING, lease=BUSY),
        an_end(U.ATTENTION, lane=None),
    ],
    ids=["never split", "being delivered", "stopped for a person"],
)
def test_what_nobody_may_take_up_is_left(upload: UploadRecord) -> None:
    """There is nothing to take up, or somebody is at it, or has to be asked."""
    assert reopened(upload, SWEPT) is None


def test_only_an_end_is_taken_up() -> None:
    """What still moves is moved by its own steps."""
    for state in set(P) - PART_TERMINAL:
        with pytest.raises(IllegalMove):
            a_part(state=state).salvaged(P.FINISHED, NOW)
    for upload_state in set(U) - UPLOAD_TERMINAL:
        with pytest.raises(IllegalMove):
            an_upload(state=upload_state).salvaged(U.RUNNING, NOW)


# Parts that had ended without their verdicts


@pytest.mark.parametrize("state", [P.FAILED, P.CANCELLED])
def test_a_job_that_is_done_is_collected_for_its_ended_part(state: PartState) -> None:
    """Part and upload go on in one write, which claims the job and spends nothing."""
    change = salvage(*disagreeing(state))
    assert change is not None
    (part,), (upload,) = change.parts, change.uploads
    assert (change.decision, part.state, upload.state) == ("salvage", P.FINISHED, U.RUNNING)
    assert (part.remote_id, part.again, part.due_at) == ("77", 1, SWEPT + 10.0)
    assert change.ledger == {}
    assert [claim.remote_id for claim in change.claims] == ["77"]


def test_a_charge_that_was_not_known_of_is_entered() -> None:
    """A part that had ended unpaid, and whose job carries its token, was charged: committed once, reserved as much."""
    unpaid = ended(P.CANCELLED, remote_id=None, credits_committed=0, evidence=(), attempts=1)
    finding, snapshot = disagreeing(part=unpaid, job=None, named=(listed("78", "finished", token=TOKEN),))
    change = salvage(finding, snapshot)
    assert change is not None
    (part,) = change.parts
    assert change.ledger == {Entry.COMMITTED: part.rows, Entry.RESERVED: part.rows}
    assert (part.remote_id, part.service, part.credits_committed) == ("78", SERVICE, part.rows)
    assert [found.remote_id for found in part.evidence] == ["78"]


def test_a_part_gives_up_the_job_that_brought_nothing() -> None:
    """Where another of its jobs is done than the one it had, it claims that one instead."""
    given_up = ended(P.FAILED, service=SERVICE, evidence=(named("77"), named("78")))
    done = listed("78", "finished", token=TOKEN)
    change = salvage(*disagreeing(part=given_up, job=listed(status="aborted"), named=(done,)))
    assert change is not None
    assert [claim.remote_id for claim in change.disclaims] == ["77"]
    assert [claim.remote_id for claim in change.claims] == ["78"]


@pytest.mark.parametrize(
    "seen",
    [
        {"listed": False},
        {"upload": an_end(no_collect=True)},
        {"upload": an_end(U.DELIVERING, lease=BUSY)},
        {"part": ended(P.FAILED, service=SERVICE, again=1)},
        {"part": ended(P.FAILED, service="https://elsewhere.example")},
        {"part": ended(P.FAILED, service=SERVICE, provisional=True)},
        {"part": ended(P.FAILED, service=SERVICE, finished_at=NOW), "occasion": KEPT_SHORTLY},
        {"part": ended(P.FAILED, service=SERVICE, lease=BUSY)},
        {"rivals": ("list-2/0",)},
    ],
    ids=["no list", "given up", "busy upload", "again", "moved", "guessed", "deleted", "busy part", "disputed"],
)
def test_an_end_in_doubt_stays(seen: dict[str, Any]) -> None:
    """The finding is told, and nothing is touched."""
    finding, snapshot = disagreeing(**seen)
    assert salvage(finding, snapshot) is None


def test_all_parts_of_an_upload_are_taken_up_together() -> None:
    """It is one repair, and the others of its findings do not wait for another sweep."""
    occasion = an_occasion()
    parts = [ended(P.FAILED, index=index, remote_id=str(index), service=SERVICE, evidence=()) for index in range(3)]
    cases = tuple(PartCase(occasion, part, listed(part.remote_id or "", "finished")) for part in parts)
    upload = an_end(parts_total=3)
    left = UploadCase(occasion, upload, SERVICE, listed=True, seen=cases)
    evaluation: Evaluation = evaluate(Snapshot(occasion, cases, uploads={upload.upload_id: left}))
    planned = plan(evaluation.findings, evaluation)
    assert ([len(repair.change.parts) for repair in planned.repairs], planned.left) == ([3], 0)


@given(case=cases(), state=st.sampled_from(U), listed=st.booleans())
def test_no_salvage_spends(case: PartCase, state: UploadState, *, listed: bool) -> None:
    """Whatever a part was and whatever a list shows: it waits for a download, and what is reserved was charged."""
    upload = an_end(state)
    left = UploadCase(case.occasion, upload, case.part.service, listed=listed, seen=(case,), parts=(case.part,))
    left = replace(left, without=frozenset({case.part.part_id}))
    stored = (StoredObject(upload.upload_id, "result.csv", found=False),)
    snapshot = Snapshot(case.occasion, (case,), stored=stored, uploads={upload.upload_id: left})
    for finding in evaluate(snapshot).findings:
        change = salvage(finding, snapshot)
        if change is None:
            continue
        assert {part.state for part in change.parts} <= {P.FINISHED}
        assert all(part.attempts == case.part.attempts for part in change.parts)
        assert all(part.attempt in {None, case.part.attempt} for part in change.parts)
        assert change.ledger.get(Entry.RESERVED, 0) <= change.ledger.get(Entry.COMMITTED, 0)
        assert (change.guards, change.budget) == ((), None)
        assert all(
            part.again <= AGAIN_MAX and part.credits_reserved <= case.part.credits_reserved for part in change.parts
        )


# What storage has lost


def test_a_lost_result_needs_no_download() -> None:
    """The verdicts are there: the upload is delivered anew from them."""
    change = salvage(*lossy(an_end(U.COMPLETED), ended(P.COLLECTED, **VERDICTS)))
    assert change is not None
    assert (change.decision, change.parts, change.uploads[0].state) == ("deliver_again", (), U.RUNNING)


@pytest.mark.parametrize("upload", [an_end(U.COMPLETED), an_end(U.RUNNING), an_end(U.DELIVERING)])
def test_lost_verdicts_are_downloaded_again(upload: UploadRecord) -> None:
    """Of the parts that are needed those that were lost, and no other."""
    parts = [ended(P.COLLECTED, index=index, **VERDICTS) for index in range(2)]
    change = salvage(*lossy(upload, *parts, lost=1))
    assert change is not None
    assert (change.decision, change.uploads[0].state, change.ledger) == ("collect_again", U.RUNNING, {})
    assert [(part.part_id, part.state, part.again) for part in change.parts] == [("list-1/0", P.FINISHED, 1)]


@pytest.mark.parametrize(
    "fields",
    [
        {"again": AGAIN_MAX},
        {"remote_id": None, "reused_from": "list-0/0"},
        {"service": "https://elsewhere.example"},
    ],
    ids=["too often", "taken over", "moved"],
)
def test_verdicts_that_cannot_be_had_again_leave_the_end_alone(fields: dict[str, Any]) -> None:
    """A result with fewer rows than the lost one had would be worse than a backup: a person decides."""
    part = ended(P.COLLECTED, **(VERDICTS | fields))
    for upload in (an_end(U.COMPLETED), an_end(U.RUNNING)):
        assert salvage(*lossy(upload, part, lost=1)) is None


def test_nothing_is_brought_back_without_the_list_or_need() -> None:
    """The list is what a result is made of; and what is there needs nothing."""
    part = ended(P.COLLECTED, **VERDICTS)
    assert salvage(*lossy(an_end(U.COMPLETED), part, listed=False)) is None
    assert salvage(*lossy(an_end(U.RUNNING), part)) is None
    assert salvage(*lossy(an_end(U.CANCELLED, no_collect=True), part, lost=1)) is None


def test_what_an_earlier_sweep_found_is_not_mended_by_this_one() -> None:
    """Storage that could not be looked at now may hold everything again."""
    finding, snapshot = lossy(an_end(U.COMPLETED), ended(P.COLLECTED, **VERDICTS))
    assert salvage(finding.model_copy(update={"swept_at": SWEPT - 60.0}), snapshot) is None


# Two downloads

WHOLE = Download("verdicts.jsonl", "a", 100, same_values=True)
OTHER = Download("verdicts-again-1.jsonl", "b", 100, same_values=True)
SHORT = Download("verdicts.jsonl", "c", 99, same_values=False)


@pytest.mark.parametrize(
    ("first", "second", "kept", "other"),
    [
        (None, OTHER, OTHER, None),
        (WHOLE, replace(WHOLE, object="verdicts-again-1.jsonl"), WHOLE, None),
        (WHOLE, OTHER, WHOLE, OTHER),
        (WHOLE, SHORT, WHOLE, SHORT),
        (SHORT, OTHER, OTHER, SHORT),
        (SHORT, replace(SHORT, sha256="d"), SHORT, replace(SHORT, sha256="d")),
    ],
)
def test_the_first_download_stays_unless_only_the_second_is_whole(
    first: Download | None, second: Download, kept: Download, other: Download | None
) -> None:
    """And where it is lost the second one takes its place."""
    assert choose(first, second) == (kept, other)


def collected_as(part: PartRecord, download: Download) -> Change:
    """The part with the verdicts of a download."""
    told = {"rows_returned": download.rows, "verdicts_object": download.object, "verdicts_digest": download.sha256}
    return collected(part, NOW, same_values=download.same_values, **told)  # type: ignore[arg-type]  # of several types


def test_a_lost_download_that_was_another_is_told_by_its_digest() -> None:
    """Where nothing differs, nothing is told."""
    before = a_part(state=P.FINISHED, again=1, verdicts_object="verdicts.jsonl", verdicts_digest="a")
    (changed,) = noted(collected_as(before, OTHER), before, None).parts
    assert (changed.other_object, changed.other_digest) == (None, "a")
    (same,) = noted(collected_as(before, replace(OTHER, sha256="a")), before, None).parts
    assert same.other_digest is None
    (kept,) = noted(collected_as(before, WHOLE), before, OTHER).parts
    assert (kept.verdicts_digest, kept.other_digest, kept.other_object) == ("a", "b", OTHER.object)


def test_a_result_that_does_not_fit_is_downloaded_once_more_and_then_taken() -> None:
    """The first download is kept; when no other can be had, its verdicts are better than none."""
    change = once_more(a_part(state=P.FINISHED, remote_id="77"), SHORT, NOW, wait_seconds=60.0)
    (waiting,) = change.parts
    assert (change.decision, waiting.state, waiting.again) == ("collect_again", P.FINISHED, 1)
    assert waiting.due_at == NOW + 60.0
    assert unfetched(waiting, NOW, "Gone.") is None
    at_last = unfetched(waiting.model_copy(update={"tries": TRIES_MAX - 1}), NOW, "Gone.")
    assert at_last is not None
    (part,) = at_last.parts
    assert (part.state, part.reason, part.verdicts_digest) == (P.COLLECTED, "row_mismatch", SHORT.sha256)


@pytest.mark.parametrize(("verdicts", "reason"), [({}, C.TERMINAL_DISAGREEMENT), (VERDICTS, C.MISSING_ARTIFACT)])
def test_what_cannot_be_fetched_again_is_given_to_a_person(verdicts: dict[str, Any], reason: DriftClass) -> None:
    """Who can have it tried again, with its own job."""
    part = a_part(state=P.FINISHED, remote_id="77", again=1, tries=TRIES_MAX - 1, finished_at=NOW, **verdicts)
    change = unfetched(part, NOW, "Gone.")
    assert change is not None
    (stopped,) = change.parts
    assert (stopped.state, stopped.reason) == (P.QUARANTINED, reason)
    again = part_again(stopped, NOW)
    assert again is not None
    assert again.parts[0].state is P.FINISHED
    assert unfetched(part.model_copy(update={"again": 0}), NOW, "Gone.") is None

"""Which uploads are taken up again: for each class that salvage ends the one change that does it, or `None`.

One change takes up an upload with all of its parts that need it, so that it is delivered anew once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.change import Change, Entry
from worker.core.drift.classes import DriftClass
from worker.core.drift.statuses import done_job, terminal_disagreement
from worker.core.drift.views import PartCase
from worker.core.part import claim_of
from worker.core.salvage import AGAIN_MAX, ordered_again, reopened, taken_up
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.core.drift.findings import Finding
    from worker.core.drift.views import UploadCase
    from worker.core.records import PartRecord


def upload_of(finding: Finding) -> str:
    """The id of the upload that a finding about it, or about a part of it, is about."""
    return finding.subject.partition("/")[0]


def collect_disagreeing(_finding: Finding, case: UploadCase) -> Change | None:
    """Have the jobs collected whose parts had ended without them; a charge that was not known of is entered with it.

    Not where nobody wanted the verdicts, nor where no result could be made of them, nor a second time.
    """
    now = case.occasion.now
    upload = reopened(case.upload, now)
    if upload is None or not case.listed or case.upload.no_collect:
        return None
    changed = [(seen.part, taken) for seen in case.seen if (taken := _taken(seen, case)) is not None]
    if not changed:
        return None
    spent = sum(part.rows for part, _ in changed if not part.credits_committed)
    fresh = spent - sum(part.credits_reserved for part, _ in changed if not part.credits_committed)
    leaked = sum(part.credits_reserved for part, _ in changed if part.credits_committed)
    ledger = {Entry.COMMITTED: spent, Entry.RESERVED: fresh, Entry.RELEASED: leaked}
    moved = [before for before, taken in changed if before.remote_id not in {None, taken.remote_id}]
    return Change(
        "salvage",
        upload.upload_id,
        upload.account,
        uploads=(upload,),
        parts=tuple(taken for _, taken in changed),
        reason=str(DriftClass.TERMINAL_DISAGREEMENT),
        ledger={entry: credits_ for entry, credits_ in ledger.items() if credits_},
        disclaims=tuple(claim_of(before, before.remote_id or "") for before in moved),
        claims=tuple(claim_of(taken, taken.remote_id or "") for _, taken in changed),
        details={"parts": len(changed), "remote_id": changed[0][1].remote_id},
    )


def _taken(seen: PartCase, case: UploadCase) -> PartRecord | None:
    """The part as it goes on, where its job is certainly its own and was not ordered again before."""
    part, job = seen.part, done_job(seen)
    if job is None or terminal_disagreement(seen) is None or seen.busy or seen.rivals or part.again:
        return None
    certain = job.token is not None or not part.provisional
    if not certain or part.service not in {"", case.service} or seen.is_past_retention:
        return None
    return taken_up(part, job, case.occasion.now, service=case.service)


def restore_lost(finding: Finding, case: UploadCase) -> Change | None:
    """Have lost verdicts collected again where the provider still has all of them, and a lost result delivered anew."""
    upload, now = reopened(case.upload, case.occasion.now), case.occasion.now
    lost = [part for part in case.parts if part.part_id in case.without]
    fetchable = [part for part in lost if _is_fetchable(part, case)]
    ended = case.upload.terminal
    if fetchable and case.upload.no_collect:
        return None
    if upload is None or not case.listed or (ended and finding.subject != upload.upload_id):
        return None
    if len(fetchable) < len(lost) if ended else not fetchable:
        return None
    return Change(
        "collect_again" if fetchable else "deliver_again",
        upload.upload_id,
        upload.account,
        uploads=(upload,),
        parts=tuple(ordered_again(part, now) for part in fetchable),
        reason=str(DriftClass.MISSING_ARTIFACT),
        details={"object": finding.evidence.get("object"), "parts": len(fetchable)},
    )


def _is_fetchable(part: PartRecord, case: UploadCase) -> bool:
    """Whether the provider has the part's result, as far as is known."""
    has_job = part.state is PartState.COLLECTED and part.remote_id is not None and part.service == case.service
    return has_job and part.again < AGAIN_MAX and not PartCase(case.occasion, part).is_past_retention


#: How the classes are ended that salvage ends.
SALVAGES: Mapping[DriftClass, Callable[[Finding, UploadCase], Change | None]] = {
    DriftClass.TERMINAL_DISAGREEMENT: collect_disagreeing,
    DriftClass.MISSING_ARTIFACT: restore_lost,
}

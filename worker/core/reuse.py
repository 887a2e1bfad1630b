"""Reuse: verdicts that another part has brought are taken over instead of being paid for once more.

Only where the upload's request says so, and how old they may be. Nothing is reserved or spent, no job is made, and the
part says whose verdicts it has and when the provider gave them. Taken over again, they keep the time of the beginning.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from worker.core.change import Entry
from worker.core.part import change
from worker.core.retention import SECRET_KINDS
from worker.core.states import PART_UNSPENT, PartState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import SegmentFile

#: Seconds in an hour.
HOUR_SECONDS = 3_600.0
#: Why a part is held whose verdicts were found and could not be copied whole: it is submitted instead.
LOST = "reuse_lost"
#: Hexadecimal digits of a reuse key: 128 bits.
KEY_DIGITS = 32


def reuse_key(*, account: str, service: str, kind: str, version: str, rows: int, digest: str) -> str:
    """What verdicts answer: two parts with one key have the same values, asked of the same account in the same way.

    `version` is that of the provider's verification, `digest` that of the values: their order makes no difference.
    Empty for secrets, whose verdicts are removed with their upload's end.
    """
    if kind in SECRET_KINDS:
        return ""
    asked = "\n".join((account, service, kind, version, str(rows), digest))
    return hashlib.sha256(asked.encode()).hexdigest()[:KEY_DIGITS]


def is_untouched(part: PartRecord) -> bool:
    """Whether nothing was accepted for the part, or may have been, so that it can do without a job of its own."""
    return part.state in PART_UNSPENT and part.attempt is None and not part.evidence and part.reason != LOST


def is_wanted(upload: UploadRecord) -> bool:
    """Whether the request asks for it, and anything is asked for any more."""
    return upload.reuse_hours is not None and not upload.cancel_requested and not upload.terminal


def fits(source: PartRecord, upload: UploadRecord, key: str, now: float) -> bool:
    """Whether the verdicts of `source` are what a part of `upload` with this key would be told, and new enough."""
    verified_at = source.verified_at
    if upload.reuse_hours is None or verified_at is None or not source.reusable or source.reuse_key != key:
        return False
    has = {file.segment for file in source.segments}
    return now - verified_at <= upload.reuse_hours * HOUR_SECONDS and has.issuperset(upload.segments)


def reuse(
    part: PartRecord,
    source: PartRecord,
    now: float,
    *,
    verdicts_object: str,
    segments: tuple[SegmentFile, ...] = (),
) -> Change:
    """The part has the verdicts of `source`, copied to an object of its own, and is not sent."""
    origin = source.reused_from or source.part_id
    given_up = {Entry.RELEASED: part.credits_reserved} if part.credits_reserved else {}
    done = part.moved(
        PartState.COLLECTED,
        now,
        reused_from=origin,
        reuse_key=source.reuse_key,
        service=source.service,
        remote_finished_at=source.verified_at,
        collected_at=now,
        rows_returned=source.rows_returned,
        rows_done=part.rows,
        verdicts_object=verdicts_object,
        verdicts_digest=source.verdicts_digest,
        segments=segments,
        credits_reserved=0,
        reason="",
        message="",
    )
    return change(
        "reuse",
        done,
        ledger={Entry.AVOIDED: part.rows} | given_up,
        details={"from": origin, "verified_at": source.verified_at, "rows": part.rows},
        counters={("parts", "reused"): 1, ("rows", part.provider, part.kind, "reused"): part.rows},
    )

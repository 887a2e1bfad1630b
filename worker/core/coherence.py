"""What must be true of every upload and part at any moment; each that is not so is one plain sentence.

The tests hold it against everything after each step of a simulation, `bulkverify doctor` against a sample of what is
in the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.records import PartRecord, UploadRecord
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds from now after which a next look, or the end of a lease, is as good as none.
LOOK_SECONDS_MAX = 400 * 86_400.0


@dataclass(frozen=True, slots=True)
class Beside:
    """What the store keeps beside a record, read at the same moment as the record."""

    #: When it is looked at next, epoch seconds, by the lane in which it waits.
    due: Mapping[str, float]
    #: The states whose indexes have it.
    indexed: frozenset[str]
    #: Of a part: whether it takes up a remote job of its account, and whether it may have an attempt open.
    active: bool = False
    intent: bool = False
    #: Of a part with a remote id: the part that has claimed that id.
    owner: str | None = None


def item_id(item: UploadRecord | PartRecord) -> str:
    """The upload's id, or the part's."""
    return item.part_id if isinstance(item, PartRecord) else item.upload_id


def faults(item: UploadRecord | PartRecord, beside: Beside, now: float) -> Iterator[str]:
    """Everything that is not so of one record; `now` in epoch seconds by the store's clock."""
    name, state = item_id(item), str(item.state)
    yield from unattended(item, beside.due.get(item.lane or ""), now)
    others = sorted(beside.due.keys() - {item.lane})
    if others:
        yield f"{name} is {state}, and waits in {' and '.join(others)}, where nobody expects it"
    if beside.indexed != {state}:
        listed = " and ".join(sorted(beside.indexed)) or "nothing"
        yield f"{name} is {state}, and listed as {listed}"
    if isinstance(item, PartRecord):
        yield from spent_twice(item)
        yield from _claims(item, beside)
    elif item.state is UploadState.COMPLETED and item.result is None:
        yield f"{name} is completed, and has no result"


def unattended(item: UploadRecord | PartRecord, due_at: float | None, now: float) -> Iterator[str]:
    """Whatever can move is due in its lane (`due_at`: when), under a live lease or in quarantine."""
    name = item_id(item)
    if item.lease is not None and item.lease.until > now + LOOK_SECONDS_MAX:
        yield f"{name} is under a lease that ends only in {item.lease.until - now:.0f} s"
    if item.terminal or item.leased_now(now):
        return
    rests = item.state in {PartState.QUARANTINED, UploadState.ATTENTION}
    if due_at is None and not (rests and item.lane is None):
        yield f"{name} is {item.state}, and nobody will look at it"
    if rests and not item.reason and isinstance(item, PartRecord):
        yield f"{name} is in quarantine without a reason"
    if due_at is not None and due_at > now + LOOK_SECONDS_MAX:
        yield f"{name} is {item.state}, and looked at only in {due_at - now:.0f} s"


def spent_twice(part: PartRecord) -> Iterator[str]:
    """A part is paid for once and by its job; nothing follows an attempt that is open."""
    name = part.part_id
    if part.credits_committed not in {0, part.rows}:
        yield f"{name} of {part.rows} rows has {part.credits_committed} credits committed"
    if part.credits_committed and part.remote_id is None and not (part.terminal and part.evidence):
        yield f"{name} is paid for and has no remote job"
    if part.attempt is not None and part.attempt.number < part.attempts:
        yield f"{name} has attempt {part.attempts} while attempt {part.attempt.number} is open"


def _claims(part: PartRecord, beside: Beside) -> Iterator[str]:
    """Its remote id is its own, and its account counts it as what it is."""
    name = part.part_id
    if part.remote_id is not None and beside.owner != part.part_id:
        whose = f"part {beside.owner}" if beside.owner else "nobody"
        yield f"{name} has remote job {part.remote_id}, which belongs to {whose}"
    reserved = bool(part.credits_reserved)
    if beside.active != (reserved or part.state is PartState.SUBMITTED):
        counted = "is counted as a job under way" if beside.active else "is not counted as a job under way"
        yield f"{name} is {part.state} with {part.credits_reserved} credits reserved, and {counted}"
    if beside.intent != (reserved and not part.provisional):
        counted = "counted as an open attempt" if beside.intent else "not counted as an open attempt"
        yield f"{name} has {part.credits_reserved} credits reserved, and is {counted}"

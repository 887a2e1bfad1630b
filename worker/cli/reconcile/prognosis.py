"""What becomes of each finding of a sweep: before anything is done, and after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from worker.cli.finding_words import in_order, is_concern
from worker.core.drift.classes import DriftClass, Handling
from worker.core.drift.salvaging import SALVAGES, upload_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.actors.drift import Judged
    from worker.core.change import Change
    from worker.core.drift.findings import Finding
    from worker.core.drift.repairs import Plan

#: What a repair does, by the decision that it writes. One that is not here is told by its own word.
DEEDS: Mapping[str, str] = {
    "finished": "fast-forward to finished",
    "aborted": "fail it, as the provider gave its job up",
    "look_again": "go on waiting for its job, which is there",
    "adopt": "take the remote job with its token as its own",
    "submitted": "take the remote job with its token as its own",
    "duplicate_remote": "record what it paid twice as wasted",
    "charged_late": "enter its charge in the ledger",
    "quarantine": "put it into quarantine",
    "retry": "have it tried again at once",
    "release": "release its reserved credits",
    "collected": "take its verdicts from storage",
    "salvage": "collect its verdicts, which are paid for, and deliver the upload anew",
    "collect_again": "download the verdicts once more, and deliver the upload anew",
    "deliver_again": "write the result once more",
}
_FROZEN = "nothing of the account is repaired while its list leaves out so many live jobs"
_NO_HOME = "storage does not know its upload, so that nothing is imported: `bulkverify recover` tells more"
_MOVED_ON = "it had moved on meanwhile, and nothing was written"


class Fate(StrEnum):
    """What becomes of a finding in this run."""

    #: A repair is, or was, written.
    REPAIR = "repair"
    #: An orphan is, or was, given to its part.
    IMPORT = "import"
    #: A repair was planned, and something else was quicker.
    MOVED_ON = "moved_on"
    #: Nothing is repaired in the account.
    FROZEN = "frozen"
    PERSON = "person"
    WATCHED = "watched"
    TOLD = "told"
    #: Not believed yet.
    SUSPECTED = "suspected"
    #: It was there before, and is not any more.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Item:
    """A finding and its fate."""

    finding: Finding
    fate: Fate
    #: What is done, or happens next: a sentence without its full stop.
    text: str


def planned(judged: Judged, homes: Mapping[str, str | None]) -> list[Item]:
    """What would become of each finding; `homes`: the parts that orphans belong to, by token, where there are any."""
    repairs = {repair.finding.key: repair.change for repair in judged.plan.repairs}
    salvages = {change.upload_id: change for change in repairs.values() if change.uploads}

    def fate(finding: Finding) -> Item | None:
        change = repairs.get(finding.key) or (salvages.get(upload_of(finding)) if finding.drift in SALVAGES else None)
        if change is not None:
            return Item(finding, Fate.REPAIR, _deed(change))
        home = homes.get(str(finding.evidence.get("token")))
        if finding.drift is DriftClass.ORPHAN_REMOTE and home is not None:
            return Item(finding, Fate.IMPORT, f"import it for part {home}")
        return None

    return [
        _frozen(judged.plan, finding) or fate(finding) or _left(finding) for finding in in_order(judged.merged.open)
    ]


def carried_out(judged: Judged, written: Sequence[Change], moved_on: Sequence[Change]) -> list[Item]:
    """What became of each finding by the changes that were written, and those that were not."""
    done, too_late = _by_subject(written), _by_subject(moved_on)

    def fate(finding: Finding) -> Item | None:
        if finding.drift is DriftClass.ORPHAN_REMOTE:
            part_id = _importer(finding.subject, written)
            return None if part_id is None else Item(finding, Fate.IMPORT, f"import it for part {part_id}")
        # One salvage serves all findings about its upload.
        changes = done.get(finding.subject) or (done.get(upload_of(finding), []) if finding.drift in SALVAGES else [])
        deeds = [_deed(change) for change in changes if _mends(change, finding)]
        if deeds:
            return Item(finding, Fate.REPAIR, "; ".join(dict.fromkeys(deeds)))
        return Item(finding, Fate.MOVED_ON, _MOVED_ON) if finding.subject in too_late else None

    # The walk itself moves parts, whether or not the list is believed.
    return [
        fate(finding) or _frozen(judged.plan, finding) or _left(finding) for finding in in_order(judged.merged.open)
    ]


def rest(judged: Judged) -> list[Item]:
    """Findings that are not believed yet, and those that are over."""
    suspected = [Item(found, Fate.SUSPECTED, found.next) for found in in_order(judged.merged.suspected)]
    return suspected + [Item(found, Fate.GONE, "it is over") for found in in_order(judged.merged.closed)]


def differs(items: Iterable[Item], *, after: bool) -> bool:
    """Whether there is drift: before anything is done, or `after` it what is left."""
    ended = {Fate.SUSPECTED, Fate.GONE} | ({Fate.REPAIR, Fate.IMPORT, Fate.MOVED_ON} if after else set())
    return any(item.fate not in ended and is_concern(item.finding) for item in items)


def counts(items: Iterable[Item]) -> Counter[Fate]:
    """Findings by their fate."""
    return Counter(item.fate for item in items)


def moved_by_the_way(items: Sequence[Item], written: Sequence[Change]) -> int:
    """How many parts the list has moved that no finding is about."""
    subjects = {item.finding.subject for item in items}
    changes = [change for change in _told(written) if change.decision != "recovered"]
    parts = {part.part_id: part for change in changes for part in change.parts}
    return sum(part.part_id not in subjects and part.remote_id not in subjects for part in parts.values())


def _told(changes: Iterable[Change]) -> list[Change]:
    """The changes of uploads and parts that a timeline tells."""
    return [change for change in changes if change.upload_id and change.details is not None]


def _mends(change: Change, finding: Finding) -> bool:
    """Whether a change ends the finding: it was made for it, or the walk has moved the part; a mere look has not."""
    made_for = (change.details or {}).get("drift")
    return made_for == finding.drift if made_for else finding.action in {Handling.MENDED, Handling.PERSON}


def _by_subject(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in _told(changes):
        for subject in (change.upload_id, *(part.part_id for part in change.parts)):
            found.setdefault(subject, []).append(change)
    return found


def _importer(remote_id: str, changes: Iterable[Change]) -> str | None:
    """The part that got a remote job by one of the changes."""
    parts = (part for change in changes for part in change.parts)
    return next(
        (
            part.part_id
            for part in parts
            if remote_id == part.remote_id or any(known.remote_id == remote_id for known in part.evidence)
        ),
        None,
    )


def _frozen(plan: Plan, finding: Finding) -> Item | None:
    return Item(finding, Fate.FROZEN, _FROZEN) if plan.outcome else None


def _left(finding: Finding) -> Item:
    """A finding for which nothing is done now."""
    if finding.drift is DriftClass.ORPHAN_REMOTE:
        return Item(finding, Fate.PERSON, _NO_HOME)
    if finding.drift in SALVAGES:
        # It would be among the repairs if anything could be fetched.
        return Item(finding, Fate.PERSON, finding.next)
    fates = {Handling.PERSON: Fate.PERSON, Handling.TOLD: Fate.TOLD}
    return Item(finding, fates.get(finding.action, Fate.WATCHED), finding.next)


def _deed(change: Change) -> str:
    return DEEDS.get(change.decision, change.decision.replace("_", " "))

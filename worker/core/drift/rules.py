"""What is known of each class of drift: how it is seen, what proves it, and what is done about it, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.columns import NEWS_SECONDS
from worker.core.drift.classes import Basis, DriftClass, Handling, Severity
from worker.core.salvage import AGAIN_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Sweeps in a row that must show what one sweep may show by chance.
TWICE = 2
#: The page with one section for each class, which the runbook's links lead to.
PAGE = "docs/drift.md"


@dataclass(frozen=True, slots=True)
class Rule:
    """One class of drift in words."""

    severity: Severity
    handling: Handling
    basis: Basis
    #: What is known here, and what the provider shows.
    here: str
    there: str
    proof: str
    #: What this program does.
    action: str
    #: What happens next, or what a person can do; `{subject}`, `{upload}` and `{account}` stand for the finding's own.
    next: str
    #: Sweeps in a row that must show it before it is believed.
    sightings: int = 1


_W, _P, _I = Severity.WARN, Severity.PAGE, Severity.INFO
_MENDED, _WATCHED, _PERSON, _TOLD = Handling.MENDED, Handling.WATCHED, Handling.PERSON, Handling.TOLD
_LIST, _RECORD, _STORAGE, _MONEY = Basis.LIST, Basis.RECORD, Basis.STORAGE, Basis.MONEY
_C = DriftClass

_EXISTENCE = {
    _C.UNRESOLVED_ATTEMPT: Rule(
        *(_W, _MENDED, _RECORD),
        "an attempt was recorded, its deadline has passed and no remote id is known",
        "a job with its token, or none",
        "the attempt's record; for adopting a job, the token in its name",
        "a job with its token is adopted; otherwise the search for it goes on, and nothing is submitted before it ends",
        "the list is searched for its job; `bulkverify why {upload}` shows what is known",
    ),
    _C.ORPHAN_REMOTE: Rule(
        *(_W, _MENDED, _LIST),
        "no part, no attempt in storage and no purged upload has the token",
        "a job whose name begins with one of our tokens",
        "the list shows it",
        "it is imported: it was paid for, so its result is fetched where storage still knows its list",
        "it is imported for the upload to which storage knows its token to belong; `bulkverify reconcile {account} "
        "--plan` tells for which, and where for none `bulkverify recover --dry-run` what storage has",
    ),
    _C.FOREIGN_REMOTE: Rule(
        *(_I, _TOLD, _LIST),
        "no part has the job, and none may turn out to have it",
        "jobs without one of our tokens",
        "the list shows them",
        "they are counted, one finding for the account, and left alone",
        "nothing: another application uses account {account}, or a person does; `bulkverify drift {account}` tells how "
        "many jobs",
    ),
    _C.MISSING_REMOTE: Rule(
        *(_W, _PERSON, _LIST),
        "the part waits for its remote job",
        "the list does not show the job, and asking for it by its id brings nothing",
        "two complete sweeps in a row, begun after the job must have settled, each showing another job of ours of the "
        "same kind",
        "once nobody has seen it for `BULKVERIFY_MISSING_JOB_SECONDS` the part is put into quarantine; it is never "
        "submitted again by itself, and goes on as soon as the job is shown",
        "ask the provider about the job, then `bulkverify retry {upload}`, or `bulkverify resolve {subject} --fail`",
        TWICE,
    ),
    _C.DUPLICATE_REMOTE: Rule(
        *(_P, _MENDED, _LIST),
        "the part has a job already, or had one",
        "another job with the part's token",
        "the token in its name",
        "the first job stays the part's, the other is kept as evidence and its credits are counted as wasted",
        "the charge stands in the timeline: `bulkverify why {upload}`; ask the provider for it back",
    ),
    _C.IDENTITY_COLLISION: Rule(
        *(_P, _PERSON, _RECORD),
        "two parts have the same remote id",
        "one job",
        "the records of both",
        "both are put into quarantine, since the result of one would be delivered as that of the other",
        "compare the job with both lists; then `bulkverify resolve {subject} --fail` for the part whose it is not, and "
        "`bulkverify retry` for the other",
    ),
    _C.SIZE_MISMATCH: Rule(
        *(_W, _WATCHED, _LIST),
        "the rows that were sent",
        "the job has another number of rows",
        "the provider tells the number, and the job is under way or done",
        "nothing yet: the result says which rows are missing, and only then are they told to be",
        "when its verdicts are here, `bulkverify show {upload}` counts the rows without one",
    ),
}
_STATUS = {
    _C.STALE_LOCAL: Rule(
        *(_I, _MENDED, _LIST),
        "the part still waits, and its looks do not explain how long",
        "the job is done, or is shown again",
        "the list shows it",
        "the part goes on at once, as after a look of its own",
        "its verdicts are downloaded; `bulkverify reconcile {account} --apply` has that begin at once",
    ),
    _C.STATUS_REGRESSION: Rule(
        *(_W, _PERSON, _LIST),
        "the job was done",
        "the job is under way again, or was given up",
        "two sweeps in a row, begun well after the job was seen to be done",
        "the part is put into quarantine, and goes on as soon as its job is shown to be done",
        "ask the provider about the job, then `bulkverify retry {upload}`",
        TWICE,
    ),
    _C.UNKNOWN_STATUS: Rule(
        *(_W, _WATCHED, _LIST),
        "the part waits for its job",
        "the job's status is a word that this program does not know",
        "the list, or a look at the job, shows it",
        "the job is taken to be under way and is looked at as before",
        "it ends when the provider says something else; a newer version of this program may know the word",
    ),
    _C.REMOTE_ABORTED: Rule(
        *(_W, _MENDED, _LIST),
        "the part waits for its job",
        "the provider has given the job up",
        "the provider's own flag or word",
        "the part fails with this reason; what was charged stays in the ledger",
        "the upload ends without these rows; `bulkverify retry {upload}` submits it anew, for a price",
    ),
    _C.STALLED_REMOTE: Rule(
        *(_W, _WATCHED, _LIST),
        "similar jobs took a fraction of the time",
        "the job has made no progress for long",
        "the times of its looks",
        "it is looked at as seldom as the schedule allows, and never submitted again by itself",
        "ask the provider about the job; `bulkverify cancel {upload}` gives up waiting for what is not sent yet",
    ),
    _C.TERMINAL_DISAGREEMENT: Rule(
        *(_W, _MENDED, _LIST),
        "the part has failed or was cancelled",
        "a job of the part is done",
        "the part's remote id, or its token in the job's name",
        "where the part had ended unpaid its charge is entered; its verdicts are collected, and the upload is "
        "delivered anew with them, once: not where the verdicts were given up, or the list is not in storage any more",
        "the upload ends once more, with more verdicts; if it stays so, the result can be had from the provider's own "
        "pages: `bulkverify why {upload}` names the job",
    ),
    _C.HOLLOW_SUCCESS: Rule(
        *(_W, _TOLD, _RECORD),
        "the part was collected, and no verdict came",
        "the job was done",
        "the rows of the collected result",
        "every row of the part is told to be missing; the provider's files are kept",
        "ask the provider for the credits back; `bulkverify why {upload}` names the job",
    ),
}
_RESULT = {
    _C.UNCOLLECTED_RESULT: Rule(
        *(_W, _MENDED, _RECORD),
        "the job is done, and its verdicts are not here though there was time",
        "the result is there",
        "the times in the part's record, and no lease",
        "the download is due at once",
        "its verdicts are downloaded; `bulkverify why {upload}` says what has kept them back",
    ),
    _C.ROW_MISMATCH: Rule(
        *(_P, _TOLD, _RECORD),
        "the values that were sent",
        "verdicts on other values, or not on each of them",
        "the digest of the values in the result",
        "verdicts on what was sent are delivered, and rows without one are told to be missing",
        "`bulkverify show {upload}` counts the missing rows; ask the provider why",
    ),
    _C.RESULT_CHANGED: Rule(
        *(_W, _TOLD, _RECORD),
        "the verdicts as they were collected",
        "another download of the same job, made because the first was lost or not whole, brings others",
        "the digests of both",
        "the first verdicts stay, unless storage has lost them or only the others are on what was sent; both are kept",
        "ask the provider why; `bulkverify why {upload}` names the other file",
    ),
    _C.RESULT_EXPIRED: Rule(
        *(_P, _PERSON, _RECORD),
        "the job was done, and its verdicts were never fetched",
        "the provider keeps results for a shorter time than that",
        "the provider's documented retention; for the quarantine also downloads that failed, and two sweeps in a row "
        "that found it so",
        "downloads are tried until they have failed several times; then the part is put into quarantine",
        "ask the provider for the result, then `bulkverify retry {upload}`, or `bulkverify resolve {subject} --fail`",
        TWICE,
    ),
    _C.SCHEMA_DRIFT: Rule(
        *(_W, _WATCHED, _RECORD),
        "the columns of earlier results of the account and the kind",
        "results with other columns",
        "the columns of the last result",
        "columns are read by their names, so that known ones keep their meaning and new ones are delivered too; it "
        f"ends when the earlier columns are back, or {NEWS_SECONDS / 86_400:g} days later, and they are the known ones",
        "tell the applications that read the provider's columns of {subject} lists",
    ),
    _C.MISSING_ARTIFACT: Rule(
        *(_P, _MENDED, _STORAGE),
        "something was collected or delivered, and is not in storage or not what was written there",
        "perhaps still the result",
        "a read of storage that succeeded, and the recorded digest",
        "a lost result is delivered anew; verdicts that this needs and that are lost are downloaded again, at most "
        f"{AGAIN_MAX} times, where the provider still has them",
        "if it stays so, the list or the verdicts are gone for good: bring the object back from a backup of storage",
    ),
}
_MONEY_RULES = {
    _C.LEDGER_DRIFT: Rule(
        *(_P, _PERSON, _MONEY),
        "the credits that the ledger says were spent, or reserved",
        "the balance, or the usage, has moved by another amount",
        "two readings and what was under way between them, in two sweeps in a row",
        "nothing: it is told, with both amounts, until they agree again or a person accepts the difference",
        "compare the provider's own bill with `bulkverify accounts`, and find out who else uses account {account}; "
        "once that is clear, `bulkverify reconcile {account} --accept-ledger` has credits compared from then on",
        TWICE,
    ),
    _C.RESERVATION_LEAK: Rule(
        *(_W, _MENDED, _RECORD),
        "a part at its end still has credits reserved",
        "nothing",
        "the part's record",
        "the reservation is released",
        "the next sweep releases them, or `bulkverify reconcile {account} --apply` at once",
    ),
}

#: Every class of drift, in the order of the docs.
RULES: Mapping[DriftClass, Rule] = _EXISTENCE | _STATUS | _RESULT | _MONEY_RULES


def runbook_of(found: DriftClass) -> str:
    """Where the docs say what to do about a class of drift."""
    return f"{PAGE}#{found}"

"""The faults that bulkverify is put through, told once: what happens, and what bulkverify does about it.

`tests/builders/chaos/strikes.py` brings each of them about, `make chaos` at random moments and the acceptance test each
one once; `docs/faults.md` tells of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FaultTold:
    """One fault: its name, what happens, and what bulkverify does then, as sentences."""

    name: str
    happens: str
    does: str


FAULTS = (
    FaultTold(
        "intake_killed",
        "The process that accepts requests is killed.",
        "`up` starts it again. Requests wait in their stream; one that was taken and not answered is taken over, and "
        "one that comes twice is recognised by its id.",
    ),
    FaultTold(
        "worker_killed",
        "A worker is killed, wherever it is in its work.",
        "The lease of what it worked on ends, and another worker does that step again from what is in storage.",
    ),
    FaultTold(
        "workers_killed_in_submit",
        "Every worker is killed while a submit that the provider has accepted waits for its answer.",
        "The attempt was recorded before it was sent, so nobody submits the part again: its job is searched for in the "
        "provider's list, and adopted.",
    ),
    FaultTold(
        "poller_killed",
        "The process that looks at remote jobs is killed.",
        "`up` starts it again. When to look next is in the store, and what is overdue is hinted at again.",
    ),
    FaultTold(
        "exporter_killed",
        "The process that serves metrics is killed.",
        "`up` starts it again. No upload notices, and no figure is lost: what counts is in Redis.",
    ),
    FaultTold(
        "supervisor_killed",
        "`bulkverify up` itself is killed, and started again.",
        "Its processes are asked to end, finish their steps and go; the new ones may already run beside them.",
    ),
    FaultTold(
        "worker_frozen",
        "A worker is frozen within a submit for longer than its lease, and then goes on where it was.",
        "Others do its work meanwhile. What it decides when it wakes up is too old to be written; a job id that it has "
        "learned is kept all the same.",
    ),
    FaultTold(
        "poller_frozen",
        "The process that looks at remote jobs is frozen, and then goes on where it was.",
        "Looks are late by that time. What it saw before it was frozen is written only where nothing newer is known.",
    ),
    FaultTold(
        "redis_frozen",
        "Redis does not answer for ten seconds.",
        "Every command gives up after its time and none is repeated unseen; steps are done again once Redis answers. "
        "A submit whose outcome could not be written is settled by its record in storage, or by a search.",
    ),
    FaultTold(
        "redis_killed",
        "Redis is killed, and started again on its append-only file.",
        "All processes connect again by themselves and go on from the records.",
    ),
    FaultTold(
        "redis_restored",
        "Redis is killed, and started again on an older copy of its append-only file.",
        "Storage knows of every attempt to submit, also of those that Redis has forgotten: their jobs are searched for "
        "and adopted, never paid for again. Applications send the requests again that nobody knows of.",
    ),
    FaultTold(
        "broker_flushed",
        "The database of the queues is emptied.",
        "Messages are hints only: what is overdue in the store is hinted at again.",
    ),
    FaultTold(
        "everything_flushed",
        "Both databases are emptied, and applications send their requests again.",
        "Each list is prepared anew. Its parts have the same tokens as before, under which storage knows of every "
        "attempt: the jobs are found and collected, and nothing is paid for twice.",
    ),
    FaultTold(
        "disk_full",
        "The disk of the storage folder is full for a while.",
        "Nothing is sent whose attempt cannot be recorded. Steps wait and are tried again; a half-written file is "
        "never taken for a result.",
    ),
    FaultTold(
        "submit_answers_lost",
        "A provider accepts a list, and its answer is lost, cut, late or a page of a gateway.",
        "The outcome is unknown, so the job is searched for before anything else is spent, and adopted when it "
        "appears.",
    ),
    FaultTold(
        "submits_not_performed",
        "A submit fails in a way that does not tell whether the provider has accepted the list; it has not.",
        "The part is submitted again only when two complete walks over the provider's list, begun late enough, have "
        "proven that there is no job of it.",
    ),
    FaultTold(
        "reads_broken",
        "Status calls, lists and downloads fail or break off.",
        "Looking costs nothing and is repeated, ever more slowly while it fails; a download that breaks off is begun "
        "again with a new link.",
    ),
)

"""Collect: download a finished job's result, verify it, and keep its verdicts. The result is paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.actors.attempts import close_found
from worker.actors.first_download import first_download
from worker.actors.kept import keep_collected
from worker.actors.names import raw_name, result_raw_name, segment_name, sent_values, verdicts_name
from worker.actors.shell import keeping, lease, step
from worker.core import part as core
from worker.core.at_risk import warned
from worker.core.blocked import blocked_seconds
from worker.core.cancel import dropped
from worker.core.columns import digests_of
from worker.core.line import LINE_LOOK_SECONDS, stand, urgent_at
from worker.core.records import PartRecord
from worker.core.salvage import Download, choose, noted, once_more, unfetched
from worker.core.schedule import backoff_seconds
from worker.core.search import disown, still_unseen
from worker.core.states import Lane, PartState
from worker.core.urgency import Urgency
from worker.core.values import SegmentFile
from worker.providers.errors import OwnRateReached, ProviderError, Refused, Unfinished
from worker.providers.port import Kind, RemoteStatus
from worker.rows.collected import CollectedSummary, write_verdicts
from worker.rows.comparing import read_values, shared_fraction
from worker.storage import StorageError
from worker.storage.copies import local_file
from worker.storage.errors import from_scratch_error
from worker.store.columns import note_columns
from worker.store.errors import Full

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.actors.shell import Keeper
    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.providers.port import Artifact
    from worker.storage import Storage

log = structlog.get_logger()

#: Wait before a result is fetched again (shortest, longest), seconds.
RETRY_SECONDS = (2.0, 300.0)
#: Failures that are the account's and not the part's.
PAUSING_REASONS = frozenset({"throttled", "unavailable", "credentials_rejected", "quota", "out_of_credits"})
#: What is told of a part whose account keeps it waiting.
NOT_NOW = "The account cannot be used now."


class Fetched(NamedTuple):
    """What a collected result holds: its verdicts, and the segments that were wanted besides."""

    summary: CollectedSummary
    segments: tuple[SegmentFile, ...]
    #: Of the provider's own files, without segments.
    size_bytes: int
    #: An earlier download, where the part has one and it is intact.
    first: Download | None = None
    #: Where the job was found by its time and the values differ: the fraction that is the part's all the same.
    shared: float | None = None


def run(context: Context, part_id: str, epoch: int) -> None:
    """Collect the part's result."""
    step(context, Lane.COLLECT, part_id, epoch, _collect)


def _collect(context: Context, part: PartRecord) -> None:
    connected = context.accounts.get(part.account)
    now = context.store.now()
    upload = context.store.upload(part.upload_id)
    unwanted = None if upload is None else dropped(part, upload, now)
    if unwanted is not None:
        context.apply(unwanted)
        context.nudge(part.upload_id)
        return
    if connected is None or part.service != connected.service:
        reason = "account_unknown" if connected is None else "account_moved"
        context.apply(core.collect_later(part, now, reason, NOT_NOW, now + blocked_seconds(part)))
        return
    waiting = kept_back(context, connected)
    if waiting is not None:
        later = core.collect_later(part, now, waiting.reason, NOT_NOW, waiting.until, tried=False)
        _stand(context, connected, part, later)
        return
    try:
        keeper = keeping(context, _begun(context, connected, part), PartRecord)
    except Full as full:
        reason, until = f"limit_{full.guard}", now + LINE_LOOK_SECONDS
        _stand(context, connected, part, core.collect_later(part, now, reason, NOT_NOW, until, tried=False))
        return
    with keeper:
        urgency = Urgency.ENDING if _is_urgent(context, connected, part) else Urgency.WORK
        try:
            with context.workspace.folder() as folder, connected.gate.urgent(urgency):
                fetched = _fetch(context, part, connected, folder, upload.segments if upload is not None else ())
            failure = None
        except (ProviderError, StorageError) as error:
            failure = error
    if failure is None:
        _collected(context, keeper, connected, part, fetched)
        if fetched.shared is None and fetched.summary.rows:
            note_columns(context.store, part.account, part.kind, digests_of(fetched.summary.columns), now)
    else:
        _later(context, connected, keeper, part, failure)


def _begun(context: Context, connected: Connected, part: PartRecord) -> Change:
    """The lease; a part that comes for the first time stands behind those in the line, unless its result goes soon."""
    change = lease(context, part)
    if part.reason or _is_urgent(context, connected, part):
        return change
    return replace(change, behind=Lane.COLLECT)


def _is_urgent(context: Context, connected: Connected, part: PartRecord) -> bool:
    at = urgent_at(part, connected.provider.capabilities.retention_seconds)
    return at is not None and at <= context.store.now()


def _warned(context: Context, connected: Connected, waiting: Change) -> Change:
    """The change, with a warning where the result goes soon."""
    change = warned(waiting, context.store.now(), connected.provider.capabilities.retention_seconds)
    if change is not waiting:
        remedy = "remove what keeps it back before then: bulkverify why tells what that is"
        (part,) = change.parts
        log.warning(
            "result_at_risk", upload_id=part.upload_id, part=part.index, ends_at=part.result_ends_at, remedy=remedy
        )
    return change


def _stand(context: Context, connected: Connected, part: PartRecord, change: Change) -> None:
    """Put the part into its account's line, unless it stands there already and there is nothing new to tell."""
    change = _warned(context, connected, change)
    waits = part.reason == change.reason and (part.due_at or 0.0) > context.store.now()
    if not (waits and context.lines.hold(part.account, Lane.COLLECT, part.part_id)):
        context.apply(stand(change, urgent_at(part, connected.provider.capabilities.retention_seconds)))


def _fetch(context: Context, part: PartRecord, connected: Connected, folder: Path, wanted: Sequence[str]) -> Fetched:
    """The result and the `wanted` segments, in storage: an earlier try's objects are replaced, each at once."""
    kind = Kind(part.kind)
    try:
        artifacts = connected.provider.collect(part.remote_id or "", folder, wanted)
    except OSError as error:
        raise from_scratch_error(error, folder) from error
    # The whole result may be wanted as the provider's own file too: then it is named like its segment.
    found = {artifact.segment or artifact.path.stem: artifact for artifact in artifacts}
    segments = tuple(_keep_segment(context.storage, part, segment, found.get(segment)) for segment in wanted)
    # The rows are accounted for by the whole result alone: segments only repeat what is in it.
    whole = [artifact for artifact in artifacts if artifact.segment is None]
    size_bytes = sum(artifact.size_bytes for artifact in whole)
    with context.storage.write(verdicts_name(part.upload_id, part.index, part.again)) as out:
        summary = write_verdicts(connected.provider.read(whole, kind), kind, out)
    if summary.rows < part.rows:
        _still_done(connected, part, summary.rows)
    if not part.provisional or _answers(summary, part):
        _keep_raw(context, part, kind, whole)
        return Fetched(summary, segments, size_bytes, first_download(context.storage, part))
    sent = read_values(local_file(context.storage, sent_values(part), folder))
    answered = (verdict.value for verdict in connected.provider.read(whole, kind))
    shared = shared_fraction(kind, sent, answered, rows=max(part.rows, summary.rows))
    return Fetched(summary, segments, size_bytes, shared=shared)


def _answers(summary: CollectedSummary, part: PartRecord) -> bool:
    """Whether the verdicts are on exactly the values that were sent, each once."""
    return summary.values_digest == part.digest


def _still_done(connected: Connected, part: PartRecord, rows: int) -> None:
    """Have the provider say once more that the job is done whose result is short.

    Of a job that is under way, or is so again, a result may hold what there is so far, or nothing, and look whole
    (documented for WhoisXML). Raises `Unfinished`.
    """
    remote_id = part.remote_id or ""
    seen = connected.provider.observe([remote_id]).get(remote_id)
    if seen is not None and seen.status is not RemoteStatus.FINISHED:
        told = f"{rows:,} of {part.rows:,} rows, and its job says {seen.word or str(seen.status)!r}"
        raise Unfinished(f"the result of remote job {remote_id} has {told}; it is collected when that is done")


def _keep_raw(context: Context, part: PartRecord, kind: Kind, whole: Sequence[Artifact]) -> None:
    """Keep the provider's own files of a job that is the part's for certain; those of secrets never for long."""
    named = result_raw_name if context.settings.keep_raw and not kind.secret else raw_name
    for artifact in whole:
        context.storage.put_file(named(part.upload_id, part.index, artifact.name, part.again), artifact.path)


def _keep_segment(storage: Storage, part: PartRecord, segment: str, artifact: Artifact | None) -> SegmentFile:
    if artifact is None:
        return SegmentFile(segment=segment, part=part.index)
    name = segment_name(part.upload_id, part.index, segment, artifact.path.suffix)
    storage.put_file(name, artifact.path)
    return SegmentFile(
        segment=segment,
        part=part.index,
        object=name,
        url=storage.url(name),
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
    )


def _collected(
    context: Context, keeper: Keeper[PartRecord], connected: Connected, before: PartRecord, fetched: Fetched
) -> None:
    now = context.store.now()
    if fetched.shared is not None:
        shared = fetched.shared
        change = keeper.conclude(lambda record: disown(record, now, shared=shared))
        context.metrics.result_fetched("disowned", provider=before.provider, account=before.account)
        if change.parts[0].lane is None:
            context.nudge(change.upload_id)
        return
    change = keeper.conclude(lambda record: _outcome(context, connected, record, fetched, now))
    part = change.parts[0]
    names = {"provider": part.provider, "account": part.account}
    outcome = "verified" if _answers(fetched.summary, part) else "mismatch"
    context.metrics.result_fetched(outcome, size_bytes=fetched.size_bytes, **names)
    if part.state is PartState.FINISHED:
        return
    keep_collected(context.storage, part)
    if before.provisional:
        close_found(context.storage, before, part.remote_id or "")
    lag_seconds = max(now - (part.remote_finished_at or now), 0.0)
    context.metrics.result_verified(lag_seconds=lag_seconds, **names)
    run_seconds = max(now - (part.submitted_at or now), 0.0)
    context.metrics.stage_finished("remote", kind=part.kind, seconds=run_seconds, **names)
    if part.finished_at is not None:
        context.metrics.stage_finished("collect", kind=part.kind, seconds=max(now - part.finished_at, 0.0), **names)
    context.nudge(part.upload_id)


def _outcome(context: Context, connected: Connected, part: PartRecord, fetched: Fetched, now: float) -> Change:
    """The part is collected; one whose result does not hold what was sent is downloaded once more first."""
    name, summary = verdicts_name(part.upload_id, part.index, part.again), fetched.summary
    download = Download(name, summary.sha256, summary.rows, same_values=_answers(summary, part))
    if not download.same_values and not part.again:
        return once_more(part, download, now, wait_seconds=context.settings.second_download_seconds)
    kept, other = choose(fetched.first, download)
    collected = core.collected(
        part,
        now,
        rows_returned=kept.rows,
        verdicts_object=kept.object,
        verdicts_digest=kept.sha256,
        same_values=kept.same_values,
        segments=fetched.segments,
        account_rules=sum(rule.kind == part.kind for rule in connected.account.verdicts),
        reuse_key=connected.reuse_key(part.kind, part.rows, part.digest),
    )
    return noted(collected, part, other)


def _later(
    context: Context,
    connected: Connected,
    keeper: Keeper[PartRecord],
    part: PartRecord,
    failure: ProviderError | StorageError,
) -> None:
    now = context.store.now()
    context.metrics.result_fetched(failure.reason, provider=part.provider, account=part.account)
    if isinstance(failure, Refused) and part.provisional and not still_unseen(part, now):
        # It was found by its time alone, and has no values to tell whose it is.
        change = keeper.conclude(lambda record: disown(record, now, shared=None))
        context.nudge(change.upload_id)
        return
    until = now + backoff_seconds(part.tries + 1, floor_seconds=RETRY_SECONDS[0], cap_seconds=RETRY_SECONDS[1])
    if isinstance(failure, OwnRateReached):
        ends = urgent_at(part, connected.provider.capabilities.retention_seconds)
        reason, until = failure.reason, now + LINE_LOOK_SECONDS
        keeper.conclude(
            lambda record: stand(
                _warned(context, connected, core.collect_later(record, now, reason, str(failure), until, tried=False)),
                ends,
            )
        )
        return
    # A job that is not done says nothing of whether its result can be had.
    own = isinstance(failure, ProviderError) and not isinstance(failure, Unfinished)
    if isinstance(failure, ProviderError) and failure.reason in PAUSING_REASONS:
        own, until = False, max(until, pause_account(context, part.account, part.provider, failure))

    def later(record: PartRecord) -> Change:
        given_up = unfetched(record, now, str(failure)) if own else None
        waiting = core.collect_later(record, now, failure.reason, str(failure), until)
        return given_up or _warned(context, connected, waiting)

    if keeper.conclude(later).parts[0].lane is None:
        context.nudge(part.upload_id)

"""`bulkverify cancel`: nothing more is spent on uploads; what was paid is still collected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from producers.exit_codes import ExitCode
from worker.cli.bulk import Outcome, bulk_options, carry_out, choose, confirm, not_found, rehearse
from worker.cli.epilog import exit_codes
from worker.cli.errors import UnknownUpload
from worker.cli.lookup import found_upload
from worker.cli.selection import Filter
from worker.cli.wording import when
from worker.core.next_step import next_step
from worker.core.states import PART_TERMINAL, PART_UNSPENT, UPLOAD_TERMINAL, PartState, UploadState
from worker.core.upload import request_cancel
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.cli.door import Door
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Times a cancellation is tried while others write the same record.
CANCEL_TRIES_MAX = 20
#: What a cancellation is of use to.
_LIVE = frozenset(UploadState) - UPLOAD_TERMINAL


@click.command(
    epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE, ExitCode.INTERRUPTED)
)
@bulk_options
@click.option("--yes", is_flag=True, help="Do not ask; with options that choose uploads: do it.")
@click.pass_obj
def cancel(
    door: Door,
    /,
    *,
    upload_ids: tuple[str, ...],
    everything: bool,
    limit: int,
    as_json: bool,
    yes: bool,
    **wanted: Any,  # noqa: ANN401 - the filter's options
) -> None:
    """Spend nothing more on each UPLOAD, or on those that the options choose.

    Parts that were not sent yet are dropped. Parts that were sent are paid for: their verdicts are still collected,
    and the result holds them. Cancelling again changes nothing. An upload that has completed or failed cannot be
    cancelled any more, and makes the exit code 1.

    Where options choose the uploads, all of them have to fit, and without --yes it is only told how many uploads fit
    and what they have cost.
    """
    store = door.store()
    chosen = choose(store, upload_ids, Filter(**wanted), everything=everything, limit=limit, states=_LIVE)
    if chosen.by_filter and not yes:
        costs = "They have {credits_spent:,} credits spent, and {credits_reserved:,} reserved for what is being sent."
        rehearse(chosen, lambda upload_id: _would(store, upload_id), as_json=as_json, costs=costs)
        return
    if not yes and any(_is_cancellable(store, upload_id) for upload_id in chosen.upload_ids):
        told = [_intention(store, upload_id) for upload_id in chosen.upload_ids]
        confirm("Cancel?", told, "nothing was cancelled")
    code = carry_out(chosen, lambda upload_id: _cancelled(store, upload_id), as_json=as_json)
    raise click.exceptions.Exit(code)


def _is_cancellable(store: Store, upload_id: str) -> bool:
    try:
        return _settled(found_upload(store, upload_id)) is None
    except (UnknownUpload, Unreadable):
        return False


def _would(store: Store, upload_id: str) -> Outcome:
    """What a cancellation would do to an upload that was there a moment ago."""
    try:
        upload = found_upload(store, upload_id)
    except (UnknownUpload, Unreadable) as error:
        return not_found(upload_id, error)
    outcome = _settled(upload) or Outcome(
        upload_id, upload.state, "would_request", _effect(upload, store.part_counts(upload_id))
    )
    return replace(outcome, figures=_credits(store, upload))


def _credits(store: Store, upload: UploadRecord) -> Mapping[str, int]:
    parts = list(store.parts_of(upload))
    return {
        "credits_spent": sum(part.credits_committed for part in parts),
        "credits_reserved": sum(part.credits_reserved for part in parts),
    }


def _intention(store: Store, upload_id: str) -> str:
    try:
        upload = found_upload(store, upload_id)
    except (UnknownUpload, Unreadable) as error:
        return str(error)
    settled = _settled(upload)
    return settled.message if settled else _effect(upload, store.part_counts(upload_id))


def _effect(upload: UploadRecord, parts: Mapping[str, int]) -> str:
    """What a cancellation does to an upload, by the states of its parts."""
    if not upload.parts_total:
        return f"Upload {upload.upload_id} ({upload.state}) has no parts yet: nothing will be sent or paid."
    unsent = sum(number for state, number in parts.items() if state in PART_UNSPENT)
    quarantined = parts.get(PartState.QUARANTINED, 0)
    sent = sum(number for state, number in parts.items() if state not in PART_UNSPENT | PART_TERMINAL) - quarantined
    done = sum(parts.get(state, 0) for state in PART_TERMINAL)
    effect = (
        f"Upload {upload.upload_id} ({upload.state}) of {upload.parts_total:,} parts: {unsent:,} not yet sent are "
        f"dropped, {sent:,} already sent (and paid) are still collected, {done:,} are done."
    )
    return effect + (f" {quarantined:,} in quarantine still wait for a person." if quarantined else "")


def _cancelled(store: Store, upload_id: str) -> Outcome:
    """Request the cancellation, against the record as it is then."""
    from worker.store.errors import Stale  # noqa: PLC0415 - slow to import; the help does without it

    for _ in range(CANCEL_TRIES_MAX):
        try:
            upload = found_upload(store, upload_id)
        except (UnknownUpload, Unreadable) as error:
            return not_found(upload_id, error)
        settled = _settled(upload)
        if settled is not None:
            return replace(settled, figures=_credits(store, upload))
        change = request_cancel(upload, store.now())
        try:
            now = store.commit(change)
        except Stale:
            continue
        message = _next(change.uploads[0], now)
        return Outcome(upload_id, upload.state, "requested", message, figures=_credits(store, upload))
    message = f"Upload {upload_id} was written by others {CANCEL_TRIES_MAX} times meanwhile: try again."
    return Outcome(upload_id, upload.state, "contended", message, ExitCode.FAILED)


def _settled(upload: UploadRecord) -> Outcome | None:
    """The outcome of cancelling an upload of which nothing can be changed any more."""
    named = f"Upload {upload.upload_id}"
    if upload.state is UploadState.CANCELLED:
        return Outcome(upload.upload_id, upload.state, "already_cancelled", f"{named} is cancelled.")
    if upload.terminal:
        message = f"{named} has {upload.state} already: there is nothing left to cancel."
        return Outcome(upload.upload_id, upload.state, "too_late", message, ExitCode.FAILED)
    if upload.cancel_requested:
        message = f"The cancellation of upload {upload.upload_id} was requested before; it is {upload.state}."
        return Outcome(upload.upload_id, upload.state, "already_requested", message)
    return None


def _next(upload: UploadRecord, now: float) -> str:
    step = next_step(upload, now)
    return (
        f"The cancellation of upload {upload.upload_id} is requested. Next ({when(step.when, now)}): {step.what}. "
        f"`bulkverify why {upload.upload_id}` tells more."
    )

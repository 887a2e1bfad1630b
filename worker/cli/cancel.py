"""`bulkverify cancel`: nothing more is spent on uploads; what was paid is still collected, unless nobody wants it."""

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
from worker.core.cancel import is_surely_paid, rows_not_collected
from worker.core.next_step import next_step
from worker.core.states import PART_UNSPENT, UPLOAD_TERMINAL, PartState, UploadState
from worker.core.upload import request_cancel
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.cli.door import Door
    from worker.core.records import PartRecord, UploadRecord
    from worker.store.store import Store

#: Times a cancellation is tried while others write the same record.
CANCEL_TRIES_MAX = 20
#: What a cancellation is of use to.
_LIVE = frozenset(UploadState) - UPLOAD_TERMINAL


@click.command(
    epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE, ExitCode.INTERRUPTED)
)
@bulk_options
@click.option("--no-collect", is_flag=True, help="Do not fetch what is paid for either; that is never taken back.")
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
    no_collect: bool,
    yes: bool,
    **wanted: Any,  # noqa: ANN401 - the filter's options
) -> None:
    """Spend nothing more on each UPLOAD, or on those that the options choose.

    Parts that were not sent yet are dropped. Parts that were sent are paid for: their verdicts are still collected,
    and the result holds them. Cancelling again changes nothing. An upload that has completed or failed cannot be
    cancelled any more, and makes the exit code 1.

    With --no-collect, which may follow a cancellation without it, parts that were sent are dropped too: they stay
    paid, nobody asks for them any more, and the result says how many rows were paid for and not fetched. A part of
    which it is not certain what was paid is resolved first.

    Where options choose the uploads, all of them have to fit, and without --yes it is only told how many uploads fit
    and what they have cost.
    """
    store = door.store()
    chosen = choose(store, upload_ids, Filter(**wanted), everything=everything, limit=limit, states=_LIVE)
    if chosen.by_filter and not yes:
        costs = "They have {credits_spent:,} credits spent, and {credits_reserved:,} reserved for what is being sent."
        costs += " {rows_not_collected:,} rows are paid for and would not be fetched." if no_collect else ""
        rehearse(
            chosen, lambda upload_id: _would(store, upload_id, no_collect=no_collect), as_json=as_json, costs=costs
        )
        return
    if not yes and any(_is_cancellable(store, upload_id, no_collect=no_collect) for upload_id in chosen.upload_ids):
        told = [_intention(store, upload_id, no_collect=no_collect) for upload_id in chosen.upload_ids]
        confirm("Cancel?", told, "nothing was cancelled")
    code = carry_out(chosen, lambda upload_id: _cancelled(store, upload_id, no_collect=no_collect), as_json=as_json)
    raise click.exceptions.Exit(code)


def _is_cancellable(store: Store, upload_id: str, *, no_collect: bool) -> bool:
    try:
        return _settled(found_upload(store, upload_id), no_collect=no_collect) is None
    except (UnknownUpload, Unreadable):
        return False


def _would(store: Store, upload_id: str, *, no_collect: bool) -> Outcome:
    """What a cancellation would do to an upload that was there a moment ago."""
    try:
        upload = found_upload(store, upload_id)
    except (UnknownUpload, Unreadable) as error:
        return not_found(upload_id, error)
    parts = list(store.parts_of(upload))
    outcome = _settled(upload, no_collect=no_collect) or Outcome(
        upload_id, upload.state, "would_request", _effect(upload, parts, no_collect=no_collect)
    )
    given_up = upload.no_collect or (no_collect and outcome.outcome == "would_request")
    return replace(outcome, figures=_figures(parts, no_collect=given_up))


def _figures(parts: Sequence[PartRecord], *, no_collect: bool) -> Mapping[str, int]:
    """What the upload costs; `no_collect`: the parts that are paid for are about to be dropped, too."""
    given_up = sum(part.rows for part in parts if no_collect and is_surely_paid(part))
    return {
        "credits_spent": sum(part.credits_committed for part in parts),
        "credits_reserved": sum(part.credits_reserved for part in parts),
        "rows_not_collected": rows_not_collected(parts) + given_up,
    }


def _intention(store: Store, upload_id: str, *, no_collect: bool) -> str:
    try:
        upload = found_upload(store, upload_id)
    except (UnknownUpload, Unreadable) as error:
        return str(error)
    settled = _settled(upload, no_collect=no_collect)
    return settled.message if settled else _effect(upload, list(store.parts_of(upload)), no_collect=no_collect)


def _effect(upload: UploadRecord, parts: Sequence[PartRecord], *, no_collect: bool) -> str:
    """What a cancellation does to an upload, by the states of its parts."""
    if not upload.parts_total:
        return f"Upload {upload.upload_id} ({upload.state}) has no parts yet: nothing will be sent or paid."
    unsent = sum(part.state in PART_UNSPENT for part in parts)
    done = sum(part.terminal for part in parts)
    given_up = [part for part in parts if no_collect and is_surely_paid(part)]
    quarantined = sum(part.state is PartState.QUARANTINED and part not in given_up for part in parts)
    others = len(parts) - unsent - done - len(given_up) - quarantined
    sent = f"{others:,} already sent (and paid) are still collected"
    if no_collect:
        rows = sum(part.rows for part in given_up)
        sent = f"{len(given_up):,} already sent are dropped too ({rows:,} rows paid for and never fetched)"
        sent += f", {others:,} of unknown outcome are resolved first" if others else ""
    effect = (
        f"Upload {upload.upload_id} ({upload.state}) of {upload.parts_total:,} parts: {unsent:,} not yet sent are "
        f"dropped, {sent}, {done:,} are done."
    )
    return effect + (f" {quarantined:,} in quarantine still wait for a person." if quarantined else "")


def _cancelled(store: Store, upload_id: str, *, no_collect: bool) -> Outcome:
    """Request the cancellation, against the record as it is then."""
    from worker.store.errors import Stale  # noqa: PLC0415 - slow to import; the help does without it

    for _ in range(CANCEL_TRIES_MAX):
        try:
            upload = found_upload(store, upload_id)
        except (UnknownUpload, Unreadable) as error:
            return not_found(upload_id, error)
        parts = list(store.parts_of(upload))
        settled = _settled(upload, no_collect=no_collect)
        if settled is not None:
            return replace(settled, figures=_figures(parts, no_collect=upload.no_collect))
        change = request_cancel(upload, store.now(), no_collect=no_collect)
        try:
            now = store.commit(change).at
        except Stale:
            continue
        message = _next(change.uploads[0], now)
        figures = _figures(parts, no_collect=no_collect)
        return Outcome(upload_id, upload.state, "requested", message, figures=figures)
    message = f"Upload {upload_id} was written by others {CANCEL_TRIES_MAX} times meanwhile: try again."
    return Outcome(upload_id, upload.state, "contended", message, ExitCode.FAILED)


def _settled(upload: UploadRecord, *, no_collect: bool) -> Outcome | None:
    """The outcome of cancelling an upload of which nothing can be changed any more by that; else `None`."""
    named = f"Upload {upload.upload_id}"
    if upload.state is UploadState.CANCELLED:
        return Outcome(upload.upload_id, upload.state, "already_cancelled", f"{named} is cancelled.")
    if upload.terminal:
        message = f"{named} has {upload.state} already: there is nothing left to cancel."
        return Outcome(upload.upload_id, upload.state, "too_late", message, ExitCode.FAILED)
    if upload.cancel_requested and (upload.no_collect or not no_collect):
        message = f"The cancellation of upload {upload.upload_id} was requested before; it is {upload.state}."
        return Outcome(upload.upload_id, upload.state, "already_requested", message)
    return None


def _next(upload: UploadRecord, now: float) -> str:
    step = next_step(upload, now)
    return (
        f"The cancellation of upload {upload.upload_id} is requested. Next ({when(step.when, now)}): {step.what}. "
        f"`bulkverify why {upload.upload_id}` tells more."
    )

"""`bulkverify cancel`: nothing more is spent on an upload; what was paid is still collected."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from producers.exit_codes import ExitCode, worst
from producers.parameters import UploadId
from worker.cli.epilog import exit_codes
from worker.cli.errors import UnknownUpload
from worker.cli.failures import Failure
from worker.cli.lookup import found_upload
from worker.cli.tables import print_json
from worker.cli.wording import when
from worker.core.next_step import next_step
from worker.core.states import PART_TERMINAL, PART_UNSPENT, PartState, UploadState
from worker.core.upload import request_cancel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.cli.door import Door
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Times a cancellation is tried while others write the same record.
CANCEL_TRIES_MAX = 20


class Outcome(NamedTuple):
    """What became of the cancellation of one upload."""

    upload_id: str
    #: The upload's state; empty when there is no such upload.
    state: str
    #: `requested`, `already_requested`, `already_cancelled`, `too_late`, `contended` or `unknown`.
    outcome: str
    message: str
    code: ExitCode


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.argument("upload_ids", metavar="UPLOAD...", nargs=-1, required=True, type=UploadId())
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_obj
def cancel(door: Door, *, upload_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Spend nothing more on each UPLOAD.

    Parts that were not sent yet are dropped. Parts that were sent are paid for: their verdicts are still collected,
    and the result holds them. Cancelling again changes nothing. An upload that has completed or failed cannot be
    cancelled any more, and makes the exit code 1.
    """
    store = door.store()
    upload_ids = tuple(dict.fromkeys(upload_ids))
    if not yes and any(_is_cancellable(store, upload_id) for upload_id in upload_ids):
        _ask(store, upload_ids)
    outcomes = [_cancelled(store, upload_id) for upload_id in upload_ids]
    if as_json:
        print_json([outcome._asdict() | {"code": int(outcome.code)} for outcome in outcomes])
    else:
        for outcome in outcomes:
            click.echo(outcome.message, err=outcome.code is not ExitCode.OK)
    raise click.exceptions.Exit(worst(outcome.code for outcome in outcomes))


def _ask(store: Store, upload_ids: tuple[str, ...]) -> None:
    """Say what would be done, and go on only after a yes."""
    for upload_id in upload_ids:
        click.echo(_intention(store, upload_id), err=True)
    click.echo("Cancel? [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
        raise Failure("Nobody answered, so nothing was cancelled. --yes cancels without asking.", ExitCode.USAGE)
    if answer.strip().lower() not in {"y", "yes"}:
        raise Failure("Nothing was cancelled.", ExitCode.FAILED)


def _is_cancellable(store: Store, upload_id: str) -> bool:
    try:
        return _settled(found_upload(store, upload_id)) is None
    except UnknownUpload:
        return False


def _intention(store: Store, upload_id: str) -> str:
    try:
        upload = found_upload(store, upload_id)
    except UnknownUpload as error:
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
        except UnknownUpload as error:
            return Outcome(upload_id, "", "unknown", str(error), ExitCode.FAILED)
        settled = _settled(upload)
        if settled is not None:
            return settled
        change = request_cancel(upload, store.now())
        try:
            now = store.commit(change)
        except Stale:
            continue
        return Outcome(upload_id, upload.state, "requested", _next(change.uploads[0], now), ExitCode.OK)
    message = f"Upload {upload_id} was written by others {CANCEL_TRIES_MAX} times meanwhile: try again."
    return Outcome(upload_id, upload.state, "contended", message, ExitCode.FAILED)


def _settled(upload: UploadRecord) -> Outcome | None:
    """The outcome of cancelling an upload of which nothing can be changed any more."""
    named = f"Upload {upload.upload_id}"
    if upload.state is UploadState.CANCELLED:
        return Outcome(upload.upload_id, upload.state, "already_cancelled", f"{named} is cancelled.", ExitCode.OK)
    if upload.terminal:
        message = f"{named} has {upload.state} already: there is nothing left to cancel."
        return Outcome(upload.upload_id, upload.state, "too_late", message, ExitCode.FAILED)
    if upload.cancel_requested:
        message = f"The cancellation of upload {upload.upload_id} was requested before; it is {upload.state}."
        return Outcome(upload.upload_id, upload.state, "already_requested", message, ExitCode.OK)
    return None


def _next(upload: UploadRecord, now: float) -> str:
    step = next_step(upload, now)
    return (
        f"The cancellation of upload {upload.upload_id} is requested. Next ({when(step.when, now)}): {step.what}. "
        f"`bulkverify why {upload.upload_id}` tells more."
    )

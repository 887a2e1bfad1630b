"""`bulkverify retry`: uploads that stopped are brought back to work, and nothing is paid for twice unasked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from producers.contract import CONTRACT_VERSION
from producers.exit_codes import ExitCode
from producers.request import UploadRequest, from_fields
from producers.trace import Trace
from worker.cli.bulk import Outcome, bulk_options, carry_out, choose, confirm, not_found, rehearse
from worker.cli.epilog import exit_codes
from worker.cli.errors import UnknownUpload
from worker.cli.lookup import found_upload
from worker.cli.outlook import in_line
from worker.cli.selection import Filter
from worker.cli.waking import wake
from worker.core.retry import Leave, Submit, Tried, Wake, follow_up_id, followed_id, follows, plan, retried
from worker.core.states import UPLOAD_TERMINAL, UploadState
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from worker.cli.door import Door
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Follow-ups of one upload that are looked through; more are refused.
FOLLOW_UPS_MAX = 100
#: What is retried where options choose and name no state: an upload was cancelled because somebody wanted that.
_STOPPED = frozenset(UploadState) - UPLOAD_TERMINAL | {UploadState.FAILED}


@click.command(
    epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE, ExitCode.INTERRUPTED)
)
@bulk_options
@click.option("--spend", is_flag=True, help="Also pay again for rows that were paid for before.")
@click.option("--yes", is_flag=True, help="Do not ask before something is paid for; where options choose: do it.")
@click.pass_obj
def retry(
    door: Door,
    /,
    *,
    upload_ids: tuple[str, ...],
    everything: bool,
    limit: int,
    as_json: bool,
    spend: bool,
    yes: bool,
    **wanted: Any,  # noqa: ANN401 - the filter's options
) -> None:
    """Bring each UPLOAD, or those that the options choose, back to work.

    One that has not ended goes on where it is, and nothing is paid for again: what waits for a time is due at once, a
    paused account is called again, and parts that were stopped after too many crashes are begun once more. Parts whose
    submission has no known outcome are left alone.

    One that has failed or was cancelled stays what it is. Its request is submitted once more as UPLOAD.r1, then as
    UPLOAD.r2, and its list is read anew from where it was. That is paid for, so it is asked before; and it is refused
    if rows of it were paid for already, unless --spend is given.

    Where options choose the uploads, all of them have to fit, cancelled ones only with --state cancelled; and without
    --yes it is only told what would be done.
    """
    retrying = Retrying(door, spend=spend)
    store = door.store()
    chosen = choose(store, upload_ids, Filter(**wanted), everything=everything, limit=limit, states=_STOPPED)
    # A chain is retried once, however many of it were chosen: a follow-up may fail while the command still runs.
    chosen = replace(chosen, upload_ids=tuple(dict.fromkeys(first_id(store, each) for each in chosen.upload_ids)))
    if chosen.by_filter and not yes:
        costs = (
            "To be paid for: {rows_most:,} rows, and the lists that were never read. Paid before: {rows_paid_before:,}."
        )
        rehearse(chosen, retrying.look, as_json=as_json, costs=costs)
        return
    looked = [] if yes else [retrying.look(upload_id) for upload_id in chosen.upload_ids]
    if any(outcome.outcome == "would_submit" for outcome in looked):
        confirm("Submit, and pay?", [outcome.message for outcome in looked], "nothing was retried")
        yes = True
    code = carry_out(chosen, lambda upload_id: retrying.act(upload_id, may_submit=yes), as_json=as_json)
    raise click.exceptions.Exit(code)


class Retrying:
    """The retry of uploads, one after the other."""

    def __init__(self, door: Door, *, spend: bool) -> None:
        """`spend`: rows may be paid for that were paid for before."""
        self._door = door
        self._store = door.store()
        self._spend = spend

    def look(self, upload_id: str) -> Outcome:
        """What a retry would do now."""
        try:
            tried = tried_before(self._store, upload_id)
        except (UnknownUpload, Unreadable) as error:
            return not_found(upload_id, error)
        return self._outcome(tried)

    def act(self, upload_id: str, *, may_submit: bool) -> Outcome:
        """Retry one upload, decided on what its records are now; without `may_submit` nothing that costs is done."""
        try:
            tried = tried_before(self._store, upload_id)
        except (UnknownUpload, Unreadable) as error:
            return not_found(upload_id, error)
        outcome = self._outcome(tried)
        if outcome.outcome == "would_wake":
            return self._wake(tried[-1].upload, outcome)
        if outcome.outcome == "would_submit" and may_submit:
            return self._submit(tried, outcome)
        if outcome.outcome == "would_submit":
            message = f"Upload {upload_id} has ended meanwhile, and is not submitted without being asked: try again."
            return replace(outcome, outcome="not_confirmed", message=message, code=ExitCode.FAILED)
        return outcome

    def _outcome(self, tried: list[Tried]) -> Outcome:
        upload = tried[-1].upload
        found = plan(tried, self._store.account(upload.account, upload.provider), self._store.now())
        named = f"Upload {tried[0].upload.upload_id} ({tried[0].upload.state})"
        done = Outcome(tried[0].upload.upload_id, tried[0].upload.state, "", "")
        match found:
            case Wake():
                message = f"{named} goes on at once, and nothing is paid for again: {_woken(found)}."
                return replace(done, outcome="would_wake", message=message, figures={"parts_woken": found.parts})
            case Submit() if self._store.found(found.upload_id) is not None:
                message = f"{named}: the id {found.upload_id} belongs to another upload; upload the list with another."
                return replace(done, outcome="id_taken", message=message, code=ExitCode.FAILED)
            case Submit():
                return self._would_submit(done, named, found)
            case Leave():
                code = ExitCode.FAILED if found.refused else ExitCode.OK
                return replace(done, outcome=found.reason, message=f"{named}: {found.message}", code=code)

    def _would_submit(self, done: Outcome, named: str, found: Submit) -> Outcome:
        figures = {
            "new_upload_id": found.upload_id,
            "rows_most": found.rows_most,
            "rows_paid_before": found.rows_paid_before,
        }
        rows = "all rows of its list" if found.rows_most is None else f"at most {found.rows_most:,} rows"
        costs = f"{rows} to be paid for, {found.rows_paid_before:,} were paid for before"
        if found.rows_paid_before and not self._spend:
            message = f"{named} is not submitted anew: {costs}. --spend pays for them again."
            return replace(done, outcome="needs_spend", message=message, code=ExitCode.FAILED, figures=figures)
        message = f"{named} is submitted anew as {found.upload_id}: {costs}."
        return replace(done, outcome="would_submit", message=message, figures=figures)

    def _wake(self, upload: UploadRecord, outcome: Outcome) -> Outcome:
        parts = wake(self._store, upload)
        return replace(outcome, outcome="woken", figures={"parts_woken": parts})

    def _submit(self, tried: list[Tried], outcome: Outcome) -> Outcome:
        first, last = tried[0].upload, tried[-1].upload
        new_id = follow_up_id(first.upload_id, len(tried))
        self._door.client().submit_request(request_of(last, new_id))
        self._store.commit(retried(first, new_id))
        return replace(outcome, outcome="submitted", message=f"{outcome.message} Wait for it: bulkverify wait {new_id}")


def tried_before(store: Store, upload_id: str) -> list[Tried]:
    """The upload that is meant and its follow-ups, the first one first. Raises `UnknownUpload`, `Unreadable`."""
    upload = found_upload(store, upload_id)
    chain = _chain_of_follow_up(store, upload_id) or _chain(store, upload)
    tried = [(each, list(store.parts_of(each))) for each in chain]
    return [Tried(each, parts, in_line(store, each.account, parts)) for each, parts in tried]


def first_id(store: Store, upload_id: str) -> str:
    """The id of the upload that this one is a follow-up of, which stands for both; its own where it is none."""
    try:
        chain = _chain_of_follow_up(store, upload_id)
    except Unreadable:
        return upload_id
    return chain[0].upload_id if chain else upload_id


def _chain_of_follow_up(store: Store, upload_id: str) -> list[UploadRecord]:
    """The chain in which the upload is a follow-up; empty when it is none."""
    followed = followed_id(upload_id)
    first = store.upload(followed) if followed else None
    chain = [] if first is None else _chain(store, first)
    return chain if upload_id in [each.upload_id for each in chain] else []


def _chain(store: Store, first: UploadRecord) -> list[UploadRecord]:
    chain = [first]
    while len(chain) <= FOLLOW_UPS_MAX:
        found = store.upload(follow_up_id(first.upload_id, len(chain)))
        if found is None or not follows(found, first):
            break
        chain.append(found)
    return chain


def request_of(upload: UploadRecord, upload_id: str) -> UploadRequest:
    """The request that made an upload, with another id."""
    return from_fields(
        {
            "version": CONTRACT_VERSION,
            "upload_id": upload_id,
            "account": upload.account,
            "kind": upload.kind,
            "source": upload.source,
            "options": {name: value for name, value in upload.options.items() if name != "screen"},
            "screen": bool(upload.options.get("screen")),
            "method": upload.method,
            "segments": list(upload.segments),
            "result": upload.result_place,
            "format": upload.result_format,
            "spreadsheet_safe": upload.spreadsheet_safe,
            "reuse": upload.reuse_hours,
            "label": upload.label,
            "producer": upload.producer,
            "trace": upload.trace.model_dump(include=set(Trace.model_fields), exclude_defaults=True),
        }
    )


def _woken(found: Wake) -> str:
    left = f", {found.left:,} in quarantine are left alone" if found.left else ""
    turns = f", {found.in_line:,} go on in their turn" if found.in_line else ""
    return f"{found.parts:,} parts are due now{turns}{left}"

"""`bulkverify resolve`: a person decides about parts in quarantine, after what is known of them was shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import click

from producers.contract import UPLOAD_ID_PATTERN
from producers.exit_codes import ExitCode, worst
from producers.report import shown
from worker.actors.attempts import remembered
from worker.cli.bulk import Outcome, confirm
from worker.cli.epilog import exit_codes
from worker.cli.lookup import found_upload
from worker.cli.quarantine import Known
from worker.cli.remote_jobs import RemoteJobs
from worker.cli.resolving import Decision, Resolving, Way
from worker.cli.tables import print_json_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.cli.door import Door
    from worker.core.records import PartRecord
    from worker.store.store import Store

#: Parts whose evidence is printed for people; `--json` has all of them.
PARTS_SHOWN_MAX = 20
#: A remote id in its one spelling at every provider: decimal digits without leading zeros.
_REMOTE_ID = re.compile(r"0|[1-9][0-9]{0,18}")
_PART = re.compile(r"(.+)/(0|[1-9][0-9]{0,8})")


class Target(NamedTuple):
    """An upload, or one part of it."""

    upload_id: str
    part_index: int | None


class _TargetType(click.ParamType[Target]):
    name = "UPLOAD[/PART]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        part = _PART.fullmatch(str(value))
        upload_id = part[1] if part else str(value)
        if not re.fullmatch(UPLOAD_ID_PATTERN, upload_id):
            self.fail(f"{shown(str(value))!r} is no upload id, nor one with /PART behind it, as list-1/0", param, ctx)
        return Target(upload_id, int(part[2]) if part else None)


class _RemoteIdType(click.ParamType[str]):
    name = "REMOTE_ID"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _REMOTE_ID.fullmatch(str(value)):
            self.fail(f"{shown(str(value))!r} is no remote id; it is a whole number", param, ctx)
        return str(value)


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.argument("target", metavar="UPLOAD[/PART]", type=_TargetType())
@click.option("--adopt", "remote_id", type=_RemoteIdType(), help="This remote job is the part's.")
@click.option("--resubmit", is_flag=True, help="Submit it once more; it may be paid for twice.")
@click.option("--yes-spend", "spend_rows", metavar="ROWS", type=click.IntRange(0), help="All that this may cost.")
@click.option("--fail", is_flag=True, help="Give it up: its rows come back without verdicts.")
@click.option("--unchecked", is_flag=True, help="Adopt a job whatever the provider says of it.")
@click.option("--list", "listed", is_flag=True, help="Look for its job in the provider's list, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document per part and line.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def resolve(
    door: Door,
    *,
    target: Target,
    remote_id: str | None,
    resubmit: bool,
    spend_rows: int | None,
    fail: bool,
    unchecked: bool,
    listed: bool,
    as_json: bool,
    yes: bool,
) -> None:
    """Decide about a PART in quarantine, or about all of an UPLOAD that are; also while a job is still searched for.

    What is known of each part is shown first: its attempts, with time and process; what became of them; every remote
    job that was ever named for it. Without a decision that is all.

    --adopt: the job is looked at, refused if the provider does not know it or if it has other rows, and then it is the
    part's, paid once. --resubmit: the part is submitted once more, which takes --yes-spend with the rows that are paid
    for, to the row. --fail: the upload is delivered without the part's verdicts.

    A job that is found before the part is submitted again is used instead; one that is found later is kept as evidence,
    and counted as wasted, or as the one charge of a part that was given up. A command that is given again changes
    nothing.
    """
    decision = _decision(remote_id, spend_rows, resubmit=resubmit, fail=fail, unchecked=unchecked)
    remote_jobs, parts = RemoteJobs(door), _parts(door.store(), target)
    if decision is not None and decision.way is Way.ADOPT and len(parts) > 1:
        raise click.UsageError(f"{len(parts):,} parts are in quarantine: name the one that the job is of.")
    known = [_known(door, part, remote_jobs if listed else None) for part in parts]
    if not as_json:
        for each in known[:PARTS_SHOWN_MAX]:
            each.show()
        click.echo(_summary(target, len(known)))
    if decision is None:
        outcomes = [Outcome(part.upload_id, part.state, "shown", "", figures={"part": part.index}) for part in parts]
    else:
        outcomes = _resolved(
            [Resolving(door, remote_jobs, decision, part) for part in parts], parts, spend_rows, yes=yes
        )
    for each, outcome in zip(known, outcomes, strict=True):
        _tell(each, outcome, as_json=as_json)
    raise click.exceptions.Exit(worst(outcome.code for outcome in outcomes))


def _decision(
    remote_id: str | None, spend_rows: int | None, *, resubmit: bool, fail: bool, unchecked: bool
) -> Decision | None:
    """What was decided; `None` when somebody only wants to see. Raises `UsageError` for two decisions at once."""
    if sum((remote_id is not None, resubmit, fail)) > 1:
        raise click.UsageError("Decide for one of --adopt, --resubmit and --fail.")
    if spend_rows is not None and not resubmit:
        raise click.UsageError("--yes-spend belongs to --resubmit.")
    if unchecked and remote_id is None:
        raise click.UsageError("--unchecked belongs to --adopt.")
    if remote_id is not None:
        return Decision(Way.ADOPT, remote_id, unchecked)
    if resubmit or fail:
        return Decision(Way.RESUBMIT if resubmit else Way.FAIL)
    return None


def _parts(store: Store, target: Target) -> list[PartRecord]:
    """The part that is named, or the upload's parts in quarantine."""
    upload = found_upload(store, target.upload_id)
    if target.part_index is None:
        return [part for part in store.parts_of(upload) if part.undecided]
    part = store.part(f"{target.upload_id}/{target.part_index}")
    if part is None:
        raise click.UsageError(f"Upload {target.upload_id} has {upload.parts_total:,} parts, counted from 0.")
    return [part]


def _known(door: Door, part: PartRecord, remote_jobs: RemoteJobs | None) -> Known:
    listed = None if remote_jobs is None else remote_jobs.candidates(part)
    return Known(part, remembered(door.storage(), part.token), listed)


def _summary(target: Target, number: int) -> str:
    if not number:
        return f"No part of upload {target.upload_id} is in quarantine."
    return f"\n… and {number - PARTS_SHOWN_MAX:,} more; --json tells all of them" if number > PARTS_SHOWN_MAX else ""


def _resolved(
    resolving: Sequence[Resolving], parts: Sequence[PartRecord], spend_rows: int | None, *, yes: bool
) -> list[Outcome]:
    """What becomes of each part; nothing of any when a resubmission would cost something else than was said."""
    looked = [each.look() for each in resolving]
    rows = sum(part.rows for part, found in zip(parts, looked, strict=True) if found.outcome == "would_resubmit")
    if rows and rows != spend_rows:
        return [_wrong_number(part, rows, spend_rows) for part in parts]
    intended = [outcome.message for outcome in looked if outcome.outcome.startswith("would_")]
    if intended and not yes:
        confirm("Do it?", intended, "nothing was done")
    return [each.carried_out(found) for each, found in zip(resolving, looked, strict=True)]


def _wrong_number(part: PartRecord, rows: int, spend_rows: int | None) -> Outcome:
    said = "nothing was said" if spend_rows is None else f"--yes-spend said {spend_rows:,}"
    message = (
        f"Part {part.part_id} stays as it is. {rows:,} rows would be paid for, {said}: it takes --yes-spend {rows}."
    )
    figures = {"part": part.index, "rows_most": rows}
    return Outcome(part.upload_id, part.state, "wrong_spend", message, ExitCode.USAGE, figures)


def _tell(known: Known, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json_line({**outcome.as_document(), "evidence": known.as_document()})
    elif outcome.message:
        click.echo(outcome.message, err=outcome.code is not ExitCode.OK)

"""`bulkverify why`: what happened to an upload, what happens next, and when."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import click

from producers.exit_codes import ExitCode
from producers.parameters import UploadId
from worker.cli.epilog import exit_codes
from worker.cli.lookup import upload_to_tell
from worker.cli.outlook import accounts_here, budget_document, budget_of, budget_sentence, held_up, in_line
from worker.cli.tables import Column, print_heading, print_json, print_table
from worker.cli.timeline import timeline_row
from worker.cli.wording import OVERDUE_SECONDS, moment, when
from worker.core.next_step import NextStep, next_step
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.cli.door import Door
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Parts of each state whose next step is told; `--json` has all of them.
PARTS_TOLD_PER_STATE = 5

TIMELINE_COLUMNS = (Column("time"), Column("part", right=True), Column("what"), Column("reason"), Column("details"))
NEXT_COLUMNS = (Column("who"), Column("when"), Column("what happens next"))


class Waiting(NamedTuple):
    """Somebody who waits for something: the upload, its account, or one of its parts."""

    who: str
    state: str
    step: NextStep


class Quota(NamedTuple):
    """What a producer has had verified on the present day (UTC), and may have."""

    used_rows: int
    most_rows: int


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.argument("upload_id", metavar="UPLOAD", type=UploadId())
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else; times are epoch seconds.")
@click.pass_obj
def why(door: Door, *, upload_id: str, as_json: bool) -> None:
    """Tell what happened to UPLOAD, then what happens next and when, for all that waits.

    A part in quarantine waits for a person: what is known about it is told, and the commands that decide it. Exits 1
    when there is no such upload; an upload's own state does not change the exit code.
    """
    store = door.store()
    now, quota, budget = store.now(), None, None
    try:
        upload = upload_to_tell(door, upload_id, as_json=as_json)
    except Unreadable as error:
        waiting, state, since = [_left("upload", error)], error.state, ""
    else:
        if upload is None:
            return
        waiting, state, since = list(_waiting(store, upload, now)), str(upload.state), f" since {moment(upload.since)}"
        quota = _quota(door, upload)
        budget = None if upload.terminal else budget_of(store, accounts_here(door.settings()).get(upload.account))
    timeline = store.timeline(upload_id)
    if as_json:
        steps = [{"who": each.who, "state": each.state, **asdict(each.step)} for each in waiting]
        told = {"now": now, "upload_id": upload_id, "state": state, "timeline": timeline, "next": steps}
        print_json(told | {"quota": quota and quota._asdict(), "budget": budget_document(budget)})
        return
    click.echo(f"Upload {upload_id}: {state}{since}")
    print_heading("What happened")
    print_table(TIMELINE_COLUMNS, map(timeline_row, timeline))
    print_heading("What happens next")
    print_table(NEXT_COLUMNS, [row for each in _told(waiting) for row in _rows(each, now)])
    _print_left_out(waiting)
    if quota is not None:
        click.echo(f"\nToday (UTC) {quota.used_rows:,} of the {quota.most_rows:,} rows of its producer are used.")
    if budget is not None:
        click.echo(f"\nToday (UTC): {budget_sentence(budget)}.")
    _print_overdue(waiting, now)


def _left(who: str, error: Unreadable) -> Waiting:
    """Somebody whose record this program cannot read: no process of its version does anything about it."""
    return Waiting(who, error.state, NextStep(f"nothing here: {error}"))


def _quota(door: Door, upload: UploadRecord) -> Quota | None:
    """How much of its day the upload's producer has used; `None` where nothing limits it."""
    most_rows = door.settings().rows_per_day_max(upload.producer)
    return None if most_rows is None else Quota(door.store().rows_today(upload.producer), most_rows)


def _waiting(store: Store, upload: UploadRecord, now: float) -> Iterator[Waiting]:
    """The upload, what holds its account up, and the parts: those that wait for a person first, then by time."""
    yield Waiting("upload", upload.state, next_step(upload, now))
    if upload.terminal:
        return
    try:
        held = list(held_up(store, upload.account, upload.provider))
    except Unreadable as error:
        yield _left("account", error)
    else:
        yield from (Waiting("account", word, step) for word, step in held)
    left: dict[str, Unreadable] = {}
    asked = {"cancelling": upload.cancel_requested, "no_collect": upload.no_collect}
    parts = [part for part in store.parts_of(upload, left.__setitem__) if not part.terminal]
    line = in_line(store, upload.account, parts)
    steps = [
        Waiting(f"part {part.index}", part.state, next_step(part, now, **asked, in_line=part.part_id in line))
        for part in parts
    ]
    yield from (_left(f"part {part_id.rpartition('/')[2]}", error) for part_id, error in left.items())
    yield from sorted(steps, key=lambda each: (not each.step.needs_person, each.step.when or 0.0))


def _told(waiting: Sequence[Waiting]) -> Iterator[Waiting]:
    """The first few of each state: a list of many parts has many that wait for the same."""
    told: Counter[str] = Counter()
    for each in waiting:
        told[each.state] += 1
        if told[each.state] <= PARTS_TOLD_PER_STATE:
            yield each


def _rows(waiting: Waiting, now: float) -> Iterator[tuple[str, str, str]]:
    step = waiting.step
    yield f"{waiting.who} ({waiting.state})", when(step.when, now), step.what
    for fact in step.known:
        yield "", "", f"known: {fact.what} ({moment(fact.at)})"
    for command in step.commands:
        yield "", "", f"decide: {command}"


def _print_left_out(waiting: Sequence[Waiting]) -> None:
    for state, number in Counter(each.state for each in waiting).items():
        if number > PARTS_TOLD_PER_STATE:
            click.echo(f"… and {number - PARTS_TOLD_PER_STATE:,} more that are {state}; --json tells all of them")


def _print_overdue(waiting: Sequence[Waiting], now: float) -> None:
    """Ask whether anything runs, when something should have been done long ago."""
    if any(each.step.when is not None and each.step.when < now - OVERDUE_SECONDS for each in waiting):
        click.echo("\nSomething is overdue. Do the processes run? `bulkverify up` starts them.")

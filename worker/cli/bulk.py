"""One act on several uploads: which they are, whether it is wanted, and what became of each."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from producers.exit_codes import ExitCode, worst
from producers.parameters import UploadId
from worker.cli.failures import Failure
from worker.cli.selection import Filter, filter_options, select
from worker.cli.tables import print_json_line
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from worker.cli.errors import UnknownUpload
    from worker.store.store import Store

#: Uploads that one command acts on when no number is given, and at most.
UPLOADS_ACTED_ON = 1_000
UPLOADS_ACTED_ON_MAX = 100_000

C = TypeVar("C", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became, or would become, of one upload."""

    upload_id: str
    #: The upload's state; empty when there is no such upload.
    state: str
    #: A bounded word; each command documents its own.
    outcome: str
    message: str
    code: ExitCode = ExitCode.OK
    #: Numbers and names that belong to the outcome.
    figures: Mapping[str, int | str | None] = field(default_factory=dict)

    def as_document(self) -> dict[str, object]:
        """The same for programs."""
        told = {"upload_id": self.upload_id, "state": self.state, "outcome": self.outcome, "message": self.message}
        return {**told, **self.figures, "code": int(self.code)}


def not_found(upload_id: str, error: UnknownUpload | Unreadable) -> Outcome:
    """The outcome for an upload that does not exist, or that this program cannot read."""
    word = "unreadable" if isinstance(error, Unreadable) else "unknown"
    return Outcome(upload_id, "", word, str(error), ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The uploads that a command line means."""

    upload_ids: Sequence[str]
    #: Whether they were chosen by what they are, so that nobody has seen their ids yet.
    by_filter: bool
    more: bool = False
    #: How many could not be read, so that nobody knows whether they were meant.
    unread: int = 0


def bulk_options(command: C) -> C:
    """Add what names the uploads, or chooses them, to a command."""
    options = (
        click.argument("upload_ids", metavar="[UPLOAD...]", nargs=-1, type=UploadId()),
        filter_options,
        click.option("--all", "everything", is_flag=True, help="Every upload that this can be done to."),
        click.option(
            "--limit",
            type=click.IntRange(1, UPLOADS_ACTED_ON_MAX),
            default=UPLOADS_ACTED_ON,
            show_default=True,
            help="Most uploads that are acted on.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, one document per upload and line."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def choose(
    store: Store,
    upload_ids: Sequence[str],
    wanted: Filter,
    *,
    everything: bool,
    limit: int,
    states: Collection[str],
) -> Chosen:
    """The uploads that are named, or those that fit the filter; without a state in it, of those in `states`."""
    by_filter = everything or not wanted.says_nothing
    if upload_ids and by_filter:
        raise click.UsageError("Name uploads, or choose them by options: not both.")
    if upload_ids:
        return Chosen(tuple(dict.fromkeys(upload_ids)), by_filter=False)
    if not by_filter:
        raise click.UsageError("Name uploads, or choose them by options such as --state; --all means every one.")
    selection = select(store, wanted, most=limit, states=states)
    found = [upload.upload_id for upload in selection.uploads]
    return Chosen(found, by_filter=True, more=selection.more, unread=len(selection.unread))


def confirm(question: str, told: Sequence[str], nothing: str) -> None:
    """Say what would be done, and go on only after a yes; `nothing` says that nothing was done."""
    for line in told:
        click.echo(line, err=True)
    click.echo(f"{question} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
        raise Failure(f"Nobody answered, so {nothing}. --yes goes on without asking.", ExitCode.USAGE)
    if answer.strip().lower() not in {"y", "yes"}:
        raise Failure(f"{nothing[0].upper()}{nothing[1:]}.", ExitCode.FAILED)


def carry_out(chosen: Chosen, act: Callable[[str], Outcome], *, as_json: bool) -> ExitCode:
    """Act on one upload after the other and tell what became of them; the exit code of all of it.

    Ctrl-C ends it between two uploads, or in an act that can be repeated: what was done is told.
    """
    done: list[Outcome] = []
    interrupted = False
    with _bar(len(chosen.upload_ids), shown=chosen.by_filter and not as_json) as advance:
        try:
            for upload_id in chosen.upload_ids:
                done.append(act(upload_id))
                if as_json:
                    print_json_line(done[-1].as_document())
                advance()
        except KeyboardInterrupt:
            interrupted = True
    if not as_json:
        _tell(done, chosen)
    if interrupted:
        click.echo(f"Interrupted after {len(done):,} of {len(chosen.upload_ids):,} uploads.", err=True)
        return ExitCode.INTERRUPTED
    return worst(outcome.code for outcome in done)


def _tell(done: Sequence[Outcome], chosen: Chosen) -> None:
    """For people: a sentence for each upload that they named, a count of those that they did not."""
    for outcome in done:
        if not chosen.by_filter or outcome.code is not ExitCode.OK:
            click.echo(outcome.message, err=outcome.code is not ExitCode.OK)
    if chosen.by_filter:
        click.echo(summary(done))
        _tell_of_more(chosen)


def rehearse(chosen: Chosen, look: Callable[[str], Outcome], *, as_json: bool, costs: str) -> None:
    """Tell what would be done to uploads that were chosen by what they are, and do nothing.

    `costs` names the figures that are added up for people, as a template.
    """
    found = []
    for upload_id in chosen.upload_ids:
        found.append(look(upload_id))
        if as_json:
            print_json_line(found[-1].as_document())
    if as_json:
        return
    click.echo(summary(found))
    if found:
        sums: Counter[str] = Counter()
        for outcome in found:
            sums.update({name: value for name, value in outcome.figures.items() if isinstance(value, int)})
        click.echo(costs.format_map(sums))
    _tell_of_more(chosen)
    if found:
        click.echo("Nothing was done; --yes does it.", err=True)


def _tell_of_more(chosen: Chosen) -> None:
    if chosen.more:
        click.echo(f"More than {len(chosen.upload_ids):,} uploads fit: run it again, or raise --limit.", err=True)
    if chosen.unread:
        click.echo(f"{chosen.unread:,} uploads were left out: a later version of the program wrote them.", err=True)


def summary(outcomes: Sequence[Outcome]) -> str:
    """`3 uploads: 2 requested, 1 too late`."""
    words = Counter(outcome.outcome.replace("_", " ") for outcome in outcomes)
    counted = ", ".join(f"{number:,} {word}" for word, number in words.most_common())
    noun = "upload" if len(outcomes) == 1 else "uploads"
    return f"{len(outcomes):,} {noun}: {counted}" if outcomes else "No upload fits."


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, and nothing elsewhere; what it yields moves it by one."""
    if not shown or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)

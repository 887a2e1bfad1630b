"""A frame as lines that fit a terminal: the most important first, and what does not fit is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from producers.report import shown
from worker.cli.health.check import State
from worker.cli.tables import Column, plain_lines
from worker.cli.wording import duration, moment, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.cli.health.check import Check
    from worker.cli.top.frame import AccountRow, Frame

#: Lines that are there whatever else: the head, the five of work, what needs somebody, the heads of two sections.
FIXED_LINES = 9
#: Lines of what needs somebody that are kept free before accounts are shown, where there are so many.
NEEDS_LINES_MIN = 7
#: Characters of the name before a line of figures.
NAME_CHARACTERS = 9
#: Between two figures of a line.
GAP = " · "
COLOURS = {State.PROBLEM: "red", State.WARNING: "yellow", State.UNKNOWN: "magenta", State.OK: ""}
COLUMNS = (
    Column("account"),
    Column("jobs", right=True),
    Column("late", right=True),
    Column("rows today", right=True),
    Column("credits", right=True),
    Column("drift", right=True),
    Column("now"),
)


class Line(NamedTuple):
    """A line and its style: a colour, `bold`, `dim` or nothing."""

    text: str
    style: str = ""


def layout(frame: Frame, width: int, height: int | None = None) -> list[Line]:
    """The lines of a frame on a terminal of so many characters and lines; without a height, all of them."""
    heading, *accounts = _account_lines(frame)
    wanted = 2 * len(frame.needs)
    room = len(accounts) + wanted if height is None else max(height - FIXED_LINES, 0)
    needs = _fitting(list(_needs_lines(frame.needs)), min(max(NEEDS_LINES_MIN, room - len(accounts)), room), 2)
    lines = [
        _head(frame),
        _needs_head(frame),
        *needs,
        *_figures(frame),
        Line(""),
        heading,
        *_fitting(accounts, room - len(needs), 1),
    ]
    return [Line(_cut(shown(line.text), width), line.style) for line in lines[:height]]


def _fitting(lines: Sequence[Line], room: int, each: int) -> list[Line]:
    """As many as there is room for; of things of `each` lines none is shown in part, and the others are counted."""
    if len(lines) <= room:
        return list(lines)
    kept = max(room - 1, 0) // each * each
    return [*lines[:kept], Line(f"… and {(len(lines) - kept) // each:,} more", "dim")][:room]


def _head(frame: Frame) -> Line:
    figures = frame.reading.figures
    alive = "  ".join(f"{role} {processes.processes:,}" for role, processes in figures.alive.items())
    return Line(f"bulkverify  {moment(figures.at)}  {alive}", "bold")


def _needs_head(frame: Frame) -> Line:
    if not frame.needs:
        return Line("Nothing needs anybody.", "green")
    return Line(f"Needs somebody: {len(frame.needs):,}; `bulkverify doctor` tells more", "bold")


def _needs_lines(needs: Sequence[Check]) -> Iterator[Line]:
    for check in needs:
        yield Line(f"! {check.text}", COLOURS[check.state])
        yield Line(f"    {next(iter(check.commands), check.remedy)}", "dim")


def _figures(frame: Frame) -> Iterator[Line]:
    yield _figure("Rows", _rows(frame))
    yield _figure("Uploads", _counts(frame.by_state("upload")))
    yield _figure("Parts", _counts(frame.by_state("part")))
    yield _figure("Oldest", GAP.join(f"{state} {duration(seconds)}" for _, state, seconds in frame.oldest()) or "-")
    yield _figure("Queues", _queues(frame))


def _figure(name: str, text: str) -> Line:
    return Line(f"{name:<{NAME_CHARACTERS}}{text}")


def _rows(frame: Frame) -> str:
    total = f"{frame.rows.sent:,} sent and {frame.rows.delivered:,} delivered in all"
    if frame.rate is None:
        return total
    return f"{frame.rate.sent:,.0f} a minute sent, {frame.rate.delivered:,.0f} delivered; {total}"


def _counts(counts: Mapping[str, int]) -> str:
    return GAP.join(f"{state} {number:,}" for state, number in counts.items()) or "-"


def _queues(frame: Frame) -> str:
    figures, waiting = frame.reading.figures, frame.reading.waiting
    requests = f"{figures.backlog_entries:,} requests"
    if waiting is None:
        return f"not known{GAP}{requests}"
    busy = {name: box for name, box in waiting.boxes.items() if any(box)}
    told = [f"{name} {box.ready:,}+{box.inflight:,}" for name, box in busy.items()]
    due = "" if waiting.delayed_due_at is None else f", the next {when(waiting.delayed_due_at, figures.at)}"
    return GAP.join([*told, f"{waiting.delayed:,} delayed{due}", requests])


def _account_lines(frame: Frame) -> Iterator[Line]:
    """The heading, then the accounts: those that are kept back first, then those with most jobs."""
    ordered = sorted(frame.accounts, key=lambda account: (not account.kept_back, -account.jobs, account.name))
    cells = [[column.title for column in COLUMNS], *(_cells(account, frame.reading.now) for account in ordered)]
    heading, *lines = plain_lines(COLUMNS, cells)
    yield Line(heading, "bold")
    for account, line in zip(ordered, lines, strict=True):
        yield Line(line, "yellow" if account.kept_back else "")


def _cells(account: AccountRow, now: float) -> list[str]:
    jobs = f"{account.jobs:,}" if account.jobs_max is None else f"{account.jobs:,}/{account.jobs_max:,}"
    most = "" if account.rows_today_max is None else f"/{account.rows_today_max:,}"
    return [
        account.name,
        jobs,
        f"{account.overdue:,}",
        f"{account.rows_today:,}{most}",
        "-" if account.credits is None else f"{account.credits:,}",
        f"{account.drift_open:,}",
        _now(account, now),
    ]


def _now(account: AccountRow, now: float) -> str:
    """What keeps the account back, or what it has to be fetched in time; else that calls are made."""
    if account.unread:
        return "its record cannot be read"
    if account.kept_back:
        kept = account.kept_back[0]
        return f"{kept.reason.replace('_', ' ')}: no {kept.what}, tried {when(kept.until, now)}"
    if account.result_ends_at is not None:
        return f"a result to fetch, which goes {when(account.result_ends_at, now)}"
    told = "" if account.credits_at is None else f"; credits told {duration(now - account.credits_at)} ago"
    return f"calls are made{told}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"

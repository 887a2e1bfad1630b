"""What `bulkverify reconcile` tells of each account, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from producers.report import shown
from worker.cli.finding_words import COLOURS, finding_document, seen, what
from worker.cli.reconcile.exits import EXIT_DRIFT
from worker.cli.reconcile.prognosis import Fate, counts, differs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.cli.reconcile.prognosis import Item
    from worker.core.sweep import Sweep

#: Findings of an account that are shown to people; --json has all of them.
FINDINGS_SHOWN_MAX = 50
#: How a line begins, by what becomes of its finding.
SIGNS = {
    Fate.REPAIR: "~",
    Fate.IMPORT: "+",
    Fate.MOVED_ON: "=",
    Fate.FROZEN: "!",
    Fate.PERSON: "!",
    Fate.WATCHED: ".",
    Fate.TOLD: "i",
    Fate.SUSPECTED: "?",
    Fate.GONE: "-",
}
_SIGN_COLOURS = {"~": "yellow", "+": "green", "!": "red"}
#: What a closing line says of each fate; the first ones always, the others where there are any.
_ALWAYS = ((Fate.PERSON, "for a person"), (Fate.WATCHED, "watched"))
_SOMETIMES = (
    (Fate.MOVED_ON, "moved on meanwhile"),
    (Fate.FROZEN, "not repaired while the list is not believed"),
    (Fate.TOLD, "told"),
    (Fate.SUSPECTED, "not believed yet"),
    (Fate.GONE, "gone"),
)


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account, before or after."""

    account: str
    provider: str
    #: Whether what can be repaired was repaired; otherwise it is only told.
    applied: bool
    #: By the store's clock, epoch seconds.
    now: float = 0.0
    #: What was seen of the list, `None` where nothing was.
    sweep: Sweep | None = None
    items: Sequence[Item] = ()
    #: Repairs that are beyond the budget of one sweep.
    repairs_left: int = 0
    #: Parts without any finding that the list has moved.
    parts_moved: int = 0
    #: Whether so many live jobs are missing that the list is not believed.
    mismatch: bool = False
    #: Why it was not, or not wholly, found out, as a sentence.
    failure: str = ""

    @property
    def code(self) -> int:
        """The exit code of this account alone."""
        if self.failure:
            return ExitCode.FAILED
        drift = self.mismatch or self.repairs_left or differs(self.items, after=self.applied)
        return EXIT_DRIFT if drift else ExitCode.OK

    def as_document(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "account": self.account,
            "provider": self.provider,
            "list": None if self.sweep is None else _list_document(self.sweep),
            "account_mismatch": self.mismatch,
            "findings": [
                finding_document(item.finding, self.now) | {"fate": str(item.fate), "text": item.text}
                for item in self.items
            ],
            "counts": {str(fate): number for fate, number in counts(self.items).items()},
            "repairs_left": self.repairs_left,
            "parts_moved": self.parts_moved,
            "failure": self.failure,
            "code": int(self.code),
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        yield click.style(f"Account {self.account} ({self.provider})", bold=True)
        if self.sweep is not None:
            yield f"  {_list_words(self.sweep)}"
        if self.mismatch:
            remedy = "check the account's key and base URL, and ask the provider"
            yield click.style(f"  The list leaves out so many live jobs that it is not believed: {remedy}.", fg="red")
        for item in self.items[:FINDINGS_SHOWN_MAX]:
            yield from _item_lines(item, self.now)
        if len(self.items) > FINDINGS_SHOWN_MAX:
            yield f"  … and {len(self.items) - FINDINGS_SHOWN_MAX:,} more; --json tells all of them"
        if self.sweep is not None and not self.items and not self.failure and not self.mismatch:
            yield "  No drift."
        if self.parts_moved:
            yield f"  By the way, {_moved(self.parts_moved)}."


def closing(reports: Sequence[AccountReport], *, applied: bool) -> str:
    """The last line, as `Plan: 3 repairs, 1 for a person, 2 watched.`; all accounts together."""
    items = [item for report in reports for item in report.items]
    found = counts(items)
    repairs = found[Fate.REPAIR] + found[Fate.IMPORT]
    words = [f"{repairs:,} {'repair' if repairs == 1 else 'repairs'}"]
    words += [f"{found[fate]:,} {word}" for fate, word in _ALWAYS]
    words += [f"{found[fate]:,} {word}" for fate, word in _SOMETIMES if found[fate]]
    left = sum(report.repairs_left for report in reports)
    words += [f"{left:,} more {'repair' if left == 1 else 'repairs'} in the next sweep"] if left else []
    return f"{'Applied' if applied else 'Plan'}: {', '.join(words)}."


def worst_code(reports: Sequence[AccountReport]) -> int:
    """The exit code of all: what could not be found out counts most."""
    codes = {int(report.code) for report in reports}
    return next((code for code in (ExitCode.FAILED, EXIT_DRIFT) if code in codes), ExitCode.OK)


def _item_lines(item: Item, now: float) -> Iterator[str]:
    finding, sign = item.finding, SIGNS[item.fate]
    head = f"  {click.style(sign, fg=_SIGN_COLOURS.get(sign), bold=True)} {what(finding)}: "
    yield head + (f"a person decides: {item.text}" if item.fate is Fate.PERSON else item.text)
    severity = click.style(finding.severity.name.lower(), fg=COLOURS[finding.severity])
    yield f"      {finding.drift} ({severity}) {seen(finding, now)}"


def _list_words(sweep: Sweep) -> str:
    """What was seen, as `list: complete and proven, 3 pages, 120 jobs (100 finished, 20 running)`."""
    whole = "complete and proven" if sweep.proven else "complete" if sweep.complete else "incomplete, so proves nothing"
    jobs = sum(sweep.jobs.values())
    by_status = ", ".join(f"{number:,} {shown(status)}" for status, number in sorted(sweep.jobs.items()))
    pages = f"{sweep.pages:,} {'page' if sweep.pages == 1 else 'pages'}"
    return f"list: {whole}, {pages}, {jobs:,} {'job' if jobs == 1 else 'jobs'}" + (f" ({by_status})" if jobs else "")


def _list_document(sweep: Sweep) -> dict[str, object]:
    return {
        "began_at": sweep.began_at,
        "complete": sweep.complete,
        "proven": sweep.proven,
        "pages": sweep.pages,
        "jobs": dict(sweep.jobs),
        "ours": sweep.ours,
        "orphans": sweep.orphans,
    }


def _moved(parts: int) -> str:
    one = "1 part has moved on to where the list shows its job"
    return one if parts == 1 else f"{parts:,} parts have moved on to where the list shows their jobs"

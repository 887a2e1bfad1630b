"""The page on drift, made from its rules: `python -m worker.cli.drift_docs > docs/drift.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.core.drift.breaker import MISSING_FRACTION_MAX, MISSING_PARTS_MIN
from worker.core.drift.classes import ACCOUNT_MISMATCH, Handling
from worker.core.drift.predicates import OF_COLUMNS, OF_JOBS
from worker.core.drift.repairs import REPAIRS_MAX
from worker.core.drift.rules import RULES
from worker.core.drift.views import Bounds

if TYPE_CHECKING:
    from worker.core.drift.classes import DriftClass
    from worker.core.drift.rules import Rule

#: What becomes of a finding, in words.
_HANDLINGS = {
    Handling.MENDED: "a repair of this program ends it",
    Handling.WATCHED: "it passes when the provider, or another step of this program, goes on",
    Handling.PERSON: "it lasts until a person decides",
    Handling.TOLD: "it is a fact that nothing changes any more: it is told, and goes with its record",
}
_BOUNDS = Bounds()
_HEAD = f"""\
# Drift

Each sweep over an account's remote list is compared with what is known here. Every difference has a class, which is
also the label `class` of its metrics, and is kept as a finding until a sweep that could have shown it does not.

- What a list does not show proves nothing, unless the sweep was complete, began {_BOUNDS.settle_seconds:g} s
  (`BULKVERIFY_SETTLE_SECONDS`) or more after the job was known, and showed another job of ours of the same kind; and
  then only twice in a row. Where a class asks for two sweeps, one that could not tell counts neither way.
- A list that is oldest first is read in n calls for n pages. Once it has not shown a live job, or an attempt is open,
  the next sweep reads each page again, in 2n - 1 calls, and only that one proves that no job has slipped past it.
- No repair spends, or leads to a submit. Each is written by compare-and-set, changes nothing the second time, and there
  are at most {REPAIRS_MAX} of one account in a sweep. What is ambiguous goes into quarantine.
- When a complete sweep leaves out {MISSING_PARTS_MIN} live jobs or more, and more than {MISSING_FRACTION_MAX:.0%} of
  those of the account, it is the list that is not believed: the outcome is `{ACCOUNT_MISMATCH}`, nothing of the
  account is repaired, and the sweep proves of no job that it is missing.
- A provider's clock may be {_BOUNDS.clock_skew_seconds:g} s (`BULKVERIFY_CLOCK_SKEW_SECONDS`) ahead or behind.

Three commands show it:

- `bulkverify drift` lists what the sweeps have found and what lasts, with its age, its evidence and what happens next.
- `bulkverify reconcile ACCOUNT --plan` compares now, writes nothing, and tells for each difference what would be done.
- `bulkverify reconcile ACCOUNT --apply` compares once more and does it, in place of the next sweep of the workers. It
  spends as little as they do, which is nothing. Attempts whose jobs a list does not show are left to the workers, who
  alone know which of them may still be under way.

This page is made by `python -m worker.cli.drift_docs`; a test compares the two.
"""
_COLUMNS = """\
| class | severity | what becomes of it | known here | seen there |
|---|---|---|---|---|
"""


def markdown() -> str:
    """The whole page."""
    handlings = "".join(f"- **{handling}**: {meaning}.\n" for handling, meaning in _HANDLINGS.items())
    table = _COLUMNS + "".join(_row(drift, rule) for drift, rule in RULES.items())
    return "\n".join((_HEAD, "What becomes of a finding:\n", handlings, table, *map(_section, RULES, RULES.values())))


def _row(drift: DriftClass, rule: Rule) -> str:
    name = f"[`{drift}`](#{drift})"
    return f"| {name} | {rule.severity.name.lower()} | {rule.handling} | {rule.here} | {rule.there} |\n"


def _section(drift: DriftClass, rule: Rule) -> str:
    return (
        f"## {drift}\n\n"
        f"- **Seen**: {rule.here}; {rule.there}.\n"
        f"- **Proof**: {rule.proof}.\n"
        f"- **What bulkverify does**: {rule.action}.\n"
        f"- **Next**: {rule.next.format(**_called(drift))}.\n"
    )


def _called(drift: DriftClass) -> dict[str, str]:
    """What a finding's subject, its upload and its account are called."""
    subject = "JOB" if drift in OF_JOBS else "KIND" if drift in OF_COLUMNS else "UPLOAD/PART"
    return {"subject": subject, "upload": "UPLOAD", "account": "ACCOUNT"}


if __name__ == "__main__":
    click.echo(markdown(), nl=False)

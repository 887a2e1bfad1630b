"""The reference of all verdicts, as Markdown: `python -m worker.providers.verdict_reference > docs/verdicts.md`."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from worker.providers.ipqs_words import VERDICT_RULES
from worker.providers.port import Kind, VerdictWord
from worker.providers.whoisxml_words import COMPLETED_RULES, FAILED_RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.providers.verdict_rules import Rule

_WORDS = ", ".join(f"`{word}`" for word in VerdictWord)
_HEAD = f"""\
# Verdicts

Every value that a provider has verified has one of four verdicts in the column `bv_verdict`: {_WORDS}.
It follows from the provider's own columns, which stand beside it, by the rules below: **the first one that applies
decides**, and where none does the verdict is `{VerdictWord.UNKNOWN}`. A column is found by its name in any case; one
that is not there meets no condition. `true` and `false` stand for every way in which a provider says yes and no.

## Rules of your own

An account may have rules of its own in the accounts file, for each of the kinds that it verifies. They come before
those of its provider, in the order in which they stand there, so that they need not be complete:

```toml
[[accounts.ipqs-main.verdicts]]
kind = "email"
column = "catch_all"
equals = true
verdict = "bad"

[[accounts.ipqs-main.verdicts]]
kind = "email"
column = "fraud_score"
at_least = 70
verdict = "risky"
```

Each has `kind`, `column`, `verdict` and one condition: `equals` (a word in any case, a number, or `true` or `false`) or
`at_least` (a number). They hold for results that are collected from then on; results that are there stay as they are,
and verdicts that were decided by other rules are not taken over by `reuse`; those of a part that was under way when the
rules changed are never taken over. The timeline says by how many of them (`account_rules`) the verdicts of a part were
decided.
"""
_TAIL = """\
This page is made by `python -m worker.providers.verdict_reference`; a test compares the two.
"""


def reference() -> str:
    """The whole page."""
    by_rules = groupby(VERDICT_RULES, key=VERDICT_RULES.__getitem__)
    sections = [
        _HEAD,
        "## IPQS\n",
        *(_section(" and ".join(f"`{kind}`" for kind in kinds), rules) for rules, kinds in by_rules),
        "## WhoisXML\n",
        _section(f"`{Kind.EMAIL}`, in the file of completed values", COMPLETED_RULES),
        _section(f"`{Kind.EMAIL}`, in the file of failed values", FAILED_RULES),
        _TAIL,
    ]
    return "\n".join(sections)


def _section(title: str, rules: Sequence[Rule]) -> str:
    head = f"### {title}\n\n| | column | condition | verdict |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {number} | `{rule.column}` | {rule.condition.words} | `{rule.word}` |\n"
        for number, rule in enumerate(rules, start=1)
    )


if __name__ == "__main__":
    sys.stdout.write(reference())

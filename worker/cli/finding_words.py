"""A finding of drift in words, and as a document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from producers.report import shown
from worker.cli.wording import duration, moment
from worker.core.drift.classes import Handling, Severity
from worker.core.drift.predicates import OF_ACCOUNTS, OF_JOBS
from worker.core.drift.rules import runbook_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.core.drift.evidence import Plain
    from worker.core.drift.findings import Finding

_COMMAND = re.compile(r"`(bulkverify [^`]+)`")
#: How a severity is coloured on a terminal.
COLOURS = {Severity.PAGE: "red", Severity.WARN: "yellow", Severity.INFO: None}


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first, of those the oldest."""
    return sorted(findings, key=lambda found: (-found.severity, found.first_seen_at, found.drift, found.subject))


def is_concern(finding: Finding) -> bool:
    """Whether a finding is drift for an exit code: believed, and not one that never ends and is nobody's business."""
    return finding.believed and not (finding.severity is Severity.INFO and finding.action is Handling.TOLD)


def what(finding: Finding) -> str:
    """What it is about: `part crm-1/0`, `upload crm-1`, `remote job 77`, `account ipqs-main`."""
    if finding.drift in OF_ACCOUNTS:
        return f"account {finding.account}"
    if finding.drift in OF_JOBS:
        return f"remote job {shown(finding.subject)}"
    return f"part {finding.subject}" if "/" in finding.subject else f"upload {finding.subject}"


def seen(finding: Finding, now: float) -> str:
    """How often and since when it was seen, and what: `for 2 h, seen 3 times: remote id 77`."""
    times = "once" if finding.times == 1 else f"{finding.times:,} times"
    told = ", ".join(_told(name, value) for name, value in finding.evidence.items() if value != "")
    since = f"for {duration(now - finding.first_seen_at)}, seen {times}"
    return f"{since}: {told}" if told else since


def commands_of(finding: Finding) -> list[str]:
    """The commands that its next step names."""
    return _COMMAND.findall(finding.next)


def finding_document(finding: Finding, now: float) -> dict[str, object]:
    """A finding for programs; ages in seconds, times in epoch seconds."""
    return {
        "class": str(finding.drift),
        "severity": finding.severity.name.lower(),
        "account": finding.account,
        "subject": finding.subject,
        "believed": finding.believed,
        "times": finding.times,
        "first_seen_at": finding.first_seen_at,
        "last_seen_at": finding.last_seen_at,
        "age_seconds": round(max(now - finding.first_seen_at, 0.0), 3),
        "evidence": dict(finding.evidence),
        "becomes": str(finding.action),
        "next": finding.next,
        "commands": commands_of(finding),
        "runbook": runbook_of(finding.drift),
    }


def _told(name: str, value: Plain) -> str:
    """One value of the evidence: `looks 3`, `unseen 2 h`, `begun 2026-11-21 22:03:11`."""
    word = name.removesuffix("_seconds").removesuffix("_at").replace("_", " ")
    return f"{word} {_value(name, value)}"


def _value(name: str, value: Plain) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if name.endswith("_seconds"):
            return duration(value)
        case int() | float() if name.endswith("_at"):
            return moment(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.2f}"
        case _:
            return shown(str(value))

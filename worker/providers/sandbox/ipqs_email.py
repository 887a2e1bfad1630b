"""IPQualityScore's verdict on an e-mail address: its columns (documented: single lookup) and how they are filled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.providers.sandbox.chance import happens
from worker.providers.sandbox.emails import email_facts
from worker.providers.sandbox.ipqs_columns import COLUMNS

if TYPE_CHECKING:
    from worker.providers.sandbox.emails import EmailFacts

#: `fraud_score` from which an address is not pristine.
FRAUD_SUSPECT = 75
_LEVELS = ("low", "medium", "high")
_DAY_ZERO_ORDINAL = datetime(2026, 1, 1, tzinfo=UTC).toordinal()
_MALFORMED = dict.fromkeys(COLUMNS["email"], "") | {
    "valid": "false",
    "smtp_score": "-1",
    "overall_score": "0",
    "dns_valid": "false",
    "deliverability": "low",
    "fraud_score": "100",
}


def judge(seed: int, value: str) -> str:
    """The segment of one address: `malformed`, `bad`, `clean` or `pristine`."""
    facts = email_facts(seed, value)
    if facts is None:
        return "malformed"
    if not facts.usable:
        return "bad"
    doubtful = facts.domain.disposable or facts.mailbox is None or facts.risk >= FRAUD_SUSPECT
    return "clean" if doubtful else "pristine"


def cells(seed: int, value: str) -> tuple[str, ...]:
    """One address's cells, in the order of the columns."""
    facts = email_facts(seed, value)
    return tuple(_MALFORMED.values()) if facts is None else _cells(facts)


def _cells(facts: EmailFacts) -> tuple[str, ...]:
    domain, digest = facts.domain, facts.digest
    first_name = facts.local.partition(".")[0] if "." in facts.local else ""
    leaked = happens(digest[2], 0.23)
    alive = domain.dns_valid
    return (
        _word(flag=facts.usable),
        _word(flag=domain.disposable),
        {True: "3", None: "1", False: "0"}[facts.mailbox],
        {True: "4", None: "2", False: "1"}[facts.mailbox],
        first_name.capitalize() if first_name.isalpha() else "Unknown",
        _word(flag=facts.role),
        _word(flag=domain.free),
        _word(flag=alive),
        _word(flag=digest[3] == 0),
        {True: "high", None: "medium", False: "low"}[facts.mailbox],
        _word(flag=happens(digest[4], 0.015)),
        "high" if "spamtrap" in facts.local else "medium" if happens(digest[5], 0.05) else "low",
        _word(flag=domain.catch_all),
        _word(flag=facts.mailbox is None and not domain.catch_all),
        _word(flag=facts.risk >= FRAUD_SUSPECT),
        _word(flag=happens(digest[6], 0.03)),
        str(facts.risk),
        domain.suggestion or "N/A",
        _word(flag=leaked),
        _day(domain.age_days),
        _day(digest[7] * 12),
        "trusted" if domain.free else "not rated" if alive else "suspicious",
        f"{facts.local.partition('+')[0]}@{domain.name}",
        _LEVELS[digest[8] % 3] if domain.free else "none",
        _LEVELS[digest[9] % 3],
        "",
        "",
        _word(flag=domain.disposable),
        _word(flag=alive and not happens(digest[10], 0.05)),
        _word(flag=domain.free),
        f"mx1.{domain.name};mx2.{domain.name}" if alive else "",
        f"192.0.2.{digest[11]}" if alive else "",
    )


def _word(*, flag: bool) -> str:
    return "true" if flag else "false"


def _day(days_ago: int) -> str:
    return datetime.fromordinal(_DAY_ZERO_ORDINAL - days_ago).date().isoformat()

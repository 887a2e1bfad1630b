"""The findings of each account, from one sweep to the next: one hash, replaced whole by whoever read it last."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from worker.core.drift.findings import Finding
from worker.core.errors import LaterSchema
from worker.store.errors import Later, Stale
from worker.store.keys import KEY_PREFIX
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.core.change import Entry
    from worker.core.drift.classes import DriftClass
    from worker.store.store import Store

log = structlog.get_logger()

#: Bytes of the nonce that tells one version of an account's findings from another.
VERSION_BYTES = 6
#: Acceptances of an account that are kept.
ACCEPTED_MAX = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """An account's findings as they were read."""

    #: Empty before the first sweep.
    version: str = ""
    findings: tuple[Finding, ...] = ()
    #: Fields that hold nothing readable, to be removed.
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What becomes of them."""

    kept: Sequence[Finding]
    #: Findings that are believed, by class.
    open: Mapping[DriftClass, int]
    #: Outcome counters to raise: name and labels -> by how much.
    counters: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    #: The reading of the account's credits that is kept for the next sweep; `None`: the one before stays.
    money: str | None = None
    #: What a person has accepted, see `worker.core.drift.acceptance`: kept with the last ones before it.
    accepted: str | None = None
    #: Credits by which ledger entries grow.
    ledger: Mapping[Entry, int] = field(default_factory=dict)


def read_findings(store: Store, account: str) -> Kept:
    """The account's findings. Raises `StoreUnavailable`, and `Later` where a newer program has written one."""
    client: Any = store.client
    pipeline = client.pipeline(transaction=True)
    pipeline.hget(store.key("drift", account), "version")
    pipeline.hgetall(store.key("findings", account))
    with reaching():
        version, texts = pipeline.execute()
    found: list[Finding] = []
    damaged: list[str] = []
    for name, text in sorted(texts.items()):
        try:
            found.append(Finding.load(text))
        except LaterSchema as later:
            raise Later(f"Finding {name} of account {account}: {later}") from None
        except (ValueError, KeyError):
            log.warning("finding_damaged", account=account, finding=name, remedy="it is found again if it is still so")
            damaged.append(name)
    return Kept(version or "", tuple(found), tuple(damaged))


def replace_findings(store: Store, account: str, before: Kept, after: Replacement) -> None:
    """Write what a sweep has made of the findings that it read, in one step with all that is counted by it.

    Raises `Stale` when another sweep was quicker: nothing was written. Raises `StoreUnavailable`; whether it was
    written is not known then.
    """
    known = {finding.key: finding for finding in before.findings}
    now = {finding.key for finding in after.kept}
    gone = [_field(finding) for finding in before.findings if finding.key not in now]
    change: dict[str, object] = {
        "accepted_max": ACCEPTED_MAX,
        "account": account,
        "expected": before.version,
        "version": secrets.token_hex(VERSION_BYTES),
        "put": {_field(finding): finding.dump() for finding in after.kept if known.get(finding.key) != finding},
        "remove": [*gone, *before.damaged],
        "open": {str(drift): number for drift, number in after.open.items()},
        "counters": {"|".join(labels): by for labels, by in after.counters.items() if by},
        "ledger": {str(entry): by for entry, by in after.ledger.items() if by},
    }
    if after.money is not None:
        change["money"] = after.money
    if after.accepted is not None:
        change["accepted"] = after.accepted
    if not store.run_script("findings", [KEY_PREFIX], json.dumps(change)):
        raise Stale(f"The findings of account {account} were written by another sweep; nothing was written.")


def accepted_texts(store: Store, account: str) -> list[str]:
    """What persons have accepted, the oldest first, as it was kept. Raises `StoreUnavailable`."""
    client: Any = store.client
    with reaching():
        texts: list[str] = client.lrange(store.key("accepted", account), 0, -1)
    return texts


def open_counts(findings: Iterable[Finding]) -> dict[DriftClass, int]:
    """How many findings of each class are believed."""
    counts: dict[DriftClass, int] = {}
    for finding in findings:
        if finding.believed:
            counts[finding.drift] = counts.get(finding.drift, 0) + 1
    return counts


def _field(finding: Finding) -> str:
    return "|".join(finding.key)

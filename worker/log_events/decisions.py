"""How decisions are logged: under their own word, which is also that of the counter and of the timeline."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.log_events.log_event import Level

#: Decisions that are warnings: somebody should look at the upload, or money was lost.
WARNED = frozenset({"quarantine", "duplicate_remote", "charged_late", "failed", "refused", "aborted"})

#: What decisions mean that stand in no timeline, since they are about an account, a request or a lease.
UNSHOWN: Mapping[str, str] = MappingProxyType(
    {
        "recognise": "a request for a known upload was answered with that upload",
        "reserve": "the credits of an attempt were reserved",
        "lease": "a worker took a lease",
        "walk": "a worker took, kept or ended its turn to walk the account's list",
        "credits_seen": "the provider told the account's credits",
        "echo_proven": "the provider's list was seen to show the names that were given",
        "pause_account": "nothing is asked of the provider for a while",
        "probe_account": "one step tries whether the account can be used again",
        "leave_account": "a probe of the account ended without an answer; the next step may try",
        "resume_account": "the account is used again",
        "account_well": "the account answers again",
    }
)


def level_of(decision: str, *, heartbeat: bool) -> Level:
    """How severe a decision is; `heartbeat`: it only says that work goes on, and has no entry in the timeline."""
    if decision in WARNED:
        return "warning"
    return "debug" if heartbeat else "info"

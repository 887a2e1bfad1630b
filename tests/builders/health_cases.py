"""Installations that are not well in one way each, and what the check says that must find it."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.builders.health import (
    ACCOUNT,
    MEBIBYTE,
    SAFE,
    a_record,
    account_figures,
    an_account,
    figures,
    members,
    waiting,
)
from tests.builders.records import NOW, a_part, an_attempt
from worker.cli.health.check import State
from worker.cli.health.reading import Stuck
from worker.core.states import Lane, PartState
from worker.core.values import Pause
from worker.exporter.queues import Boxes
from worker.providers.registry import CAPABILITIES
from worker.store.census import Alive, Figures
from worker.store.memory import Memory
from worker.store.pulse import Role

DAY_SECONDS = 86_400.0
KEPT_SECONDS = CAPABILITIES["whoisxml"].retention_seconds or 0.0


class Case(NamedTuple):
    """An installation that is not well in one way: the check that says so, and words of its text and its remedy."""

    check: str
    state: State
    text: str
    remedy: str
    census: Figures | None = None
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed


def of_account(**fields: Any) -> Figures:
    """The census of an installation whose account is like that."""
    return figures(account_figures(**fields))


def paused(reason: str) -> Figures:
    """The same, with every call kept back for two minutes."""
    return of_account(record=a_record(calls_pause=Pause(reason=reason, until=NOW + 120.0, failures=1)))


def late(seconds_left: float) -> Figures:
    """The same, with a result that the provider deletes in so many seconds."""
    return of_account(uncollected_since=NOW + seconds_left - KEPT_SECONDS)


QUARANTINED = a_part("crm-1", 3, PartState.QUARANTINED, attempt=an_attempt(), reason="no_control", rows=70)
HELD = figures(members=[members("part", PartState.QUARANTINED, 12)])
SUBMITTED = members("part", PartState.SUBMITTED)
OLD = NOW - DAY_SECONDS

CASES = (
    Case(
        "redis/durability",
        State.PROBLEM,
        "appendonly is off",
        "appendonly yes",
        figures(safety=SAFE._replace(append_only=False)),
    ),
    Case(
        "redis/disk", State.PROBLEM, "did not arrive", "free space", figures(safety=SAFE._replace(writes_arrive=False))
    ),
    Case(
        "redis/eviction",
        State.PROBLEM,
        "allkeys-lru",
        "noeviction",
        figures(safety=SAFE._replace(policy="allkeys-lru")),
    ),
    Case(
        "redis/eviction",
        State.PROBLEM,
        "7 keys were",
        "recover --dry-run",
        figures(safety=SAFE._replace(evicted_keys=7)),
    ),
    Case(
        "redis/memory",
        State.WARNING,
        "950 MiB used of 1,000 MiB",
        "maxmemory",
        figures(memory=Memory(950 * MEBIBYTE, 1000 * MEBIBYTE)),
    ),
    Case("redis/memory", State.PROBLEM, "no lists are accepted", "maxmemory", figures(intake_paused=True)),
    Case(
        "redis/broker",
        State.PROBLEM,
        "queues does not answer",
        "BULKVERIFY_BROKER_URL",
        None,
        {"waiting": None, "broker_fault": "Check BULKVERIFY_BROKER_URL."},
    ),
    Case(
        "redis/requests",
        State.PROBLEM,
        "3 requests are not answered yet, the oldest for 15 min",
        "run intake",
        figures(backlog_entries=3, backlog_oldest_at=NOW - 900.0),
    ),
    Case(
        "processes/poller",
        State.PROBLEM,
        "no poller is heard, the last one 5 min ago",
        "`bulkverify run poller`",
        figures(alive={role: Alive(int(role is not Role.POLLER), NOW - 300.0) for role in Role}),
    ),
    Case(
        "processes/timekeeper",
        State.PROBLEM,
        "and none ever was",
        "`bulkverify run worker`",
        figures(alive={role: Alive(int(role is not Role.TIMEKEEPER), 0.0) for role in Role}),
    ),
    Case(
        "accounts/configured",
        State.UNKNOWN,
        "no account is configured",
        "`bulkverify config check`",
        None,
        {"accounts": {}},
    ),
    Case(
        "accounts/configured",
        State.PROBLEM,
        f"{ACCOUNT}: 2 jobs",
        "accounts file",
        of_account(active=2),
        {"accounts": {"other": an_account(name="other")}},
    ),
    Case(
        "accounts/record",
        State.UNKNOWN,
        "a later version",
        "upgrade",
        of_account(record=None, unread="a later version wrote it"),
    ),
    Case(
        "accounts/paused_calls",
        State.PROBLEM,
        "calls are kept back (credentials rejected), tried again in 2 min",
        "config check --live",
        paused("credentials_rejected"),
    ),
    Case(
        "accounts/paused_calls",
        State.WARNING,
        "calls are kept back (throttled)",
        "`bulkverify accounts`",
        paused("throttled"),
    ),
    Case(
        "accounts/paused_spending",
        State.PROBLEM,
        "submits are kept back (out of credits)",
        "Buy credits",
        of_account(record=a_record(spending_pause=Pause(reason="out_of_credits", until=NOW + 60.0))),
    ),
    Case(
        "accounts/budget",
        State.WARNING,
        "900 of the day's 1,000 rows",
        "rows_per_day_max",
        of_account(budget_used_rows=900),
    ),
    Case(
        "accounts/credits",
        State.PROBLEM,
        "no credits are left",
        "Buy credits",
        of_account(record=a_record(credits_balance=0)),
    ),
    Case(
        "accounts/credits",
        State.WARNING,
        "50 credits are left, less than the 60",
        "Buy credits",
        of_account(record=a_record(credits_balance=50), budget_used_rows=60),
    ),
    Case(
        "accounts/credits_old",
        State.WARNING,
        "told its credits last 24 h ago",
        f"`bulkverify reconcile {ACCOUNT}`",
        of_account(record=a_record(credits_at=OLD)),
    ),
    Case(
        "work/quarantine",
        State.WARNING,
        "part crm-1/3 waits for a person: no control",
        "`bulkverify resolve crm-1/3 --adopt REMOTE_ID`",
        HELD,
        {"quarantined": (QUARANTINED,)},
    ),
    Case(
        "work/quarantine",
        State.WARNING,
        "11 more parts",
        "`bulkverify ls --state attention`",
        HELD,
        {"quarantined": (QUARANTINED,)},
    ),
    Case(
        "work/quarantine",
        State.UNKNOWN,
        "part crm-2/0 is in quarantine, and its record cannot be read",
        "`bulkverify why crm-2`",
        HELD,
        {"unread": ("crm-2/0",)},
    ),
    Case(
        "work/result_at_risk", State.WARNING, "deletes a paid result", "`bulkverify accounts`", late(KEPT_SECONDS * 0.4)
    ),
    Case("work/result_at_risk", State.PROBLEM, "in 60 min", "`bulkverify accounts`", late(3_600.0)),
    Case(
        "work/stuck",
        State.WARNING,
        "part crm-1/0 is finished for 3 h",
        "`bulkverify why crm-1`",
        None,
        {"stuck": (Stuck("part", ACCOUNT, "finished", "crm-1/0", 10_800.0),)},
    ),
    Case(
        "work/overdue",
        State.WARNING,
        "4 work items are due for more than 5 s: 4 of poll",
        "--scale worker=2",
        of_account(overdue={Lane.POLL: 4, Lane.SUBMIT: 0}),
    ),
    Case("work/dead_letters", State.WARNING, "2 of submit", "log", None, {"waiting": waiting(submit=Boxes(0, 0, 2))}),
    Case(
        "drift/open_missing_artifact",
        State.PROBLEM,
        f"{ACCOUNT}: 2 open findings",
        f"`bulkverify drift {ACCOUNT} --class missing_artifact`",
        of_account(drift={"open:missing_artifact": "2"}),
    ),
    Case(
        "drift/open_stalled_remote",
        State.WARNING,
        "1 open findings",
        "docs/drift.md#stalled_remote",
        of_account(drift={"open:stalled_remote": "1"}),
    ),
    Case(
        "drift/account_mismatch",
        State.PROBLEM,
        "another account's jobs",
        f"`bulkverify reconcile {ACCOUNT}`",
        of_account(sweep={"outcome": "account_mismatch", "complete_at": str(NOW)}),
    ),
    Case(
        "drift/swept",
        State.WARNING,
        "last seen whole 24 h ago",
        f"`bulkverify reconcile {ACCOUNT}`",
        of_account(sweep={"complete_at": str(OLD)}),
    ),
    Case(
        "drift/swept",
        State.WARNING,
        "never seen whole",
        f"`bulkverify reconcile {ACCOUNT}`",
        figures(account_figures(sweep={}), members=[SUBMITTED]),
    ),
)

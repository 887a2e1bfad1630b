"""Readings of an installation where everything is well, and what a test changes in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from config.account import Account
from config.settings import Settings
from tests.builders.records import NOW
from worker.cli.health.reading import Reading
from worker.core.records import AccountRecord
from worker.core.states import Lane
from worker.exporter.queues import Boxes, Waiting
from worker.store.census import WAITING_LANES, AccountFigures, Alive, Figures, Members
from worker.store.memory import Memory
from worker.store.pulse import Role
from worker.store.safety import Safety

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "whoisxml-main"
MEBIBYTE = 2**20
#: A server that keeps what it is given, and one that has room.
SAFE = Safety(append_only=True, writes_arrive=True, policy="noeviction", evicted_keys=0)
ROOMY = Memory(used_bytes=100 * MEBIBYTE, limit_bytes=1000 * MEBIBYTE)


def an_account(**fields: object) -> Account:
    """A configured account that may submit 1,000 rows a day."""
    known: dict[str, object] = {"name": ACCOUNT, "provider": "whoisxml", "key": SecretStr("k" * 20)}
    return Account.model_validate(known | {"rows_per_day_max": 1_000} | fields)


def a_record(**fields: object) -> AccountRecord:
    """The record of that account: calls are made, and 5,000 credits were told a minute ago."""
    known: dict[str, object] = {"account": ACCOUNT, "provider": "whoisxml"}
    known |= {"credits_balance": 5_000, "credits_at": NOW - 60}
    return AccountRecord.model_validate(known | fields)


def account_figures(**fields: Any) -> AccountFigures:
    """What the store knows of that account, whose list was seen whole a minute ago."""
    known: dict[str, Any] = {
        "name": ACCOUNT,
        "record": a_record(),
        "unread": "",
        "ledger": {},
        "active": 0,
        "intents": 0,
        "sweep": {"at": str(NOW - 60), "complete_at": str(NOW - 60), "outcome": "complete"},
        "drift": {"version": "x"},
        "budget_used_rows": 0,
        "leases_held": 0,
        "leases_expired": 0,
        "uncollected_since": None,
        "overdue": dict.fromkeys(WAITING_LANES, 0),
    }
    return AccountFigures(**(known | fields))


def members(record: str, state: str, size: int = 1, *, age_seconds: float = 10.0) -> Members:
    """So many uploads or parts of that account in a state, the oldest for so long."""
    return Members(record, ACCOUNT, "email", state, size, NOW - age_seconds if size else None)


def figures(account: AccountFigures | None = None, **fields: Any) -> Figures:
    """The census of an installation with one account in which nothing is under way."""
    known: dict[str, Any] = {
        "at": NOW,
        "members": [],
        "accounts": [account or account_figures()],
        "counters": {},
        "backlog_entries": 0,
        "backlog_oldest_at": None,
        "intake_paused": False,
        "memory": ROOMY,
        "safety": SAFE,
        "alive": {role: Alive(1, NOW - 1) for role in Role},
    }
    return Figures(**(known | fields))


def waiting(**boxes: Boxes) -> Waiting:
    """What waits in the queues, by lane; nothing in those that are not named."""
    return Waiting({str(lane): boxes.get(lane, Boxes(0, 0, 0)) for lane in Lane}, {}, 0, None)


def a_reading(home: Path, census: Figures | None = None, **fields: Any) -> Reading:
    """A reading of that census; its queues are empty and its account is configured."""
    known = Reading(Settings(home=home), {ACCOUNT: an_account()}, census or figures(), waiting())
    return replace(known, **fields)

"""Accepting that provider and ledger differ: told, asked about, and kept with who did it."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

import click

from worker.actors.acceptance import accept, difference
from worker.cli.bulk import confirm
from worker.cli.reconcile.workplace import opened
from worker.cli.tables import print_json
from worker.cli.wording import moment
from worker.core.drift.acceptance import BY_CHARACTERS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.door import Door
    from worker.core.drift.acceptance import Acceptance


def accept_ledger(door: Door, account: str, *, yes: bool, as_json: bool) -> None:
    """Show what differs in an account, and accept it after a yes; nothing is written where no sweep has told of any.

    Raises `ProviderError`, `StoreError`, and `Stale` when a sweep has written meanwhile.
    """
    with opened(door) as place:
        (connected,) = place.chosen(account)
        found = difference(place, connected, _person())
        if found is None:
            _tell(account, None, as_json=as_json)
            return
        if not yes:
            told = list(_sentences(account, found.acceptance))
            confirm("Accept it, and compare from now on?", told, "nothing was accepted")
        accept(place, connected, found)
        _tell(account, found.acceptance, as_json=as_json)


def _sentences(account: str, acceptance: Acceptance) -> Iterator[str]:
    """What differs, one sentence each."""
    if acceptance.since is not None:
        took = "took what cannot be told" if acceptance.taken is None else f"took {acceptance.taken:,} credits"
        said = f"the ledger says that {acceptance.spent:,} were spent"
        yield f"Account {account}, since {moment(acceptance.since)}: the provider {took}, {said}."
    if acceptance.corrections:
        held = f"the ledger has {acceptance.reserved:,} credits reserved, the parts {acceptance.reserved_by_parts:,}"
        yield f"Account {account}: {held}; the ledger is corrected to that."


def _tell(account: str, acceptance: Acceptance | None, *, as_json: bool) -> None:
    if as_json:
        accepted = None if acceptance is None else acceptance.model_dump()
        print_json({"mode": "accept_ledger", "account": account, "accepted": accepted, "code": 0})
    elif acceptance is None:
        click.echo(f"No sweep tells of a difference of credits in account {account}: there is nothing to accept.")
    else:
        click.echo(f"Accepted by {acceptance.by}. `bulkverify accounts` shows it.")


def _person() -> str:
    """Who runs this command: user and host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A user without a name, as in a container.
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"[:BY_CHARACTERS_MAX]

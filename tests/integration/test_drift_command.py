"""`bulkverify drift`, and the end of a difference of credits that a person accepts, on a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.coherence import check_coherent
from tests.builders.stepping_commands import SteppingCommands
from tests.builders.stores import everything
from tests.builders.swept import EARLIER, Swept, swept_account
from worker.actors.names import result_name
from worker.store.findings import ACCEPTED_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def swept(tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account where the provider tells no usage, whose list has a job of ours, after its first sweep."""
    with swept_account(tmp_path, redis_url, "whoisxml-main") as swept:
        yield swept


@pytest.fixture
def command(swept: Swept) -> SteppingCommands:
    """Return the command line in the line's world."""
    return SteppingCommands(swept.line)


def lost_result(swept: Swept) -> None:
    """A result that was delivered and is not in storage any more, found by a sweep."""
    swept.line.process.context.storage.delete(result_name(EARLIER))
    assert swept.sweep() == ["missing_artifact"]


def spent_elsewhere(swept: Swept, *, sweeps: int) -> None:
    """Somebody else has spent 500 credits, and that many sweeps have seen the balance."""
    swept.sandbox.knobs.credits -= 500
    for _ in range(sweeps):
        swept.sweep()


# What is open


def test_without_drift_nothing_is_listed(swept: Swept, command: SteppingCommands) -> None:
    """The end is 0; when each list was last seen is told, and strangers' jobs are listed and do not count."""
    told = command("drift", code=0).output
    assert told.startswith("No drift.\nLists last seen whole: ipqs-main ")
    assert told.endswith(", whoisxml-main 0 s ago.\n")
    swept.stranger("a@example.org")
    swept.sweep()
    told = command("drift", swept.account, code=0).output
    assert told.startswith("info  foreign_remote  whoisxml-main  account whoisxml-main\n")
    assert "Drift: 1 open: 1 info.\n" in told


def test_what_is_open_is_listed_with_what_happens_next(swept: Swept, command: SteppingCommands) -> None:
    """The most severe first; with evidence, age and the command that decides it. The end is 2; nothing is written."""
    swept.stranger("a@example.org")
    lost_result(swept)
    spent_elsewhere(swept, sweeps=2)
    before = everything(swept.line.store)
    told = command("drift", code=2).output
    assert everything(swept.line.store) == before
    heads = [line for line in told.splitlines() if line[:4] in {"page", "warn", "info"}]
    assert heads == [
        "page  missing_artifact  whoisxml-main  upload crm-0",
        "page  ledger_drift  whoisxml-main  account whoisxml-main",
        "info  foreign_remote  whoisxml-main  account whoisxml-main",
    ]
    assert "      for 60 s, seen 2 times: taken 500, spent 0, slack 1" in told
    assert "      decide: bulkverify accounts, bulkverify reconcile whoisxml-main --accept-ledger\n" in told
    assert "Drift: 3 open: 2 page, 1 info.\n" in told


def test_what_is_not_believed_yet_is_told_and_is_no_drift(swept: Swept, command: SteppingCommands) -> None:
    """One sweep has shown it, and it takes two."""
    spent_elsewhere(swept, sweeps=1)
    told = command("drift", code=0).output
    assert "page  ledger_drift  whoisxml-main  account whoisxml-main (not believed yet)\n" in told
    assert "Drift: 0 open; 1 not believed yet.\n" in told


def test_one_class_alone(swept: Swept, command: SteppingCommands) -> None:
    """The list and the end are about that class; programs get everything that is known."""
    lost_result(swept)
    assert "No drift.\n" in command("drift", "--class", "ledger_drift", code=0).output
    document = command.parsed("drift", swept.account, "--class", "missing_artifact", code=2)
    (found,), (account,) = document["findings"], document["accounts"]
    assert (found["class"], found["severity"], found["subject"]) == ("missing_artifact", "page", EARLIER)
    assert (found["believed"], found["becomes"], found["runbook"]) == (True, "mended", "docs/drift.md#missing_artifact")
    assert (account["account"], account["outcome"]) == (swept.account, "complete")
    assert account["complete_at"] is not None


@pytest.mark.parametrize("arguments", [("nowhere",), ("--class", "nonsense")])
def test_a_wrong_command_line_is_not_drift(command: SteppingCommands, arguments: tuple[str, ...]) -> None:
    """It ends with 1, since 2 says that there is drift."""
    command("drift", *arguments, code=1)


# Accepting a difference of credits


def test_a_difference_that_is_accepted_is_over(swept: Swept, command: SteppingCommands) -> None:
    """Both amounts are shown before, credits are compared from then on, and who accepted what stays visible."""
    spent_elsewhere(swept, sweeps=2)
    result = command("reconcile", swept.account, "--accept-ledger", code=0, answer="y\n")
    assert ": the provider took 500 credits, the ledger says that 0 were spent.\n" in result.stderr
    assert swept.open() == []
    assert swept.counted("drift_repaired", "ledger_drift") == 1
    assert swept.sweep() == swept.sweep() == []
    spent_elsewhere(swept, sweeps=2)
    assert swept.open() == ["ledger_drift"]
    assert "\nDifferences of credits that were accepted\n" in command("accounts", code=0).output
    (account,) = [one for one in command.parsed("accounts", code=0) if one["account"] == swept.account]
    (accepted,) = account["accepted"]
    assert (accepted["taken"], accepted["spent"], "@" in accepted["by"]) == (500, 0, True)


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_a_yes_nothing_is_accepted(swept: Swept, command: SteppingCommands, answer: str) -> None:
    """Nor without any answer; the finding stays, and the end is an error."""
    spent_elsewhere(swept, sweeps=2)
    command("reconcile", swept.account, "--accept-ledger", code=1, answer=answer)
    assert swept.sweep() == ["ledger_drift"]


@pytest.mark.parametrize(("entry", "reserved"), [("reserved", 70), ("released", -70)])
def test_reservations_are_corrected_to_those_of_the_parts(
    swept: Swept, command: SteppingCommands, entry: str, reserved: int
) -> None:
    """Credits that the ledger has reserved for nobody are released, and those that it lacks are entered."""
    client: Any = swept.line.store.client
    client.hincrby(swept.line.store.key("ledger", swept.account), entry, 70)
    swept.sweep()
    assert swept.sweep() == ["ledger_drift"]
    result = command("reconcile", swept.account, "--accept-ledger", code=0, answer="y\n")
    assert f"the ledger has {reserved} credits reserved, the parts 0; the ledger is corrected" in result.stderr
    check_coherent(swept.line.store)
    assert swept.sweep() == []


def test_where_nothing_differs_there_is_nothing_to_accept(swept: Swept, command: SteppingCommands) -> None:
    """Nothing is asked, and nothing written."""
    before = everything(swept.line.store)
    told = command("reconcile", swept.account, "--accept-ledger", code=0).output
    assert "there is nothing to accept" in told
    assert everything(swept.line.store) == before


def test_only_the_last_acceptances_are_kept(swept: Swept, command: SteppingCommands) -> None:
    """As many as the limit says, the newest; one that cannot be read is left out."""
    client: Any = swept.line.store.client
    client.rpush(swept.line.store.key("accepted", swept.account), *["{"] * (ACCEPTED_MAX + 5))
    spent_elsewhere(swept, sweeps=2)
    command("reconcile", swept.account, "--accept-ledger", "--yes", code=0)
    assert client.llen(swept.line.store.key("accepted", swept.account)) == ACCEPTED_MAX
    (account,) = [one for one in command.parsed("accounts", code=0) if one["account"] == swept.account]
    assert [one["taken"] for one in account["accepted"]] == [500]

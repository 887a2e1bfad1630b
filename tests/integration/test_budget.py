"""An account's rows of the day: reserved in one write with the limit, given back when they are released."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from producers.exit_codes import ExitCode
from tests.builders.coherence import check_coherent
from tests.builders.command_line import CommandLine
from tests.builders.core_records import LEASE_SECONDS
from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_lossy_store, a_store, everything
from worker.actors import prepare, submit
from worker.core import part as core
from worker.core.budget import BUDGET_REASON, next_day_at
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.retention import DAY_SECONDS
from worker.core.states import PartState, UploadState
from worker.store.errors import OverBudget, Stale

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.store.store import Store

ACCOUNT = "ipqs-main"
THREE = "email\na@example.com\nb@example.com\nc@example.com\n"


def pending(store: Store, *rows: int) -> list[PartRecord]:
    """Parts of so many rows each, as they stand in the store."""
    now = store.now()
    parts = [a_part(index=index, now=now, rows=count) for index, count in enumerate(rows)]
    stored(store, an_upload(state=UploadState.RUNNING, now=now, parts_total=len(parts)), *parts)
    return [part.written() for part in parts]


def reservation(store: Store, part: PartRecord, most: int | None, *, day: int = 0) -> Change:
    """The decision that a part is reserved, taken so many days from now."""
    now = store.now() + day * DAY_SECONDS
    limits: Any = {"active_max": 100, "intents_max": None, "rows_per_day_max": most}
    return core.reserve(part, "host:1", now, LEASE_SECONDS, **limits)


def reserved(store: Store, part: PartRecord, most: int | None) -> PartRecord:
    """The part after it was reserved."""
    change = reservation(store, part, most)
    store.commit(change)
    return change.parts[0].written()


def test_what_does_not_fit_into_the_day_is_refused_and_writes_nothing(store: Store) -> None:
    """A reservation beyond the budget tells what is used and when the next day begins; one that just fits is made."""
    first, second, third = pending(store, 60, 41, 40)
    reserved(store, first, 100)
    before = everything(store)
    with pytest.raises(OverBudget) as over:
        store.commit(reservation(store, second, 100))
    assert (over.value.used_rows, over.value.resets_at % DAY_SECONDS) == (60, 0)
    assert 0 < over.value.resets_at - store.now() <= DAY_SECONDS
    assert everything(store) == before
    reserved(store, third, 100)
    assert store.budget_used(ACCOUNT) == 100
    check_coherent(store)


def test_what_is_released_is_given_back_and_what_is_spent_is_not(store: Store) -> None:
    """A held part frees its rows of the day; a submitted one keeps them; a reservation that is kept is taken once."""
    first, second = pending(store, 60, 40)
    now = store.now()
    held = core.hold(reserved(store, first, 100), now, "throttled", now + 5)
    store.commit(held)
    assert store.budget_used(ACCOUNT) == 0
    again = reserved(store, held.parts[0].written(), 100)
    assert reserved(store, again, 1).credits_reserved == 60
    store.commit(core.submitted(reserved(store, second, 100), "77", "attempt_record", now, look_at=now))
    assert store.budget_used(ACCOUNT) == 100
    check_coherent(store)


def test_rows_belong_to_the_day_on_which_they_were_reserved(redis_url: str, store: Store) -> None:
    """The next day begins at nothing; yesterday's release changes nothing, and a reservation renewed today counts."""
    first, second = (reserved(store, part, 100) for part in pending(store, 60, 40))
    tomorrow = a_store(redis_url, clock_offset_seconds=DAY_SECONDS)
    now = tomorrow.now()
    assert tomorrow.budget_used(ACCOUNT) == 0
    tomorrow.commit(core.hold(first, now, "throttled", now + 5))
    assert tomorrow.budget_used(ACCOUNT) == 0
    with pytest.raises(OverBudget):
        tomorrow.commit(reservation(tomorrow, second, 39))
    reserved(tomorrow, second, 40)
    assert tomorrow.budget_used(ACCOUNT) == 40
    check_coherent(tomorrow)
    tomorrow.client.close()


def test_a_decision_of_another_day_is_stale(store: Store) -> None:
    """A worker that froze over midnight does not reserve rows of a day that has passed."""
    (part,) = pending(store, 10)
    with pytest.raises(Stale):
        store.commit(reservation(store, part, 100, day=-1))
    assert store.budget_used(ACCOUNT) == 0


def test_without_a_limit_rows_are_counted_all_the_same_and_forgotten_later(store: Store) -> None:
    """A limit that is set later in the day knows of the morning; the count is kept for two days at most."""
    first, second = pending(store, 60, 60)
    reserved(store, first, None)
    with pytest.raises(OverBudget):
        store.commit(reservation(store, second, 100))
    (key,) = store.client.keys(store.key("budget", "*"))
    assert 0 < int(store.client.ttl(key)) <= 2 * DAY_SECONDS


def test_a_reservation_whose_reply_was_lost_counts_once(redis_url: str) -> None:
    """The write that is repeated is recognised, and takes nothing again."""
    store = a_lossy_store(redis_url, 0)
    (part,) = pending(store, 60)
    store.client.losses = 2  # type: ignore[attr-defined]  # the lossy client's
    reserved(store, part, 60)
    assert store.budget_used(ACCOUNT) == 60
    store.client.close()


def test_many_workers_at_once_do_not_exceed_the_day(store: Store) -> None:
    """Of twenty reservations at the same time exactly those are made that fit."""
    parts = pending(store, *[10] * 20)

    def reserve(part: PartRecord) -> bool:
        try:
            store.commit(reservation(store, part, 75))
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        made = sum(threads.map(reserve, parts))
    assert (made, store.budget_used(ACCOUNT)) == (7, 70)
    check_coherent(store)


def a_line_of_two_rows_a_day(line: Line, upload_id: str = "one") -> list[PartRecord]:
    """Have a list of three rows prepared; its parts."""
    line.submit(line.file("list.csv", THREE), ACCOUNT, upload_id=upload_id)
    prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
    return line.parts(upload_id)


def step(line: Line, part: PartRecord) -> PartRecord:
    """Run the submit step for a part as it is now; the part after it."""
    (present,) = line.plant.context.store.parts([part.part_id])
    submit.run(line.plant.context, part.part_id, present.epoch)
    (after,) = line.plant.context.store.parts([part.part_id])
    return after


def test_no_part_is_larger_than_a_day_and_the_rest_waits_for_the_next(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """A list is split by the budget; what does not fit is held until midnight, says why, and goes on the next day."""
    with running_line(tmp_path, redis_url, broker_url, start=False, account_lines="rows_per_day_max = 2") as line:
        first, second = a_line_of_two_rows_a_day(line)
        assert (first.rows, second.rows) == (2, 1)
        assert step(line, first).state is PartState.SUBMITTED
        held = step(line, second)
        assert (held.state, held.reason, (held.due_at or 0) % DAY_SECONDS) == (PartState.HELD, "budget", 0)
        assert "may submit 2 rows a day (rows_per_day_max); 2 are used and the part has 1" in held.message
        assert step(line, second) == held
        line.plant.context.store.clock_offset_seconds = DAY_SECONDS
        assert step(line, second).state is PartState.SUBMITTED
        assert [charge.rows for charge in line.ipqs.ledger] == [2, 1]


def test_a_part_larger_than_a_budget_that_was_lowered_says_so_and_goes_on_when_it_is_raised(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """The part waits with words of its own; with another limit after a restart the next walk has it looked at."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        (part,) = a_line_of_two_rows_a_day(line)
    with running_line(tmp_path, redis_url, broker_url, start=False, account_lines="rows_per_day_max = 2") as line:
        held = step(line, part)
        assert held.reason == "budget"
        assert "has 3 rows" in held.message
        assert "fits into no day until that is raised" in held.message
        assert "fits into no day" in CommandLine(redis_url, tmp_path)("why", "one").stdout
    with running_line(tmp_path, redis_url, broker_url, account_lines="rows_per_day_max = 3") as line:
        line.finish("one")
        assert [charge.rows for charge in line.ipqs.ledger] == [3]


def test_who_waits_for_another_day_is_found_behind_a_long_line(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many parts of the account stand in line, those that fit into the day after all are looked at."""
    monkeypatch.setattr("worker.context.WAKE_PARTS_MAX", 2)
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        store, now = line.plant.context.store, line.plant.context.store.now()
        *in_line, waiting = pending(store, 10, 10, 10)
        for part in in_line:
            store.commit(stand(core.hold(part, now, "own_rate", now + LINE_LOOK_SECONDS)))
        store.commit(core.hold(waiting, now, BUDGET_REASON, next_day_at(now), "It does not fit into the day."))
        line.plant.context.wake_budgeted(ACCOUNT)
        (message,) = line.plant.broker.client.hvals("dramatiq:submit.msgs")
        assert waiting.part_id.encode() in message


def test_commands_tell_what_is_left_of_the_day(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """`accounts`, `why` and a dry run tell the limit and what is used, for people and for programs."""
    with running_line(tmp_path, redis_url, broker_url, start=False, account_lines="rows_per_day_max = 2") as line:
        first, _ = a_line_of_two_rows_a_day(line)
        step(line, first)
        command = CommandLine(redis_url, tmp_path)
        command.environment |= {
            "BULKVERIFY_ACCOUNTS_FILE": str(line.settings.accounts_file),
            "BULKVERIFY_STORAGE_URL": line.settings.storage_url,
            "BULKVERIFY_INPUT_ROOTS": str(tmp_path),
        }
        told = command.parsed("accounts", "--json")[0]
        assert (told["account"], told["rows_today"], told["active_parts"]) == (ACCOUNT, 2, 1)
        assert (told["budget"]["most_rows"], told["budget"]["left_rows"], told["pauses"]) == (2, 0, [])
        assert command("accounts").stdout.splitlines()[1].split()[:6] == [ACCOUNT, "ipqs", "1", "20", "2", "2"]
        assert "0 of 2 rows left for its account" in command("why", "one").stdout
        assert command.parsed("why", "one", "--json")["budget"]["used_rows"] == 2
        other = line.file("other.csv", "email\nx@example.com\n")
        dry = command("upload", str(other), "--account", ACCOUNT, "--dry-run")
        assert dry.exit_code == ExitCode.OK, dry.output
        assert "0 of 2 rows left" in dry.stdout
        assert "waits for the next days" in dry.stdout
        document = json.loads(command("upload", str(other), "--account", ACCOUNT, "--dry-run", "--json").stdout)
        assert (document["budget"]["used_rows"], document["part_rows_max"], document["pauses"]) == (2, 2, [])

"""How many calls a sweep takes, what it proves, and how it goes on where it was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.stepping import stepping
from tests.builders.swept import EARLIER, Swept
from worker.actors.walk import walk
from worker.actors.walk_turn import WalkTurn
from worker.core.observe import MISSING_REASON
from worker.core.part import quarantine
from worker.core.states import Lane, PartState
from worker.core.sweep import Sweep
from worker.providers.errors import OwnRateReached, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.providers.errors import ProviderError
    from worker.providers.port import ListPage

#: Jobs on a page of both lists, and pages that a test's strangers fill.
PAGE_JOBS = 50
PAGES = 6


@pytest.fixture
def swept(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account whose list is `PAGES` pages long; the first job is known to be ours."""
    with stepping(tmp_path, redis_url) as line:
        swept = Swept(line, getattr(request, "param", "whoisxml-main"))
        swept.ask(EARLIER)
        line.settle(EARLIER)
        swept.many_strangers(PAGES * PAGE_JOBS - 1)
        yield swept


both = pytest.mark.parametrize("swept", ["ipqs-main", "whoisxml-main"], indirect=True)


def ending(swept: Swept, monkeypatch: pytest.MonkeyPatch, error: ProviderError, at_call: int) -> Callable[[], int]:
    """Have the list call of that number fail once; a way to ask how many calls there were."""
    provider = swept.connected.provider
    ask_page, calls = provider.list_page, list[str | None]()

    def list_page(cursor: str | None = None) -> ListPage:
        calls.append(cursor)
        if len(calls) == at_call:
            raise error
        return ask_page(cursor)

    monkeypatch.setattr(provider, "list_page", list_page)
    return lambda: len(calls)


@both
def test_a_sweep_takes_one_call_more_than_there_are_pages_at_most(swept: Swept) -> None:
    """Where nothing is in doubt, it sees the whole list and does not read it twice."""
    swept.sweep()
    newest_first = swept.account == "ipqs-main"
    assert swept.tally()["pages"] == str(PAGES + newest_first)
    assert (swept.tally()["complete"], swept.tally()["proven"]) == ("1", str(int(newest_first)))


def test_ten_thousand_jobs_take_two_hundred_and_one_calls_at_most(swept: Swept) -> None:
    """The whole list of a large account is seen in one sweep."""
    swept.many_strangers(10_000 - PAGES * PAGE_JOBS)
    swept.sweep()
    assert (swept.tally()["complete"], swept.jobs_seen()) == ("1", 10_000)
    assert int(swept.tally()["pages"]) <= 201


def test_what_was_not_shown_is_looked_for_page_by_page_twice(swept: Swept) -> None:
    """Only once a live job was not shown does a sweep oldest first prove what is there, in 2n - 1 calls."""
    swept.sandbox.knobs.job_seconds = 10 * 86_400.0
    swept.ask("crm-1")
    swept.until("crm-1", PartState.SUBMITTED)
    del swept.sandbox.jobs[int(swept.part("crm-1").remote_id or 0)]
    assert swept.sweep(after_seconds=3_600.0) == []
    assert (swept.tally()["pages"], swept.tally()["proven"], swept.tally()["unseen"]) == (str(PAGES), "0", "1")
    assert swept.findings()[0].drift == "foreign_remote"
    assert swept.sweep() == []
    assert (swept.tally()["pages"], swept.tally()["proven"]) == (str(2 * PAGES - 1), "1")
    assert swept.sweep() == ["missing_remote"]


@both
def test_a_job_that_a_look_has_given_up_first_is_found_missing_too(swept: Swept) -> None:
    """A person is asked about the part, and told of the finding, until the job is shown again: then it goes on."""
    swept.sandbox.knobs.job_seconds = 10 * 86_400.0
    swept.ask("crm-1")
    part = swept.until("crm-1", PartState.SUBMITTED)
    job = swept.sandbox.jobs.pop(int(part.remote_id or 0))
    swept.line.store.commit(quarantine(part, swept.line.clock.now(), MISSING_REASON, "Not shown for 1 h."))
    assert swept.sweep(after_seconds=3_600.0) == []
    assert swept.tally()["unseen"] == "1"
    swept.sweep()
    assert swept.sweep() == swept.sweep() == ["missing_remote"]
    swept.sandbox.jobs[job.remote_id] = job
    assert swept.sweep() == ["stale_local"]
    assert swept.part("crm-1").state is PartState.SUBMITTED
    assert swept.sweep() == []
    assert swept.counted("drift", "missing_remote") == swept.counted("drift_repaired", "missing_remote") == 1


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_a_second_job_that_a_search_has_seen_first_is_found_by_the_next_sweep(swept: Swept) -> None:
    """It is counted once, by the walk that saw it, and its finding is over with the sweep after that."""
    assert swept.sweep() == []
    swept.sandbox.copy_for_others(int(swept.part(EARLIER).remote_id or 0))
    context = swept.line.process.context
    walk(context, swept.connected, Sweep(began_at=swept.line.clock.now()))
    assert len(swept.part(EARLIER).evidence) == 2
    assert swept.sweep() == ["duplicate_remote"]
    assert swept.sweep() == []
    assert swept.counted("drift", "duplicate_remote") == swept.counted("drift_repaired", "duplicate_remote") == 1


@pytest.mark.parametrize("error", [OwnRateReached("No call is left."), Unavailable("It does not answer.")])
def test_an_interrupted_sweep_goes_on_where_it_was(
    swept: Swept, monkeypatch: pytest.MonkeyPatch, error: ProviderError
) -> None:
    """Oldest first the pages that were read are not read again, and the whole list counts as seen."""
    calls = ending(swept, monkeypatch, error, at_call=4)
    swept.sweep()
    assert (swept.tally()["complete"], calls()) == ("0", 4)
    began_at = swept.tally()["at"]
    swept.sweep()
    # One call may have been made to find out whether the provider answers again.
    assert calls() - 4 <= PAGES - 3 + isinstance(error, Unavailable)
    assert (swept.tally()["complete"], swept.jobs_seen()) == ("1", PAGES * PAGE_JOBS)
    assert swept.tally()["at"] == began_at
    swept.sweep()
    assert swept.tally()["pages"] == str(PAGES)


def test_a_sweep_without_calls_asks_to_go_on_soon(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for the next period."""
    ending(swept, monkeypatch, OwnRateReached("No call is left."), at_call=4)
    swept.sweep()
    now = swept.line.clock.now()
    (due_at,) = [m.due_at for m in swept.line.messages.waiting if m.lane is Lane.RECONCILE and m.item == swept.account]
    assert now < due_at <= now + 60.0


def test_pages_that_are_too_old_are_read_again(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a period a walk begins anew: what it has seen would prove nothing about now."""
    calls = ending(swept, monkeypatch, OwnRateReached("No call is left."), at_call=4)
    swept.sweep()
    swept.sweep(after_seconds=swept.line.settings.reconcile_period_seconds + 1.0)
    assert calls() == 4 + PAGES


def test_a_job_that_slipped_while_a_walk_was_interrupted_is_not_missed(
    swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted jobs move others to pages that were read: the walk finds out, is incomplete, and begins anew."""
    ending(swept, monkeypatch, OwnRateReached("No call is left."), at_call=4)
    swept.sweep()
    first = min(swept.sandbox.jobs)
    del swept.sandbox.jobs[first + 1]
    swept.sweep()
    assert (swept.tally()["complete"], swept.jobs_seen()) == ("0", PAGES * PAGE_JOBS - 1)
    swept.sweep()
    assert (swept.tally()["complete"], swept.tally()["pages"]) == ("1", str(PAGES))


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_newest_first_a_walk_begins_anew(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every added job moves all pages: what was read is not what is there."""
    calls = ending(swept, monkeypatch, OwnRateReached("No call is left."), at_call=4)
    swept.sweep()
    swept.sweep()
    assert (swept.tally()["complete"], calls()) == ("1", 4 + PAGES + 1)


def test_while_somebody_walks_the_list_a_sweep_waits(swept: Swept) -> None:
    """It makes no call, and is asked for again within a minute."""
    before = swept.tally()
    turn = WalkTurn(swept.line.process.context, swept.connected, swept.line.clock.now())
    assert turn.begin()
    swept.sweep()
    assert swept.tally() == before
    client: Any = swept.line.store.client
    assert not client.exists(swept.line.store.key("walk_pages", swept.account))
    assert [m.item for m in swept.line.messages.waiting if m.lane is Lane.RECONCILE] == [swept.account]
    turn.end()
    swept.sweep()
    assert swept.tally()["pages"] == str(PAGES)

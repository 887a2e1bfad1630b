"""Looking at many jobs costs few calls, where jobs are expected in the list and where they are not."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from worker.core.look_plan import PAGES_MAX, LookPlan, in_turns
from worker.core.places import PLACES_MAX, Places

if TYPE_CHECKING:
    import pytest

PAGE_ROWS = 50


class Turn(NamedTuple):
    """What one turn cost: the pages that were read, in order, and the jobs that were asked for by their ids."""

    pages: list[int]
    asked: list[str]

    @property
    def calls(self) -> int:
        """How many calls that was."""
        return len(self.pages) + len(self.asked)


class Listed:
    """A provider's list, newest first, and one process's memory of it."""

    def __init__(self, *, totals: bool = True) -> None:
        self.jobs: list[str] = []
        self.places = Places(PAGE_ROWS, newest_first=True)
        self._totals = totals
        self._number = 0

    def add(self, jobs: int) -> list[str]:
        """More jobs at the head of the list; their ids."""
        added = [f"job-{self._number + n}" for n in range(jobs)]
        self._number += jobs
        self.jobs = added[::-1] + self.jobs
        return added

    def look(self, due: list[str], waiting: list[str] | None = None) -> Turn:
        """Look at the jobs that are due; of those that are shown, `waiting` are waited for (default: the due ones)."""
        plan, pages = LookPlan(self.places, due), []
        while (page := plan.next_page()) is not None:
            shown = self.jobs[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
            pages.append(page)
            plan.saw(page, shown, last=page * PAGE_ROWS >= len(self.jobs))
            kept = set(due if waiting is None else waiting) & set(shown)
            self.places.saw(page, shown, kept, len(self.jobs) if self._totals else None)
        return Turn(pages, plan.end())


def test_nothing_due_is_no_call() -> None:
    """Without jobs nothing is planned."""
    assert Listed().look([]) == Turn([], [])


def test_one_job_is_asked_for_by_its_id() -> None:
    """A job alone costs one call, whatever the list is like."""
    listed = Listed()
    (job,) = listed.add(1)
    listed.add(500)
    assert listed.look([job]) == Turn([], [job])


def test_new_jobs_are_looked_for_at_the_head() -> None:
    """Jobs of which nothing is known are on the first pages, and cost one call for each page of them."""
    listed = Listed()
    listed.add(1_000)
    assert listed.look(listed.add(2)) == Turn([1], [])
    assert listed.look(listed.add(500)) == Turn(list(range(1, 11)), [])


def test_jobs_are_found_again_where_they_are_now() -> None:
    """However many jobs came since, the pages are read that jobs have been pushed to, and no other."""
    listed = Listed()
    jobs = listed.add(100)
    listed.look(jobs)
    listed.add(725)
    turn = listed.look(jobs)
    assert turn.asked == []
    assert set(turn.pages) - {15, 16, 17} == ({turn.pages[0]} if turn.pages[0] < 15 else set())
    assert listed.look(jobs).calls == 3


def test_without_a_total_jobs_are_looked_for_one_page_on() -> None:
    """Where the provider does not say how many jobs there are, a few new ones cost one page more in all."""
    listed = Listed(totals=False)
    jobs = listed.add(50)
    listed.look(jobs)
    listed.add(10)
    assert listed.look(jobs) == Turn([1, 2], [])


def test_one_job_that_is_due_among_others_is_looked_for_on_their_page() -> None:
    """A page that shows other waiting jobs too is read for one that is due: it costs no more and shows more."""
    listed = Listed()
    jobs = listed.add(40)
    listed.look(jobs)
    assert listed.look(jobs[:1], jobs) == Turn([1], [])
    assert listed.look(listed.add(1), jobs) == Turn([1], [])


def test_what_was_looked_for_in_vain_is_asked_for() -> None:
    """Jobs that the list does not show cost a page or two the first time, and none later."""
    listed = Listed()
    listed.add(500)
    hidden = ["hidden-1", "hidden-2", "hidden-3"]
    first = listed.look(hidden)
    assert first.asked == hidden
    assert len(first.pages) <= 2
    assert listed.look(hidden) == Turn([], hidden)


def test_a_job_that_turns_up_is_found_on_its_page_from_then_on() -> None:
    """A job that was looked for in vain is looked for in the list again once any page has shown it."""
    listed = Listed()
    listed.add(200)
    late = ["late-1", "late-2"]
    listed.look(late)
    listed.jobs = [*late, *listed.jobs]
    jobs = listed.add(5)
    listed.look(jobs, [*jobs, *late])
    assert listed.look(late) == Turn([1], [])


@given(
    ours=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 120)), min_size=1, max_size=20),
    later=st.integers(0, 400),
    totals=st.booleans(),
)
def test_calls_are_never_many_more_than_jobs(ours: list[tuple[int, int]], later: int, *, totals: bool) -> None:
    """However our jobs lie among those of others, every one is looked at, in hardly more calls than one each."""
    listed = Listed(totals=totals)
    jobs: list[str] = []
    for mine, theirs in ours:
        jobs += listed.add(mine)
        listed.add(theirs)
    first = listed.look(jobs)
    assert first.calls <= len(jobs) + math.ceil(len(jobs) / PAGE_ROWS) + 1
    listed.add(later)
    second = listed.look(jobs)
    assert second.calls <= 3 * len(jobs)
    third = listed.look(jobs)
    assert third.calls <= len(jobs) + 1
    if totals:
        assert third.calls <= max(first.calls, second.calls) + 1


@given(jobs=st.integers(0, 3_000))
def test_jobs_that_lie_together_cost_a_call_for_each_page(jobs: int) -> None:
    """One call looks at fifty jobs."""
    listed = Listed()
    added = listed.add(jobs)
    assert listed.look(added).calls <= math.ceil(jobs / PAGE_ROWS)


def test_a_turn_reads_a_bounded_number_of_pages() -> None:
    """However many jobs are due, the turn ends."""
    listed = Listed()
    jobs = listed.add(PAGES_MAX * PAGE_ROWS + 10)
    assert listed.look(jobs) == Turn(list(range(1, PAGES_MAX + 1)), jobs[:10])


def test_what_is_on_no_page_can_be_asked_for_between_two_pages() -> None:
    """Of the jobs that are wanted the first is named that is alone; those on pages to be read are left to the pages."""
    listed = Listed()
    (lone,) = listed.add(1)
    listed.add(PAGE_ROWS * 3)
    jobs = listed.add(PAGE_ROWS * 2)
    listed.look([*jobs, lone])
    listed.places.saw(6, [lone], [lone], len(listed.jobs))
    plan = LookPlan(listed.places, [*jobs, lone])
    assert plan.next_page() == 1
    plan.saw(1, listed.jobs[:PAGE_ROWS], last=False)
    assert plan.next_alone([*jobs, lone]) == lone
    assert plan.next_alone([*jobs, lone]) is None
    assert plan.next_page() == 2
    plan.saw(2, listed.jobs[PAGE_ROWS : PAGE_ROWS * 2], last=False)
    assert plan.next_page() is None
    assert plan.end() == []


def test_the_jobs_of_a_list_are_counted_once_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages a turn reads, it goes through all the places that are remembered once."""
    listed, counted = Listed(), []
    jobs = listed.add(PAGE_ROWS * 30)
    listed.look(jobs)
    listed.add(70)
    distances = listed.places.distances

    def noted() -> list[int]:
        counted.append(len(listed.places))
        return distances()

    monkeypatch.setattr(listed.places, "distances", noted)
    assert len(listed.look(jobs).pages) >= 30
    assert counted == [len(jobs)]


@given(
    seen=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 200)), max_size=10),
    total=st.integers(0, 400),
    newest_first=st.booleans(),
)
def test_jobs_are_counted_on_the_pages_that_they_are_expected_on(
    seen: list[tuple[int, int]], total: int, *, newest_first: bool
) -> None:
    """Whatever was seen when, and however long the list is now, each job counts on its own page."""
    places, names = Places(10, newest_first=newest_first), []
    for number, (page, then) in enumerate(seen):
        shown = [f"{number}-{n}" for n in range(10)]
        places.saw(page, shown, shown, then)
        names += shown
    places.saw(1, [], [], total)
    expected = Counter(places.page_of(name) for name in names)
    distances = places.distances()
    assert {page: places.count_on(page, distances) for page in range(1, 100)} == {
        page: expected[page] for page in range(1, 100)
    }


def test_the_memory_of_places_is_bounded_and_forgets() -> None:
    """Of too many jobs those seen longest ago are forgotten, and those that have ended at once."""
    places = Places(PAGE_ROWS, newest_first=True)
    for page in range(1, PLACES_MAX // PAGE_ROWS + 3):
        shown = [f"{page}-{n}" for n in range(PAGE_ROWS)]
        places.saw(page, shown, shown, 30_000)
    assert len(places) == PLACES_MAX
    assert places.is_new("1-0")
    assert places.page_of("3-0") == 3
    places.forget(["3-0"])
    places.saw(3, ["3-1"], [], 30_000)
    assert places.is_new("3-0")
    assert places.is_new("3-1")


def test_in_a_list_that_grows_at_its_end_jobs_stay_where_they_are() -> None:
    """Oldest first, new jobs move no other."""
    places = Places(PAGE_ROWS, newest_first=False)
    places.saw(2, ["a", "b"], ["a", "b"], 52)
    places.saw(9, ["z"], ["z"], 401)
    assert [places.page_of(job) for job in ("a", "b", "z")] == [2, 2, 9]


@given(owners=st.lists(st.sampled_from("abc")))
def test_each_owner_has_its_turn(owners: list[str]) -> None:
    """Each owner's items keep their order, and none has two more than another that still has some."""
    items = [(owner, index) for index, owner in enumerate(owners)]
    ordered = list(in_turns(items, lambda item: item[0]))
    assert sorted(ordered) == sorted(items)
    for owner in set(owners):
        own = [item for item in ordered if item[0] == owner]
        assert own == sorted(own)
        until_its_last = ordered[: ordered.index(own[-1]) + 1]
        assert all(sum(item[0] == other for item in until_its_last) <= len(own) for other in set(owners))

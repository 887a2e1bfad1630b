"""Lists and acceptances of the simulators that mislead: shifting pages, wrong counts, hidden and equal jobs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.builders.sandbox_bench import Bench, Document, make_bench

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.providers.sandbox.simulated import SimulatedProvider

#: Jobs on a page, of both providers.
PAGE_JOBS = 50
both = pytest.mark.parametrize("provider", ["ipqs", "whoisxml"])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def simulator(bench: Bench, provider: str) -> SimulatedProvider:  # type: ignore[type-arg]  # either kind of knobs
    """One of the two simulators."""
    return bench.ipqs if provider == "ipqs" else bench.whoisxml


def submit(bench: Bench, provider: str, rows: tuple[str, ...] = ("a@b.co",), name: str = "a name") -> int:
    """Submit rows; the id in the answer."""
    return int(bench.upload(rows, name=name)["id"]) if provider == "ipqs" else bench.create(rows)


def turn_knobs(bench: Bench, provider: str, **knobs: float) -> None:
    """Change a simulator's knobs."""
    simulator(bench, provider).knobs.update(knobs)


def listing(bench: Bench, provider: str, page: int = 1) -> tuple[list[int], int]:
    """The ids on a page, newest first, and the number of jobs that the answer names."""
    if provider == "ipqs":
        answer = bench.listing(page=page)
        return [item["id"] for item in answer["csvs"]], answer["total_csvs"]
    answer = bench.post("list", page=page, perPage=PAGE_JOBS).json()["response"]
    return [item["id"] for item in answer["data"]], answer["total"]


def by_id(bench: Bench, provider: str, remote_id: int) -> Mapping[str, object] | None:
    """What the status call shows of a job, `None` when it does not know it."""
    if provider == "ipqs":
        answer: Document = bench.status(remote_id)
        return answer if answer["success"] else None
    jobs: list[Document] = bench.post("status", ids=[remote_id]).json()["response"]
    return jobs[0] if jobs else None


@both
def test_an_equal_list_may_get_the_same_job_again(bench: Bench, provider: str) -> None:
    """Within the knob's time an equal list gets the first one's id and no charge; later, or when different, its own."""
    turn_knobs(bench, provider, deduplicate_jobs_seconds=60)
    first = submit(bench, provider)
    bench.clock.advance(60)
    assert submit(bench, provider) == first
    assert submit(bench, provider, ("x@b.co",)) != first
    bench.clock.advance(1)
    assert submit(bench, provider) != first
    assert len(simulator(bench, provider).ledger) == 3


def test_ipqs_tells_equal_lists_apart_by_their_names(bench: Bench) -> None:
    """The same rows under another name are another list."""
    bench.ipqs.knobs.deduplicate_jobs_seconds = 60
    assert submit(bench, "ipqs", name="one") != submit(bench, "ipqs", name="two")


@both
def test_equal_lists_are_two_jobs_by_default(bench: Bench, provider: str) -> None:
    """Nothing documents that equal lists are recognised, so they are not unless asked for."""
    assert submit(bench, provider) != submit(bench, provider)


@both
def test_single_jobs_may_be_hidden_from_one_view(bench: Bench, provider: str) -> None:
    """A job accepted meanwhile can be listed and not known by its id, or the reverse, beside jobs seen everywhere."""
    plain = submit(bench, provider, ("a@b.co",))
    turn_knobs(bench, provider, job_status_delay_seconds=math.inf)
    only_listed = submit(bench, provider, ("b@b.co",))
    turn_knobs(bench, provider, job_status_delay_seconds=0, job_list_delay_seconds=30)
    only_known = submit(bench, provider, ("c@b.co",))
    assert listing(bench, provider) == ([only_listed, plain], 2)
    assert [by_id(bench, provider, job) is not None for job in (plain, only_listed, only_known)] == [True, False, True]
    bench.clock.advance(30)
    assert listing(bench, provider) == ([only_known, only_listed, plain], 3)


@both
def test_jobs_of_others_are_listed_and_not_charged(bench: Bench, provider: str) -> None:
    """Other programs may use the account: their jobs are in list and status, their charges not in our ledger."""
    (job,) = simulator(bench, provider).add_jobs_of_others(1)
    assert listing(bench, provider)[0] == [job.remote_id]
    assert by_id(bench, provider, job.remote_id) is not None
    assert simulator(bench, provider).ledger == []


@both
def test_new_jobs_push_others_onto_the_next_page(bench: Bench, provider: str) -> None:
    """Jobs added between two pages make the second repeat the first one's end; it happens once."""
    simulator(bench, provider).add_jobs_of_others(PAGE_JOBS + 10)
    turn_knobs(bench, provider, list_inserts=3)
    first, _ = listing(bench, provider)
    second, total = listing(bench, provider, 2)
    assert (second[:3], len(second), total) == (first[-3:], 13, PAGE_JOBS + 13)
    assert listing(bench, provider, 2)[1] == total


@both
def test_removed_jobs_pull_others_past_the_reader(bench: Bench, provider: str) -> None:
    """Jobs of others removed between two pages let as many jobs slip onto a page that was read already; ours stay."""
    ours = submit(bench, provider)
    simulator(bench, provider).add_jobs_of_others(PAGE_JOBS + 10)
    turn_knobs(bench, provider, list_removals=4)
    first, total_before = listing(bench, provider)
    second, total = listing(bench, provider, 2)
    assert (len(second), total_before - total, second[-1]) == (7, 4, ours)
    assert len({*first, *second}) == total_before - 4


def test_removal_from_a_list_in_ascending_order_begins_with_the_oldest(bench: Bench) -> None:
    """Oldest first, too, what was removed makes later jobs slip past the reader."""
    bench.whoisxml.add_jobs_of_others(PAGE_JOBS + 10)
    bench.whoisxml.knobs.list_removals = 2
    pages = [bench.post("list", page=page, perPage=PAGE_JOBS, sort="asc").json()["response"]["data"] for page in (1, 2)]
    assert pages[1][0]["id"] == pages[0][-1]["id"] + 3


@both
def test_a_page_may_lack_its_last_job(bench: Bench, provider: str) -> None:
    """As many pages as the knob says lack their last job, though the total counts it."""
    ids = [submit(bench, provider, (f"{n}@b.co",)) for n in range(3)]
    turn_knobs(bench, provider, list_drops=1)
    assert listing(bench, provider) == ([ids[2], ids[1]], 3)
    assert listing(bench, provider) == ([ids[2], ids[1], ids[0]], 3)


@both
@pytest.mark.parametrize("error", [2, -1, -5])
def test_totals_may_be_wrong(bench: Bench, provider: str, error: int) -> None:
    """The number of jobs that a list names can be off; the jobs on it are right."""
    ids = [submit(bench, provider, (f"{n}@b.co",)) for n in range(3)]
    turn_knobs(bench, provider, list_total_error=error)
    assert listing(bench, provider) == (ids[::-1], max(3 + error, 0))


@both
def test_counts_of_a_job_may_be_wrong(bench: Bench, provider: str) -> None:
    """The rows that a job names can be off, in list and status alike."""
    remote_id = submit(bench, provider, ("a@b.co", "b@b.co"))
    turn_knobs(bench, provider, job_rows_error=5)
    job = by_id(bench, provider, remote_id)
    assert job is not None
    assert job["invalid_records" if provider == "ipqs" else "total_emails"] == (5 if provider == "ipqs" else 7)

"""Looking at many jobs costs few calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.core.look_plan import PAGES_MAX, LookPlan, plan_looks

JOBS = st.integers(0, 10_000)


@given(jobs=JOBS, ids_max=st.integers(2, 1_000))
def test_where_one_call_answers_for_many_the_list_is_not_read(jobs: int, ids_max: int) -> None:
    """With many ids to a call, no page is read and every call is full."""
    assert plan_looks(jobs, ids_max=ids_max, page_rows=50) == LookPlan(pages=0, ids=ids_max)


@given(jobs=JOBS, page_rows=st.integers(1, 500))
def test_pages_are_read_only_where_they_can_save_calls(jobs: int, page_rows: int) -> None:
    """Fewer pages than jobs are read, so that finding every job in them always saves a call, and never too many."""
    plan = plan_looks(jobs, ids_max=1, page_rows=page_rows)
    assert plan.ids == 1
    assert 0 <= plan.pages <= min(max(jobs - 1, 0), PAGES_MAX)


def test_one_job_is_asked_for_by_its_id() -> None:
    """A single job costs one call, whatever the list is like."""
    assert plan_looks(1, ids_max=1, page_rows=50).pages == 0


def test_two_jobs_are_looked_for_on_the_first_page() -> None:
    """From two jobs on, one page may answer for all."""
    assert plan_looks(2, ids_max=1, page_rows=50).pages == 1


def test_nothing_due_is_no_call() -> None:
    """Without jobs nothing is planned."""
    assert plan_looks(0, ids_max=1, page_rows=50).pages == 0

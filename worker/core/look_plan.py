"""How to look at many remote jobs in few calls."""

from __future__ import annotations

from dataclasses import dataclass

#: Jobs on other pages than the first that are looked for in the list; the rest are asked for one by one.
PAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class LookPlan:
    """First at most `pages` pages of the list, until every job was found; then calls for `ids` jobs each."""

    pages: int
    ids: int


def plan_looks(jobs: int, *, ids_max: int, page_rows: int) -> LookPlan:
    """The plan for looking at `jobs` jobs.

    Where one call answers for many ids nothing is cheaper. Where it answers for one, pages of the list are read as long
    as that can cost fewer calls than asking for each job: with n jobs waiting, at most n - 1 pages.
    """
    if ids_max > 1:
        return LookPlan(pages=0, ids=ids_max)
    needed = -(-jobs // page_rows)
    pages = min(2 * needed, jobs - 1, PAGES_MAX)
    return LookPlan(pages=max(pages, 0), ids=1)

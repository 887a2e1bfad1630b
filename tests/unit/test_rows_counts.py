"""Row accounting."""

from __future__ import annotations

import pytest

from worker.core.rows import RowCounts, RowsNotConserved


def test_counts_that_add_up_are_conserved() -> None:
    """Every row in exactly one way passes the check and comes back unchanged."""
    counts = RowCounts(rows=10, matched=4, folded=3, empty=1, withheld=2, missing=0)
    assert counts.check() is counts
    assert not counts.partial


def test_missing_rows_make_a_result_partial_but_conserved() -> None:
    """Rows without a verdict are accounted for, and the result may not be called complete."""
    counts = RowCounts(rows=3, matched=1, folded=0, empty=0, withheld=0, missing=2)
    assert counts.conserved
    assert counts.partial


@pytest.mark.parametrize("matched", [3, 5], ids=["lost", "invented"])
def test_lost_and_invented_rows_are_refused(matched: int) -> None:
    """A sum that is one off raises with every number in the message."""
    with pytest.raises(RowsNotConserved, match=rf"10 rows came in, but {matched} matched \+ 6 folded"):
        RowCounts(rows=10, matched=matched, folded=6, empty=0, withheld=0, missing=0).check()


def test_a_negative_count_is_never_conserved() -> None:
    """A negative count cannot make up for rows that were invented."""
    assert not RowCounts(rows=1, matched=2, folded=-1, empty=0, withheld=0, missing=0).conserved

"""Columns that change are news for a while, and known after it."""

from __future__ import annotations

import pytest

from worker.core.columns import COLUMNS_MAX, NEWS_SECONDS, KnownColumns, digests_of
from worker.core.errors import LaterSchema

AT = 1_000_000.0
EARLIER, LATER = digests_of(["status", "score"]), digests_of(["status", "score", "risk"])


def test_other_columns_are_told_of_from_their_first_result() -> None:
    """Until results have had them for long enough; then nothing is told any more."""
    known = KnownColumns(known=EARLIER)
    assert known.after(EARLIER, AT) == known
    told = known.after(LATER, AT)
    assert (told.known, told.other, told.since) == (EARLIER, LATER, AT)
    assert told.after(LATER, AT + NEWS_SECONDS - 1.0) == told
    assert told.after(LATER, AT + NEWS_SECONDS) == KnownColumns(known=LATER)


def test_columns_that_are_back_end_the_news() -> None:
    """And others yet begin them anew."""
    told = KnownColumns(known=EARLIER).after(LATER, AT)
    assert told.after(EARLIER, AT + 1.0) == KnownColumns(known=EARLIER)
    assert told.after((), AT + 1.0).since == AT + 1.0


def test_the_order_of_columns_says_nothing() -> None:
    """Nor does a name that comes twice; a file of many thousands of columns is looked at in part."""
    assert digests_of(["score", "status", "score"]) == EARLIER
    assert len(digests_of(map(str, range(COLUMNS_MAX + 7)))) == COLUMNS_MAX


def test_what_is_kept_is_read_back() -> None:
    """What a later version wrote is left to it, and what is damaged is nobody's."""
    told = KnownColumns(known=EARLIER).after(LATER, AT)
    assert KnownColumns.load(told.dump()) == told
    with pytest.raises(LaterSchema):
        KnownColumns.load('{"schema_version": 99}')
    with pytest.raises(ValueError, match="known"):
        KnownColumns.load("{}")

"""What a producer is told whose list does not fit into its day."""

from __future__ import annotations

from tests.builders.records import NOW, an_upload
from worker.core.quota import Day, over_quota
from worker.core.states import UploadState

DAYS = 30.0


def message(rows: int, producer: str = "crm", place: str = "path") -> str:
    """The message of an upload of so many rows, on a day with 900 of 1,000 rows used."""
    upload = an_upload(state=UploadState.PREPARING, producer=producer, source={place: "200"})
    change = over_quota(upload, rows, Day(900, 1_000, 1_800_057_600.0), NOW, DAYS)
    ended = change.uploads[0]
    assert (ended.state, ended.reason, change.decision) == (UploadState.FAILED, "producer_quota", "failed")
    return ended.message


def test_what_is_left_of_a_day_is_never_negative() -> None:
    """A limit that was lowered below what is used leaves nothing."""
    assert [Day(used, 10, 0.0).left_rows for used in (0, 7, 10, 12)] == [10, 3, 0, 0]


def test_a_list_that_fits_another_day_is_told_when() -> None:
    """Use, limit, the list's own rows, when counting begins anew, and the command that submits it then."""
    told = message(200)
    assert told.startswith("The producer 'crm' may have 1,000 rows a day; 900 are used and this list has 200")
    assert told.endswith("at 2027-01-16 00:00 UTC; `bulkverify retry list-1` works then.")


def test_rows_of_a_request_are_to_be_sent_once_more() -> None:
    """A list that came inside its request cannot be retried, so no command is named that would refuse it."""
    told = message(200, place="rows")
    assert told.endswith("at 2027-01-16 00:00 UTC; then send it with `again` or another upload_id.")
    assert "retry" not in told


def test_a_list_that_fits_no_day_is_not_sent_away_until_tomorrow() -> None:
    """Whoever waits for the next day in vain is told to split the list or to ask for a higher limit."""
    told = message(1_001)
    assert "It fits into no day" in told
    assert "retry" not in told


def test_requests_without_a_name_are_told_that_they_count_together() -> None:
    """Where no producer is named, nobody is blamed by an empty name."""
    assert message(200, producer="").startswith("Requests without a producer together may have 1,000 rows a day")

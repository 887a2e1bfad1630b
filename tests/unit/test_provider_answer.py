"""What one HTTP answer says by its headers and its beginning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from worker.providers.answer import RETRY_AFTER_SECONDS_MAX, Answer, failure_of, retry_after_of
from worker.providers.errors import ProviderError, Throttled, Unavailable

#: A document that can be read and not written: its levels are fewer than the reader's limit and more than any answer's.
DEEP = b'{"id": ' + b"[" * 400 + b"]" * 400 + b"}"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("2.5", 2.5),
        ("-3", 0.0),
        ("1e9", RETRY_AFTER_SECONDS_MAX),
        ("inf", RETRY_AFTER_SECONDS_MAX),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_SECONDS_MAX),
        ("Wed, 99 Xxx 2015 07:28:00 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Both standard forms are read, within limits; nonsense says nothing."""
    assert retry_after_of(header) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_as_a_date(zone: str) -> None:
    """A date is the time until then, with any way of writing UTC."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60)).replace("+0000", zone)
    assert retry_after_of(date) == pytest.approx(60, abs=5)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'"x"', b"{", b"\xff", b"[" * 100_000, DEEP, b"<html>"])
def test_only_objects_are_documents(body: bytes) -> None:
    """Whatever is not a JSON object is no document, and no exception."""
    assert Answer(200, body=body).document() is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, "application/json", body=b"{}"), None),
        (Answer(400, "application/json", body=b"{}"), None),
        (Answer(200, "text/html", body=b"Please wait"), Unavailable),
        (Answer(200, "application/json", body=b"\n <!DOCTYPE html>"), Unavailable),
        (Answer(301), Unavailable),
        (Answer(403, "text/html"), Unavailable),
        (Answer(429), Throttled),
        (Answer(509), Throttled),
        (Answer(500), Unavailable),
        (Answer(599), Unavailable),
    ],
)
def test_failures_by_status_and_type(answer: Answer, expected: type[ProviderError] | None) -> None:
    """Codes and web pages have their error; JSON below 500 is left to whoever knows the words."""
    failure = failure_of(answer, "GET {base_url}")
    assert (type(failure) if failure else None) is expected
    assert failure is None or "GET {base_url}" in str(failure)


def test_the_body_of_an_answer_is_not_shown() -> None:
    """Printing an answer shows no body: download links are in there."""
    assert "t0ken" not in repr(Answer(200, body=b"t0ken"))

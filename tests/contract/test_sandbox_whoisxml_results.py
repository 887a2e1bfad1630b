"""The simulated WhoisXML's results, and what else it can be made to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.sandbox_bench import Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path

CHECKS = ("formatCheck", "smtpCheck", "dnsCheck", "freeCheck", "disposableCheck", "catchAllCheck")
MANY = [f"user{number}@shop{number % 60}.com" for number in range(600)]
WEEK_SECONDS = 7 * 86_400


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def records(bench: Bench, operation: str, remote_id: int) -> list[dict[str, Any]]:
    """The records of a result."""
    content = bench.post(operation, id=remote_id).json()["response"]
    assert isinstance(content, list)
    return content


def test_records_have_the_documented_fields(bench: Bench) -> None:
    """Checks are the strings true, false and null; `mxRecords` is missing exactly where there is no DNS."""
    found = records(bench, "completed", bench.create(MANY))
    for record in found:
        assert set(record) - {"mxRecords"} == {"emailAddress", *CHECKS, "result"}
        assert {record[name] for name in CHECKS} <= {"true", "false", "null"}
        assert ("mxRecords" in record) == (record["dnsCheck"] == "true")
        assert all(isinstance(host, str) for host in record.get("mxRecords", []))
    assert {record["result"] for record in found} == {"ok", "bad", "unknown", "smtp-failed"}
    assert {record["smtpCheck"] for record in found} == {"true", "false", "null"}
    assert ["."] in [record.get("mxRecords") for record in found]


def test_results_can_be_fetched_again(bench: Bench) -> None:
    """Results are the same each time."""
    remote_id = bench.create()
    assert records(bench, "completed", remote_id) == records(bench, "completed", remote_id) != []


def test_completed_and_failed_are_the_input(bench: Bench) -> None:
    """Together both results are the submitted addresses, also when well-formed ones fail."""
    bench.whoisxml.knobs.update({"failed_share": 0.3, "failed_text": "Timed out"})
    remote_id = bench.create([*MANY, "malformed"])
    completed, failed = records(bench, "completed", remote_id), records(bench, "failed", remote_id)
    assert sorted(record["emailAddress"] for record in completed + failed) == sorted([*MANY, "malformed"])
    assert {record["error"] for record in failed} == {"Invalid format", "Timed out"}
    job = bench.job(remote_id)
    assert (job["processed_emails"], job["invalid_emails"], job["failed_emails"]) == (
        len(completed),
        1,
        len(failed) - 1,
    )


@pytest.mark.parametrize(("partial", "count"), [(False, 0), (True, 300)])
def test_results_before_ready_are_empty_or_partial(bench: Bench, partial: bool, count: int) -> None:
    """Before a job is ready its results are an empty array, or by the knob what is done so far, with status 200."""
    bench.whoisxml.knobs.update({"job_seconds": 10, "partial_results": partial})
    remote_id = bench.create(MANY)
    bench.clock.advance(5)
    assert bench.job(remote_id)["ready"] == 0
    assert len(records(bench, "completed", remote_id)) == count


@pytest.mark.parametrize("operation", ["completed", "failed"])
def test_results_of_an_unknown_job_are_400(bench: Bench, operation: str) -> None:
    """Results of a foreign id are a bad request."""
    response = bench.post(operation, id=99)
    assert (response.status_code, list(response.json()["response"])) == (400, ["error"])


def test_results_are_kept_for_seven_days(bench: Bench) -> None:
    """A week after its end a job's results are gone while the job is still listed."""
    bench.whoisxml.knobs.job_seconds = 100
    remote_id = bench.create()
    bench.clock.advance(100 + WEEK_SECONDS)
    assert len(records(bench, "completed", remote_id)) == 4
    bench.clock.advance(1)
    assert bench.post("completed", id=remote_id).status_code == 400
    assert bench.job(remote_id)["ready"] == 1


def test_what_expired_jobs_leave_is_a_knob(bench: Bench) -> None:
    """Expired results can be an empty array, and expired jobs can vanish from list and status."""
    bench.whoisxml.knobs.update({"expired_results": "empty", "expired_jobs_listed": False})
    remote_id = bench.create()
    bench.clock.advance(WEEK_SECONDS + 1)
    assert records(bench, "completed", remote_id) == []
    assert bench.post("status", ids=[remote_id]).json() == {"response": []}
    assert bench.post("list").json()["response"]["total"] == 0


def test_real_booleans_are_a_knob(bench: Bench) -> None:
    """Checks can be JSON booleans and nulls."""
    bench.whoisxml.knobs.real_booleans = True
    found = records(bench, "completed", bench.create(MANY))
    assert {record["smtpCheck"] for record in found} == {True, False, None}


def test_numbers_as_strings_and_missing_versions_are_knobs(bench: Bench) -> None:
    """Numbers can come as strings, and jobs without `api_version`."""
    bench.whoisxml.knobs.update({"stringly": True, "bare_jobs": True})
    job = bench.job(bench.create())
    assert (job["id"], job["ready"], "api_version" in job) == ("5", "1", False)


def test_the_version_of_create_is_kept(bench: Bench) -> None:
    """A job shows the API version that it was made with; without one that is 3."""
    old = bench.post("", emails=["a@b.co"], version=2).json()["response"]["id"]
    new = bench.create(["a@b.co"])
    assert [bench.job(remote_id)["api_version"] for remote_id in (old, new)] == [2, 3]


def test_a_job_may_never_be_ready(bench: Bench) -> None:
    """A stalled job's counters can be complete without it ever being ready."""
    bench.whoisxml.knobs.stall_at = 1.0
    remote_id = bench.create(["a@b.co"])
    bench.clock.advance(1e9)
    job = bench.job(remote_id)
    assert (job["processed_emails"], job["ready"], "date_end" in job) == (1, 0, False)


def test_new_jobs_may_be_invisible_and_ids_scattered(bench: Bench) -> None:
    """The knobs of visibility, ids and folding are those of the other provider."""
    bench.whoisxml.knobs.update({"list_delay_seconds": 60, "ids": "scattered", "deduplicate_rows": True})
    bench.whoisxml.knobs.status_delay_seconds = math.inf
    first, second = (bench.create(["a@b.co", "a@b.co"]) for _ in range(2))
    assert second < first
    assert bench.post("status", ids=[first, second]).json() == {"response": []}
    assert bench.post("list").json()["response"]["total"] == 0
    bench.clock.advance(60)
    listed = bench.post("list").json()["response"]["data"]
    assert listed == [{"id": second}, {"id": first}]
    assert [charge.rows for charge in bench.whoisxml.ledger] == [1, 1]


def test_the_clock_may_be_skewed(bench: Bench) -> None:
    """Dates come from the provider's clock, which need not agree with anybody's."""
    bench.whoisxml.knobs.clock_skew_seconds = -90
    assert int(bench.job(bench.create())["date_start"]) == int(bench.clock.now()) - 90


def test_too_many_calls_are_429(bench: Bench) -> None:
    """Beyond the calls of a second the answer is 429, with the knob's `Retry-After`."""
    bench.whoisxml.knobs.update({"calls_per_second_max": 1, "retry_after_seconds": 7})
    responses = [bench.post("list") for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert responses[1].headers["retry-after"] == "7"

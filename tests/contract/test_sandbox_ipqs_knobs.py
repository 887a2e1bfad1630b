"""What the simulated IPQualityScore can be made to do: lifecycle, visibility, limits, odd answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.builders.sandbox_bench import IPQS_API, IPQS_KEY, Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def test_a_job_goes_from_new_over_processing_to_finished(bench: Bench) -> None:
    """A job waits, then works for base seconds plus seconds per row, then is finished; invalid records grow."""
    bench.ipqs.knobs.update({"queue_seconds": 5, "job_seconds": 10, "row_seconds": 2})
    remote_id = bench.upload(["bad", "worse", "a@b.co", "c@d.co", "e@f.co"])["id"]
    seen = []
    for pause in (0, 4, 1, 10, 9, 1):
        bench.clock.advance(pause)
        answer = bench.status(remote_id)
        seen.append((answer["status"], answer["invalid_records"]))
    assert seen == [("NEW", 0), ("NEW", 0), ("PROCESSING", 0), ("PROCESSING", 1), ("PROCESSING", 1), ("FINISHED", 2)]


def test_a_job_may_stay_new_for_some_looks(bench: Bench) -> None:
    """The number of status calls that find a job still queued is a knob; the list does not count."""
    bench.ipqs.knobs.queue_polls = 2
    remote_id = bench.upload()["id"]
    assert bench.listing()["csvs"][0]["status"] == "NEW"
    assert [bench.status(remote_id)["status"] for _ in range(3)] == ["NEW", "NEW", "FINISHED"]


def test_a_job_may_be_aborted(bench: Bench) -> None:
    """An aborted job says so beside its status, in status and list, and never has links."""
    bench.ipqs.knobs.update({"job_seconds": 10, "abort_at": 0.5})
    remote_id = bench.upload()["id"]
    assert bench.status(remote_id)["aborted"] is False
    bench.clock.advance(100)
    answer = bench.status(remote_id)
    assert (answer["aborted"], answer["status"], answer["downloads"]["all"]) == (True, "PROCESSING", None)
    assert bench.listing()["csvs"][0]["aborted"] is True


def test_a_job_may_stall_with_an_unknown_status_word(bench: Bench) -> None:
    """A job can stop short of its end for ever, under a word that no documentation has."""
    bench.ipqs.knobs.update({"stall_at": 0.9, "processing_word": "ON_HOLD"})
    remote_id = bench.upload()["id"]
    bench.clock.advance(1e9)
    assert bench.status(remote_id)["status"] == "ON_HOLD"


def test_new_jobs_may_be_invisible(bench: Bench) -> None:
    """A new job can be hidden from list and status, each for its own time, also for ever, and appear later."""
    bench.ipqs.knobs.update({"list_delay_seconds": math.inf, "status_delay_seconds": 10})
    remote_id = bench.upload()["id"]
    assert (bench.listing()["csvs"], bench.status(remote_id)["success"]) == ([], False)
    bench.clock.advance(10)
    assert (bench.listing()["csvs"], bench.status(remote_id)["success"]) == ([], True)
    bench.ipqs.knobs.list_delay_seconds = 0
    assert len(bench.listing()["csvs"]) == 1


def test_ids_may_not_be_monotonic(bench: Bench) -> None:
    """Scattered ids are unique, and later jobs have lower ones; the list still shows the newest first."""
    bench.ipqs.knobs.ids = "scattered"
    ids = [bench.upload(["a@b.co"])["id"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert ids[1] < ids[0]
    assert [item["id"] for item in bench.listing()["csvs"]] == ids[::-1]


def test_an_unfiltered_list_may_secretly_be_filtered(bench: Bench) -> None:
    """With the knob set, a list asked for without a type only shows one; with a type it is honest."""
    bench.ipqs.knobs.list_only_type = "email"
    bench.upload()
    proxy = bench.upload(["1.1.1.1"], kind="proxy")
    assert [item["type"] for item in bench.listing()["csvs"]] == ["email"]
    assert [item["id"] for item in bench.listing(type="proxy")["csvs"]] == [proxy["id"]]


@pytest.mark.parametrize(("kept", "name"), [(255, "token-label"), (5, "token"), (0, "email_2026-01-01 00:00:00")])
def test_names_may_be_cut_or_replaced(bench: Bench, kept: int, name: str) -> None:
    """A given name is kept, cut to a length, or not echoed at all."""
    bench.ipqs.knobs.name_characters_max = kept
    bench.upload(name="token-label")
    assert bench.listing()["csvs"][0]["file_name"] == name


def test_old_documentation_has_barer_answers(bench: Bench) -> None:
    """Totals, request ids and versions can be missing; list items can carry `success` and `message`."""
    bench.ipqs.knobs.update({"list_without_totals": True, "bare_envelope": True, "list_item_messages": True})
    bench.upload()
    answer = bench.listing()
    assert set(answer) == {"message", "success", "csvs"}
    assert (answer["csvs"][0]["success"], answer["csvs"][0]["message"]) == (True, "Success")


def test_numbers_and_booleans_may_come_as_strings(bench: Bench) -> None:
    """With the knob set every number and boolean is a string; null stays null."""
    bench.ipqs.knobs.stringly = True
    answer = bench.upload()
    assert (answer["success"], answer["id"], answer["strictness"]) == ("true", "3868534", "0")
    assert (answer["aborted"], answer["downloads"]["all"]) == (None, None)


def test_the_quota_counts_rows_of_a_day(bench: Bench) -> None:
    """Beyond the plan's quota an upload is refused with the known text, until a day has passed."""
    bench.ipqs.knobs.quota_rows_per_day = 3
    assert bench.upload(["a@b.co", "c@d.co"])["success"] is True
    assert bench.upload(["a@b.co", "c@d.co"])["message"] == (
        "You have exceeded your request quota of 3 per day. Please upgrade to increase your request quota."
    )
    bench.clock.advance(86_400)
    assert bench.upload(["a@b.co", "c@d.co"])["success"] is True
    assert len(bench.ipqs.ledger) == 2


@pytest.mark.parametrize(("status", "seconds", "header"), [(509, None, None), (429, 2.5, "3")])
def test_too_many_calls_are_throttled(bench: Bench, status: int, seconds: float | None, header: str | None) -> None:
    """Beyond the calls of a second the answer is 509 or 429, with `Retry-After` or not; a second later all is well."""
    bench.ipqs.knobs.update({"calls_per_second_max": 2, "throttle_status": status, "retry_after_seconds": seconds})
    url = f"{IPQS_API}/csv/{IPQS_KEY}/list"
    responses = [bench.session.get(url) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, status]
    assert responses[2].headers.get("retry-after") == header
    bench.clock.advance(1)
    assert bench.session.get(url).status_code == 200


def test_an_account_without_credits_may_refuse_to_say_so(bench: Bench) -> None:
    """With the knob set, a valid key without credits looks like a failure."""
    bench.ipqs.knobs.update({"credits": 0, "account_refuses_without_credits": True})
    assert "insufficient credits" in bench.account()["message"]


def test_jobs_may_expire(bench: Bench) -> None:
    """No retention is documented; with the knob set, a job is unknown afterwards."""
    remote_id = bench.upload()["id"]
    bench.clock.advance(1e9)
    assert bench.status(remote_id)["success"] is True
    bench.ipqs.knobs.retention_seconds = 60
    assert (bench.status(remote_id)["success"], bench.listing()["csvs"]) == (False, [])


def test_any_host_may_redirect(bench: Bench) -> None:
    """With the knob set, every other host answers 301, whatever the method."""
    bench.ipqs.knobs.redirect_to_host = "www.example.com"
    response = bench.session.post(f"{IPQS_API}/csv/{IPQS_KEY}/email/upload", data=b"x", allow_redirects=False)
    assert response.status_code == 301
    assert response.headers["location"].startswith("https://www.example.com/api/json/csv/")


def test_knobs_are_set_all_or_none(bench: Bench) -> None:
    """An unknown knob or a wrong type is refused, and nothing is changed."""
    for changes in ({"credits": 5, "carrots": 1}, {"credits": 5, "queue_polls": "many"}, {"ids": "random"}):
        with pytest.raises(ValueError, match=r"carrots|queue_polls|ids"):
            bench.ipqs.knobs.update(changes)
    assert bench.ipqs.knobs.credits == 10_000_000

"""The simulated WhoisXML answers as its documentation says, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.sandbox_bench import BALANCE_URL, EMAILS, WHOISXML_API, WHOISXML_KEY, Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path

JOB = {
    "id": int,
    "api_version": int,
    "date_start": str,
    "total_emails": int,
    "invalid_emails": int,
    "processed_emails": int,
    "failed_emails": int,
    "ready": int,
}
NOW = "1767225600"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def types_of(document: dict[str, Any]) -> dict[str, type]:
    """The type of each field."""
    return {name: type(value) for name, value in document.items()}


def test_create_answers_an_id_and_nothing_else(bench: Bench) -> None:
    """Create answers the integer id of the new job within `response`."""
    response = bench.post("", emails=["a@b.co"], version=3)
    assert (response.status_code, response.json()) == (200, {"response": {"id": 5}})
    assert response.headers["content-type"] == "application/json"


def test_status_answers_every_documented_field(bench: Bench) -> None:
    """A job has counters, an integer `ready`, and its dates as strings of epoch seconds."""
    bench.whoisxml.knobs.job_seconds = 10
    remote_id = bench.create()
    job = bench.job(remote_id)
    assert types_of(job) == JOB
    assert job["date_start"] == NOW
    bench.clock.advance(10)
    job = bench.job(remote_id)
    assert types_of(job) == {**JOB, "date_end": str}
    assert int(job["date_end"]) == int(NOW) + 10


def test_counters_grow_and_add_up(bench: Bench) -> None:
    """Counters grow with time; a ready job's total is invalid, processed and failed together."""
    bench.whoisxml.knobs.update({"queue_seconds": 5, "row_seconds": 1})
    remote_id = bench.create(["bad", "worse", *(f"user{number}@example.com" for number in range(8))])
    names = ("invalid_emails", "processed_emails", "failed_emails", "ready")
    seen = []
    for pause in (0, 5, 5, 4, 1):
        bench.clock.advance(pause)
        seen.append([bench.job(remote_id)[name] for name in names])
    assert seen == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 4, 0, 0], [1, 7, 0, 0], [2, 8, 0, 1]]
    assert bench.job(remote_id)["total_emails"] == 10


def test_unknown_ids_are_left_out_of_status(bench: Bench) -> None:
    """Unknown ids are dropped without a word; when all are unknown the array is empty."""
    ids = [bench.create(), bench.create()]
    jobs = bench.post("status", ids=[99, *ids, 98]).json()["response"]
    assert [job["id"] for job in jobs] == ids
    response = bench.post("status", ids=[99])
    assert (response.status_code, response.json()) == (200, {"response": []})


def test_list_answers_ids_by_default(bench: Bench) -> None:
    """Without parameters the list is the newest ten ids in a paginator's envelope."""
    ids = [bench.create(["a@b.co"]) for _ in range(12)]
    content = bench.post("list").json()["response"]
    totals = {"from": 1, "to": 10, "last_page": 2, "per_page": 10, "total": 12}
    assert content == {"current_page": 1, "data": [{"id": number} for number in ids[:1:-1]], **totals}


def test_list_answers_jobs_in_either_order(bench: Bench) -> None:
    """With `onlyIds` false items are whole jobs; `asc` puts the oldest first."""
    ids = [bench.create(["a@b.co"]) for _ in range(12)]
    content = bench.post("list", onlyIds=False, sort="asc", page=2, perPage=10).json()["response"]
    assert [job["id"] for job in content["data"]] == ids[10:]
    assert types_of(content["data"][0]) == {**JOB, "date_end": str}
    assert (content["from"], content["to"], content["current_page"]) == (11, 12, 2)


def test_a_page_past_the_end_is_empty(bench: Bench) -> None:
    """A page past the end is no error: no data, and null for `from` and `to`."""
    content = bench.post("list", page=7).json()["response"]
    assert (content["data"], content["from"], content["to"], content["last_page"]) == ([], None, None, 1)


def test_malformed_addresses_are_accepted_and_reported_later(bench: Bench) -> None:
    """Create takes malformed addresses; they are in `failed` with the known error, the others in `completed`."""
    remote_id = bench.create(["foo@example.com", "bar@example.org", "test"])
    completed = bench.post("completed", id=remote_id).json()["response"]
    failed = bench.post("failed", id=remote_id).json()["response"]
    assert [record["emailAddress"] for record in completed] == ["foo@example.com", "bar@example.org"]
    assert failed == [{"error": "Invalid format", "emailAddress": "test"}]
    assert [bench.job(remote_id)[name] for name in ("total_emails", "invalid_emails", "processed_emails")] == [3, 1, 2]


def test_each_address_costs_one_credit_at_create(bench: Bench) -> None:
    """Create charges once for all addresses; nothing else charges."""
    remote_id = bench.create()
    bench.job(remote_id)
    bench.post("list")
    bench.post("completed", id=remote_id)
    assert [(charge.remote_id, charge.rows) for charge in bench.whoisxml.ledger] == [(remote_id, len(EMAILS))]


def test_too_little_balance_is_402_and_free(bench: Bench) -> None:
    """A list that the balance does not cover is 402 with the documented text; nothing is accepted."""
    bench.whoisxml.knobs.credits = 1
    response = bench.post("", emails=list(EMAILS))
    assert (response.status_code, response.json()) == (402, {"response": {"error": "Insufficient balance"}})
    assert (bench.whoisxml.ledger, list(bench.whoisxml.folder.iterdir())) == ([], [])


@pytest.mark.parametrize("operation", ["", "status", "list", "completed", "failed"])
def test_a_wrong_key_is_401(bench: Bench, operation: str) -> None:
    """Each operation answers a wrong key with 401 and the documented text."""
    response = bench.post(operation, apiKey="at_wrong")
    expected = {"response": {"error": "Authorisation or authentication failed"}}
    assert (response.status_code, response.json()) == (401, expected)


@pytest.mark.parametrize(("status", "body"), [(403, b'{"response":{"error":"Access denied"}}'), (418, b"Error\n")])
def test_a_wrong_key_may_be_answered_otherwise(bench: Bench, status: int, body: bytes) -> None:
    """The status for a wrong key is a knob; beyond 401 and 403 the body is not JSON."""
    bench.whoisxml.knobs.wrong_key_status = status
    response = bench.post("list", apiKey="at_wrong")
    assert (response.status_code, response.content) == (status, body)


@pytest.mark.parametrize("operation", ["", "status", "list"])
def test_csv_is_refused_with_the_documented_text(bench: Bench, operation: str) -> None:
    """Only results come as CSV; elsewhere `format` csv is 400 with the documented array of errors."""
    response = bench.post(operation, emails=["a@b.co"], format="csv")
    assert response.status_code == 400
    text = "The format field should have one of the following values: json, xml."
    assert text in response.json()["response"]["errors"]


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("", {}),
        ("", {"emails": []}),
        ("", {"emails": "a@b.co"}),
        ("", {"emails": ["a@b.co", 5]}),
        ("", {"emails": ["a@b.co"], "version": 1}),
        ("", {"emails": ["a@b.co"], "name": "no such field"}),
        ("", {"emails": ["a@b.co"] * 50_001}),
        ("status", {}),
        ("status", {"ids": 5}),
        ("status", {"ids": ["5"]}),
        ("status", {"ids": []}),
        ("list", {"perPage": 9}),
        ("list", {"perPage": 51}),
        ("list", {"page": 0}),
        ("list", {"page": "1"}),
        ("list", {"sort": "newest"}),
        ("list", {"onlyIds": 1}),
        ("completed", {"id": "5"}),
        ("completed", {}),
        ("failed", {"id": 5, "page": 1}),
        ("completed", {"id": 5, "format": "yaml"}),
    ],
)
def test_fields_outside_the_documentation_are_400(bench: Bench, operation: str, fields: dict[str, object]) -> None:
    """Missing, unknown, mistyped or out-of-range fields are 400 with an array of errors; nothing is accepted."""
    response = bench.post(operation, **fields)
    assert response.status_code == 400
    errors = response.json()["response"]["errors"]
    assert (len(errors), all(isinstance(text, str) for text in errors)) == (1, True)
    assert bench.whoisxml.ledger == []


def test_fifty_thousand_addresses_are_one_job(bench: Bench) -> None:
    """The documented cap itself is accepted."""
    remote_id = bench.create([f"user{number}@example.com" for number in range(50_000)])
    assert bench.job(remote_id)["total_emails"] == 50_000


def test_only_json_bodies_are_read(bench: Bench) -> None:
    """A body that is not declared JSON, is not JSON, or comes without a length is refused."""
    body = b'{"apiKey": "' + WHOISXML_KEY.encode() + b'"}'
    typed = {"Content-Type": "application/json"}
    assert bench.session.post(f"{WHOISXML_API}/list", data=body).status_code == 400
    assert bench.session.post(f"{WHOISXML_API}/list", data=body[:-1], headers=typed).status_code == 400
    assert bench.session.post(f"{WHOISXML_API}/list", data=iter([body]), headers=typed).status_code == 411
    assert bench.session.post(f"{WHOISXML_API}/list", data=body, headers=typed).status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", WHOISXML_API, 405),
        ("DELETE", f"{WHOISXML_API}/status", 405),
        ("POST", f"{WHOISXML_API}/cancel", 404),
        ("POST", f"{WHOISXML_API}/list?page=1", 400),
        ("POST", BALANCE_URL, 405),
    ],
)
def test_undocumented_paths_and_methods_are_not_served(bench: Bench, method: str, url: str, status: int) -> None:
    """Operations are POST with everything in the body; there is nothing to cancel or delete."""
    assert bench.session.request(method, url, json={"apiKey": WHOISXML_KEY}).status_code == status


def test_the_balance_is_that_of_the_email_product(bench: Bench) -> None:
    """The balance is a list of products, 7 being e-mail verification; a product can be asked for alone."""
    bench.create()
    products = bench.balance().json()["data"]
    credits_left = 10_000_000 - len(EMAILS)
    wanted = {"product_id": 7, "product": {"id": 7, "name": "Email Verification API"}, "credits": credits_left}
    assert wanted in products
    assert len(products) > 1
    assert bench.balance(productId=7, outputFormat="JSON").json() == {"data": [wanted]}


def test_the_balance_refuses_wrong_keys_and_parameters(bench: Bench) -> None:
    """A wrong key is 401, an unknown parameter 400, and XML is not simulated."""
    assert bench.balance("at_wrong").status_code == 401
    assert bench.balance(page=1).status_code == 400
    assert bench.balance(outputFormat="XML").status_code == 400

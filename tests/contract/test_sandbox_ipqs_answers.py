"""The simulated IPQualityScore answers as its documentation says, field by field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.sandbox_bench import EMAILS, IPQS_API, IPQS_KEY, Bench, make_bench

if TYPE_CHECKING:
    from pathlib import Path

BAD_KEY = "Invalid or unauthorized key. Please check the API key and try again."
NO_CREDITS = (
    "You have insufficient credits to make this query. Please contact IPQualityScore support if this error persists."
)
ENVELOPE = {"message": str, "success": bool, "request_id": str, "api_version": int}
JOB = {
    "id": int,
    "file_name": str,
    "type": str,
    "strictness": int,
    "status": str,
    "aborted": bool,
    "invalid_records": int,
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def assert_fields(document: dict[str, Any], expected: dict[str, type]) -> None:
    """Exactly these fields, of exactly these types."""
    assert {name: type(value) for name, value in document.items()} == expected


def test_upload_answers_every_documented_field(bench: Bench) -> None:
    """An upload answers the documented fields: `aborted` and all four downloads null, a status URL with the key."""
    answer = bench.upload(name="my list")
    assert_fields(answer, {**ENVELOPE, **JOB, "aborted": type(None), "status_url": str, "downloads": dict})
    assert answer["file_name"] == "my list"
    assert (answer["message"], answer["success"], answer["type"], answer["status"]) == ("Success", True, "email", "NEW")
    assert answer["status_url"] == f"{IPQS_API}/csv/{IPQS_KEY}/status/{answer['id']}"
    assert answer["downloads"] == {"pristine": None, "clean": None, "bad": None, "all": None}
    assert re.fullmatch(r"[0-9A-Za-z]{10}", answer["request_id"])


def test_status_answers_every_documented_field(bench: Bench) -> None:
    """A status answer has the upload's fields without `status_url`, and `aborted` is a boolean."""
    answer = bench.status(bench.upload()["id"])
    assert_fields(answer, {**ENVELOPE, **JOB, "downloads": dict})
    assert answer["aborted"] is False
    assert answer["invalid_records"] == 1


def test_list_answers_every_documented_field(bench: Bench) -> None:
    """A list answer has totals; its items have a status URL and no downloads."""
    bench.upload()
    answer = bench.listing()
    assert_fields(answer, {**ENVELOPE, "csvs": list, "total_csvs": int, "total_pages": int, "page": int})
    assert_fields(answer["csvs"][0], {**JOB, "status_url": str})


def test_account_answers_every_documented_field(bench: Bench) -> None:
    """The account shows credits and usage by type; `usage` is e-mail and proxy only."""
    bench.upload()
    bench.upload(["1.1.1.1"], kind="proxy")
    bench.upload(["https://example.com"], kind="url")
    answer = bench.account()
    usage = ("usage", "proxy_usage", "email_usage", "fingerprint_usage", "mobile_sdk_usage", "url_usage", "phone_usage")
    expected: dict[str, type] = dict.fromkeys(("credits", *usage), int)
    words = {"message": str, "success": bool, "country_code": str, "request_id": str}
    assert_fields(answer, {**words, **expected})
    assert [answer[name] for name in usage] == [6, 1, 5, 0, 0, 1, 0]
    assert answer["credits"] == 10_000_000 - 7


def test_a_name_is_made_up_when_none_is_given(bench: Bench) -> None:
    """Without `file_name` the name is the type and the time, so that two uploads in one second share it."""
    names = [bench.upload()["file_name"] for _ in range(2)]
    assert names == ["email_2026-01-01 00:00:00"] * 2


@pytest.mark.parametrize(
    "kind", ["email", "proxy", "url", "phone", "leaked_email", "leaked_password", "leaked_username"]
)
def test_every_documented_type_is_taken(bench: Bench, kind: str) -> None:
    """Each type of the documentation is accepted, echoed, and has a result."""
    answer = bench.upload(["secret"], kind=kind)
    assert answer["type"] == kind
    assert bench.result(answer["id"]).count("\r\n") == 2


def test_the_key_may_be_in_a_header_a_parameter_or_a_field(bench: Bench) -> None:
    """With none in the path, a key is taken from the header, the query, the form and the JSON body."""
    url = f"{IPQS_API}/csv/upload"
    files = {"file": ("rows.csv", b"ann@gmail.com")}
    by_header = bench.session.post(url, headers={"IPQS-KEY": IPQS_KEY}, params={"type": "email"}, files=files)
    by_query = bench.session.post(url, params={"key": IPQS_KEY, "type": "email"}, files=files)
    by_form = bench.session.post(url, data={"key": IPQS_KEY, "type": "email"}, files=files)
    rows = [["ann@gmail.com"]]
    by_json = bench.session.post(url, json={"key": IPQS_KEY, "type": "email", "input": rows, "file_name": "n"})
    assert [answer.json()["success"] for answer in (by_header, by_query, by_form, by_json)] == [True] * 4
    listed = bench.session.get(f"{IPQS_API}/csv/list", headers={"IPQS-KEY": IPQS_KEY}).json()
    assert listed["csvs"][0]["file_name"] == "n"
    assert len(bench.ipqs.ledger) == len(listed["csvs"]) == 4


@pytest.mark.parametrize(
    "path",
    ["csv/WRONG/email/upload", "csv/WRONG/status/1", "csv/WRONG/list", "account/WRONG", "csv/upload", "csv/list"],
)
def test_a_wrong_or_missing_key_is_refused_with_the_known_text(bench: Bench, path: str) -> None:
    """A bad key is HTTP 200 with `success: false`, the exact text, and nothing charged."""
    method = "POST" if path.endswith("upload") else "GET"
    files = {"file": ("rows.csv", b"ann@gmail.com")} if method == "POST" else None
    response = bench.session.request(method, f"{IPQS_API}/{path}", files=files)
    assert response.status_code == 200
    assert_fields(response.json(), {"success": bool, "message": str, "request_id": str})
    assert (response.json()["success"], response.json()["message"]) == (False, BAD_KEY)
    assert bench.ipqs.ledger == []


def test_the_account_does_not_take_the_key_from_a_header(bench: Bench) -> None:
    """The account endpoint wants its key in the path."""
    response = bench.session.get(f"{IPQS_API}/account", headers={"IPQS-KEY": IPQS_KEY})
    assert response.status_code == 404


def test_json_headers_are_those_of_the_samples(bench: Bench) -> None:
    """JSON answers are UTF-8, chunked, and brotli-encoded only for clients that accept it."""
    url = f"{IPQS_API}/csv/{IPQS_KEY}/list"
    plain = bench.session.get(url, headers={"Accept-Encoding": "gzip"})
    assert plain.headers["content-type"] == "application/json; charset=UTF-8"
    assert plain.headers["x-powered-by"] == "IPQualityScore"
    assert plain.headers["transfer-encoding"] == "chunked"
    assert "content-encoding" not in plain.headers
    with bench.session.get(url, headers={"Accept-Encoding": "gzip, br"}, stream=True) as brotli:
        assert brotli.headers["content-encoding"] == "br"


def test_each_row_costs_one_credit_at_acceptance(bench: Bench) -> None:
    """An upload is charged once, for all its rows, when it is accepted; looking costs nothing."""
    answer = bench.upload()
    bench.status(answer["id"])
    bench.listing()
    bench.result(answer["id"])
    assert [(charge.remote_id, charge.rows, charge.at) for charge in bench.ipqs.ledger] == [
        (answer["id"], len(EMAILS), bench.clock.now()),
    ]
    assert bench.ipqs.balance == 10_000_000 - len(EMAILS)


def test_a_list_that_the_balance_does_not_cover_is_refused_free_of_charge(bench: Bench) -> None:
    """Too few credits are `success: false` with the known text; nothing is accepted and no file stays."""
    bench.ipqs.knobs.credits = len(EMAILS) - 1
    assert bench.upload()["message"] == NO_CREDITS
    assert (bench.ipqs.ledger, bench.ipqs.jobs, list(bench.ipqs.folder.iterdir())) == ([], {}, [])
    assert bench.account()["credits"] == len(EMAILS) - 1


def test_the_list_has_pages_of_fifty_newest_first(bench: Bench) -> None:
    """Fifty jobs make a page, the most recent upload comes first, and a page beyond the last is an error."""
    ids = [bench.upload(["a@b.co"])["id"] for _ in range(51)]
    first, second = bench.listing(), bench.listing(page=2)
    assert [item["id"] for item in first["csvs"] + second["csvs"]] == ids[::-1]
    assert (first["total_csvs"], first["total_pages"], first["page"]) == (51, 2, 1)
    assert (len(second["csvs"]), second["page"]) == (1, 2)
    assert bench.listing(page=3)["success"] is False


@pytest.mark.parametrize("parameters", [{"page": 0}, {"page": "x"}, {"page": -1}, {"type": "ip"}, {"per_page": 10}])
def test_wrong_list_parameters_are_errors(bench: Bench, parameters: dict[str, str | int]) -> None:
    """A wrong page, a wrong type or an unknown parameter is an error, not an empty page."""
    answer = bench.listing(**parameters)
    assert (answer["success"], "csvs" in answer) == (False, False)


def test_the_list_can_be_narrowed_to_a_type(bench: Bench) -> None:
    """With `type` only jobs of that type are listed and counted."""
    bench.upload()
    proxy = bench.upload(["1.1.1.1"], kind="proxy")
    answer = bench.listing(type="proxy")
    assert ([item["id"] for item in answer["csvs"]], answer["total_csvs"]) == ([proxy["id"]], 1)


def test_an_empty_list_is_one_empty_page(bench: Bench) -> None:
    """Without jobs the first page is empty, and is the last."""
    answer = bench.listing()
    assert (answer["csvs"], answer["total_csvs"], answer["total_pages"]) == ([], 0, 1)


def test_an_unknown_job_is_an_error_with_status_200(bench: Bench) -> None:
    """The status of an id that does not exist is `success: false`."""
    assert bench.status(1)["success"] is False


@pytest.mark.parametrize(
    ("kind", "headers", "body"),
    [
        ("email", {"Content-Type": "application/json"}, b'{"input": ["ann@gmail.com"]}'),
        ("email", {"Content-Type": "application/json"}, b'{"input": [["a@b.co", "extra"]]}'),
        ("email", {"Content-Type": "application/json"}, b'{"input": [["a@b.co"]], "strictness": 1}'),
        ("email", {"Content-Type": "application/json"}, b'{"input": []}'),
        ("email", {"Content-Type": "application/json"}, b"[]"),
        ("email", {"Content-Type": "application/json"}, b"{"),
        ("email", {"Content-Type": "text/csv"}, b"ann@gmail.com"),
        ("email", {"Content-Type": "application/x-www-form-urlencoded"}, b"url=https://example.com/list.csv"),
        ("email", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n"),
        ("email", {"Content-Type": "multipart/form-data; boundary=x"}, b"no boundary at all"),
        ("carrot", {"Content-Type": "application/json"}, b'{"input": [["ann@gmail.com"]]}'),
    ],
)
def test_bodies_that_are_not_documented_are_refused(
    bench: Bench, kind: str, headers: dict[str, str], body: bytes
) -> None:
    """What is no documented upload is `success: false`, free of charge, and leaves no file."""
    answer = bench.session.post(f"{IPQS_API}/csv/{IPQS_KEY}/{kind}/upload", headers=headers, data=body).json()
    assert answer["success"] is False
    assert (bench.ipqs.ledger, list(bench.ipqs.folder.iterdir())) == ([], [])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a@b.co,second column\n", b"caf\xe9@b.co\n", b'"open\n'])
def test_files_that_are_not_one_utf8_column_are_refused(bench: Bench, content: bytes) -> None:
    """A file without rows, with two columns, not in UTF-8 or with an open quote is refused and leaves no file."""
    files = {"file": ("rows.csv", content)}
    answer = bench.session.post(f"{IPQS_API}/csv/{IPQS_KEY}/email/upload", files=files).json()
    assert answer["success"] is False
    assert list(bench.ipqs.folder.iterdir()) == []


def test_two_files_or_an_unknown_field_are_refused(bench: Bench) -> None:
    """A form has exactly one file and no field beyond the documented ones."""
    url = f"{IPQS_API}/csv/{IPQS_KEY}/email/upload"
    two = [("a", ("a.csv", b"a@b.co")), ("b", ("b.csv", b"c@d.co"))]
    assert bench.session.post(url, files=two).json()["success"] is False
    one = {"any-name-will-do": ("a.csv", b"a@b.co")}
    assert bench.session.post(url, files=one, data={"webhook": "x"}).json()["success"] is False
    assert bench.session.post(url, files=one).json()["success"] is True


def test_an_upload_needs_a_length(bench: Bench) -> None:
    """A chunked upload is refused: the documentation asks for a Content-Length."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    url = f"{IPQS_API}/csv/{IPQS_KEY}/email/upload"
    answer = bench.session.post(url, headers=headers, data=iter([b"--x--\r\n"])).json()
    assert (answer["success"], "Content-Length" in answer["message"]) == (False, True)


@pytest.mark.parametrize("agent", ["python-httpx/0.28", "python-requests/2.32", "Python-urllib/3.11", ""])
def test_default_user_agents_are_blocked_with_html(bench: Bench, agent: str) -> None:
    """A client library's own User-Agent meets the bot filter, not the API."""
    response = bench.session.get(f"{IPQS_API}/account/{IPQS_KEY}", headers={"User-Agent": agent})
    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/html")


def test_the_bare_host_redirects_to_www(bench: Bench) -> None:
    """The host without `www.` answers 301 to the one with it."""
    url = f"https://ipqualityscore.com/api/json/csv/{IPQS_KEY}/list"
    response = bench.session.get(url, allow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (301, f"{IPQS_API}/csv/{IPQS_KEY}/list")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", f"csv/{IPQS_KEY}/status/1", 405),
        ("POST", f"csv/{IPQS_KEY}/status/1", 405),
        ("PUT", f"csv/{IPQS_KEY}/email/upload", 405),
        ("GET", f"csv/{IPQS_KEY}/cancel/1", 404),
        ("GET", "csv/status", 404),
        ("GET", f"csv/{IPQS_KEY}/status/abc", 404),
    ],
)
def test_undocumented_paths_and_methods_are_not_served(bench: Bench, method: str, path: str, status: int) -> None:
    """There is nothing to delete, cancel or guess."""
    assert bench.session.request(method, f"{IPQS_API}/{path}").status_code == status


def test_xml_is_refused_in_json(bench: Bench) -> None:
    """The XML variant exists at the provider and is not simulated; the answer says so."""
    url = f"https://www.ipqualityscore.com/api/xml/csv/{IPQS_KEY}/list"
    assert bench.session.get(url).json()["message"] == "This simulator answers in JSON only."

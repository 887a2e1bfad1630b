"""What is peculiar about IPQualityScore, and how its adapter takes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import KEYS, Bench, CountingGate, Notes, account_for, told
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.providers.errors import (
    CredentialsRejected,
    Malformed,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    QuotaUsedUp,
    Refused,
    Throttled,
    Unavailable,
)
from worker.providers.ipqs_downloads import DOWNLOAD_LINKS_MAX, is_trusted
from worker.providers.port import Kind, RemoteStatus, Submission, SubmitMethod, VerdictWord
from worker.providers.registry import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.providers.port import Provider

KEY = KEYS["ipqs"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An IPQS adapter and its simulated provider."""
    with Bench("ipqs", tmp_path) as running:
        yield running


def scripted(server: ScriptedServer, **account: object) -> tuple[Provider, Notes]:
    """An adapter to scripted answers."""
    notes = Notes()
    return build(account_for("ipqs", f"{server.base_url}/api", **account), CountingGate(), notes), notes


def job(**fields: object) -> dict[str, object]:
    """A job's answer as documented, with changes."""
    return {"success": True, "message": "Success", "id": 12, "status": "FINISHED", "aborted": False, **fields}


def part(folder: Path, *values: str) -> Submission:
    """A staged part."""
    path = folder / "part.csv"
    path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    return Submission(path, len(values), Kind.EMAIL, "tk0123456789abcdef-people", 5, SubmitMethod.FORM)


# --- the request ------------------------------------------------------------------------------------------------------


def test_the_form_has_one_file_of_known_length_and_a_name_of_our_own(tmp_path: Path) -> None:
    """An upload declares its length, names the program, and has exactly one part, whatever the values are."""
    with ScriptedServer() as server:
        server.then(job(status="NEW", file_name="tk0123456789abcdef-people"))
        provider, _ = scripted(server)
        submitted = provider.submit(part(tmp_path, "a@example.com", "--boundary"))
    (request,) = server.heard
    assert request.body_bytes == int(request.headers["content-length"]) == len(request.body)
    assert "transfer-encoding" not in request.headers
    assert request.headers["user-agent"].startswith("bulkverify/")
    assert request.body.count(b"Content-Disposition: form-data") == 1
    assert b"\r\n\r\na@example.com\n--boundary\n\r\n--" in request.body
    assert (submitted.remote_id, submitted.name, submitted.word) == ("12", "tk0123456789abcdef-people", "NEW")


# --- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["reset", "http_404", "http_403", "http_410", "answer_html", "truncate", "truncate_silent"]
)
def test_a_broken_download_is_repaired_with_a_fresh_link(bench: Bench, kind: str) -> None:
    """Whatever happens to a link, the next status call gives another one and the result is whole."""
    values = [f"person{number}@gmail.com" for number in range(300)]
    remote_id = bench.submit(*values).remote_id
    bench.fault("download", kind, after_bytes=700)
    artifacts = bench.provider.collect(remote_id, bench.folder)
    assert [verdict.value for verdict in bench.provider.read(artifacts, Kind.EMAIL)] == values
    assert (bench.ipqs.calls["status"], bench.ipqs.calls["download"]) == (2, 2)


def test_fresh_links_are_taken_a_limited_number_of_times(bench: Bench) -> None:
    """When no link works the result is left for later, with the number of tries in the message."""
    remote_id = bench.submit().remote_id
    bench.fault("download", "http_404", times=99)
    with pytest.raises(Unavailable, match=f"{DOWNLOAD_LINKS_MAX} fresh links"):
        bench.provider.collect(remote_id, bench.folder)
    assert bench.ipqs.calls["download"] == DOWNLOAD_LINKS_MAX


def test_a_result_that_is_damaged_every_time_is_malformed(tmp_path: Path) -> None:
    """When each of the links gives a whole file that cannot be read, the file is at fault, not the line."""
    with ScriptedServer() as server:
        provider, _ = scripted(server)
        for _ in range(DOWNLOAD_LINKS_MAX):
            server.then(job(downloads={"all": f"{server.base_url}/download?download=x"}))
            server.then("email,valid\na@example.com\n", Content_Type="text/csv")
        with pytest.raises(Malformed, match="fresh links"):
            provider.collect("12", tmp_path)


def test_an_aborted_job_is_aborted_whatever_its_status_word(bench: Bench) -> None:
    """The flag decides, and such a job has nothing to collect."""
    bench.ipqs.knobs.update({"abort_at": 0.5})
    remote_id = bench.submit().remote_id
    assert bench.provider.observe([remote_id])[remote_id].status is RemoteStatus.ABORTED
    with pytest.raises(Refused, match="aborted"):
        bench.provider.collect(remote_id, bench.folder)
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(job(status="FINISHED", aborted="1")))
        assert provider.observe(["12"])["12"].status is RemoteStatus.ABORTED


def test_an_unfinished_job_is_not_collected(bench: Bench) -> None:
    """A job at work has no links; collecting it later is right."""
    bench.ipqs.knobs.update({"job_seconds": 60.0})
    remote_id = bench.submit().remote_id
    with pytest.raises(Unavailable, match="not finished"):
        bench.provider.collect(remote_id, bench.folder)
    assert bench.ipqs.calls["download"] == 0


@pytest.mark.parametrize("downloads", [{"all": None, "bad": None}, {}, None, {"all": ""}, {"all": 7}])
def test_a_finished_job_without_a_result_is_malformed(tmp_path: Path, downloads: object) -> None:
    """A null link means an empty segment; the segment with all rows cannot be empty."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(job(downloads=downloads)))
        with pytest.raises(Malformed, match="offers no result"):
            provider.collect("12", tmp_path)


@pytest.mark.parametrize(
    "link",
    [
        "http://elsewhere.example.com/download?download=t0ken",
        "ftp://127.0.0.1/download",
        "http://user:word@127.0.0.1/download",
        "//127.0.0.1/download",
        "http://[::1/download",
        "file:///etc/passwd",
    ],
)
def test_links_to_elsewhere_are_not_followed(tmp_path: Path, link: str) -> None:
    """A link is only followed to the account's download hosts, and never shown."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(job(downloads={"all": link})))
        with pytest.raises(Malformed, match="download_hosts") as caught:
            provider.collect("12", tmp_path)
    assert link not in told(caught.value)
    assert len(server.heard) == 1


def test_an_encrypted_account_takes_no_plain_link() -> None:
    """With an https base URL, an http link is not followed even to the right host."""
    account = account_for("ipqs", "https://www.ipqualityscore.com/api")
    host = "downloads.ipqualityscore.com"
    assert is_trusted(f"https://{host}/download?download=x", account)
    assert not is_trusted(f"http://{host}/download?download=x", account)
    assert not is_trusted("https://www.ipqualityscore.com/download", account)


def test_a_link_is_fetched_without_the_key(bench: Bench) -> None:
    """The download host hears nothing but the link."""
    with ScriptedServer() as server:
        provider, _ = scripted(server)
        server.then(job(downloads={"all": f"{server.base_url}/download?download=t0ken"}))
        server.then("email,valid\na@example.com,true\n", Content_Type="text/csv")
        provider.collect("12", bench.folder)
    assert KEY not in repr(server.heard[1])


def test_a_result_of_undeclared_length_must_end_with_a_line(tmp_path: Path) -> None:
    """Where HTTP does not tell whether a file is whole, a last line without an end is taken as a cut."""
    with ScriptedServer() as server:
        provider, _ = scripted(server)
        for body in ("email,valid\na@example.com,tr", "email,valid\na@example.com,true\n"):
            server.then(job(downloads={"all": f"{server.base_url}/download?download=x"})).then(
                body, Content_Type="text/csv"
            )
        (artifact,) = provider.collect("12", tmp_path)
    assert artifact.path.read_text(encoding="utf-8").endswith("true\n")
    assert len(server.heard) == 4


def test_columns_are_read_by_name(bench: Bench) -> None:
    """The value is found under another name and place, and columns that nobody knows are kept."""
    bench.ipqs.knobs.update({"input_column": "E-Mail?", "extra_columns": ("novel", "valid")})
    remote_id = bench.submit("anna@gmail.com").remote_id
    artifacts = bench.provider.collect(remote_id, bench.folder)
    (verdict,) = bench.provider.read(artifacts, Kind.EMAIL)
    assert verdict.value == "anna@gmail.com"
    assert {"novel", "valid", "valid_2"} <= set(verdict.columns)
    moved = bench.folder / "moved.csv"
    moved.write_text("fraud_score,IP Address,proxy\n99,192.0.2.7,true\n", encoding="utf-8")
    (verdict,) = bench.provider.read([type(artifacts[0])("moved.csv", moved, 0, "")], Kind.PROXY)
    assert (verdict.value, verdict.word) == ("192.0.2.7", VerdictWord.BAD)
    assert verdict.columns == {"fraud_score": "99", "proxy": "true"}


def test_ip_addresses_make_the_whole_way(bench: Bench) -> None:
    """A part of IP addresses is submitted as `proxy` and comes back with a verdict for each."""
    values = [f"198.51.100.{number}" for number in range(200)]
    remote_id = bench.submit(*values, "not an ip", kind=Kind.PROXY).remote_id
    assert bench.provider.observe([remote_id])[remote_id].kind == "proxy"
    artifacts = bench.provider.collect(remote_id, bench.folder)
    verdicts = {verdict.value: verdict.word for verdict in bench.provider.read(artifacts, Kind.PROXY)}
    assert set(verdicts) == {*values, "not an ip"}
    assert set(verdicts.values()) == set(VerdictWord)
    assert bench.provider.credits().usage["proxy"] == 201


# --- words ------------------------------------------------------------------------------------------------------------


def test_an_unknown_status_word_is_kept_and_reported(bench: Bench) -> None:
    """A word outside the documented ones is no error; it is told to whoever counts."""
    bench.ipqs.knobs.update({"processing_word": "REVIEW", "job_seconds": 60.0})
    remote_id = bench.submit().remote_id
    seen = bench.provider.observe([remote_id])[remote_id]
    assert (seen.status, seen.word) == (RemoteStatus.UNKNOWN, "REVIEW")
    assert bench.notes.words == [("status", "REVIEW")]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Invalid or unauthorized key. Please check the API key and try again.", CredentialsRejected),
        ("You have exceeded your request quota of 20 per day. Please upgrade.", Throttled),
        ("Service temporarily unavailable.", Unavailable),
        ("Please try again later.", Unavailable),
        ("Invalid page. Please check the page and try again.", Refused),
        ("", Refused),
    ],
)
def test_reading_refusals_are_told_apart_by_their_text(message: str, expected: type[ProviderError]) -> None:
    """HTTP 200 with `success: false` becomes the error that its message means."""
    with ScriptedServer() as server:
        provider, notes = scripted(server.then({"success": "false", "message": message}))
        with pytest.raises(expected) as caught:
            provider.list_page()
    assert type(caught.value) is expected
    assert (caught.value.retry_after_seconds is not None) is (expected is Throttled)
    assert notes.soft_errors == [("list", "success_false")]


def test_a_quota_at_submit_is_a_definite_pause(bench: Bench) -> None:
    """An exhausted quota refuses a submit for a while, by a name of its own, and nothing was charged."""
    bench.ipqs.knobs.update({"quota_rows_per_day": 1})
    with pytest.raises(QuotaUsedUp) as caught:
        bench.submit("a@example.com", "b@example.com")
    assert caught.value.retry_after_seconds is not None
    assert bench.ipqs.ledger == []


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"success": True, "message": "Success"}, 200),
        ({"success": False, "message": "Your file is unreadable."}, 200),
        ({"success": False, "message": "You have insufficient credits to make this query.", "id": 12}, 200),
        ({"success": False, "message": "Invalid or unauthorized key."}, 500),
        ({"success": True, "id": "twelve"}, 200),
        ([], 200),
        ("", 204),
    ],
)
def test_strange_answers_to_an_upload_stay_open(tmp_path: Path, document: object, status: int) -> None:
    """Only the exact refusals close an attempt; everything else may have been charged."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(document, status))
        with pytest.raises(OutcomeUnknown):
            provider.submit(part(tmp_path, "a@example.com"))


def test_an_upload_is_accepted_by_its_id(tmp_path: Path) -> None:
    """Missing optional fields and an id in a string do not hide an acceptance."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"id": "0012"}))
        submitted = provider.submit(part(tmp_path, "a@example.com"))
    assert (submitted.remote_id, submitted.name) == ("12", None)


def test_an_early_refusal_is_heard(bench: Bench) -> None:
    """An answer that comes while the body is still on its way counts, and never as an acceptance."""
    bench.ipqs.knobs.update({"blocked_agents": ("bulkverify",)})
    staged = bench.part((f"{number:0200}@example.com" for number in range(60_000)), seconds=20)
    with pytest.raises((NotSent, OutcomeUnknown)):
        bench.provider.submit(staged)
    assert bench.ipqs.ledger == []


def test_status_urls_are_neither_followed_nor_kept(bench: Bench) -> None:
    """Nothing that leaves the adapter holds the `status_url` of an answer, which has the key in it."""
    submitted = bench.submit()
    page = bench.provider.list_page()
    seen = bench.provider.observe([submitted.remote_id])
    assert not re.search(rf"{KEY}|status_url|https?://", repr((submitted, page, seen)))


def test_another_jobs_answer_is_not_taken() -> None:
    """A status about a different id is malformed, as is a job without an id in the list."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then(job(id=13)).then({"success": True, "csvs": [{"status": "NEW"}]}))
        with pytest.raises(Malformed, match="another job"):
            provider.observe(["12"])
        with pytest.raises(Malformed, match="no id"):
            provider.list_page()


# --- list and account -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [49, 50, 51])
def test_a_list_without_totals_is_walked_to_its_end(bench: Bench, jobs: int) -> None:
    """Without totals a full page may be the last; the error of the page after it then ends the walk."""
    bench.ipqs.knobs.update({"list_without_totals": True})
    ids = {bench.submit().remote_id for _ in range(jobs)}
    walked, cursor, first = [], None, True
    while first or cursor:
        page = bench.provider.list_page(cursor)
        walked += [job.remote_id for job in page.jobs]
        cursor, first = page.next_cursor, False
    assert (len(walked), set(walked)) == (jobs, ids)


def test_an_error_on_a_page_that_should_exist_is_an_error(bench: Bench) -> None:
    """A refusal never passes for the end of a list whose length is known."""
    bench.fault("list", "refuse")
    with pytest.raises(Refused):
        bench.provider.list_page("2")
    bench.fault("list", "answer_http_502")
    with pytest.raises(Unavailable):
        bench.provider.list_page("2?")


def test_the_wrong_page_is_not_taken() -> None:
    """A server that always gives the first page cannot make a walk look complete."""
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"success": True, "csvs": [], "page": 1, "total_pages": 3}))
        with pytest.raises(Malformed, match="not the page"):
            provider.list_page("2")


def test_an_account_that_refuses_for_lack_of_credits_has_none(bench: Bench) -> None:
    """The refusal for missing credits is an answer to the question for credits."""
    bench.ipqs.knobs.update({"credits": 0, "account_refuses_without_credits": True})
    assert bench.provider.credits().balance == 0


def test_other_types_in_the_list_are_shown(tmp_path: Path) -> None:
    """Jobs of types and words that the adapter does not know are listed like all others."""
    items = [{"id": "7", "type": "leaked_email", "status": None, "aborted": "false"}, {"id": 6, "aborted": None}]
    with ScriptedServer(Scripted({"success": 1, "csvs": items})) as server:
        provider, _ = scripted(server)
        page = provider.list_page()
    assert [(seen.remote_id, seen.kind, seen.status) for seen in page.jobs] == [
        ("7", "leaked_email", RemoteStatus.UNKNOWN),
        ("6", None, RemoteStatus.UNKNOWN),
    ]


def test_an_answer_in_brotli_is_never_asked_for(bench: Bench) -> None:
    """The simulated provider compresses for whoever accepts it; the adapter's answers stay readable."""
    assert bench.ipqs.knobs.brotli
    assert bench.provider.credits().balance > 0


def test_an_oversized_answer_is_given_up() -> None:
    """An answer without end is not read into memory."""
    with ScriptedServer(Scripted(b" " * 65_536 for _ in range(300))) as server:
        provider, _ = scripted(server)
        with pytest.raises(Malformed, match="larger than"):
            provider.list_page()

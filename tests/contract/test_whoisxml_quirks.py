"""What is peculiar about WhoisXML's bulk e-mail verification, and how its adapter takes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import KEYS, Bench, CountingGate, Notes, account_for, traced_memory
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.providers.errors import (
    Malformed,
    Refused,
    Unavailable,
)
from worker.providers.port import Artifact, Kind, RemoteStatus, Submission, SubmitMethod, VerdictWord
from worker.providers.registry import build
from worker.providers.whoisxml import BATCH_ROWS_MAX, COMPLETED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.providers.port import Provider

KEY = KEYS["whoisxml"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A WhoisXML adapter and its simulated provider."""
    with Bench("whoisxml", tmp_path) as running:
        yield running


def scripted(server: ScriptedServer, **account: object) -> tuple[Provider, Notes]:
    """An adapter to scripted answers."""
    notes = Notes()
    base_url = f"{server.base_url}/api/bevService"
    return build(account_for("whoisxml", base_url, **account), CountingGate(), notes), notes


def part(folder: Path, *values: str, rows: int | None = None) -> Submission:
    """A staged part that says it has `rows` values."""
    path = folder / "part.csv"
    path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    return Submission(
        path, len(values) if rows is None else rows, Kind.EMAIL, "tk0123456789abcdef-people", 5, SubmitMethod.JSON
    )


def artifact(folder: Path, name: str, *records: dict[str, object]) -> Artifact:
    """A result file with these records."""
    path = folder / name
    path.write_text(json.dumps({"response": records}), encoding="utf-8")
    return Artifact(name, path, path.stat().st_size, "")


# --- requests ---------------------------------------------------------------------------------------------------------


def test_the_key_is_in_bodies_and_in_the_balance_query_only(tmp_path: Path) -> None:
    """Every call but the balance is a POST whose JSON body has the key; nothing else has it."""
    with ScriptedServer() as server:
        server.then({"response": {"id": 5}}).then({"response": []}).then({"response": {"data": []}}).then({"data": []})
        provider, _ = scripted(server)
        provider.submit(part(tmp_path, "a@example.com", '"b,c"'))
        provider.observe(["5", "6"])
        provider.list_page()
        provider.credits()
    *posts, balance = server.heard
    bodies = [json.loads(request.body) for request in posts]
    common = {"apiKey": KEY, "format": "json"}
    assert bodies == [
        {**common, "version": 3, "emails": ["a@example.com", "b,c"]},
        {**common, "ids": [5, 6]},
        {**common, "page": 1, "perPage": 50, "sort": "asc", "onlyIds": False},
    ]
    assert {request.method for request in posts} == {"POST"}
    assert all(request.headers["content-type"] == "application/json" for request in posts)
    assert all(request.body_bytes == int(request.headers["content-length"]) for request in posts)
    assert all(KEY not in request.target + str(request.headers) for request in posts)
    assert balance.target == f"/user-service/account-balance?apiKey={KEY}&productId=7&outputFormat=JSON"


def test_a_large_submit_takes_constant_memory(tmp_path: Path) -> None:
    """The array of a full part is sent without being held in memory, and is valid JSON of the declared length."""
    staged = part(tmp_path, *(f"person.{number:0180}@example.com" for number in range(BATCH_ROWS_MAX)))
    with ScriptedServer() as server:
        provider, _ = scripted(server.then({"response": {"id": 5}}))
        with traced_memory() as peak:
            provider.submit(staged)
    (request,) = server.heard
    assert request.body_bytes == int(request.headers["content-length"]) > 9_000_000
    assert peak.bytes < 3_000_000


@pytest.mark.parametrize(
    ("values", "rows", "message"),
    [
        (("a@example.com",), BATCH_ROWS_MAX + 1, "50000"),
        (("a@example.com",), 2, "1 values, the part 2"),
        (("a@example.com", "b@example.com,c"), 2, "line 2"),
    ],
)
def test_parts_that_do_not_fit_are_refused_without_a_call(
    bench: Bench, values: tuple[str, ...], rows: int, message: str
) -> None:
    """Too many values, another number than announced, or more than one cell in a line never reach the provider."""
    with pytest.raises(Refused, match=message):
        bench.provider.submit(part(bench.folder, *values, rows=rows))
    assert bench.calls == 0


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_many_jobs_are_observed_in_one_call(bench: Bench) -> None:
    """Jobs are matched by id, whatever order the answer has, and unknown ids are left out."""
    ids = [bench.submit(*["a@example.com"] * number).remote_id for number in (1, 2, 3)]
    seen = bench.provider.observe([ids[2], "424242", ids[0], ids[1]])
    assert {remote_id: job.total_rows for remote_id, job in seen.items()} == dict(zip(ids, (1, 2, 3), strict=True))
    assert bench.whoisxml.calls["status"] == 1


def test_observing_nothing_costs_nothing(bench: Bench) -> None:
    """Without ids there is nothing to ask."""
    assert bench.provider.observe([]) == {}
    assert bench.calls == 0


def test_progress_follows_the_counters(bench: Bench) -> None:
    """Progress is the share of values that are invalid, failed or processed; dates are epoch seconds."""
    bench.whoisxml.knobs.update({"job_seconds": 100.0})
    started_at = bench.clock.now()
    remote_id = bench.submit(*(f"person{number}@gmail.com" for number in range(100))).remote_id
    bench.clock.advance(30)
    seen = bench.provider.observe([remote_id])[remote_id]
    assert seen.progress == pytest.approx(0.3, abs=0.02)
    assert (seen.started_at, seen.ended_at, seen.total_rows) == (started_at, None, 100)


@pytest.mark.parametrize(
    ("ready", "status"),
    [
        (1, RemoteStatus.FINISHED),
        ("1", RemoteStatus.FINISHED),
        (True, RemoteStatus.FINISHED),
        ("true", RemoteStatus.FINISHED),
        (0, RemoteStatus.RUNNING),
        ("false", RemoteStatus.RUNNING),
        (None, RemoteStatus.RUNNING),
        ("null", RemoteStatus.RUNNING),
        ("soon", RemoteStatus.UNKNOWN),
        ([], RemoteStatus.UNKNOWN),
    ],
)
def test_ready_is_read_however_it_is_written(ready: object, status: RemoteStatus) -> None:
    """Only a clear yes is finished; null is no; a word nobody knows is neither."""
    with ScriptedServer(Scripted({"response": [{"id": "5", "ready": ready, "total_emails": "0"}]})) as server:
        provider, notes = scripted(server)
        seen = provider.observe(["5"])["5"]
    assert seen.status is status
    assert bool(notes.words) is (status is RemoteStatus.UNKNOWN)


def test_jobs_that_were_not_asked_for_are_left_out() -> None:
    """An answer about other jobs says nothing about the one asked for."""
    with ScriptedServer(Scripted({"response": [{"id": 6, "ready": 1}]})) as server:
        provider, _ = scripted(server)
        assert provider.observe(["5"]) == {}


def test_the_wrong_page_is_not_taken() -> None:
    """A server that always gives the first page cannot make a walk look complete."""
    with ScriptedServer(Scripted({"response": {"data": [], "current_page": 1, "last_page": 3}})) as server:
        provider, _ = scripted(server)
        with pytest.raises(Malformed, match="not the page"):
            provider.list_page("2")


def test_jobs_need_ids() -> None:
    """A job without an id in a list is malformed: leaving it out would make the walk look complete."""
    with ScriptedServer(Scripted({"response": {"data": [{"ready": 1}]}})) as server:
        provider, _ = scripted(server)
        with pytest.raises(Malformed, match="no id"):
            provider.list_page()


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_result_has_two_halves(bench: Bench) -> None:
    """Completed and failed values together are what was sent, each with the documented columns."""
    bench.whoisxml.knobs.update({"failed_share": 0.5})
    values = [f"person{number}@gmail.com" for number in range(40)] + ["no address"]
    artifacts = bench.provider.collect(bench.submit(*values).remote_id, bench.folder)
    assert [half.name for half in artifacts] == ["completed.json", "failed.json"]
    verdicts = list(bench.provider.read(artifacts, Kind.EMAIL))
    assert sorted(verdict.value for verdict in verdicts) == sorted(values)
    failed = [verdict for verdict in verdicts if verdict.columns["error"]]
    assert {(verdict.columns["error"], verdict.word) for verdict in failed} == {
        ("Invalid format", VerdictWord.BAD),
        ("Processing failed", VerdictWord.UNKNOWN),
    }
    assert len({tuple(verdict.columns) for verdict in verdicts}) == 1


def test_real_booleans_mean_the_same_as_strings(bench: Bench) -> None:
    """Booleans, nulls and their spellings as strings give the same columns and verdicts."""
    remote_id = bench.submit(*(f"person{number}@example-{number}.com" for number in range(60))).remote_id
    strings = list(bench.provider.read(bench.provider.collect(remote_id, bench.folder), Kind.EMAIL))
    bench.whoisxml.knobs.update({"real_booleans": True})
    booleans = list(bench.provider.read(bench.provider.collect(remote_id, bench.folder), Kind.EMAIL))
    assert strings == booleans
    assert {verdict.columns["smtpCheck"] for verdict in strings} == {"true", "false", "null"}


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"result": "ok", "disposableCheck": "false", "catchAllCheck": "null"}, VerdictWord.OK),
        ({"result": "OK"}, VerdictWord.OK),
        ({"result": "ok", "disposableCheck": "true"}, VerdictWord.RISKY),
        ({"result": "ok", "catchAllCheck": True}, VerdictWord.RISKY),
        ({"result": "smtp-failed"}, VerdictWord.RISKY),
        ({"result": "bad", "disposableCheck": "true"}, VerdictWord.BAD),
        ({"formatCheck": "false"}, VerdictWord.BAD),
        ({"result": "unknown"}, VerdictWord.UNKNOWN),
        ({"result": "novel"}, VerdictWord.UNKNOWN),
        ({}, VerdictWord.UNKNOWN),
    ],
)
def test_verdicts_of_completed_records(tmp_path: Path, record: dict[str, object], word: VerdictWord) -> None:
    """The table of verdicts holds, line by line; results outside the known words are told to whoever counts."""
    with ScriptedServer() as server:
        provider, notes = scripted(server)
    address: dict[str, object] = {"emailAddress": "a@example.com", "mxRecords": ["mx1", "mx2"]}
    half = artifact(tmp_path, "completed.json", address | record)
    (verdict,) = provider.read([half], Kind.EMAIL)
    assert (verdict.value, verdict.word) == ("a@example.com", word)
    assert verdict.columns["mxRecords"] == "mx1 mx2"
    result = record.get("result", "")
    assert notes.words == ([(COMPLETED, result)] if result in {"novel", ""} else [])


def test_unknown_columns_are_kept(tmp_path: Path) -> None:
    """A field that no documentation knows arrives under its own name."""
    with ScriptedServer() as server:
        provider, _ = scripted(server)
    half = artifact(tmp_path, "completed.json", {"emailAddress": "a@example.com", "novel": {"depth": [1, None]}})
    (verdict,) = provider.read([half], Kind.EMAIL)
    assert verdict.columns["novel"] == '{"depth": [1, null]}'
    nameless = artifact(tmp_path, "failed.json", {"error": "Invalid format"})
    with pytest.raises(Malformed, match="without emailAddress"):
        list(provider.read([nameless], Kind.EMAIL))


def test_expired_results_are_refused(bench: Bench) -> None:
    """After seven days the provider has forgotten the result and says so."""
    remote_id = bench.submit().remote_id
    bench.clock.advance(8 * 86_400)
    with pytest.raises(Refused):
        bench.provider.collect(remote_id, bench.folder)


@pytest.mark.parametrize("half", ["completed", "failed"])
@pytest.mark.parametrize("after_bytes", [0, 5, 13, 14, 60, 5_000])
def test_a_cut_result_is_never_a_result(bench: Bench, half: str, after_bytes: int) -> None:
    """Wherever a result ends early without HTTP noticing, it is not taken for whole."""
    values = [f"person{number}@gmail.com" for number in range(40)] + [f"no address {number}" for number in range(200)]
    remote_id = bench.submit(*values).remote_id
    bench.fault(half, "truncate_silent", after_bytes=after_bytes)
    with pytest.raises((Malformed, Unavailable)):
        bench.provider.collect(remote_id, bench.folder)


# --- balance ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "balance"),
    [
        ([{"product_id": 1, "credits": 9}, {"product_id": "7", "credits": "42"}], 42),
        ([{"product": {"id": 7, "name": "Email Verification API"}, "credits": 3}], 3),
        ([{"product_id": 1, "credits": 9}], 0),
        ([], 0),
    ],
)
def test_the_balance_is_that_of_email_verification(entries: list[object], balance: int) -> None:
    """Of all products the one that pays counts; an account without it has no credits."""
    with ScriptedServer(Scripted({"data": entries})) as server:
        provider, _ = scripted(server)
        assert provider.credits().balance == balance


@pytest.mark.parametrize("data", [None, {}, [{"credits": 3}], [{"product_id": 7}], ["7"]])
def test_a_balance_nobody_can_read_is_malformed(data: object) -> None:
    """Changed answers are never taken for zero credits."""
    with ScriptedServer(Scripted({"data": data})) as server:
        provider, _ = scripted(server)
        with pytest.raises(Malformed):
            provider.credits()

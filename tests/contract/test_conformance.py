"""What every provider adapter does, whichever provider it speaks to: one suite, real HTTP on loopback."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.builders.file_server import LINK_SECRET
from tests.builders.provider_bench import (
    DOORS,
    KEYS,
    METHODS,
    PATHS,
    PLACES,
    PROVIDERS,
    Bench,
    CountingGate,
    Notes,
    account_for,
    told,
    traced_memory,
)
from worker.providers.errors import (
    CredentialsRejected,
    Malformed,
    ProviderError,
    Refused,
    Throttled,
    Unavailable,
)
from worker.providers.port import Kind, RemoteStatus, VerdictWord
from worker.providers.registry import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Read = Callable[[Bench, str], object]


#: Reading calls by operation name; the id is that of a job that exists.
READS: dict[str, Read] = {
    "status": lambda bench, remote_id: bench.provider.observe([remote_id]),
    "list": lambda bench, _: bench.provider.list_page(),
    "collect": lambda bench, remote_id: bench.provider.collect(remote_id, bench.folder),
    "credits": lambda bench, _: bench.provider.credits(),
}

#: A value of each kind by its number, spelt as people spell them.
SPELLINGS: dict[Kind, Callable[[int], str]] = {
    Kind.EMAIL: "Reader.{}@gmail.com".format,
    Kind.PROXY: "2001:DB8::{}".format,
    Kind.URL: "HTTPS://Example.com/a,b?page={}#Top".format,
    Kind.PHONE: "(202) 555-01{:02}".format,
    Kind.LEAKED_EMAIL: "Reader.{}@example.com".format,
    Kind.LEAKED_PASSWORD: ' Correct "horse", {} '.format,
    Kind.LEAKED_USERNAME: "Reader {}".format,
}


@pytest.fixture(params=PLACES, ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each provider in turn, with the key in each place."""
    with Bench.at(request.param, tmp_path) as running:
        yield running


#: For tests that a submit is a part of: each provider by each method, with the key in each place, or in the best one.
by_every_door = pytest.mark.parametrize("bench", DOORS, ids=str, indirect=True)
by_every_provider = pytest.mark.parametrize("bench", PROVIDERS, ids=str, indirect=True)
by_every_method = pytest.mark.parametrize("bench", METHODS, ids=str, indirect=True)


@pytest.fixture(params=["status", "list", "collect", "credits"])
def read(request: pytest.FixtureRequest) -> Read:
    """Each reading call in turn."""
    return READS[request.param]


# --- the way of a job -------------------------------------------------------------------------------------------------


@by_every_door
def test_a_job_goes_all_the_way(bench: Bench) -> None:
    """A submitted part is observed, listed, collected and read back value by value, for one credit each."""
    values = ["anna@gmail.com", "no address", "bounce1@example.com", "ben@gmail.com"]
    before = bench.provider.credits().balance
    submitted = bench.submit(*values)

    seen = bench.provider.observe([submitted.remote_id])[submitted.remote_id]
    assert seen.status is RemoteStatus.FINISHED
    assert [job.remote_id for job in bench.provider.list_page().jobs] == [submitted.remote_id]

    artifacts = bench.provider.collect(submitted.remote_id, bench.folder)
    verdicts = {verdict.value: verdict for verdict in bench.provider.read(artifacts, Kind.EMAIL)}
    assert sorted(verdicts) == sorted(values)
    assert verdicts["no address"].word is VerdictWord.BAD
    assert verdicts["anna@gmail.com"].word is not VerdictWord.BAD
    assert verdicts["anna@gmail.com"].columns
    assert bench.provider.credits().balance == before - len(values)
    assert [charge.rows for charge in bench.simulated.ledger] == [len(values)]


@pytest.mark.parametrize("kind", Kind)
@by_every_method
def test_a_job_of_every_kind_goes_all_the_way(bench: Bench, kind: Kind) -> None:
    """Whatever kind a provider takes, each value comes back as it was sent, with a verdict and columns of its own."""
    values = [SPELLINGS[kind](number) for number in range(100)]
    if kind not in bench.provider.capabilities.kinds:
        with pytest.raises(Refused, match=kind):
            bench.submit(*values, kind=kind)
        return
    remote_id = bench.submit(*map(csv_cell, values), kind=kind).remote_id
    assert bench.provider.observe([remote_id])[remote_id].kind == kind
    assert [job.kind for job in bench.provider.list_page().jobs] == [kind]
    verdicts = list(bench.provider.read(bench.provider.collect(remote_id, bench.folder), kind))
    assert sorted(verdict.value for verdict in verdicts) == sorted(values)
    assert {VerdictWord.OK} < {verdict.word for verdict in verdicts}
    assert all(verdict.columns for verdict in verdicts)
    assert [charge.rows for charge in bench.simulated.ledger] == [len(values)]


@by_every_method
def test_values_survive_quoting_and_scripts(bench: Bench) -> None:
    """Values with commas, quotes and letters beyond ASCII come back unchanged."""
    submitted = bench.submit('"a,b"', '"say ""hi"""', "jürgen@exämple.com", "плохо@пример.рф")
    artifacts = bench.provider.collect(submitted.remote_id, bench.folder)
    values = sorted(verdict.value for verdict in bench.provider.read(artifacts, Kind.EMAIL))
    assert values == sorted(["a,b", 'say "hi"', "jürgen@exämple.com", "плохо@пример.рф"])


def test_artifacts_are_what_they_say(bench: Bench) -> None:
    """Collected files lie under their names in the folder, have the sizes told, and nothing else is left there."""
    folder = bench.folder / "result"
    folder.mkdir()
    artifacts = bench.provider.collect(bench.submit().remote_id, folder)
    assert sorted(folder.iterdir()) == sorted(artifact.path for artifact in artifacts)
    assert all(artifact.path.stat().st_size == artifact.size_bytes for artifact in artifacts)
    assert all(artifact.path.name == artifact.name and len(artifact.sha256) == 64 for artifact in artifacts)


def test_unfinished_jobs_are_running(bench: Bench) -> None:
    """A job at work is neither finished nor aborted, and gets finished."""
    bench.simulated.knobs.update({"job_seconds": 100.0})
    remote_id = bench.submit("a@example.com", "b@example.com").remote_id
    bench.clock.advance(50)
    halfway = bench.provider.observe([remote_id])[remote_id]
    assert halfway.status is RemoteStatus.RUNNING
    assert (halfway.progress is not None) is bench.provider.capabilities.progress
    bench.clock.advance(51)
    assert bench.provider.observe([remote_id])[remote_id].status is RemoteStatus.FINISHED


def test_unknown_ids_are_left_out(bench: Bench) -> None:
    """An id that the provider does not know is missing from the observations, not an error."""
    bench.submit()
    assert bench.provider.observe(["424242"]) == {}


@pytest.mark.parametrize("remote_id", ["12/../../account", "١٢", "-1", "007", ""])
def test_only_numbers_are_remote_ids(bench: Bench, remote_id: str) -> None:
    """An id that could change the address of a call is never sent."""
    failure_of(lambda: bench.provider.observe([remote_id]))
    assert isinstance(failure_of(lambda: bench.provider.collect(remote_id, bench.folder)), Refused)
    assert bench.calls == 0


def test_observing_more_than_the_limit_is_a_defect(bench: Bench) -> None:
    """More ids than the capabilities allow are never sent."""
    ids = [str(number) for number in range(bench.provider.capabilities.observe_ids_max + 1)]
    with pytest.raises(ValueError, match="ids in one call"):
        bench.provider.observe(ids)
    assert bench.calls == 0


def test_the_list_shows_every_job_once(bench: Bench) -> None:
    """Walking all pages gives every job exactly once, in the order that the capabilities state."""
    ids = [bench.submit().remote_id for _ in range(113)]
    walked, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = bench.provider.list_page(cursor)
        assert page.total_jobs == 113
        walked += [job.remote_id for job in page.jobs]
        cursor, pages = page.next_cursor, pages + 1
    assert pages == 3
    assert walked == (ids[::-1] if bench.provider.capabilities.list_newest_first else ids)


def test_an_empty_list_is_one_empty_page(bench: Bench) -> None:
    """An account without jobs has one page, with nothing on it."""
    page = bench.provider.list_page()
    assert (page.jobs, page.next_cursor) == ((), None)


def test_strings_for_numbers_and_booleans_are_read(bench: Bench) -> None:
    """Answers that write every number and boolean as a string mean the same."""
    bench.simulated.knobs.update({"stringly": True})
    submitted = bench.submit("anna@gmail.com", "no address")
    seen = bench.provider.observe([submitted.remote_id])[submitted.remote_id]
    assert (seen.status, seen.invalid_rows) == (RemoteStatus.FINISHED, 1)
    assert bench.provider.list_page().jobs == (seen,)
    assert bench.provider.credits().balance == bench.simulated.balance
    assert bench.provider.collect(submitted.remote_id, bench.folder)


# --- segments ---------------------------------------------------------------------------------------------------------


def test_segments_come_beside_the_whole_result(bench: Bench) -> None:
    """Each wanted segment with rows is a file of its own; what is read are the rows of the whole result, once each."""
    values = [f"person{number}@shop{number % 40}.com" for number in range(200)] + ["no address"]
    remote_id = bench.submit(*values).remote_id
    wanted = bench.provider.capabilities.segments
    artifacts = bench.provider.collect(remote_id, bench.folder, wanted)
    whole = {artifact.path.stem for artifact in artifacts if artifact.segment is None}
    assert {artifact.segment for artifact in artifacts if artifact.segment} == wanted - whole
    assert all(artifact.path.stat().st_size == artifact.size_bytes for artifact in artifacts)
    assert sorted(verdict.value for verdict in bench.provider.read(artifacts, Kind.EMAIL)) == sorted(values)


def test_a_segment_that_the_provider_has_not_is_a_defect(bench: Bench) -> None:
    """Asking for a segment outside the capabilities never reaches the provider."""
    with pytest.raises(ValueError, match="greenish: this provider has no such segment"):
        bench.provider.collect("5", bench.folder, ["greenish"])
    assert bench.calls == 0


# --- reading calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bad_key", CredentialsRejected),
        ("throttle_retry_after", Throttled),
        ("http_429", Throttled),
        ("html_block", Unavailable),
        ("http_500", Unavailable),
        ("http_503", Unavailable),
        ("http_301", Unavailable),
        ("answer_lost", Unavailable),
        ("answer_reset", Unavailable),
        ("answer_hang", Unavailable),
        ("answer_html", Unavailable),
        ("truncate", Unavailable),
    ],
)
def test_reading_calls_end_in_few_errors(bench: Bench, read: Read, kind: str, expected: type[ProviderError]) -> None:
    """Each way a reading call can fail has its error, and the next call works again."""
    remote_id = bench.submit().remote_id
    bench.provider = bench.adapter(timeouts={"connect_seconds": 2, "send_seconds": 2, "read_seconds": 0.3})
    bench.fault("*", kind, seconds=7)
    with pytest.raises(expected) as caught:
        read(bench, remote_id)
    assert type(caught.value) is expected
    assert caught.value.spent == "no"
    if kind == "throttle_retry_after":
        assert caught.value.retry_after_seconds == 7
    bench.clear_faults()
    assert read(bench, remote_id)


def test_a_silently_cut_answer_is_not_believed(bench: Bench, read: Read) -> None:
    """An answer that ends early without HTTP noticing is recognised by its content."""
    remote_id = bench.submit().remote_id
    bench.fault("*", "truncate_silent", after_bytes=25)
    with pytest.raises((Malformed, Unavailable)):
        read(bench, remote_id)


def test_a_redirect_is_not_followed(bench: Bench) -> None:
    """A redirect becomes an error that names the setting to change, after exactly one call."""
    bench.fault("list", "http_301")
    with pytest.raises(Unavailable, match="base_url"):
        bench.provider.list_page()
    assert bench.calls == 1


def test_a_dripping_answer_is_read_to_its_end(bench: Bench, read: Read) -> None:
    """An answer in many small pieces is the same answer."""
    remote_id = bench.submit().remote_id
    bench.fault("*", "drip", piece_bytes=64, pause_seconds=0.001)
    assert read(bench, remote_id)


def test_a_result_that_breaks_leaves_no_file(bench: Bench) -> None:
    """After a failed collect the folder is as it was."""
    remote_id = bench.submit().remote_id
    folder = bench.folder / "result"
    folder.mkdir()
    for operation in ("download", "completed"):
        bench.fault(operation, "truncate", times=9, after_bytes=30)
    with pytest.raises(Unavailable):
        bench.provider.collect(remote_id, folder)
    assert list(folder.iterdir()) == []


def test_an_unknown_job_cannot_be_collected(bench: Bench) -> None:
    """Collecting a job that the provider does not know is refused."""
    bench.submit()
    with pytest.raises(Refused):
        bench.provider.collect("424242", bench.folder)


# --- calls are counted, keys are kept ---------------------------------------------------------------------------------


@by_every_door
def test_every_call_takes_a_token_and_is_reported(bench: Bench) -> None:
    """Tokens taken, calls reported and calls that arrived are the same, operation by operation."""
    remote_id = bench.submit().remote_id
    for call in READS.values():
        call(bench, remote_id)
    assert Counter(bench.gate.operations) == bench.simulated.calls
    assert Counter(operation for operation, _ in bench.notes.calls) == bench.simulated.calls
    assert {outcome for _, outcome in bench.notes.calls} == {"2xx"}


def test_without_a_token_nothing_is_called(bench: Bench, read: Read) -> None:
    """What the gate raises passes through, and the provider hears nothing."""
    bench.gate.closed = True
    with pytest.raises(Throttled) as caught:
        read(bench, "5")
    with pytest.raises(Throttled):
        bench.submit()
    assert caught.value.retry_after_seconds == 1.5
    assert bench.calls == 0


@pytest.mark.parametrize(
    "kind",
    ["bad_key", "html_block", "http_301", "http_404", "http_500", "answer_lost", "answer_hang", "truncate", "refuse"],
)
@by_every_door
def test_no_error_holds_the_key(bench: Bench, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the text, the arguments, the traceback nor the linked errors of a failure hold the key or a link."""
    caplog.set_level(logging.DEBUG)
    remote_id = bench.submit().remote_id
    bench.provider = bench.adapter(timeouts={"connect_seconds": 1, "send_seconds": 1, "read_seconds": 0.2})
    key, failures = KEYS[bench.name], []
    for operation in ("submit", "status", "list", "credits", "download", "completed", "failed"):
        bench.fault(operation, kind, times=9, seconds=1, text=f"The key {key} at https://x/{key} is odd")
        failures += [failure_of(partial(call, bench, remote_id)) for call in READS.values()]
        failures.append(failure_of(bench.submit))
        bench.clear_faults()
    errors = [failure for failure in failures if failure is not None]
    assert len(errors) >= 3
    for error in errors:
        assert (error.__cause__, error.__context__) == (None, None)
        assert key not in told(error)
        assert "download=" not in told(error)
        assert LINK_SECRET not in told(error)
    assert key not in caplog.text
    assert LINK_SECRET not in caplog.text


def test_an_adapter_and_its_account_do_not_show_the_key(bench: Bench) -> None:
    """Printing an adapter tells nothing about its key."""
    assert KEYS[bench.name] not in f"{bench.provider!r} {bench.provider}"


@by_every_method
def test_one_adapter_serves_many_threads(bench: Bench) -> None:
    """Threads that share an adapter each see the jobs that they asked for."""

    def one_job(number: int) -> tuple[int, int]:
        remote_id = bench.provider.submit(parts[number]).remote_id
        folder = bench.folder / f"result-{number}"
        folder.mkdir()
        assert bench.provider.observe([remote_id])[remote_id].status is RemoteStatus.FINISHED
        artifacts = bench.provider.collect(remote_id, folder)
        return number, sum(1 for _ in bench.provider.read(artifacts, Kind.EMAIL))

    parts = {number: bench.part(f"person{index}@gmail.com" for index in range(number)) for number in range(1, 17)}
    with ThreadPoolExecutor(8) as threads:
        assert all(sent == read for sent, read in threads.map(one_job, parts))
    assert sorted(charge.rows for charge in bench.simulated.ledger) == list(parts)
    assert Counter(bench.gate.operations) == bench.simulated.calls


# --- size -------------------------------------------------------------------------------------------------------------


@by_every_provider
def test_a_large_list_is_read_in_constant_memory(bench: Bench) -> None:
    """The largest list makes the whole way, and reading its result takes far less memory than the result."""
    rows = bench.provider.capabilities.batch_rows_max or 120_000
    part = bench.part((f"person.{number:06}@customer-{number % 97}.example.com" for number in range(rows)), seconds=60)
    bench.provider = bench.adapter(timeouts={"connect_seconds": 30, "send_seconds": 30, "read_seconds": 30})
    remote_id = bench.provider.submit(part).remote_id
    artifacts = bench.provider.collect(remote_id, bench.folder)
    with traced_memory() as peak:
        assert sum(1 for _ in bench.provider.read(artifacts, Kind.EMAIL)) == rows
    assert peak.bytes < 3_000_000 < sum(artifact.size_bytes for artifact in artifacts)


def csv_cell(value: str) -> str:
    """A value as it stands in a staged part."""
    return '"{}"'.format(value.replace('"', '""'))


def failure_of(call: Callable[[], object]) -> ProviderError | None:
    """The error that a call ends in, if it does."""
    try:
        call()
    except ProviderError as error:
        return error
    return None


def test_every_provider_is_built_from_its_account() -> None:
    """The registry knows each provider that an account may name, and capabilities agree with themselves."""
    for name in PATHS:
        capabilities = build(account_for(name, "http://127.0.0.1:9"), CountingGate(), Notes()).capabilities
        assert Kind.EMAIL in capabilities.kinds
        assert capabilities.observe_ids_max >= 1
        assert capabilities.list_page_rows >= 1

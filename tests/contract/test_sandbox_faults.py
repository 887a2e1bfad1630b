"""One-shot faults, as they look without sockets: what happened to the job, and what `requests` raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.builders.sandbox_bench import IPQS_API, IPQS_KEY, Bench, make_bench
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def submit(bench: Bench, provider: str) -> requests.Response:
    """Submit two rows to a provider."""
    if provider == "whoisxml":
        return bench.post("", emails=["a@b.co", "c@d.co"])
    files = {"file": ("rows.csv", b"a@b.co\nc@d.co\n")}
    return bench.session.post(f"{IPQS_API}/csv/{IPQS_KEY}/email/upload", files=files, timeout=5)


def charged(bench: Bench, provider: str) -> int:
    """How many jobs the provider charged for."""
    return len((bench.ipqs if provider == "ipqs" else bench.whoisxml).ledger)


def inject(bench: Bench, provider: str, fault: Fault) -> None:
    """Queue a fault at a provider."""
    (bench.ipqs if provider == "ipqs" else bench.whoisxml).knobs.faults.append(fault)


@pytest.mark.parametrize("provider", ["ipqs", "whoisxml"])
@pytest.mark.parametrize(
    ("kind", "error", "jobs"),
    [
        ("reset", requests.ConnectionError, 0),
        ("hang", requests.ReadTimeout, 0),
        ("answer_lost", requests.ConnectionError, 1),
        ("answer_reset", requests.ConnectionError, 1),
        ("answer_hang", requests.ReadTimeout, 1),
    ],
)
def test_an_answer_that_never_comes(bench: Bench, provider: str, kind: str, error: type[Exception], jobs: int) -> None:
    """Without an answer nobody can tell whether the job was accepted: sometimes it was, sometimes not."""
    inject(bench, provider, Fault("submit", kind))
    with pytest.raises(error):
        submit(bench, provider)
    assert charged(bench, provider) == jobs
    assert submit(bench, provider).status_code == 200


@pytest.mark.parametrize("provider", ["ipqs", "whoisxml"])
def test_a_truncated_answer_raises(bench: Bench, provider: str) -> None:
    """An answer shorter than announced breaks off while it is read, the job accepted."""
    inject(bench, provider, Fault("submit", "truncate", after_bytes=8))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        submit(bench, provider)
    assert charged(bench, provider) == 1


@pytest.mark.parametrize("provider", ["ipqs", "whoisxml"])
def test_a_silently_truncated_answer_looks_complete(bench: Bench, provider: str) -> None:
    """An answer without announced length can end early and nobody is told."""
    inject(bench, provider, Fault("submit", "truncate_silent", after_bytes=8))
    response = submit(bench, provider)
    assert (response.status_code, len(response.content)) == (200, 8)
    assert "content-length" not in response.headers


def test_a_drip_is_complete_or_times_out(bench: Bench) -> None:
    """Small pieces make a whole answer, unless the pause between them exceeds the read timeout."""
    inject(bench, "ipqs", Fault("list", "drip", piece_bytes=3))
    assert bench.listing()["success"] is True
    inject(bench, "ipqs", Fault("list", "drip", pause_seconds=30))
    with pytest.raises(requests.ConnectionError, match="timed out"):
        bench.listing()


@pytest.mark.parametrize("provider", ["ipqs", "whoisxml"])
@pytest.mark.parametrize(
    ("kind", "status", "jobs"),
    [
        ("html_block", 403, 0),
        ("http_413", 413, 0),
        ("http_429", 429, 0),
        ("http_500", 500, 0),
        ("http_509", 509, 0),
        ("answer_http_502", 502, 1),
        ("answer_html", 200, 1),
    ],
)
def test_pages_of_html(bench: Bench, provider: str, kind: str, status: int, jobs: int) -> None:
    """What stands before a provider answers in HTML, whether or not the provider got the job."""
    inject(bench, provider, Fault("submit", kind))
    response = submit(bench, provider)
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=UTF-8")
    assert charged(bench, provider) == jobs


@pytest.mark.parametrize(("provider", "status"), [("ipqs", 509), ("whoisxml", 429)])
def test_throttling_with_retry_after(bench: Bench, provider: str, status: int) -> None:
    """The provider's own throttling status names the seconds to wait."""
    inject(bench, provider, Fault("submit", "throttle_retry_after", seconds=12))
    response = submit(bench, provider)
    assert (response.status_code, response.headers["retry-after"]) == (status, "12")
    assert charged(bench, provider) == 0


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bad_key", "Invalid or unauthorized key. Please check the API key and try again."),
        (
            "quota",
            "You have exceeded your request quota of 200 per day. Please upgrade to increase your request quota.",
        ),
        ("refuse", "No idea."),
    ],
)
def test_ipqs_refusals_on_demand(bench: Bench, kind: str, text: str) -> None:
    """IPQS can be made to refuse in its own words, with status 200."""
    inject(bench, "ipqs", Fault("submit", kind, text="No idea."))
    response = submit(bench, "ipqs")
    assert (response.status_code, response.json()["message"], charged(bench, "ipqs")) == (200, text, 0)


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("bad_key", 401, "Authorisation or authentication failed"),
        ("no_credits", 402, "Insufficient balance"),
        ("quota", 403, "Access denied"),
        ("refuse", 200, "No idea."),
    ],
)
def test_whoisxml_refusals_on_demand(bench: Bench, kind: str, status: int, text: str) -> None:
    """WhoisXML can be made to refuse; a status of 200 can carry an error as well."""
    inject(bench, "whoisxml", Fault("submit", kind, text="No idea."))
    response = submit(bench, "whoisxml")
    assert (response.status_code, response.json()) == (status, {"response": {"error": text}})
    assert charged(bench, "whoisxml") == 0


def test_faults_hit_their_operation_as_often_as_asked(bench: Bench) -> None:
    """A fault waits for its operation, happens `times` times, in the order queued; calls are counted all the same."""
    bench.ipqs.knobs.faults += [Fault("list", "http_500", times=2), Fault("*", "http_503")]
    url = f"{IPQS_API}/csv/{IPQS_KEY}/list"
    assert submit(bench, "ipqs").status_code == 503
    assert [bench.session.get(url).status_code for _ in range(3)] == [500, 500, 200]
    assert bench.ipqs.knobs.faults == []
    assert bench.ipqs.calls == {"submit": 1, "list": 3}


@pytest.mark.parametrize(
    ("operation", "kind", "times"), [("sumbit", "reset", 1), ("submit", "rest", 1), ("*", "reset", 0)]
)
def test_a_fault_that_could_never_happen_is_refused(operation: str, kind: str, times: int) -> None:
    """A typing error in a fault is an error, not a test that never fails."""
    with pytest.raises(ValueError, match="fault"):
        Fault(operation, kind, times)

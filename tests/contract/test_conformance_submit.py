"""What every provider adapter does with the one call that spends, by every method and with the key in every place."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.file_server import LINK_SECRET
from tests.builders.provider_bench import DOORS, STREAMED_DOORS, Bench, Door, told
from worker.providers.errors import (
    CredentialsRejected,
    NotSent,
    OutcomeUnknown,
    OutOfCredits,
    ProviderError,
    Refused,
    Throttled,
    Unavailable,
)
from worker.providers.port import Kind, SubmitMethod
from worker.providers.registry import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Faults of a submit that leave open whether it was accepted.
OPEN_ENDED: dict[str, tuple[str, dict[str, object]]] = {
    "answer lost": ("answer_lost", {}),
    "answer reset": ("answer_reset", {}),
    "answer in HTML": ("answer_html", {}),
    "gateway after acceptance": ("answer_http_502", {}),
    "answer cut": ("truncate", {"after_bytes": 9}),
    "answer cut silently": ("truncate_silent", {"after_bytes": 9}),
    "late answer": ("answer_hang", {"seconds": 60}),
    "dripping answer": ("drip", {"piece_bytes": 1, "pause_seconds": 0.2}),
    "no answer": ("hang", {"seconds": 60}),
    "server error": ("http_500", {}),
    "gateway error": ("http_503", {}),
    "not found": ("http_404", {}),
    "bot check": ("html_block", {}),
    "redirect": ("http_301", {}),
    "refusal in unknown words": ("refuse", {"text": "Something went wrong."}),
}


@pytest.fixture(params=DOORS, ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each door in turn."""
    with Bench.at(request.param, tmp_path) as running:
        yield running


#: For tests of bodies that are long: not of a pull, whose body is a link.
streamed = pytest.mark.parametrize("bench", STREAMED_DOORS, ids=str, indirect=True)
#: For tests of pulls alone.
pulled = pytest.mark.parametrize("bench", sorted(set(DOORS) - set(STREAMED_DOORS), key=str), ids=str, indirect=True)


def test_every_door_is_tried() -> None:
    """The suite goes through every method that an adapter has, and through no other."""
    assert {(door.provider, door.method) for door in DOORS} == {
        ("ipqs", SubmitMethod.FORM),
        ("ipqs", SubmitMethod.JSON),
        ("ipqs", SubmitMethod.PULL),
        ("whoisxml", SubmitMethod.JSON),
    }
    assert Door("ipqs", SubmitMethod.PULL, "param") in DOORS


def test_a_submission_is_accepted_once_with_its_name_and_values(bench: Bench) -> None:
    """By every door the provider takes the values in their order, as one job, for one credit each."""
    values = ["anna@example.com", '"a,b"', "jürgen@exämple.com"]
    submitted = bench.submit(*values)
    (job,) = bench.simulated.jobs.values()
    assert submitted.remote_id == str(job.remote_id)
    assert list(job.spool.values()) == ["anna@example.com", "a,b", "jürgen@exämple.com"]
    assert bench.simulated.ledger[0].rows == len(values)
    if bench.provider.capabilities.name_echo:
        assert submitted.name == job.name == "tk0123456789abcdef-people.csv"


@pytest.mark.parametrize("fault", OPEN_ENDED)
def test_a_submit_with_an_open_end_is_never_taken_as_refused(bench: Bench, fault: str) -> None:
    """Whatever is not a known refusal once everything was sent is `OutcomeUnknown`, within the deadline."""
    kind, details = OPEN_ENDED[fault]
    bench.fault("submit", kind, **details)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as caught:
        bench.provider.submit(bench.part(["anna@example.com"], seconds=0.7))
    assert time.monotonic() - began < 5
    assert caught.value.spent == "unknown"
    assert bench.gate.operations == ["submit"]
    assert bench.simulated.calls["submit"] == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bad_key", CredentialsRejected),
        ("no_credits", OutOfCredits),
        ("throttle_retry_after", Throttled),
        ("http_429", Throttled),
    ],
)
def test_known_refusals_are_definite(bench: Bench, kind: str, expected: type[ProviderError]) -> None:
    """A refusal on the allow-list says that nothing was spent, and nothing was."""
    bench.fault("submit", kind, seconds=7)
    with pytest.raises(expected) as caught:
        bench.submit()
    assert caught.value.spent == "no"
    assert caught.value.retry_after_seconds == (7 if kind == "throttle_retry_after" else None)
    assert bench.simulated.ledger == []


def test_an_account_that_cannot_pay_is_out_of_credits(bench: Bench) -> None:
    """A part larger than the balance is refused as such, and the next smaller one is taken."""
    bench.simulated.knobs.update({"credits": 2})
    with pytest.raises(OutOfCredits):
        bench.submit("a@example.com", "b@example.com", "c@example.com")
    bench.submit("a@example.com", "b@example.com")
    assert bench.provider.credits().balance == 0


@streamed
def test_a_request_that_breaks_halfway_was_not_sent(bench: Bench) -> None:
    """When the provider resets the connection while the body is on its way, nothing can have been accepted."""
    bench.fault("submit", "reset", after_bytes=100_000)
    with pytest.raises(NotSent) as caught:
        bench.provider.submit(bench.part((f"{number:0200}@example.com" for number in range(50_000)), seconds=20))
    assert caught.value.spent == "no"
    assert bench.simulated.ledger == []


@streamed
def test_a_provider_that_stops_reading_runs_into_the_send_timeout(bench: Bench) -> None:
    """A peer that takes no more bytes ends the submit after the send timeout, well before the deadline, as not sent."""
    bench.fault("submit", "hang", seconds=60)
    provider = bench.adapter(timeouts={"connect_seconds": 2, "send_seconds": 0.5, "read_seconds": 2})
    began = time.monotonic()
    with pytest.raises(NotSent, match="time ran out while sending"):
        provider.submit(bench.part((f"{number:0200}@example.com" for number in range(50_000)), seconds=60))
    assert time.monotonic() - began < 20


def test_nobody_there_means_not_sent(bench: Bench) -> None:
    """A submit to an address where nobody listens was not sent; a reading call finds the provider unavailable."""
    provider = build(bench.account(f"http://127.0.0.1:{unused_port()}"), bench.gate, bench.notes)
    with pytest.raises(NotSent):
        provider.submit(bench.part(["a@example.com"]))
    with pytest.raises(Unavailable):
        provider.credits()
    assert bench.notes.calls == [("submit", "connection"), ("credits", "connection")]


def test_a_failed_handshake_means_not_sent(bench: Bench) -> None:
    """A server that does not speak TLS where it should gets nothing to see."""
    provider = build(bench.account(bench.server.base_url.replace("http:", "https:")), bench.gate, bench.notes)
    with pytest.raises(NotSent, match="encryption"):
        provider.submit(bench.part(["a@example.com"]))
    with pytest.raises(Unavailable):
        provider.list_page()
    assert bench.calls == 0


def test_a_handshake_without_end_is_cut_at_the_deadline(bench: Bench) -> None:
    """A peer that accepts the connection and then says nothing cannot hold a submit beyond its deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        provider = build(bench.account(address), bench.gate, bench.notes)
        began = time.monotonic()
        with pytest.raises(NotSent, match="time ran out"):
            provider.submit(bench.part(["a@example.com"], seconds=0.4))
        assert time.monotonic() - began < 2
    assert bench.notes.calls == [("submit", "timeout")]


def test_what_does_not_fit_is_refused_before_it_is_sent(bench: Bench) -> None:
    """A kind that the provider does not take, and a part with nothing in it, cost no call."""
    foreign = set(Kind) - bench.provider.capabilities.kinds
    for part in (*(bench.part(["x"], kind=kind) for kind in sorted(foreign)), bench.part([])):
        with pytest.raises(Refused):
            bench.provider.submit(part)
    assert (bench.gate.operations, bench.calls) == ([], 0)


@streamed
def test_a_missing_file_is_not_sent(bench: Bench) -> None:
    """A part whose staged file has gone is not sent, and says so."""
    part = bench.part(["a@example.com"])
    part.path.unlink()
    with pytest.raises(NotSent, match="missing"):
        bench.provider.submit(part)
    assert bench.calls == 0


def test_a_method_that_the_provider_has_not_is_refused_before_it_is_sent(bench: Bench) -> None:
    """A submission by another method than the capabilities have costs no call and no credit."""
    part = bench.part(["a@example.com"])
    for method in set(SubmitMethod) - set(bench.provider.capabilities.submit_methods):
        with pytest.raises(Refused, match=f"method {method}"):
            bench.provider.submit(replace(part, method=method, url="https://example.com/list.csv"))
    assert (bench.gate.operations, bench.calls) == ([], 0)


@pytest.mark.parametrize("url", [None, "", "list.csv", "file:///etc/passwd", "//example.com/list.csv"])
@pulled
def test_a_pull_needs_a_link_that_can_be_pulled(bench: Bench, url: str | None) -> None:
    """Without the URL of a list, or with one that no provider can follow, nothing is sent."""
    with pytest.raises(Refused, match="URL") as caught:
        bench.provider.submit(replace(bench.part(["a@example.com"]), url=url))
    assert not url or url not in told(caught.value)
    assert (bench.gate.operations, bench.calls) == ([], 0)


@pulled
def test_a_pull_needs_no_file_on_this_machine(bench: Bench) -> None:
    """What is pulled is what the link leads to; the adapter reads no file."""
    part = bench.part(["a@example.com"])
    bench.provider.submit(replace(part, path=part.path / "nowhere"))
    assert len(bench.files.heard) == 1


@pulled
def test_a_pull_that_fails_stays_open(bench: Bench) -> None:
    """A refusal that quotes the list's link in any way is repeated without it, and closes no attempt."""
    bench.simulated.knobs.update({"pull_fails": True})
    with pytest.raises(OutcomeUnknown):
        bench.submit()
    part = bench.part(["a@example.com"])
    bench.fault("submit", "refuse", text=f"No file at {part.url}, that is: signature={LINK_SECRET[:20]}")
    with pytest.raises(OutcomeUnknown) as whole:
        bench.provider.submit(part)
    bench.fault("submit", "refuse", text="No file at /list.csv?sig=k33p for anna:pa55")
    with pytest.raises(OutcomeUnknown) as pieces:
        bench.provider.submit(replace(part, url="http://anna:pa55@127.0.0.1/list.csv?sig=k33p"))
    assert LINK_SECRET not in repr(part) + told(whole.value)
    assert "No file at /list.csv?<hidden> for <hidden>;" in str(pieces.value)
    assert bench.files.heard == []


def unused_port() -> int:
    """A port on which nobody listened a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port

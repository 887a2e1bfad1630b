"""Traces of the line, as a collector on loopback receives them."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from config.redaction import redactor
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, running_line
from tests.builders.otlp_receiver import OtlpReceiver
from worker.core.states import UploadState
from worker.core.values import Trace
from worker.store.errors import Stale
from worker.tracing.otel import CLOSE_SECONDS, LINK_AFTER_SECONDS, SEND_SECONDS, OtelSpans
from worker.tracing.spans import Step

if TYPE_CHECKING:
    from pathlib import Path

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
GIVEN = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01", "tracestate": "vendor=t61rcWkgMzE"}
LIST = "email\nann@example.com\nbob@example.com\n"
#: The steps of an upload, each of which is a span.
STEPS = ("intake", "prepare", "submit", "collect", "deliver")


def test_the_steps_of_an_upload_are_spans_of_its_producers_trace(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """Each step is a child of the producer's span, each call a child of its step, a poll has a link; none has a key."""
    with OtlpReceiver() as receiver:
        with running_line(tmp_path, redis_url, broker_url, traces_url=receiver.url) as line:
            line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id="crm-list", trace=GIVEN)
            line.finish("crm-list")
            assert line.upload("crm-list").state is UploadState.COMPLETED
        received = receiver.received
    for step in STEPS:
        spans = received.named(step)
        assert {(span.trace_id, span.parent_id) for span in spans} == {(TRACE_ID, PARENT_ID)}, step
        assert {span.attributes["bulkverify.account"] for span in spans} == {"ipqs-main"}
    for step in STEPS[1:]:
        assert all(float(span.attributes["bulkverify.queue_wait_seconds"]) >= 0 for span in received.named(step)), step
    (call,) = received.named("ipqs submit")
    assert (call.trace_id, call.attributes["bulkverify.outcome"], call.error) == (TRACE_ID, "2xx", "")
    assert call.parent_id in {span.span_id for span in received.named("submit")}
    polls = received.named("poll")
    assert any(TRACE_ID in span.links for span in polls)
    assert all(span.trace_id != TRACE_ID for span in polls)
    for secret in (IPQS_KEY, WHOISXML_KEY, "ann@example.com", "crm-list", "list.csv", "http"):
        assert not any(secret.encode() in body for body in received.bodies), secret


def test_an_upload_without_a_trace_gets_one_from_intake(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """All steps of an upload are one trace, whether its producer has traces or not."""
    with OtlpReceiver() as receiver:
        with running_line(tmp_path, redis_url, broker_url, traces_url=receiver.url) as line:
            line.submit(line.file("list.csv", LIST), "whoisxml-main", upload_id="list")
            line.finish("list")
        (intake,) = receiver.received.named("intake")
        for step in STEPS[1:]:
            spans = receiver.received.named(step)
            assert {(span.trace_id, span.parent_id) for span in spans} == {(intake.trace_id, intake.span_id)}, step
    assert intake.parent_id == ""


def test_a_step_of_a_later_day_has_a_link() -> None:
    """A trace that would last for days ends; what comes later leads back to it."""
    with OtlpReceiver() as receiver:
        spans = OtelSpans(receiver.url, "host:1:aa")
        old = time.time() - LINK_AFTER_SECONDS - 60
        with spans.step(Step("collect", trace=Trace.model_validate(GIVEN), created_at=old)):
            pass
        spans.close()
        (span,) = receiver.received.spans
    assert span.trace_id != TRACE_ID
    assert (span.parent_id, span.links) == ("", (TRACE_ID,))


@pytest.mark.parametrize(("error", "told"), [(ValueError("ann@example.com"), "ValueError"), (Stale("raced"), "")])
def test_an_error_is_told_by_its_name_alone(error: Exception, told: str) -> None:
    """An exception's text stays where it is, and a race is no error."""
    with OtlpReceiver() as receiver:
        spans = OtelSpans(receiver.url, "host:1:aa")
        with pytest.raises(type(error)), spans.step(Step("submit")):
            raise error
        spans.close()
        (span,) = receiver.received.spans
        assert not any(str(error).encode() in body for body in receiver.received.bodies if str(error) != "raced")
    assert span.error == told


def test_a_known_secret_is_masked_in_a_span() -> None:
    """Should a key ever get among the words, it is stopped here as in a log line."""
    redactor.register(SecretStr("CANARY0key0of0the0trace0tests"))
    with OtlpReceiver() as receiver:
        spans = OtelSpans(receiver.url, "host:1:aa")
        with spans.step(Step("poll", account="CANARY0key0of0the0trace0tests")):
            spans.call("ipqs", "CANARY0key0of0the0trace0tests", "list", "timeout", 0.25)
        spans.close()
        received = receiver.received
    assert not any(b"CANARY" in body for body in received.bodies)
    (call,) = received.named("ipqs list")
    (step,) = received.named("poll")
    assert (call.parent_id, call.error) == (step.span_id, "timeout")
    assert call.seconds == pytest.approx(0.25, abs=0.01)


def test_a_nonsensical_trace_is_none() -> None:
    """The trace of all zeros, which the standard forbids, begins a trace of its own."""
    with OtlpReceiver() as receiver:
        spans = OtelSpans(receiver.url, "host:1:aa")
        with spans.step(Step("submit", trace=Trace(traceparent=f"00-{'0' * 32}-{'0' * 16}-01"))):
            pass
        spans.close()
        (span,) = receiver.received.spans
    assert span.parent_id == ""
    assert set(span.trace_id) != {"0"}


def test_a_collector_that_never_answers_holds_up_nothing() -> None:
    """Steps go on at once, and the end of the process waits for a bounded time."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        spans = OtelSpans(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces", "host:1:aa")
        began = time.monotonic()
        for _ in range(100):
            with spans.step(Step("submit")):
                pass
        assert time.monotonic() - began < 1.0
        spans.close()
        assert time.monotonic() - began < CLOSE_SECONDS + SEND_SECONDS + 5.0

"""Traces where nobody wants them, where they cannot be made, and where a producer has some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider

from config.errors import ExtraMissing
from config.redaction import redactor
from config.settings import Settings
from producers.errors import RequestInvalid
from producers.identity import request_digest
from producers.request import from_fields
from producers.trace import current_trace
from worker.core.values import Trace
from worker.tracing.opening import open_spans
from worker.tracing.spans import Spans, Step

ROOT = Path(__file__).parents[2]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WANTED = Settings.model_validate({"traces_url": "http://127.0.0.1:9/v1/traces"})
#: Runs a worker where OpenTelemetry cannot be imported.
WITHOUT_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from worker.cli.main import main
sys.argv = ["bulkverify", "run", "worker"]
main()
"""


def request(**trace: str) -> dict[str, object]:
    """The fields of a request that has a trace."""
    return {"version": 1, "account": "main", "kind": "email", "source": {"path": "/list.csv"}, "trace": trace}


def test_without_the_setting_there_are_no_spans() -> None:
    """What makes spans is not even loaded by default, and steps go on."""
    program = """
import sys
from config.settings import Settings
from worker.tracing.opening import open_spans
import worker.wiring
with open_spans(Settings(), "host:1:aa").step(None): pass
print("worker.tracing.otel" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_no_spans_change_nothing() -> None:
    """The hooks of a process without traces: errors pass, and a trace stays what it was."""
    spans, given = Spans(), Trace(traceparent=TRACEPARENT)
    with pytest.raises(ValueError, match="passes"), spans.step(Step("submit")):
        raise ValueError("passes")
    spans.call("ipqs", "main", "list", "2xx", 0.1)
    spans.serves([given])
    assert spans.begun(given) is given
    spans.close()


def test_traces_without_the_extra_are_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants traces and has no OpenTelemetry is told which variable it is, and what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ExtraMissing, match=r"(?s)BULKVERIFY_TRACES_URL is set.*pip install 'bulkverify\[otel\]'"):
        open_spans(WANTED, "host:1:aa")


def test_a_process_without_the_extra_ends_with_the_remedy(tmp_path: Path) -> None:
    """The worker ends at once, with the exit code of a configuration error, before it asks anything of Redis."""
    environ = {"BULKVERIFY_TRACES_URL": "http://127.0.0.1:9/v1/traces", "BULKVERIFY_REDIS_URL": "redis://127.0.0.1:9/0"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA],
        cwd=ROOT,
        env=environ | {"BULKVERIFY_HOME": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "pip install 'bulkverify[otel]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_headers_for_a_collector_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenTelemetry reads from its own variables is masked in every sink."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=blue,api-key=Canary0OfACollector0Key")
    open_spans(WANTED, "host:1:aa").close()
    assert redactor.redact("sent with Canary0OfACollector0Key") == "sent with [redacted]"


def test_a_producer_that_uses_opentelemetry_gives_its_current_span() -> None:
    """The span in which a request is made is the parent of what the workers do; outside of any there is none."""
    assert current_trace() == {}
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("application")
    with tracer.start_as_current_span("newsletter") as span:
        ids = span.get_span_context()
        trace_id, span_id = otel.format_trace_id(ids.trace_id), otel.format_span_id(ids.span_id)
        assert current_trace()["traceparent"].startswith(f"00-{trace_id}-{span_id}-")


def test_a_trace_makes_no_other_request() -> None:
    """A request that is sent again from another span is the same request."""
    one = from_fields(request(correlation_id="req-1", traceparent=TRACEPARENT))
    other = from_fields(request(correlation_id="req-2"))
    assert request_digest(one) == request_digest(other)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("correlation_id", "two words"),
        ("correlation_id", "x" * 101),
        ("traceparent", "00-abc-def-01"),
        ("traceparent", TRACEPARENT.upper()),
        ("tracestate", "x" * 513),
        ("tracestate", "line\nbreak"),
        ("baggage", "unknown"),
    ],
)
def test_a_trace_that_cannot_be_carried_is_refused(field: str, value: str) -> None:
    """What would not fit into a header or a log line is named with its field."""
    with pytest.raises(RequestInvalid, match=f"trace.{field}"):
        from_fields(request(**{field: value}))

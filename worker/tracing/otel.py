"""Spans by OpenTelemetry, sent as OTLP over HTTP from a thread of their own: a slow collector holds up no step.

What they carry are words of which there are few, and it goes through the redactor like every other text; errors are
told by the name of their class. A step belongs to the trace of its upload, however many hours the provider takes. After
`LINK_AFTER_SECONDS` it begins a trace of its own, which has a link to that one: few tools show a trace of several days.

Known limitation: spans that do not fit into the queue while the collector is away are dropped.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from itertools import islice
from threading import Timer
from typing import TYPE_CHECKING

from dramatiq.middleware import CurrentMessage
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from config.redaction import redactor
from config.version import version
from worker.store.errors import Stale
from worker.tracing.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.core.values import Trace
    from worker.tracing.spans import Step

#: Seconds after the beginning of an upload from which on its steps begin traces of their own.
LINK_AFTER_SECONDS = 86_400.0
#: Most links of one span: a turn of looks may serve a thousand parts.
LINKS_MAX = 32
#: Spans that wait to be sent, at most; of some hundred bytes each.
QUEUE_SPANS_MAX = 2_048
#: Seconds that one sending may take, with all its repetitions, and that all of them have at the end of a process; both
#: together are below what a process gets to end its threads.
SEND_SECONDS = 3.0
CLOSE_SECONDS = 1.5
#: Outcomes of a call that are no errors.
GOOD_OUTCOMES = frozenset({"2xx", "3xx"})
#: What the spans' attributes are called.
_PREFIX = "bulkverify."

_propagator = TraceContextTextMapPropagator()


class OtelSpans(Spans):
    """The spans of one process."""

    def __init__(self, url: str, process: str) -> None:
        """Spans go to `url`; `process` names this one among others."""
        names = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "bulkverify")}
        resource = Resource.create(names | {"service.version": version(), "service.instance.id": process})
        self._exporter = OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter, max_queue_size=QUEUE_SPANS_MAX))
        self._tracer = self._provider.get_tracer("bulkverify", version())

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """A span that is a child of the producer's, or has a link to it; errors pass through it."""
        upload = _context_of(step.trace)
        late = step.created_at < time.time() - LINK_AFTER_SECONDS
        words = {"lane": step.lane, "account": step.account, "provider": step.provider, "kind": step.kind}
        with (
            self._tracer.start_as_current_span(
                step.lane,
                context=Context() if late else upload,
                kind=otel.SpanKind.CONSUMER,
                attributes=_attributes(words) | _waited(),
                links=_links([upload]) if late else [],
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            bound_contextvars(**_ids(span.get_span_context())),
        ):
            try:
                yield
            except Stale:
                span.set_attributes(_attributes({"outcome": "raced"}))
                raise
            except Exception as error:
                span.set_status(otel.StatusCode.ERROR, type(error).__name__)
                raise

    def call(self, provider: str, account: str, operation: str, outcome: str, seconds: float) -> None:
        """A span of the call, which has ended now; a child of the present step's."""
        ended_nanoseconds = time.time_ns()
        words = {"provider": provider, "account": account, "operation": operation, "outcome": outcome}
        span = self._tracer.start_span(
            f"{provider} {operation}",
            kind=otel.SpanKind.CLIENT,
            attributes=_attributes(words),
            start_time=ended_nanoseconds - int(seconds * 1e9),
        )
        if outcome not in GOOD_OUTCOMES:
            span.set_status(otel.StatusCode.ERROR, outcome)
        span.end(ended_nanoseconds)

    def serves(self, traces: Iterable[Trace]) -> None:
        """Links from the present step's span to those traces, of which there may be more than are linked."""
        known = {trace.traceparent: trace for trace in traces if trace.traceparent}
        for link in _links(map(_context_of, islice(known.values(), LINKS_MAX))):
            otel.get_current_span().add_link(link.context)

    def begun(self, trace: Trace) -> Trace:
        """The present step's trace where none was given."""
        carrier: dict[str, str] = {}
        if not trace.traceparent:
            _propagator.inject(carrier)
        return trace.model_copy(update=carrier)

    def close(self) -> None:
        """Send what waits, and give up the rest after `CLOSE_SECONDS`."""
        giving_up = Timer(CLOSE_SECONDS, self._exporter.shutdown)
        giving_up.daemon = True
        giving_up.start()
        self._provider.shutdown()
        giving_up.cancel()


def _context_of(trace: Trace) -> Context:
    """The producer's span; an empty context where it gave none, or one that makes no sense."""
    carrier = {"traceparent": trace.traceparent, "tracestate": trace.tracestate}
    return _propagator.extract(carrier, context=Context())


def _links(contexts: Iterable[Context]) -> list[otel.Link]:
    found = (otel.get_current_span(context).get_span_context() for context in contexts)
    return [otel.Link(span) for span in found if span.is_valid]


def _attributes(words: dict[str, str]) -> dict[str, str | float]:
    return {f"{_PREFIX}{name}": redactor.redact(word, sink="trace") for name, word in words.items() if word}


def _waited() -> dict[str, str | float]:
    """How long the step's message was ready before it was taken, seconds; nothing outside a message."""
    message = CurrentMessage.get_current_message()
    ready_at = None if message is None else message.options.get("ready_at")
    if not isinstance(ready_at, int | float):
        return {}
    return {f"{_PREFIX}queue_wait_seconds": round(max(time.time() - ready_at, 0.0), 6)}


def _ids(span: otel.SpanContext) -> dict[str, str]:
    return {"trace_id": otel.format_trace_id(span.trace_id), "span_id": otel.format_span_id(span.span_id)}

"""What ties an upload to what its producer does: an id of its own, and the trace that the request belongs to.

Where an application uses OpenTelemetry, the span that is current when a request is made is taken, unless it says other.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

from pydantic import Field

from producers.checked import Checked

#: What a producer's own id may look like: 1 to 100 characters of those that ids are made of.
CORRELATION_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@/=+-]{0,99}$"
#: How W3C Trace Context writes a trace and the span in it (documented: W3C Recommendation, §3.2).
TRACEPARENT_PATTERN = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
#: Printable ASCII, and the characters that everybody has to pass on (documented: W3C Recommendation, §3.3).
TRACESTATE_PATTERN = r"^[\x20-\x7e]*$"
TRACESTATE_CHARS_MAX = 512

#: Modules of OpenTelemetry: the first is there in every application that has spans, the second writes them as text.
_TRACING = "opentelemetry.trace"
_PROPAGATOR = "opentelemetry.trace.propagation.tracecontext"


class Trace(Checked):
    """What the log lines, events and spans of an upload have in common with those of its producer. Holds no secret."""

    correlation_id: Annotated[
        str | None,
        Field(
            description="The producer's own id: the upload's log lines, events, record and manifest carry it.",
            pattern=CORRELATION_ID_PATTERN,
            examples=["req-7f3a"],
        ),
    ] = None
    traceparent: Annotated[
        str | None,
        Field(
            description="The trace and the span that the request belongs to, as W3C Trace Context writes them.",
            pattern=TRACEPARENT_PATTERN,
            examples=["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        ),
    ] = None
    tracestate: Annotated[
        str | None,
        Field(
            description="What tracing systems add to that, as W3C Trace Context writes it.",
            pattern=TRACESTATE_PATTERN,
            max_length=TRACESTATE_CHARS_MAX,
            examples=["vendor=t61rcWkgMzE"],
        ),
    ] = None


def current_trace() -> dict[str, str]:
    """`traceparent` and `tracestate` of OpenTelemetry's current span; nothing where nobody in this process uses it."""
    if _TRACING not in sys.modules:
        return {}
    carrier: dict[str, str] = {}
    import_module(_PROPAGATOR).TraceContextTextMapPropagator().inject(carrier)
    if len(carrier.get("tracestate", "")) > TRACESTATE_CHARS_MAX:
        del carrier["tracestate"]
    return carrier

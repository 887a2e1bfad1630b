"""A receiver of OTLP over HTTP on loopback: it decodes what it is sent, as a collector does."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.builders.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

#: Where OTLP's spans are sent (documented: OTLP specification, default URL path).
PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Span:
    """One span that has arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    #: Trace ids of its links.
    links: tuple[str, ...]
    attributes: Mapping[str, str | float]
    #: What went wrong, empty where nothing did.
    error: str
    seconds: float


@dataclass
class Received:
    """Everything that has arrived."""

    spans: list[Span] = field(default_factory=list)
    #: The bodies as they came, and the headers of each.
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """The spans of that name, in the order of their arrival."""
        return [span for span in self.spans if span.name == name]


class OtlpReceiver(LoopbackServer):
    """A context: takes spans at `url`."""

    def __init__(self) -> None:
        self.received = Received()
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.received)))

    @property
    def url(self) -> str:
        """Where spans are to be sent."""
        return f"http://127.0.0.1:{self.port}{PATH}"


def _handler(received: Received) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == PATH
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ExportTraceServiceRequest.FromString(body)
            received.bodies.append(body)
            received.headers.append(dict(self.headers))
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    received.spans += map(_span, scope.spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _span(sent: SentSpan) -> Span:
    return Span(
        name=sent.name,
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        links=tuple(link.trace_id.hex() for link in sent.links),
        attributes={
            attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value")))
            for attribute in sent.attributes
        },
        error=sent.status.message if sent.status.code == sent.status.STATUS_CODE_ERROR else "",
        seconds=(sent.end_time_unix_nano - sent.start_time_unix_nano) / 1e9,
    )

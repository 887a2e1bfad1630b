"""Serves `/metrics`, `/healthz` (this process lives) and `/readyz` (Redis answers) over HTTP."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Self

import redis
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from worker.core.states import Lane
from worker.exporter.collector import Configured, StateCollector
from worker.exporter.errors import CannotListen
from worker.exporter.failures import Failures
from worker.exporter.processes import ProcessCollector
from worker.exporter.queues import Queues
from worker.store.census import Census
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings

log = structlog.get_logger(__name__)

#: Longest wait for one answer of Redis, seconds; a scrape meets at most two databases that are away.
REDIS_SECONDS_MAX = 2.0
#: Longest wait for the next bytes of a request, seconds.
CLIENT_SECONDS = 5.0
#: Most requests answered at the same time; further connections are closed.
REQUESTS_MAX = 16
#: Seconds between two looks at whether to stop.
STOP_LOOK_SECONDS = 0.1


class Exporter:
    """One HTTP server over the metrics of one installation. Use it as a context manager, or call `start` and `stop`."""

    def __init__(
        self, settings: Settings, providers: Mapping[str, str], budgets_rows: Mapping[str, int] | None = None
    ) -> None:
        """`settings` name both Redis databases; `providers`, `budgets_rows`: of each configured account that has it."""
        if settings.redis_url is None or settings.broker_url is None:
            raise ValueError("The exporter needs the URL of a Redis server: settings.on_server(url).")
        timeout_seconds = min(settings.redis_timeout_seconds, REDIS_SECONDS_MAX)
        self._wanted = (settings.metrics_host, settings.metrics_port)
        self._clients = {
            "state": connect(settings.redis_url, timeout_seconds),
            "broker": connect(settings.broker_url, timeout_seconds),
        }
        failures = Failures()
        self._registry = CollectorRegistry()
        self._registry.register(ProcessCollector(settings.metrics_dir, failures))
        self._registry.register(
            StateCollector(
                Census(Store(self._clients["state"])),
                Queues(self._clients["broker"], tuple(Lane)),
                failures,
                Configured(
                    providers=providers,
                    budgets_rows=budgets_rows or {},
                    grace_seconds=settings.rearm_grace_seconds,
                    silence_seconds=settings.heartbeat_timeout_seconds,
                    reconcile_period_seconds=settings.reconcile_period_seconds,
                ),
            )
        )
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port: where it listens, or is to listen; port 0 becomes the real one once it does."""
        if self._server is None:
            return self._wanted
        host, port, *_ = self._server.server_address
        return str(host), int(port)

    def start(self) -> None:
        """Listen and answer, in threads of its own. Raises `CannotListen`."""
        host, port = self._wanted
        try:
            self._server = _Server(self, host, port)
        except OSError as error:
            raise CannotListen(
                f"The exporter cannot listen at {host} port {port}: {error.strerror or type(error).__name__}. Set "
                "BULKVERIFY_METRICS_HOST to an address of this host and BULKVERIFY_METRICS_PORT to a free port."
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_LOOK_SECONDS,), name="exporter", daemon=True
        )
        self._thread.start()
        log.info("exporter_started", host=self.address[0], port=self.address[1])

    def stop(self) -> None:
        """Stop listening and close the connections to Redis; harmless when it does not run."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """The page of metrics in the format that `accept` prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def unready(self) -> list[str]:
        """The databases that do not answer."""
        return [name for name, client in self._clients.items() if not _answers(client)]


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, exporter: Exporter, host: str, port: int) -> None:
        self.exporter = exporter
        self._places = threading.BoundedSemaphore(REQUESTS_MAX)
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in socketserver
        """Answer in a thread of its own, if there is a place for one more."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            log.warning("exporter_request_refused", reason="too_many_at_once", most=REQUESTS_MAX)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in socketserver
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as in socketserver
        """Log what nobody foresaw; a client that went away is no news."""
        error = sys.exception()
        if isinstance(error, (ConnectionError, TimeoutError)):
            log.debug("exporter_client_gone", error=type(error).__name__)
        else:
            log.error("exporter_request_failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "bulkverify"
    sys_version = ""
    timeout = CLIENT_SECONDS

    def do_GET(self) -> None:
        exporter = self.server.exporter
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, *exporter.metrics(self.headers.get("Accept", "")))
            case "/healthz":
                self._say(HTTPStatus.OK, "ok")
            case "/readyz":
                unready = exporter.unready()
                status = HTTPStatus.SERVICE_UNAVAILABLE if unready else HTTPStatus.OK
                self._say(status, f"no answer from the databases: {', '.join(unready)}" if unready else "ok")
            case _:
                self._say(HTTPStatus.NOT_FOUND, "try /metrics, /healthz or /readyz")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
        """Requests are not worth more than a debug event."""
        log.debug("exporter_request", request=format % args)

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

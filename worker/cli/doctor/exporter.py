"""Checks of what alerts live on: the exporter answers, and reads both databases."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import requests

from worker.cli.health.check import ok, problem, unknown, warning
from worker.http_session import plain_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from worker.cli.health.check import Check

AREA = "exporter"
#: Seconds that an answer may take: so long Prometheus waits.
ANSWER_SECONDS_MAX = 10.0
#: Bytes of a page that are read.
PAGE_BYTES_MAX = 16 * 2**20
#: Bytes that are read at a time.
PIECE_BYTES = 2**16
#: Addresses at which a server listens on every one that its host has, and one of these.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here; it is what the exporter may do
#: The sample that says whether a database answered.
REDIS_UP = "bulkverify_redis_up{"


class Page(NamedTuple):
    """An answer of the exporter."""

    status: int
    text: str


def exporter_checks(settings: Settings) -> Iterator[Check]:
    """`/readyz` and `/metrics`, asked as Prometheus asks them."""
    if not settings.metrics_port:
        text = "BULKVERIFY_METRICS_PORT is 0: the exporter takes any free port, and nobody knows which"
        yield unknown(AREA, "answers", text, "Set it to a port that Prometheus can be told.")
        return
    origin = _origin(settings)
    try:
        with plain_session(connections=1) as session:
            ready, metrics = (_page(session, origin + path) for path in ("/readyz", "/metrics"))
    except requests.RequestException as error:
        text = f"no exporter answers at {origin} ({type(error).__name__}), so that no alert can fire"
        remedy = "Start it: `bulkverify up`, or `bulkverify run exporter`; or run this where it is, with its settings."
        yield warning(AREA, "answers", text, remedy)
        return
    yield from page_checks(origin, ready, metrics)


def page_checks(origin: str, ready: Page, metrics: Page) -> Iterator[Check]:
    """What the two answers mean."""
    look = (
        "Look at the exporter's log, and at what else listens there: BULKVERIFY_METRICS_HOST, BULKVERIFY_METRICS_PORT."
    )
    if ready.status == HTTPStatus.OK:
        yield ok(AREA, "ready", f"{origin} is ready")
    else:
        yield problem(AREA, "ready", f"{origin} is not ready: {ready.text[:200].strip()}", look)
    told = [line.rpartition(" ")[2] for line in metrics.text.splitlines() if line.startswith(REDIS_UP)]
    if metrics.status != HTTPStatus.OK or not told:
        yield problem(AREA, "metrics", f"{origin}/metrics has no metrics of bulkverify", look)
    elif any(float(value) != 1 for value in told):
        yield problem(AREA, "metrics", f"{origin}/metrics says that a database does not answer the exporter", look)
    else:
        yield ok(AREA, "metrics", f"{origin}/metrics has the metrics that alerts live on")


def _page(session: requests.Session, url: str) -> Page:
    until = time.monotonic() + ANSWER_SECONDS_MAX
    with session.get(url, timeout=ANSWER_SECONDS_MAX, allow_redirects=False, stream=True) as answer:
        body = bytearray()
        for piece in answer.iter_content(PIECE_BYTES):
            body += piece
            if len(body) >= PAGE_BYTES_MAX:
                break
            if time.monotonic() > until:
                raise requests.Timeout(f"no whole answer within {ANSWER_SECONDS_MAX:g} s")
        return Page(answer.status_code, body.decode("utf-8", "replace"))


def _origin(settings: Settings) -> str:
    host = EVERYWHERE.get(settings.metrics_host, settings.metrics_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.metrics_port}"

"""The dashboards on a real installation that a real Prometheus watches: every panel has something to show."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from tests.builders.dashboards.answers import Span
from tests.builders.dashboards.asked import dashboards
from tests.builders.dashboards.picture import draw_all
from tests.builders.deadline import wait_until
from tests.builders.observed.site import an_observed_site
from tests.builders.promtool import needs_prometheus

if TYPE_CHECKING:
    from tests.builders.observed.site import Observed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240), needs_prometheus]

#: Where a run leaves the pictures, for people to look at.
PICTURES = Path(__file__).parents[2] / "build" / "dashboards"
#: The limit of Redis's memory, so that there is a share of it to show.
MEMORY_BYTES = 200_000_000
#: Lists that each account gets in each round, and rounds.
LISTS, ROUNDS = 2, 4
#: Seconds that Prometheus gets to see what has happened.
SEEN_SECONDS = 60.0
#: Bytes that a picture of a dashboard has at least, and at most.
PICTURE_BYTES_MIN, PICTURE_BYTES_MAX = 20_000, 250_000


def rows(upload_id: str) -> list[str]:
    """Rows of a list, one of them twice."""
    return [f"{upload_id}{number % 9}@example.com" for number in range(10)]


def much_happens(site: Observed) -> None:
    """Lists go through every account; one provider throttles, one says what nobody knows, at last of jobs that stay."""
    # What was counted before the first scrape is no increase.
    seen(site, "bulkverify_build_info")
    with site.redis.client() as server:
        server.config_set("maxmemory", MEMORY_BYTES)
        server.xadd(UPLOADS_STREAM, {REQUEST_FIELD: "no JSON"})
    calm = [site.submit(f"from-{account}", account, "one@example.com") for account in ("calm-ipqs", "calm-whoisxml")]
    throttled, knobs = site.rough.whoisxml.knobs, site.rough.ipqs.knobs
    throttled.update({"calls_per_second_max": 0, "retry_after_seconds": 2.0})
    seen(site, 'bulkverify_account_paused{reason="throttled"} == 1')
    throttled.update({"calls_per_second_max": None})
    knobs.update({"processing_word": "PONDERING", "job_seconds": 4.0})
    for number in range(ROUNDS):
        names = {f"{at}-{number}-{i}": at for at in ("rough-ipqs", "rough-whoisxml") for i in range(LISTS)}
        site.records.wait_for_uploads("completed", *(site.submit(name, at, *rows(name)) for name, at in names.items()))
    site.records.wait_for_uploads("completed", *calm)
    seen(site, "sum(bulkverify_drift_repaired_total) > 0")
    knobs.update({"job_seconds": 3_600.0})
    site.records.wait_for_parts("submitted", LISTS, *(site.submit(f"slow-{i}", "rough-ipqs") for i in range(LISTS)))
    seen(site, f'bulkverify_drift_open_findings{{class="unknown_status", account="rough-ipqs"}} == {LISTS}')
    seen(site, f'sum(bulkverify_parts{{state="submitted"}}) == {LISTS}')


def seen(site: Observed, expression: str) -> None:
    """Return when the expression has a value in Prometheus."""
    wait_until(lambda: site.prometheus.values(expression) != [], seconds=SEEN_SECONDS, what=expression)


def test_every_panel_shows_something(tmp_path: Path) -> None:
    """No query of any panel is empty where much has happened, and every dashboard can be drawn from the answers."""
    with an_observed_site(tmp_path) as site:
        began = time.time()
        much_happens(site)
        site.prometheus.wait_for("BulkVerifyUnknownStatus", account="rough-ipqs")
        span = Span(site.prometheus.url, began, time.time())
        blanks = [f"{uid}, {blank}" for uid, board in dashboards().items() for blank in span.blanks(board)]
        pictures = draw_all(span, PICTURES)
    assert blanks == []
    assert len(pictures) == len(dashboards())
    for picture in pictures:
        assert PICTURE_BYTES_MIN < picture.stat().st_size < PICTURE_BYTES_MAX
        with Image.open(picture) as image:
            assert image.width > 1_400

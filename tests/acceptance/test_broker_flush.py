"""The broker's database holds hints only: losing all of it, again and again, costs time and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.site import EMAILS, IPS, PART_ROWS, running_site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.installation import Records

#: What an upload goes through, each time for a hint that may be lost.
STEPS = ("prepare", "submit", "poll", "collect", "deliver")

pytestmark = pytest.mark.processes


class Flushing:
    """Empties the broker's database after every step that is seen in the records, so that the next is not hinted at."""

    def __init__(self, broker: redis.Redis, records: Records) -> None:
        self._broker = broker
        self._records = records
        self._seen: dict[str, str] = {}
        #: Times that the database was emptied when there was something in it.
        self.losses = 0

    def until_all(self, state: str, number: int, *upload_ids: str) -> None:
        """Go on until that number of the uploads or their parts are in `state`."""

        def all_there() -> bool:
            self._flush_after_step(upload_ids)
            return list(self._seen.values()).count(state) == number

        wait_until(all_there, seconds=WORK_SECONDS, what=f"{number} {state} in spite of lost hints")

    def _flush_after_step(self, upload_ids: tuple[str, ...]) -> None:
        states = self._records.states(*upload_ids)
        if states != self._seen:
            self._seen = states
            self.losses += bool(self._broker.dbsize())
            self._broker.flushdb()


def test_flushing_the_broker_costs_time_only(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With the queues emptied after each step, all uploads are completed row for row, and each part is charged once."""
    with (
        running_site(tmp_path, redis_url=redis_url, broker_url=broker_url) as site,
        redis.Redis.from_url(broker_url) as broker,
    ):
        flushing = Flushing(broker, site.records)
        first = (
            site.submit("at-ipqs", "ipqs-main", "proxy", *IPS),
            site.submit("at-whoisxml", "whoisxml-main", "email", *EMAILS[:PART_ROWS]),
        )
        flushing.until_all("submitted", 2, *first)
        second = site.submit("in-parts", "ipqs-main", "email", *EMAILS)
        flushing.until_all("submitted", 5, *first, second)
        site.providers.finish_jobs()
        flushing.until_all("completed", 3, *first, second)

        assert flushing.losses > len(STEPS)
        assert any(entry["event"] == "rearmed" for entry in site.installation.log())
        assert site.providers.charges == site.records.spent(*first, second)
        site.assert_verified("at-ipqs", *IPS)
        site.assert_verified("at-whoisxml", *EMAILS[:PART_ROWS])
        site.assert_verified("in-parts", *EMAILS)

"""The broker's database holds hints only: losing all of it, again and again, costs time and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import redis

from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.site import EMAILS, IPS, PART_ROWS, running_site
from worker.core.states import Lane

if TYPE_CHECKING:
    from pathlib import Path

#: The lanes that an upload goes through until its jobs run at the provider, and after they have ended.
BEFORE, AFTER = (Lane.PREPARE, Lane.SUBMIT, Lane.POLL), (Lane.COLLECT, Lane.DELIVER)
#: Times that the database is emptied while a hint of a lane is in it and no process has it.
TIMES = 3
#: Uploads of a part each, and one of three.
SHORT = 5

#: Deletes every key if there is a hint of one of the lanes that nobody has fetched; the lanes of all hints lost.
FLUSH_IF_HINTED = """
local lost, wanted = {}, false
local found = {}
for _, kept in ipairs(redis.call('HVALS', 'dramatiq:delayed.numbered.msgs')) do
  found[string.match(kept, '^[^\\n]*')] = true
end
for _, lane in ipairs({'prepare', 'submit', 'poll', 'collect', 'deliver'}) do
  if found[lane] or redis.call('LLEN', 'dramatiq:' .. lane) > 0 then
    table.insert(lost, lane)
    for _, each in ipairs(ARGV) do wanted = wanted or each == lane end
  end
end
if not wanted then return {} end
redis.call('FLUSHDB')
return lost
"""

pytestmark = pytest.mark.processes


class Flushing:
    """Empties the broker's database at moments when that loses a hint."""

    def __init__(self, broker: redis.Redis) -> None:
        self._flush: Any = broker.register_script(FLUSH_IF_HINTED)
        #: Times that the database was emptied with a hint of the lane in it.
        self.lost: Counter[str] = Counter()

    def until_lost(self, *lanes: Lane) -> None:
        """Go on until a hint of each of the lanes was lost `TIMES` times."""

        def all_lost() -> bool:
            missing = [lane for lane in lanes if self.lost[lane] < TIMES]
            self.lost.update(lane.decode() for lane in self._flush(args=missing))
            return not missing

        wait_until(all_lost, seconds=WORK_SECONDS, what=f"hints lost in {', '.join(lanes)}")


def test_flushing_the_broker_costs_time_only(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With the hints of every lane lost several times, all uploads are completed row for row, each charged once."""
    with (
        running_site(tmp_path, redis_url=redis_url, broker_url=broker_url) as site,
        redis.Redis.from_url(broker_url) as broker,
    ):
        flushing = Flushing(broker)
        lists = {f"short-{number}": EMAILS[number : number + PART_ROWS] for number in range(SHORT)}
        uploads = [site.submit(name, "ipqs-main", "email", *rows) for name, rows in lists.items()]
        uploads.append(site.submit("at-ipqs", "ipqs-main", "proxy", *IPS))
        uploads.append(site.submit("at-whoisxml", "whoisxml-main", "email", *EMAILS[:PART_ROWS]))
        uploads.append(site.submit("in-parts", "ipqs-main", "email", *EMAILS))
        flushing.until_lost(*BEFORE)
        site.records.wait_for_parts("submitted", SHORT + 5, *uploads)
        site.providers.finish_jobs()
        flushing.until_lost(*AFTER)
        site.records.wait_for_uploads("completed", *uploads)

        assert set(flushing.lost) == {*BEFORE, *AFTER}
        assert any(entry["event"] == "rearmed" for entry in site.installation.log())
        assert site.providers.charges == site.records.spent(*uploads)
        for name, rows in lists.items():
            site.assert_verified(name, *rows)
        site.assert_verified("at-ipqs", *IPS)
        site.assert_verified("at-whoisxml", *EMAILS[:PART_ROWS])
        site.assert_verified("in-parts", *EMAILS)

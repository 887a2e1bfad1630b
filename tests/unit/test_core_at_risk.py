"""Paid results that the provider is about to delete are told of in time, once."""

from __future__ import annotations

import pytest

from tests.builders.records import NOW, a_part
from worker.core.at_risk import result_ends_at, warned
from worker.core.line import stand
from worker.core.next_step import next_step
from worker.core.part import collect_later
from worker.core.search import NOBODYS
from worker.core.states import PartState

DAY = 86_400.0
RETENTION = 7 * DAY
FINISHED = a_part(state=PartState.FINISHED, remote_id="77", remote_finished_at=NOW)


def test_a_result_is_told_of_when_a_quarter_of_its_time_is_left() -> None:
    """Not before; then with the time at which it goes, counted as drift, and it stands where it would have stood."""
    early = warned(collect_later(FINISHED, NOW + 5.2 * DAY, "own_rate", "", NOW), NOW + 5.2 * DAY, RETENTION)
    assert early.decision == "collect_later"
    before = stand(collect_later(FINISHED, NOW + 5.3 * DAY, "own_rate", "No room.", NOW + 6 * DAY), NOW + 1)
    late = warned(before, NOW + 5.3 * DAY, RETENTION)
    (part,) = late.parts
    assert (late.decision, late.reason) == ("result_at_risk", "uncollected_result")
    assert late.counters == {("parts", "result_at_risk"): 1}
    assert late.stand == before.stand
    assert late.details == {"until": NOW + RETENTION, "waits_for": "own_rate", "message": "No room."}
    assert part == before.parts[0].model_copy(update={"result_ends_at": NOW + RETENTION})


def test_it_is_told_once_for_a_result() -> None:
    """A part that was told of waits on as before; one that is found to have another job is told of for that one."""
    told = FINISHED.model_copy(update={"result_ends_at": NOW + RETENTION})
    change = collect_later(told, NOW + 6 * DAY, "own_rate", "", NOW)
    assert warned(change, NOW + 6 * DAY, RETENTION) is change
    assert NOBODYS["result_ends_at"] is None


@pytest.mark.parametrize("retention", [None, RETENTION])
def test_a_provider_that_deletes_nothing_endangers_nothing(retention: float | None) -> None:
    """Without a retention there is no end, and without an end no warning, however late it is."""
    assert result_ends_at(FINISHED, retention) == (None if retention is None else NOW + RETENTION)
    change = collect_later(FINISHED, NOW + 365 * DAY, "unavailable", "", NOW)
    assert (warned(change, NOW + 365 * DAY, retention) is change) == (retention is None)


@pytest.mark.parametrize("in_line", [True, False])
def test_why_tells_when_the_result_goes(in_line: bool) -> None:
    """In line and out of it, the time is among what is known of the part."""
    part = FINISHED.model_copy(update={"result_ends_at": NOW + RETENTION, "reason": "unavailable"})
    step = next_step(part, NOW, in_line=in_line)
    (fact,) = step.known
    assert fact.what == "the provider deletes its result, which is paid for, at that time"
    assert fact.at == NOW + RETENTION
    assert next_step(FINISHED, NOW, in_line=in_line).known == ()

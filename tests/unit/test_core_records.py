"""Records: which state may follow which, and what a lease does to a record."""

from __future__ import annotations

import pytest

from tests.builders.core_records import LEASE_SECONDS, an_account
from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core.errors import IllegalMove
from worker.core.records import PartRecord, UploadRecord
from worker.core.states import (
    PART_LANES,
    PART_MOVES,
    PART_TERMINAL,
    UPLOAD_LANES,
    UPLOAD_MOVES,
    UPLOAD_TERMINAL,
    PartState,
    UploadState,
)
from worker.core.values import Evidence, Lease, Pause

LATER = NOW + 30


@pytest.mark.parametrize("to", PartState)
@pytest.mark.parametrize("state", PartState)
def test_a_part_moves_only_where_the_table_allows(state: PartState, to: PartState) -> None:
    """A part goes to a state that may follow its own, and is refused every other one."""
    part = a_part(state=state)
    if to is state or to in PART_MOVES[state]:
        assert part.moved(to, LATER).state is to
    else:
        with pytest.raises(IllegalMove, match=f"from {state} to {to}"):
            part.moved(to, LATER)


@pytest.mark.parametrize("to", UploadState)
@pytest.mark.parametrize("state", UploadState)
def test_an_upload_moves_only_where_the_table_allows(state: UploadState, to: UploadState) -> None:
    """An upload goes to a state that may follow its own, and is refused every other one."""
    upload = an_upload(state=state)
    if to is state or to in UPLOAD_MOVES[state]:
        assert upload.moved(to, LATER).state is to
    else:
        with pytest.raises(IllegalMove, match=f"from {state} to {to}"):
            upload.moved(to, LATER)


def test_nothing_leaves_an_end() -> None:
    """No state follows a terminal one, and every state that is not terminal leads somewhere."""
    assert {state for state, following in PART_MOVES.items() if not following} == PART_TERMINAL
    assert {state for state, following in UPLOAD_MOVES.items() if not following} == UPLOAD_TERMINAL


def test_what_may_have_been_paid_for_is_not_dropped_unresolved() -> None:
    """An attempt of unknown outcome cannot be cancelled, and neither can verdicts that are here."""
    assert not [state for state in (PartState.INTENT, PartState.COLLECTED) if PartState.CANCELLED in PART_MOVES[state]]


def test_a_job_that_was_paid_never_goes_back_to_unsent() -> None:
    """From `submitted` on there is no way back to a state from which a part is sent."""
    back = {PartState.PENDING, PartState.HELD, PartState.INTENT}
    assert not PART_MOVES[PartState.SUBMITTED] & back
    assert not PART_MOVES[PartState.FINISHED] & back


@pytest.mark.parametrize("state", PartState)
def test_every_part_that_can_move_by_itself_waits_in_a_lane(state: PartState) -> None:
    """A part has a lane unless it is at its end or in quarantine."""
    assert (state in PART_LANES) == (state not in PART_TERMINAL | {PartState.QUARANTINED})


@pytest.mark.parametrize("state", UploadState)
def test_every_upload_that_can_move_by_itself_waits_in_a_lane(state: UploadState) -> None:
    """An upload has a lane unless it is at its end."""
    assert (state in UPLOAD_LANES) == (state not in UPLOAD_TERMINAL)


def test_a_move_ends_the_lease_and_starts_the_count_anew() -> None:
    """A new state begins without lease, crashes and tries, at the time it was entered, due at once."""
    leased = a_part(crashes=2, tries=3).leased("host:1", NOW, LEASE_SECONDS)
    held = leased.moved(PartState.HELD, LATER)
    assert (held.lease, held.crashes, held.tries) == (None, 0, 0)
    assert (held.since, held.updated_at, held.due_at) == (LATER, LATER, LATER)


def test_staying_in_a_state_keeps_when_it_was_entered() -> None:
    """A part that stays where it is keeps `since` and its tries, and is due when it was told."""
    still = a_part(state=PartState.SUBMITTED, tries=3).moved(PartState.SUBMITTED, LATER, due_at=LATER + 60)
    assert (still.since, still.tries, still.due_at) == (NOW, 3, LATER + 60)


def test_an_end_is_in_no_lane() -> None:
    """A record at its end has neither lane nor due time, whatever time was asked for."""
    done = a_part(state=PartState.FINISHED).moved(PartState.COLLECTED, LATER, due_at=LATER)
    assert (done.lane, done.due_at, done.terminal) == (None, None, True)


def test_a_lease_counts_as_a_crash_until_its_outcome_is_written() -> None:
    """Each lease is one epoch and one crash further, and the record is due when the lease ends."""
    twice = a_part().leased("host:1", NOW, LEASE_SECONDS).leased("host:2", LATER, LEASE_SECONDS)
    assert (twice.epoch, twice.crashes, twice.due_at) == (2, 2, LATER + LEASE_SECONDS)
    assert twice.lease is not None
    assert twice.lease.owner == "host:2"


def test_a_lease_lasts_until_its_time_and_no_longer() -> None:
    """A record is leased before the end of its lease, and not at it."""
    leased = a_part().leased("host:1", NOW, LEASE_SECONDS)
    assert leased.leased_now(NOW + LEASE_SECONDS - 0.001)
    assert not leased.leased_now(NOW + LEASE_SECONDS)
    assert not a_part().leased_now(NOW)


def test_renewing_keeps_the_owner_and_the_epoch() -> None:
    """A renewed lease is the same lease, longer, and carries what the work has come to."""
    leased = an_upload(state=UploadState.PREPARING).leased("host:1", NOW, LEASE_SECONDS)
    renewed = leased.renewed(LATER, LEASE_SECONDS, staged_rows=7)
    assert (renewed.epoch, renewed.crashes, renewed.staged_rows) == (1, 1, 7)
    assert renewed.lease is not None
    assert (renewed.lease.owner, renewed.lease.until, renewed.due_at) == ("host:1", LATER + 60, LATER + 60)


def test_a_record_without_its_defaults_is_the_same_record() -> None:
    """Leaving out what is default, as the store does, loses nothing."""
    upload = an_upload(
        label="Grüße 🎉",
        options={"column": 0, "header": False},
        result=a_result(),
        dialect={"why": {}, "delimiter": None},
    )
    part = a_part(
        attempt=an_attempt(), evidence=(Evidence(remote_id="7", how="list", at=NOW),), progress=0.0, credits_reserved=0
    )
    assert UploadRecord.model_validate_json(upload.model_dump_json(exclude_defaults=True)) == upload
    assert PartRecord.model_validate_json(part.model_dump_json(exclude_defaults=True)) == part


def test_fields_of_a_later_program_are_kept() -> None:
    """An unknown field in a record does not keep it from being read, and is there when the record is written again."""
    text = an_account().model_dump_json().replace("{", '{"new_in_2027":[7],', 1)
    read = type(an_account()).model_validate_json(text).model_copy(update={"echo_proven": True})
    assert read.echo_proven
    assert read.model_dump(exclude_defaults=True)["new_in_2027"] == [7]


def test_a_pause_lasts_until_its_time_or_the_end_of_its_probe() -> None:
    """Nobody begins a call before the end of a pause, nor while somebody finds out whether it is over."""
    pause = Pause(reason="throttled", until=LATER)
    assert pause.lasts_until(LATER - 0.001) == LATER
    assert pause.lasts_until(LATER) is None
    probed = pause.model_copy(update={"probe": Lease(owner="host:1", until=LATER + 9)})
    assert (probed.lasts_until(LATER), probed.lasts_until(LATER + 9)) == (LATER + 9, None)
    assert Pause(failures=3).lasts_until(NOW) is None

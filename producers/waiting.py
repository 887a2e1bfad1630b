"""Waiting for uploads: one loop over any number of them, woken by events, with the records as the truth.

An upload that this client submitted is over only when intake has judged *this* request: a record that existed before
may belong to an earlier request with the same id, with which this one may be in conflict.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypeVar

from producers.contract import EventWord
from producers.errors import ProducerError, RecordUnreadable, Unavailable, WaitTimeout
from producers.wire import BEGINNING, Positions, order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from producers.records import Event, Rejection, Status
    from producers.wire import News, Wire

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")

#: Most seconds between two looks at a record that no event has mentioned.
LOOK_PERIOD_SECONDS = 2.0
#: Seconds for which Redis may be away during a wait before the wait gives up.
OUTAGE_SECONDS_MAX = 60.0
#: Seconds between two tries while Redis is away.
OUTAGE_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that this client put into the stream."""

    #: Its entry in the stream of uploads.
    entry: str
    #: Whether a record of its upload existed already, which another request may have made.
    ambiguous: bool
    #: Ends of the streams before it was sent.
    positions: Positions


@dataclass(slots=True)
class Watch:
    """What is known of one upload that is waited for."""

    upload_id: str
    submission: Submission | None = None
    status: Status | None = None
    #: The status that was told last.
    told: Status | None = None
    rejection: Rejection | None = None
    unreadable: RecordUnreadable | None = None
    accepted: bool = False

    def hear(self, news: News) -> bool:
        """Take in what the streams told; whether any of it is about this upload."""
        events = [self.hear_event(event) for event in news.events]
        rejections = [self.hear_rejection(rejection) for rejection in news.rejections]
        return any(events + rejections)

    def hear_event(self, event: Event) -> bool:
        """Take in an event; whether it is about this upload."""
        if event.upload_id != self.upload_id:
            return False
        if (
            event.event == EventWord.ACCEPTED
            and self.submission is not None
            and event.details.get("entry") == self.submission.entry
        ):
            self.accepted = True
        return True

    def hear_rejection(self, rejection: Rejection) -> bool:
        """Take in a rejection, the later the better; whether it is about this upload."""
        mine = (
            rejection.upload_id == self.upload_id
            if self.submission is None
            else rejection.entry == self.submission.entry
        )
        if mine:
            self.rejection = rejection
        return mine

    @property
    def judged(self) -> bool:
        """Whether the record, if there is one, answers the request that is waited for."""
        return self.submission is None or not self.submission.ambiguous or self.accepted

    def outcome(self) -> Status | ProducerError | None:
        """How the wait ends, None while it goes on."""
        if self.rejection is not None and (self.submission is not None or self.status is None):
            return self.rejection.as_error()
        if self.unreadable is not None:
            return self.unreadable
        if self.status is not None and self.status.settled and self.judged:
            return self.status
        return None


class Waiting:
    """One wait for several uploads."""

    def __init__(
        self, wire: Wire, watches: Iterable[Watch], on_status: Callable[[str, Status], None] | None = None
    ) -> None:
        """`on_status` is told every status that differs from the one before, once it answers the request."""
        self._wire = wire
        self._pending = {watch.upload_id: watch for watch in watches}
        self._on_status = on_status
        self._positions = Positions(BEGINNING, BEGINNING)
        self._deadline = inf
        self._away_since: float | None = None

    def outcomes(self, timeout_seconds: float | None) -> Iterator[tuple[str, Status | ProducerError]]:
        """Every upload's id with its last status or the error that ended its wait, in the order in which they end.

        Raises `Unavailable` when Redis is away at the start, or for `OUTAGE_SECONDS_MAX` later.
        """
        began = time.monotonic()
        if timeout_seconds is not None:
            self._deadline = began + timeout_seconds
        self._catch_up()
        look, look_all_at = tuple(self._pending), began + LOOK_PERIOD_SECONDS
        while True:
            self._patiently(self._look, look)
            yield from self._ended()
            if not self._pending or time.monotonic() >= self._deadline:
                break
            until = min(look_all_at, self._deadline)
            look = self._patiently(self._listen, max(until - time.monotonic(), 0.0))
            if time.monotonic() >= until:
                look, look_all_at = tuple(self._pending), time.monotonic() + LOOK_PERIOD_SECONDS
        for upload_id, watch in self._pending.items():
            yield upload_id, _timeout(watch, time.monotonic() - began)

    def _catch_up(self) -> None:
        """Hear everything that the streams have told of these uploads until now."""
        now = self._wire.positions()
        submissions = [watch.submission for watch in self._pending.values() if watch.submission is not None]
        if len(submissions) < len(self._pending):
            self._hear_earlier_rejections()
        self._positions = Positions(
            min((now.events, *(each.positions.events for each in submissions)), key=order_of),
            min((now.rejected, *(each.positions.rejected for each in submissions)), key=order_of),
        )
        while self._positions.behind(now):
            before = self._positions
            self._listen(0.0)
            if self._positions == before:
                break
        self._forgive_lost_events()

    def _hear_earlier_rejections(self) -> None:
        """Take in the newest rejection of each upload that this client did not submit."""
        strangers = {upload_id for upload_id, watch in self._pending.items() if watch.submission is None}
        for rejection in self._wire.newest_rejections():
            if rejection.upload_id in strangers:
                strangers.remove(rejection.upload_id)
                self._pending[rejection.upload_id].hear_rejection(rejection)
            if not strangers:
                return

    def _forgive_lost_events(self) -> None:
        """Take a request as accepted when not all events since its submission are kept, and no rejection is."""
        unjudged = [watch for watch in self._pending.values() if not watch.judged]
        if not unjudged:
            return
        first = order_of(self._wire.first_event_id())
        for watch in unjudged:
            position = watch.submission.positions.events if watch.submission else BEGINNING
            watch.accepted = position != BEGINNING and first > order_of(position)

    def _look(self, upload_ids: tuple[str, ...]) -> None:
        """Read records anew and tell of what changed."""
        for upload_id, found in self._wire.statuses(upload_ids).items():
            watch = self._pending[upload_id]
            if isinstance(found, RecordUnreadable):
                watch.unreadable = found
                continue
            watch.status = found
            if found is not None and found != watch.told and watch.judged and self._on_status is not None:
                self._on_status(upload_id, found)
                watch.told = found

    def _listen(self, block_seconds: float) -> tuple[str, ...]:
        """Take in what the streams tell next, waiting for it at most so long; ids of the uploads it concerns."""
        news = self._wire.news(self._positions, block_seconds=block_seconds)
        self._positions = news.positions
        return tuple(upload_id for upload_id, watch in self._pending.items() if watch.hear(news))

    def _ended(self) -> Iterator[tuple[str, Status | ProducerError]]:
        for upload_id, watch in tuple(self._pending.items()):
            outcome = watch.outcome()
            if outcome is not None:
                del self._pending[upload_id]
                yield upload_id, outcome

    def _patiently(self, act: Callable[[_Asked], _Answer], asked: _Asked) -> _Answer:
        """Do `act` although Redis may be away for a while."""
        while True:
            try:
                answer = act(asked)
            except Unavailable:
                now = time.monotonic()
                self._away_since = self._away_since or now
                if now >= min(self._away_since + OUTAGE_SECONDS_MAX, self._deadline):
                    raise
                time.sleep(OUTAGE_PAUSE_SECONDS)
            else:
                self._away_since = None
                return answer


def _timeout(watch: Watch, waited_seconds: float) -> WaitTimeout:
    """What to say when the time is up."""
    state = watch.status.state if watch.status is not None and watch.judged else None
    if watch.status is None:
        where, remedy = "no worker has accepted it yet", "Check that `bulkverify up` (intake) runs, then wait again."
    elif not watch.judged:
        where, remedy = "intake has not read this request yet", "Check that `bulkverify up` (intake) runs."
    else:
        where, remedy = f"it is {state} and goes on", "Wait again: nothing has to be submitted again."
    return WaitTimeout(
        f"Upload {watch.upload_id} did not end within {waited_seconds:.0f} s: {where}.",
        upload_id=watch.upload_id,
        state=state,
        remedy=remedy,
    )

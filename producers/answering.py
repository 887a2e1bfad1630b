"""Asking intake for the id of an upload that only the workers can name: its answer is in the streams, by entry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from producers.contract import EventWord
from producers.errors import NotAccepted, Unavailable

if TYPE_CHECKING:
    from producers.wire import Positions, Wire

#: Seconds to wait for intake's answer: it may be reading other lists first.
ANSWER_SECONDS_MAX = 120.0
#: Most seconds of one look into the streams.
LOOK_SECONDS = 2.0


def answered_upload_id(wire: Wire, entry: str, positions: Positions, seconds: float | None = None) -> str:
    """The id under which intake accepted the request at `entry`, of which nothing was told before `positions`.

    Raises `Rejected` when intake refused it, and `NotAccepted` when it does not answer in time: then the request stays
    in the stream, and submitting it again is harmless, because the same content gets the same id.
    """
    deadline = time.monotonic() + (ANSWER_SECONDS_MAX if seconds is None else seconds)
    while (left_seconds := deadline - time.monotonic()) > 0:
        try:
            news = wire.news(positions, block_seconds=min(left_seconds, LOOK_SECONDS))
        except Unavailable as error:
            raise _unanswered(error.message) from None
        for rejection in news.rejections:
            if rejection.entry == entry:
                raise rejection.as_error()
        for event in news.events:
            if event.event == EventWord.ACCEPTED and event.details.get("entry") == entry:
                return event.upload_id
        positions = news.positions
    raise _unanswered("Intake has not answered.")


def _unanswered(what: str) -> NotAccepted:
    return NotAccepted(
        f"{what} The request is in the stream, but the id of its upload is not known yet.",
        certain=False,
        remedy="Submit it again once `bulkverify up` (intake) runs: it is the same upload. Or give it an upload id.",
    )

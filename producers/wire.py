"""The few Redis commands that producers use, with their time limits, and Redis's errors in this package's words.

Commands of this module, for an access list: XADD on the stream of uploads; XREAD, XRANGE and XREVRANGE on the streams
of events and of rejected requests; GET, HGETALL and EXISTS on upload keys; GET on result keys; MULTI and EXEC around
reads.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from producers.contract import (
    EVENTS_STREAM,
    REJECTED_STREAM,
    REQUEST_FIELD,
    UPLOADS_STREAM,
    parts_key,
    result_key,
    upload_key,
)
from producers.errors import NotAccepted, NotConfigured, RecordUnreadable, Unavailable
from producers.records import Event, Rejection, Status, event_from, rejection_from, status_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis import Redis

#: Seconds to wait for a connection, and for the answer to a command.
CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = 10.0
#: Entries read from a stream at once.
BATCH_ENTRIES = 500
#: Rejected requests that are searched for one upload's: as many as the workers keep unless they are told otherwise.
REJECTIONS_SEARCHED_MAX = 10_000
#: Uploads whose records are read in one transaction.
BATCH_UPLOADS = 100
#: Position before the first entry of any stream.
BEGINNING = "0-0"


@dataclass(frozen=True, slots=True)
class Positions:
    """How far the two streams that tell of uploads have been read."""

    events: str
    rejected: str

    def behind(self, other: Positions) -> bool:
        """Whether `other` has read further in either stream."""
        return order_of(self.events) < order_of(other.events) or order_of(self.rejected) < order_of(other.rejected)


@dataclass(frozen=True, slots=True)
class News:
    """What the two streams told since the last look, and how far they are read now."""

    events: tuple[Event, ...]
    rejections: tuple[Rejection, ...]
    positions: Positions


def connect(url: str) -> Redis:
    """A connection pool for `url` that waits for a bounded time and repeats no command by itself.

    A repeated XADD whose first answer was lost would leave two entries. Raises `NotConfigured` for a URL that is none.
    """
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=ANSWER_TIMEOUT_SECONDS,
        )
    except ValueError:
        raise NotConfigured(
            "The Redis URL is not one of redis://, rediss:// or unix://.",
            remedy="Set BULKVERIFY_REDIS_URL to something like redis://localhost:6379/0.",
        ) from None


class Wire:
    """The conversation with the state database. Safe to share between threads."""

    def __init__(self, server: Redis) -> None:
        self._server = server
        options = server.connection_pool.connection_kwargs
        self._place = _place_of(options)
        #: A blocking read must end before the connection gives up on it.
        self._block_seconds_max = (options.get("socket_timeout") or ANSWER_TIMEOUT_SECONDS) / 2

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def add_request(self, text: str) -> str:
        """Put a request into the stream; its entry id. Raises `NotAccepted`."""
        began = time.monotonic()
        try:
            return _text(self._server.xadd(UPLOADS_STREAM, {REQUEST_FIELD: text}))
        except redis.ResponseError as error:
            raise NotAccepted(f"{self._fault(error, began)}; nothing was accepted.", certain=True) from None
        except redis.RedisError as error:
            raise NotAccepted(
                f"{self._fault(error, began)}, and did not confirm the request: it may or may not have arrived.",
                certain=False,
            ) from None

    def statuses(self, upload_ids: Sequence[str]) -> dict[str, Status | RecordUnreadable | None]:
        """The status of each upload by id: None where there is no record, the error where it makes no sense."""
        found: dict[str, Status | RecordUnreadable | None] = {}
        for start in range(0, len(upload_ids), BATCH_UPLOADS):
            found |= self._statuses(upload_ids[start : start + BATCH_UPLOADS])
        return found

    def result_rows(self, upload_id: str) -> bytes | None:
        """The copy of the upload's result in Redis, None where there is none or its time is up."""
        with self._reading():
            rows = self._server.get(result_key(upload_id))
        # The workers write UTF-8, so that a connection that decodes loses nothing.
        return None if rows is None else rows if isinstance(rows, bytes) else str(rows).encode()

    def positions(self) -> Positions:
        """The ends of the two streams, as they are now."""
        return Positions(self._last_id(EVENTS_STREAM), self._last_id(REJECTED_STREAM))

    def last_event_id(self) -> str:
        """Id of the newest event."""
        return self._last_id(EVENTS_STREAM)

    def news(self, positions: Positions, *, block_seconds: float) -> News:
        """What both streams hold after `positions`, waiting at most `block_seconds` for a first entry."""
        after = {EVENTS_STREAM: positions.events, REJECTED_STREAM: positions.rejected}
        entries = self._read(after, block_seconds)
        events = [event_from(*entry) for entry in entries.get(EVENTS_STREAM, ())]
        rejected = entries.get(REJECTED_STREAM, [])
        return News(
            tuple(events),
            tuple(rejection_from(fields) for _, fields in rejected),
            Positions(
                events[-1].id if events else positions.events, rejected[-1][0] if rejected else positions.rejected
            ),
        )

    def events_after(self, position: str, *, block_seconds: float = 0.0) -> list[Event]:
        """At most `BATCH_ENTRIES` events after `position`, waiting at most `block_seconds` for a first one."""
        entries = self._read({EVENTS_STREAM: position}, block_seconds)
        return [event_from(*entry) for entry in entries.get(EVENTS_STREAM, ())]

    def rejections_after(self, position: str) -> tuple[list[Rejection], str]:
        """All rejections after `position`, or none after `$`, and the position of the last one."""
        if position == "$":
            return [], self._last_id(REJECTED_STREAM)
        rejections: list[Rejection] = []
        while entries := self._read({REJECTED_STREAM: position}, 0.0).get(REJECTED_STREAM):
            rejections += [rejection_from(fields) for _, fields in entries]
            position = entries[-1][0]
        return rejections, position

    def first_event_id(self) -> str:
        """Id of the oldest event still kept."""
        with self._reading():
            oldest = self._server.xrange(EVENTS_STREAM, count=1)
        return _text(oldest[0][0]) if oldest else BEGINNING

    def newest_rejections(self) -> Iterator[Rejection]:
        """Rejected requests, the newest first, at most (about) `REJECTIONS_SEARCHED_MAX`."""
        end = "+"
        for _ in range(ceil(REJECTIONS_SEARCHED_MAX / BATCH_ENTRIES)):
            with self._reading():
                page = self._server.xrevrange(REJECTED_STREAM, max=end, count=BATCH_ENTRIES)
            entries = _entries(page or [])
            yield from (rejection_from(fields) for _, fields in entries)
            if len(entries) < BATCH_ENTRIES:
                return
            end = f"({entries[-1][0]}"

    def _last_id(self, stream: str) -> str:
        with self._reading():
            newest = self._server.xrevrange(stream, count=1)
        return _text(newest[0][0]) if newest else BEGINNING

    def _statuses(self, upload_ids: Sequence[str]) -> dict[str, Status | RecordUnreadable | None]:
        with self._reading(), self._server.pipeline(transaction=True) as pipeline:
            for upload_id in upload_ids:
                pipeline.get(upload_key(upload_id))
                pipeline.hgetall(parts_key(upload_id))
            answers = pipeline.execute()
        return {
            upload_id: None if record is None else _status_or_error(upload_id, _text(record), _texts(parts))
            for upload_id, record, parts in zip(upload_ids, answers[::2], answers[1::2], strict=True)
        }

    def _read(self, after: dict[str, str], block_seconds: float) -> dict[str, list[tuple[str, dict[str, str]]]]:
        """Entries by stream after the given positions; `block_seconds` of 0 does not wait."""
        block_ms = round(min(block_seconds, self._block_seconds_max) * 1000) or None
        with self._reading():
            answer: Any = self._server.xread(dict[Any, Any](after), count=BATCH_ENTRIES, block=block_ms)
        # A server that speaks RESP2 answers with pairs, one that speaks RESP3 with a map of lists of lists.
        pairs = [(name, lists[0]) for name, lists in answer.items()] if isinstance(answer, dict) else answer
        return {_text(name): _entries(entries) for name, entries in pairs or ()}

    @contextmanager
    def _reading(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except redis.RedisError as error:
            raise Unavailable(f"{self._fault(error, began)}.") from None

    def _fault(self, error: redis.RedisError, began: float) -> str:
        """What happened, where, and after how long; nothing of the error's own text."""
        what = next(words for kind, words in _FAULTS if isinstance(error, kind))
        return f"Redis at {self._place} {what} (after {time.monotonic() - began:.1f} s)"


#: What each kind of error means, the narrower kinds first.
_FAULTS: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.AuthenticationError, "does not accept the user or password in the URL"),
    (redis.exceptions.AuthorizationError, "does not let this user in"),
    (redis.BusyLoadingError, "is still loading its data"),
    (redis.TimeoutError, "did not answer"),
    (redis.ConnectionError, "could not be reached or closed the connection"),
    (redis.exceptions.NoPermissionError, "does not allow this user the command"),
    (redis.exceptions.OutOfMemoryError, "has no memory left"),
    (redis.ReadOnlyError, "is a read-only replica"),
    (redis.ResponseError, "refused the command"),
    (redis.RedisError, "could not be used"),
)


def order_of(entry_id: str) -> tuple[int, int]:
    """What a stream's entry ids are ordered by: milliseconds, then a counter."""
    milliseconds, _, counter = entry_id.partition("-")
    return int(milliseconds), int(counter or 0)


def _status_or_error(upload_id: str, record: str, parts: dict[str, str]) -> Status | RecordUnreadable:
    try:
        return status_from(upload_id, record, parts)
    except RecordUnreadable as error:
        return error


def _place_of(options: dict[str, Any]) -> str:
    """Where the server is, without user and password."""
    if path := options.get("path"):
        return str(path)
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def _entries(raw: Iterable[Any]) -> list[tuple[str, dict[str, str]]]:
    return [(_text(entry_id), _texts(fields or {})) for entry_id, fields in raw]


def _texts(fields: dict[Any, Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(raw: object) -> str:
    """Redis text as `str`, whether or not the connection decodes."""
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)

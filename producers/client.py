"""The client of an application: submit a list, follow it, fetch its result. Needs only redis and pydantic.

    client = Client("redis://localhost:6379/0", producer="crm")
    upload_id = client.submit("/srv/lists/newsletter.csv", account="ipqs-main", kind="email")
    client.wait(upload_id, timeout_seconds=3600)
    print(client.result(upload_id).path)

Every method may raise `Unavailable` when Redis cannot be used.
"""

from __future__ import annotations

import os
import re
import time
from math import inf
from typing import TYPE_CHECKING

from producers.answering import answered_upload_id
from producers.contract import CONTRACT_VERSION
from producers.errors import NoResult, NotAccepted, NotConfigured, ProducerError, RecordUnreadable, Unavailable
from producers.identity import said_by_id
from producers.naming import with_id
from producers.request import UploadRequest, check_size, from_fields, to_json
from producers.results import Result
from producers.source import given_source
from producers.trace import current_trace
from producers.waiting import LOOK_PERIOD_SECONDS, Submission, Waiting, Watch
from producers.wire import Wire, connect, order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

    from redis import Redis

    from producers.errors import Rejected
    from producers.records import Event, Status
    from producers.row_options import RowOptions

#: Environment variable that names the server, the same one that the workers read.
URL_VARIABLE = "BULKVERIFY_REDIS_URL"
#: What `events` can begin after: an event's id, or `$`, the newest one.
SINCE_PATTERN = r"\$|[0-9]{1,20}(-[0-9]{1,20})?"
#: Submissions whose stream entry a client remembers, to tell their rejection from another's.
SUBMISSIONS_REMEMBERED_MAX = 10_000


class Client:
    """An application's door to bulkverify. Safe to share between threads.

    Known limitation: when the answer to a submission is lost, `NotAccepted` is raised although the request may be in
    the stream. Upload ids are stable, so submitting again makes the same upload, never a second one.
    """

    def __init__(self, url: str | None = None, *, redis: Redis | None = None, producer: str = "") -> None:
        """`url` defaults to the environment's `BULKVERIFY_REDIS_URL`; `producer` names the application in listings.

        A `redis` given instead keeps its own timeouts and retries: a repeated XADD leaves a second entry, which intake
        recognises. Nothing is sent before the first call. Raises `NotConfigured`.
        """
        if redis is None:
            url = url or os.environ.get(URL_VARIABLE)
            if not url:
                raise NotConfigured("No Redis URL was given.")
            redis = connect(url)
        self._wire = Wire(redis)
        self._producer = producer
        self._submissions: dict[str, Submission] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def submit(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        account: str,
        kind: str,
        rows: Sequence[str] | None = None,
        url: str | None = None,
        remote_url: str | None = None,
        upload_id: str | None = None,
        options: RowOptions | Mapping[str, object] | None = None,
        method: str = "auto",
        segments: Sequence[str] = (),
        result: str = "storage",
        label: str = "",
        again: str | None = None,
        reuse: float | None = None,
        screen: bool = False,
        format: str = "csv",  # noqa: A002 - the contract's word
        spreadsheet_safe: bool = False,
        trace: Mapping[str, str] | None = None,
    ) -> str:
        """Ask for a list to be verified; the upload's id, derived from the list's content when none is given.

        The list is a file at `path`, `rows` of values, an object of the workers' storage at `url`, or a file at a
        `remote_url` that the workers may read: exactly one of them. `method` is how it goes to the provider, `segments`
        what is wanted as the provider's own files too, and `result` where the result is wanted: in `storage`, or as
        `rows` in Redis too, for an application without the storage. The word `again` has content verified, and paid
        for, that was verified before; the same word is the same upload. With `reuse`, hours, parts of the list that the
        account has verified within so many are given those verdicts, and are not paid for. `screen` withholds values
        that cannot be of the kind, unpaid. The result is CSV, or by `format` JSON Lines (`jsonl`); `spreadsheet_safe`
        takes formulas out of the CSV. `trace` ties the upload to what the application does: a `correlation_id` of its
        own, and `traceparent` and `tracestate`, which otherwise are those of OpenTelemetry's current span.

        Returns when the request is in the stream: `wait` tells whether intake accepted it. Only where the workers alone
        can derive the id (`url` and `remote_url` without an `upload_id`) it returns when intake has answered, and
        raises `Rejected` if it refused. Raises `SourceUnusable`, `RequestInvalid`, `NotAccepted`.
        """
        request = self.request(
            path,
            account=account,
            kind=kind,
            rows=rows,
            url=url,
            remote_url=remote_url,
            upload_id=upload_id,
            options=options,
            method=method,
            segments=segments,
            result=result,
            label=label,
            again=again,
            reuse=reuse,
            screen=screen,
            format=format,
            spreadsheet_safe=spreadsheet_safe,
            trace=trace,
        )
        return self.submit_request(request)

    def request(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        account: str,
        kind: str,
        rows: Sequence[str] | None = None,
        url: str | None = None,
        remote_url: str | None = None,
        upload_id: str | None = None,
        options: RowOptions | Mapping[str, object] | None = None,
        method: str = "auto",
        segments: Sequence[str] = (),
        result: str = "storage",
        label: str = "",
        again: str | None = None,
        reuse: float | None = None,
        screen: bool = False,
        format: str = "csv",  # noqa: A002 - the contract's word
        spreadsheet_safe: bool = False,
        trace: Mapping[str, str] | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> UploadRequest:
        """The complete request for a list, and nothing sent; `on_bytes` follows the hashing of a file.

        It has its upload id, but for a `url` or `remote_url` that was given none: that id is for intake to derive.
        Raises `SourceUnusable`, `RequestInvalid`.
        """
        request = from_fields(
            {
                "version": CONTRACT_VERSION,
                "upload_id": upload_id,
                "account": account,
                "kind": kind,
                "source": given_source(path=path, rows=rows, url=url, remote_url=remote_url),
                "options": dict(options) if options is not None else None,
                "method": method,
                "segments": list(segments),
                "result": result,
                "label": label,
                "again": again,
                "reuse": reuse,
                "screen": screen,
                "format": format,
                "spreadsheet_safe": spreadsheet_safe,
                "producer": self._producer,
                "trace": current_trace() | dict(trace or {}),
            }
        )
        return with_id(request, on_bytes)

    def submit_request(self, request: UploadRequest) -> str:
        """Put a request into the stream; the upload's id.

        Raises `NotAccepted`, and `RequestInvalid` for one that is too large; without an id also `SourceUnusable`, and
        `Rejected` where intake has to be asked for the id.
        """
        named = with_id(request)
        upload_id, text = named.upload_id, to_json(named)
        check_size(text.encode())
        try:
            known = None if upload_id is None else self._wire.statuses([upload_id])[upload_id]
            ambiguous = known is not None and not said_by_id(named, known)
            positions = self._wire.positions()
        except Unavailable as error:
            raise NotAccepted(f"{error.message} Nothing was accepted.", certain=True) from None
        entry = self._wire.add_request(text)
        if upload_id is None:
            upload_id = answered_upload_id(self._wire, entry, positions)
        self._remember(upload_id, Submission(entry, ambiguous, positions))
        return upload_id

    def status(self, upload_id: str) -> Status | None:
        """How far an upload has come, None when there is no record of it. Raises `RecordUnreadable`."""
        found = self._wire.statuses([upload_id])[upload_id]
        if isinstance(found, RecordUnreadable):
            raise found
        return found

    def wait(
        self,
        upload_id: str,
        *,
        timeout_seconds: float | None = None,
        on_status: Callable[[Status], None] | None = None,
    ) -> Status:
        """Wait until nothing more happens to an upload by itself, and return its last status.

        That is its end (completed, failed, cancelled) or `attention` once no part of it moves. `on_status` is called
        with every change. Raises `WaitTimeout`; `Rejected` when intake refused this client's request, or, for an upload
        of another process, when there is no record and intake refused a request of that id; `RecordUnreadable`.

        Known limitation: another process's request that corrects a refused one is seen once intake has accepted it.
        """
        tell = None if on_status is None else lambda _, status: on_status(status)
        (_, outcome), *_ = self.wait_all([upload_id], timeout_seconds=timeout_seconds, on_status=tell)
        if isinstance(outcome, ProducerError):
            raise outcome
        return outcome

    def wait_all(
        self,
        upload_ids: Sequence[str],
        *,
        timeout_seconds: float | None = None,
        on_status: Callable[[str, Status], None] | None = None,
    ) -> Iterator[tuple[str, Status | ProducerError]]:
        """Wait for several uploads at once: each id with its last status, or with what `wait` would raise, as they end.

        `timeout_seconds` is for all of them together.
        """
        watches = [Watch(upload_id, self._submissions.get(upload_id)) for upload_id in dict.fromkeys(upload_ids)]
        return Waiting(self._wire, watches, on_status).outcomes(timeout_seconds)

    def events(
        self,
        upload_id: str | None = None,
        *,
        since: str = "0",
        follow: bool = False,
        timeout_seconds: float | None = None,
    ) -> Iterator[Event]:
        """Events of one upload or of all, oldest first, after the event id `since`: `"0"` for all kept, `"$"` for none.

        Without `follow` the events until now; with it also those to come, for `timeout_seconds` or for ever. The stream
        is capped: what is older than its newest hundred thousand or so is gone. Raises `ValueError` for a `since` that
        is neither.
        """
        if not re.fullmatch(SINCE_PATTERN, since):
            raise ValueError(f"since must be an event's id, 0 or $, not {since!r}.")
        last = self._wire.last_event_id()
        position = last if since == "$" else since
        deadline = time.monotonic() + (inf if timeout_seconds is None else timeout_seconds)
        events = self._follow(position, deadline) if follow else self._until(position, last)
        return (event for event in events if upload_id is None or event.upload_id == upload_id)

    def refusals(self, since: str) -> tuple[dict[str, Rejected], str]:
        """What intake refused of this client's newest submissions, by upload id, and where to go on the next time.

        `since` is where the call before ended; `"$"` at first.
        """
        rejections, position = self._wire.rejections_after(since)
        mine = {submission.entry: upload_id for upload_id, submission in self._submissions.items()}
        refused = {mine[each.entry]: each.as_error() for each in rejections if each.entry in mine}
        return refused, position

    def result(self, upload_id: str) -> Result:
        """Where an upload's result is and what it holds, with its rows out of Redis where its file cannot be read here.

        Raises `NoResult`, which says where the upload stands and what happens next; `UploadFailed` when there will be
        none; `Rejected` when intake refused the request; `RecordUnreadable`.
        """
        status = self.status(upload_id)
        if status is not None:
            return self.with_rows(Result.of(status))
        for rejection in self._wire.newest_rejections():
            if rejection.upload_id == upload_id:
                raise rejection.as_error()
        raise NoResult(
            f"No upload {upload_id} is known. Check the id; one submitted just now is known when intake has read it.",
            upload_id=upload_id,
            state=None,
        )

    def with_rows(self, result: Result) -> Result:
        """The result with its rows out of Redis, where its file cannot be read here and they were put there."""
        if result.readable_here or not result.rows_in_redis:
            return result
        return result.model_copy(update={"rows_csv": self._wire.result_rows(result.upload_id)})

    def _remember(self, upload_id: str, submission: Submission) -> None:
        self._submissions[upload_id] = submission
        if len(self._submissions) > SUBMISSIONS_REMEMBERED_MAX:
            self._submissions.pop(next(iter(self._submissions)), None)

    def _until(self, position: str, last: str) -> Iterator[Event]:
        """Events after `position` up to `last`."""
        while events := self._wire.events_after(position):
            for event in events:
                if order_of(event.id) > order_of(last):
                    return
                yield event
            position = events[-1].id

    def _follow(self, position: str, deadline: float) -> Iterator[Event]:
        """Events after `position` as they come, until the deadline."""
        while True:
            left_seconds = deadline - time.monotonic()
            events = self._wire.events_after(position, block_seconds=max(min(left_seconds, LOOK_PERIOD_SECONDS), 0.0))
            yield from events
            position = events[-1].id if events else position
            if left_seconds <= 0:
                return

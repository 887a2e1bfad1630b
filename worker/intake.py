"""Intake: from the request stream to upload records. Reads at least once, accepts exactly once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import redis
import structlog

from producers.contract import REJECTED_REQUEST_CHARS_MAX, REQUEST_FIELD, UPLOADS_STREAM
from producers.errors import RequestInvalid
from producers.identity import derive_upload_id, request_digest
from producers.request import UploadRequest, parse
from worker.core import upload as core
from worker.core.change import Acknowledgement, Change, Event
from worker.core.records import UploadRecord
from worker.core.states import UPLOAD_LANES, UploadState
from worker.core.tombstone import Tombstone, list_print
from worker.outages import OUTAGES
from worker.pressure import LOOK_SECONDS, Pressure
from worker.rows.errors import InputError
from worker.rows.source import open_source, source_sha256
from worker.store.errors import Stale, StoreError, StoreUnavailable
from worker.store.keys import INTAKE_GROUP

if TYPE_CHECKING:
    from worker.context import Context

log = structlog.get_logger()

#: Milliseconds that one read of the stream waits for requests, at most.
BLOCK_MILLISECONDS = 1_000
#: Part of a Redis answer's time limit that such a wait may take: one that reached the limit would look like an outage.
BLOCK_SHARE = 0.5
#: Milliseconds after which a request that another intake took and did not answer is taken over.
TAKEOVER_MILLISECONDS = 60_000
#: How Redis says, by version and moment, that the stream or its group is not there any more.
STREAM_GONE = ("NOGROUP", "UNBLOCKED")
#: Seconds to leave a Redis alone that does not answer.
OUTAGE_SECONDS = 1.0


class NotAcceptable(Exception):
    """A request that will not become an upload; carries a bounded reason, a message and a remedy."""

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        """What applications read in the events and in the stream of rejected requests."""
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


class Intake:
    """One consumer of the request stream."""

    def __init__(self, context: Context) -> None:
        """The consumer is named like the process."""
        self._context = context
        self._client = context.store.client
        self._pressure = Pressure(context.store, context.settings.intake_memory_share)
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read until stopped. An outage of Redis is waited out."""
        ready = False
        while not self._stopping.is_set():
            try:
                if self._pressure.high():
                    self._stopping.wait(LOOK_SECONDS)
                    continue
                if not ready:
                    self.prepare()
                    ready = True
                self.read()
            except (*OUTAGES, StoreUnavailable) as error:
                log.warning("intake_waits", error=type(error).__name__, seconds=OUTAGE_SECONDS)
                self._stopping.wait(OUTAGE_SECONDS)
            except redis.ResponseError as error:
                if not str(error).startswith(STREAM_GONE):
                    raise
                ready = False

    def stop(self) -> None:
        """Stop after the present batch."""
        self._stopping.set()

    def read(self) -> int:
        """Answer one batch of requests, taken-over ones first; how many."""
        entries = self._taken_over() or self._new()
        for entry_id, fields in entries:
            if self._stopping.is_set():
                break
            self.answer(entry_id, fields)
        return len(entries)

    def answer(self, entry_id: str, fields: dict[str, str]) -> None:
        """Accept or reject one request; either way its entry is acknowledged in the same write."""
        request: UploadRequest | None = None
        try:
            request = parse(_text(fields))
            self._accept(entry_id, request)
        except RequestInvalid as error:
            self._reject(entry_id, fields, request, NotAcceptable(error.reason, error.message, error.remedy))
        except NotAcceptable as error:
            self._reject(entry_id, fields, request, error)
        except (StoreError, redis.RedisError):
            raise
        except Exception as error:
            log.exception("intake_crashed", entry=entry_id, error=type(error).__name__)
            remedy = "This is a defect of bulkverify; the log of the intake process tells more."
            self._reject(entry_id, fields, request, NotAcceptable("defect", "The request could not be read.", remedy))

    def prepare(self) -> None:
        """Create the stream and its consumer group where they are not there yet."""
        try:
            self._client.xgroup_create(UPLOADS_STREAM, INTAKE_GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _taken_over(self) -> list[tuple[str, dict[str, str]]]:
        answer: Any = self._client.xautoclaim(
            UPLOADS_STREAM,
            INTAKE_GROUP,
            self._context.process,
            TAKEOVER_MILLISECONDS,
            count=self._context.settings.intake_batch,
        )
        return [(entry_id, fields) for entry_id, fields in answer[1] if fields]

    def _new(self) -> list[tuple[str, dict[str, str]]]:
        limit_milliseconds = self._context.settings.redis_timeout_seconds * 1000
        answer: Any = self._client.xreadgroup(
            INTAKE_GROUP,
            self._context.process,
            {UPLOADS_STREAM: ">"},
            count=self._context.settings.intake_batch,
            block=int(min(BLOCK_MILLISECONDS, limit_milliseconds * BLOCK_SHARE)),
        )
        if not answer:
            return []
        streams = answer.items() if isinstance(answer, dict) else answer
        return [entry for _, batches in streams for entry in _flat(batches)]

    def _accept(self, entry_id: str, request: UploadRequest) -> None:
        known = self._context.store.found(request.upload_id) if request.upload_id else None
        digest = request_digest(request)
        if known is not None and _asked_before(known, digest):
            self._recognise(entry_id, str(request.upload_id), request, known)
            return
        upload = self._upload(request, digest)
        known = self._context.store.found(upload.upload_id)
        if known is None:
            try:
                self._context.apply(core.accept(upload, entry_id))
            except Stale:
                known = self._context.store.found(upload.upload_id)
            else:
                return
        if known is None:
            # Files of an earlier upload of this id are being removed: the request stays unanswered, and is read again.
            raise StoreUnavailable(f"The upload id {upload.upload_id!r} is being cleaned up.")
        if not _same(known, upload):
            raise NotAcceptable(
                "conflict",
                f"The upload id {upload.upload_id!r} belongs to another request.",
                "Use another upload_id for another list; leave it out to have one derived from the content.",
            )
        self._recognise(entry_id, upload.upload_id, request, known)

    def _upload(self, request: UploadRequest, digest: str) -> UploadRecord:
        connected = self._context.accounts.get(request.account)
        if connected is None:
            known = ", ".join(sorted(self._context.accounts)) or "none"
            raise NotAcceptable(
                "account_unknown", f"There is no account {request.account!r}.", f"Use one of the accounts: {known}."
            )
        kinds = sorted(connected.provider.capabilities.kinds)
        if request.kind not in kinds:
            raise NotAcceptable(
                "kind_unsupported",
                f"The account {request.account!r} ({connected.account.provider}) cannot verify {request.kind}.",
                f"Its kinds are: {', '.join(kinds)}.",
            )
        source = request.source.model_dump(mode="json", exclude_none=True)
        content = self._content_sha256(source)
        now = self._context.store.now()
        return UploadRecord(
            account=request.account,
            provider=connected.account.provider,
            kind=request.kind,
            since=now,
            created_at=now,
            updated_at=now,
            state=UploadState.ACCEPTED,
            lane=UPLOAD_LANES[UploadState.ACCEPTED],
            due_at=now,
            upload_id=request.upload_id or derive_upload_id(request, content),
            label=request.label,
            producer=request.producer,
            source=source,
            options=request.options.model_dump(mode="json", exclude_none=True),
            method=request.method,
            segments=tuple(request.segments),
            result_place=request.result,
            request_digest=digest,
            content_digest=content,
        )

    def _content_sha256(self, source: dict[str, str]) -> str:
        settings = self._context.settings
        try:
            with open_source(source, settings.input_roots) as file:
                return source_sha256(file, settings.input_bytes_max)
        except InputError as error:
            raise NotAcceptable(error.reason, str(error), "Mend the input and submit it again.") from None

    def _recognise(
        self, entry_id: str, upload_id: str, request: UploadRequest, known: UploadRecord | Tombstone
    ) -> None:
        event = Event("accepted", upload_id, {"entry": entry_id, "duplicate": True, "state": known.state})
        connected = self._context.accounts.get(request.account)
        provider: str = connected.account.provider if connected is not None else ""
        self._context.apply(
            Change(
                "recognise",
                upload_id,
                request.account,
                events=(event,),
                acknowledge=Acknowledgement(entry_id),
                # A purged upload has no timeline any more, and gets no new one.
                details=None if isinstance(known, Tombstone) else {"entry": entry_id},
                counters={("requests", provider, request.kind, "recognised"): 1},
            )
        )

    def _reject(
        self, entry_id: str, fields: dict[str, str], request: UploadRequest | None, error: NotAcceptable
    ) -> None:
        upload_id = (request.upload_id if request else None) or ""
        told = {"entry": entry_id, "reason": error.reason, "message": str(error), "remedy": error.remedy}
        text = _text(fields)[:REJECTED_REQUEST_CHARS_MAX]
        log.warning("reject", upload_id=upload_id, **told)
        self._context.apply(
            Change(
                "reject",
                "",
                request.account if request else "",
                reason=error.reason,
                events=(Event("rejected", upload_id, told),),
                acknowledge=Acknowledgement(entry_id),
                rejected=told | {"upload_id": upload_id, "request": text},
                details=None,
                counters={("requests", "", request.kind if request else "", "rejected"): 1},
            )
        )


def _text(fields: dict[str, str]) -> str:
    return fields.get(REQUEST_FIELD, "")


def _flat(batches: Any) -> list[tuple[str, dict[str, str]]]:  # noqa: ANN401 - its shape depends on the protocol version
    if batches and isinstance(batches[0], list):
        return [entry for batch in batches for entry in batch]
    return list(batches)


def _asked_before(known: UploadRecord | Tombstone, digest: str) -> bool:
    if isinstance(known, Tombstone):
        return known.is_of_request(digest)
    return known.request_digest == digest


def _same(known: UploadRecord | Tombstone, new: UploadRecord) -> bool:
    return (known.list if isinstance(known, Tombstone) else list_print(known)) == list_print(new)

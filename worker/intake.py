"""Intake: from the request stream to upload records. Reads at least once, accepts exactly once."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import redis
import structlog

from config.redaction import redactor
from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from producers.errors import RequestInvalid
from producers.identity import derive_upload_id, request_digest
from producers.inline_rows import reading_options, rows_as_file, rows_sha256
from producers.request import UploadRequest, parse
from worker.actors.names import input_name
from worker.actors.result_rows import ROWS, want_rows
from worker.core import upload as core
from worker.core.change import Acknowledgement, Change, Event
from worker.core.method import AUTO
from worker.core.records import UploadRecord
from worker.core.states import UPLOAD_LANES, UploadState
from worker.core.tombstone import Tombstone, list_print
from worker.outages import OUTAGES
from worker.pressure import LOOK_SECONDS, Pressure
from worker.rejected_request import kept_request, named_upload
from worker.rows.errors import InputError, SourceUnavailable
from worker.rows.shown import shown
from worker.rows.source import source_sha256
from worker.sources import open_input, recorded_source
from worker.storage import StorageError
from worker.store.errors import Stale, StoreError, StoreUnavailable, Unreadable
from worker.store.keys import INTAKE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.context import Connected, Context

log = structlog.get_logger()

#: How JSON may spell a character that could as well stand for itself.
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([\"\\/]))")

#: Milliseconds that one read of the stream waits for requests, at most.
BLOCK_MILLISECONDS = 1_000
#: Part of a Redis answer's time limit that such a wait may take: one that reached the limit would look like an outage.
BLOCK_SHARE = 0.5
#: Milliseconds after which a request that another intake took and did not answer is taken over.
TAKEOVER_MILLISECONDS = 60_000
#: How Redis says, by version and moment, that the stream or its group is not there any more.
STREAM_GONE = ("NOGROUP", "UNBLOCKED")
#: Times the record of a known upload is written again when it moves on meanwhile.
RECOGNISE_TRIES = 5
#: Reason for which a request is rejected, and not repeated, that holds a secret.
SECRET_INSIDE = "secret_inside"  # noqa: S105 - a word, no password
#: Seconds to leave a Redis alone that does not answer.
OUTAGE_SECONDS = 1.0


class NotAcceptable(Exception):
    """A request that will not become an upload; carries a bounded reason, a message and a remedy."""

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        """What applications read in the events and in the stream of rejected requests."""
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


class _LeftForLater(Exception):
    """A request whose turn is another one: it stays unanswered, and is taken over like one of a dead intake."""


class _SecretInside(NotAcceptable):
    """The request holds a key or password that this process knows."""

    def __init__(self) -> None:
        message = "The request holds an API key or a password of the workers, so nothing of it was kept."
        super().__init__(
            SECRET_INSIDE, message, "Take it out and submit again; renew it, since others may have read it."
        )


class Intake:
    """One consumer of the request stream.

    Lists on other hosts may be slow to read, and nobody else is answered meanwhile. So once those of one batch have
    taken `pull_seconds_max`, the batch's other ones wait for a later batch, or for another intake.
    """

    def __init__(self, context: Context) -> None:
        """The consumer is named like the process."""
        self._context = context
        self._client = context.store.client
        self._pressure = Pressure(context.store, context.settings.intake_memory_share)
        self._stopping = threading.Event()
        #: Seconds that the present batch has spent on lists on other hosts.
        self._pulled_seconds = 0.0

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
        self._pulled_seconds = 0.0
        entries = self._taken_over() or self._new()
        for entry_id, fields in entries:
            if self._stopping.is_set():
                break
            self.answer(entry_id, fields)
        return len(entries)

    def answer(self, entry_id: str, fields: dict[str, str]) -> None:
        """Accept or reject one request; either way its entry is acknowledged in the same write.

        One that has to wait, see the class, stays as it is; so does one about an upload that this program cannot read,
        for a newer one.
        """
        request: UploadRequest | None = None
        try:
            request = _parsed(_given_text(fields))
            self._accept(entry_id, request)
        except RequestInvalid as error:
            self._reject(entry_id, fields, request, NotAcceptable(error.reason, error.message, error.remedy))
        except NotAcceptable as error:
            self._reject(entry_id, fields, request, error)
        except _LeftForLater:
            log.info("request_waits", entry=entry_id, seconds=TAKEOVER_MILLISECONDS / 1000)
        except Unreadable as error:
            # Unanswered, so that it comes up again here or in a newer intake, which can read the upload that it names.
            self._context.leave("intake", entry_id, error)
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
            self._keep_rows(upload, request)
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
        if isinstance(known, UploadRecord) and (missing := sorted(set(upload.segments) - set(known.segments))):
            raise NotAcceptable(
                "conflict",
                f"The upload {known.upload_id!r} is known, and was asked for without {', '.join(missing)}.",
                "Ask without segments; or for another upload, which is paid for, by another upload_id or by again.",
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
        _check_wishes(request, connected)
        source = recorded_source(request)
        content = self._content_sha256(request, source)
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
            options=reading_options(request).model_dump(mode="json", exclude_none=True),
            method=request.method,
            segments=tuple(request.segments),
            result_place=request.result,
            request_digest=digest,
            content_digest=content,
        )

    def _content_sha256(self, request: UploadRequest, source: dict[str, str]) -> str:
        if request.source.rows is not None:
            return rows_sha256(request.source.rows)
        settings = self._context.settings
        remote = request.source.remote_url is not None
        if remote and self._pulled_seconds >= settings.pull_seconds_max:
            raise _LeftForLater
        began = time.monotonic()
        try:
            with _refusing(), open_input(self._context, source) as file:
                return source_sha256(file, settings.input_bytes_max, shown(next(iter(source.values()))))
        finally:
            self._pulled_seconds += (time.monotonic() - began) if remote else 0.0

    def _keep_rows(self, upload: UploadRecord, request: UploadRequest) -> None:
        """Put the rows of a request where its upload will find them; a record holds none."""
        if request.source.rows is not None:
            with _refusing():
                self._context.storage.create(input_name(upload), rows_as_file(request.source.rows))

    def _recognise(
        self, entry_id: str, upload_id: str, request: UploadRequest, known: UploadRecord | Tombstone
    ) -> None:
        """Answer that the upload is known; if the request wants its result in Redis, it is put there, or will be."""
        for _ in range(RECOGNISE_TRIES if request.result == ROWS else 0):
            if isinstance(known, Tombstone):
                break
            wanted = want_rows(self._context, known)
            if wanted is known:
                break
            try:
                self._write_recognised(entry_id, upload_id, request, wanted, uploads=(wanted,))
            except Stale:
                known = self._context.store.found(upload_id) or known
            else:
                return
        self._write_recognised(entry_id, upload_id, request, known)

    def _write_recognised(
        self,
        entry_id: str,
        upload_id: str,
        request: UploadRequest,
        known: UploadRecord | Tombstone,
        uploads: tuple[UploadRecord, ...] = (),
    ) -> None:
        event = Event("accepted", upload_id, {"entry": entry_id, "duplicate": True, "state": known.state})
        connected = self._context.accounts.get(request.account)
        provider: str = connected.account.provider if connected is not None else ""
        self._context.apply(
            Change(
                "recognise",
                upload_id,
                request.account,
                uploads=uploads,
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
        upload_id = (request.upload_id or "") if request else named_upload(_text(fields))
        if error.reason == SECRET_INSIDE:
            upload_id = ""
        told = {"entry": entry_id, "reason": error.reason, "message": str(error), "remedy": error.remedy}
        told = {name: redactor.redact(text, sink="rejected") for name, text in told.items()}
        kept = "" if error.reason == SECRET_INSIDE else kept_request(_text(fields))
        log.warning("reject", upload_id=upload_id, **told)
        self._context.apply(
            Change(
                "reject",
                "",
                request.account if request else "",
                reason=error.reason,
                events=(Event("rejected", upload_id, told),),
                acknowledge=Acknowledgement(entry_id),
                rejected=told | {"upload_id": upload_id, "request": kept},
                details=None,
                counters={("requests", "", request.kind if request else "", "rejected"): 1},
            )
        )


@contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a list, or with getting at it, as the answer to its request."""
    try:
        yield
    except InputError as error:
        raise NotAcceptable(error.reason, str(error), "Mend the input and submit it again.") from None
    except (SourceUnavailable, StorageError) as error:
        raise NotAcceptable(error.reason, str(error), "Submit it again when that is mended.") from None


def _check_wishes(request: UploadRequest, connected: Connected) -> None:
    """Refuse a method or a segment that the account's provider has not."""
    account, has = f"{request.account!r} ({connected.account.provider})", connected.provider.capabilities
    methods = ", ".join(has.submit_methods)
    if request.method not in {AUTO, *has.submit_methods}:
        raise NotAcceptable(
            "method_unsupported",
            f"The account {account} cannot be sent a list by the method {request.method}.",
            f"Its methods are: {methods}. Leave method out to have one chosen.",
        )
    if unknown := sorted(set(request.segments) - has.segments):
        segments = ", ".join(sorted(has.segments)) or "none"
        raise NotAcceptable(
            "segment_unsupported",
            f"The account {account} gives no segment {', '.join(unknown)}.",
            f"Its segments are: {segments}. The result has every row without any.",
        )


def _given_text(fields: dict[str, str]) -> str:
    """The request's text; raises `NotAcceptable` for an entry that has none."""
    if REQUEST_FIELD not in fields:
        raise NotAcceptable(
            "not_json",
            f"The entry has no field {REQUEST_FIELD!r}; its first field is {shown(next(iter(fields), ''))}.",
            f"Put the request's JSON text into the field {REQUEST_FIELD!r}.",
        )
    return fields[REQUEST_FIELD]


def _parsed(text: str) -> UploadRequest:
    """The request in `text`, which would be kept, logged and sent on, so that no secret of this host may be in it."""
    if redactor.holds_secret(text) or redactor.holds_secret(_unescaped(text)):
        raise _SecretInside
    return parse(text)


def _unescaped(text: str) -> str:
    """JSON text with its escapes undone wherever they are: of some characters only, a known secret is not seen."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


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

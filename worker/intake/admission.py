"""Admission: from a request to an upload's record, once however often it is asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from producers.identity import derive_upload_id, request_digest
from producers.inline_rows import reading_options, rows_as_file, rows_sha256
from worker.actors.names import input_name
from worker.actors.result_rows import ROWS, want_rows
from worker.core import upload as core
from worker.core.change import Acknowledgement, Change, Event
from worker.core.method import AUTO
from worker.core.records import UploadRecord
from worker.core.states import UPLOAD_LANES, UploadState
from worker.core.tombstone import Tombstone, list_print
from worker.intake.refusal import NotAcceptable, refusing
from worker.rows.shown import shown
from worker.rows.source import source_sha256
from worker.sources import open_input, recorded_source
from worker.store.errors import Stale, StoreUnavailable

if TYPE_CHECKING:
    from producers.request import UploadRequest
    from worker.context import Connected, Context

#: Times the record of a known upload is written again when it moves on meanwhile.
RECOGNISE_TRIES = 5


class LeftForLater(Exception):
    """A request whose turn is another one: it stays unanswered, and is taken over like one of a dead intake."""


class Admission:
    """What one intake admits.

    Lists on other hosts may be slow to read, and nobody else is answered meanwhile. So once those of one batch have
    taken `pull_seconds_max`, the batch's other ones wait for a later batch, or for another intake.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        #: Seconds that the present batch has spent on lists on other hosts.
        self._pulled_seconds = 0.0

    def begin_batch(self) -> None:
        """Lists on other hosts have all their time again."""
        self._pulled_seconds = 0.0

    def admit(self, entry_id: str, request: UploadRequest) -> None:
        """Make an upload of a request, or recognise the one that it made before; its entry is answered either way.

        Raises `NotAcceptable`, `LeftForLater`, `StoreError`.
        """
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
            raise LeftForLater
        began = time.monotonic()
        try:
            with refusing(), open_input(self._context, source) as file:
                return source_sha256(file, settings.input_bytes_max, shown(next(iter(source.values()))))
        finally:
            self._pulled_seconds += (time.monotonic() - began) if remote else 0.0

    def _keep_rows(self, upload: UploadRecord, request: UploadRequest) -> None:
        """Put the rows of a request where its upload will find them; a record holds none."""
        if request.source.rows is not None:
            with refusing():
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


def _asked_before(known: UploadRecord | Tombstone, digest: str) -> bool:
    if isinstance(known, Tombstone):
        return known.is_of_request(digest)
    return known.request_digest == digest


def _same(known: UploadRecord | Tombstone, new: UploadRecord) -> bool:
    return (known.list if isinstance(known, Tombstone) else list_print(known)) == list_print(new)

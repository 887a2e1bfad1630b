"""Admission: from a request to an upload's record, once however often it is asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from producers.identity import request_digest
from producers.inline_rows import rows_as_file, rows_sha256
from worker.actors.names import input_name
from worker.actors.recovery import Finding, Recovery
from worker.actors.result_rows import ROWS, want_rows
from worker.core import upload as core
from worker.core.change import Acknowledgement, Change, Event
from worker.core.tombstone import Tombstone
from worker.intake.judging import account_of, asked_before, check_same, check_wishes, upload_of
from worker.intake.refusal import refusing
from worker.rows.shown import shown
from worker.rows.source import source_sha256
from worker.sources import open_input, recorded_source
from worker.storage import StorageError
from worker.storage.copies import has_links
from worker.store.errors import Stale, StoreUnavailable

if TYPE_CHECKING:
    from producers.request import UploadRequest
    from worker.context import Context
    from worker.core.records import UploadRecord

log = structlog.get_logger()

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
        known = self._found(request.upload_id) if request.upload_id else None
        digest = request_digest(request)
        if known is not None and asked_before(known, digest):
            self._recognise(entry_id, str(request.upload_id), request, known)
            return
        upload = self._upload(request)
        known = self._found(upload.upload_id)
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
        check_same(known, upload)
        self._recognise(entry_id, upload.upload_id, request, known)

    def _found(self, upload_id: str) -> UploadRecord | Tombstone | None:
        """The upload that the store knows, or that it has lost and storage keeps: what was paid is not paid again.

        Who asks for it once more wants all of it: parts that were never sent go on. Raises `LeftForLater` while storage
        cannot tell.
        """
        known = self._context.store.found(upload_id)
        if known is not None:
            return known
        try:
            found = Recovery.of(self._context).restore(upload_id, self._context.apply, go_on=True)
        except StorageError as error:
            log.warning("request_waits", upload_id=upload_id, error=str(error))
            raise LeftForLater from None
        return None if found.finding is Finding.UNKNOWN else self._context.store.found(upload_id)

    def _upload(self, request: UploadRequest) -> UploadRecord:
        connected = account_of(self._context.accounts, request)
        links = has_links(self._context.storage, connected.account.base_url)
        check_wishes(request, connected.account.provider, connected.provider.capabilities, links=links)
        content = self._content_sha256(request, recorded_source(request))
        upload = upload_of(request, connected.account.provider, content, self._context.store.now())
        return upload.model_copy(update={"trace": self._context.spans.begun(upload.trace)})

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
        given = request.trace.model_dump(include={"correlation_id"}, exclude_none=True)
        event = Event("accepted", upload_id, {"entry": entry_id, "duplicate": True, "state": known.state} | given)
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

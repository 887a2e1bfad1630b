"""One consumer of the request stream: reads batches, has each request admitted or rejected, and waits out outages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import redis
import structlog

from producers.contract import UPLOADS_STREAM
from worker.intake.admission import Admission, LeftForLater
from worker.intake.judging import trace_of
from worker.intake.pressure import LOOK_SECONDS, Pressure
from worker.intake.refusal import NotAcceptable, read_request, rejection
from worker.outages import OUTAGES
from worker.store.errors import StoreError, StoreUnavailable, Unreadable
from worker.store.keys import INTAKE_GROUP
from worker.store.pulse import Pulse, Role
from worker.tracing.spans import Step

if TYPE_CHECKING:
    from producers.request import UploadRequest
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


class Intake:
    """One consumer of the request stream."""

    def __init__(self, context: Context) -> None:
        """The consumer is named like the process."""
        self._context = context
        self._client = context.store.client
        self._pressure = Pressure(context.store, context.settings.intake_memory_share)
        self._stopping = threading.Event()
        self._admission = Admission(context)
        self._pulse = Pulse(context.store, Role.INTAKE, context.process)

    def run(self) -> None:
        """Read until stopped. An outage of Redis is waited out."""
        ready = False
        while not self._stopping.is_set():
            try:
                self._pulse.beat()
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
        self._admission.begin_batch()
        entries = self._taken_over() or self._new()
        for entry_id, fields in entries:
            if self._stopping.is_set():
                break
            self.answer(entry_id, fields)
        return len(entries)

    def answer(self, entry_id: str, fields: dict[str, str]) -> None:
        """Accept or reject one request; either way its entry is acknowledged in the same write.

        One that has to wait, see `Admission`, stays as it is; so does one about an upload that this program cannot
        read, for a newer one.
        """
        with structlog.contextvars.bound_contextvars(entry=entry_id):
            self._answer(entry_id, fields)

    def _answer(self, entry_id: str, fields: dict[str, str]) -> None:
        request: UploadRequest | None = None
        try:
            request = read_request(fields)
            step = Step("intake", request.account, kind=request.kind, trace=trace_of(request))
            with structlog.contextvars.bound_contextvars(**_ids_in(request)), self._context.spans.step(step):
                self._admission.admit(entry_id, request)
        except NotAcceptable as refusal:
            self._reject(entry_id, fields, request, refusal)
        except LeftForLater:
            log.info("request_waits", seconds=TAKEOVER_MILLISECONDS / 1000)
        except Unreadable as error:
            # Unanswered, so that it comes up again here or in a newer intake, which can read the upload that it names.
            self._context.leave("intake", entry_id, error)
        except (StoreError, redis.RedisError):
            raise
        except Exception as error:
            log.exception("intake_crashed", error=type(error).__name__)
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

    def _reject(
        self, entry_id: str, fields: dict[str, str], request: UploadRequest | None, refusal: NotAcceptable
    ) -> None:
        change = rejection(entry_id, fields, request, refusal)
        (event,) = change.events
        log.warning("reject", upload_id=event.upload_id, **event.details)
        self._context.apply(change)


def _ids_in(request: UploadRequest) -> dict[str, str]:
    """The ids that a request gives itself."""
    ids = {"upload_id": request.upload_id, "correlation_id": request.trace.correlation_id}
    return {name: given for name, given in ids.items() if given is not None}


def _flat(batches: Any) -> list[tuple[str, dict[str, str]]]:  # noqa: ANN401 - its shape depends on the protocol version
    if batches and isinstance(batches[0], list):
        return [entry for batch in batches for entry in batch]
    return list(batches)

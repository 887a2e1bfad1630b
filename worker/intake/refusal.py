"""Refusals: why a request will not become an upload, and what applications are told and may keep of it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from config.redaction import redactor
from producers.contract import REQUEST_FIELD
from producers.errors import RequestInvalid
from producers.request import UploadRequest, parse
from worker.core.change import Acknowledgement, Change, Event
from worker.intake.rejected_request import kept_request, named_upload
from worker.rows.errors import InputError, SourceUnavailable
from worker.rows.shown import shown
from worker.storage import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Reason for which a request is rejected, and not repeated, that holds a secret.
SECRET_INSIDE = "secret_inside"  # noqa: S105 - a word, no password
#: How JSON may spell a character that could as well stand for itself.
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([\"\\/]))")


class NotAcceptable(Exception):
    """A request that will not become an upload; carries a bounded reason, a message and a remedy."""

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        """What applications read in the events and in the stream of rejected requests."""
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


def read_request(fields: Mapping[str, str]) -> UploadRequest:
    """The request in a stream entry. Raises `NotAcceptable`.

    It would be kept, logged and sent on, so no secret of this host may be in it.
    """
    if REQUEST_FIELD not in fields:
        raise NotAcceptable(
            "not_json",
            f"The entry has no field {REQUEST_FIELD!r}; its first field is {shown(next(iter(fields), ''))}.",
            f"Put the request's JSON text into the field {REQUEST_FIELD!r}.",
        )
    text = fields[REQUEST_FIELD]
    if redactor.holds_secret(text) or redactor.holds_secret(_unescaped(text)):
        raise NotAcceptable(
            SECRET_INSIDE,
            "The request holds an API key or a password of the workers, so nothing of it was kept.",
            "Take it out and submit again; renew it, since others may have read it.",
        )
    try:
        return parse(text)
    except RequestInvalid as error:
        raise NotAcceptable(error.reason, error.message, error.remedy) from None


def _unescaped(text: str) -> str:
    """JSON text with its escapes undone wherever they are: of some characters only, a known secret is not seen."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)


@contextmanager
def refusing() -> Iterator[None]:
    """What is wrong with a list, or with getting at it, as the answer to its request."""
    try:
        yield
    except InputError as error:
        raise NotAcceptable(error.reason, str(error), "Mend the input and submit it again.") from None
    except (SourceUnavailable, StorageError) as error:
        raise NotAcceptable(error.reason, str(error), "Submit it again when that is mended.") from None


def rejection(
    entry_id: str, fields: Mapping[str, str], request: UploadRequest | None, refusal: NotAcceptable
) -> Change:
    """The answer to a refused request: told in the events and kept, as far as it may be, among the rejected ones."""
    text = fields.get(REQUEST_FIELD, "")
    upload_id, kept = "", ""
    if refusal.reason != SECRET_INSIDE:
        upload_id = (request.upload_id or "") if request else named_upload(text)
        kept = kept_request(text)
    told = {"entry": entry_id, "reason": refusal.reason, "message": str(refusal), "remedy": refusal.remedy}
    if request is not None and request.trace.correlation_id is not None:
        told["correlation_id"] = request.trace.correlation_id
    told = {name: redactor.redact(words, sink="rejected") for name, words in told.items()}
    return Change(
        "reject",
        "",
        request.account if request else "",
        reason=refusal.reason,
        events=(Event("rejected", upload_id, told),),
        acknowledge=Acknowledgement(entry_id),
        rejected=told | {"upload_id": upload_id, "request": kept},
        details=None,
        counters={("requests", "", request.kind if request else "", "rejected"): 1, ("rejected", refusal.reason): 1},
    )

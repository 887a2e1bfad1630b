"""What intake makes of a request before it writes anything: who pays, which upload it is, and why it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from producers.identity import derive_upload_id, request_digest
from producers.inline_rows import reading_options
from worker.core.method import AUTO, PULL
from worker.core.records import UploadRecord
from worker.core.states import UPLOAD_LANES, UploadState
from worker.core.tombstone import Tombstone, list_print
from worker.core.values import Trace
from worker.intake.refusal import NotAcceptable
from worker.sources import recorded_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producers.request import UploadRequest
    from worker.providers.port import Capabilities

A = TypeVar("A")


def account_of(accounts: Mapping[str, A], request: UploadRequest) -> A:
    """The account that a request names, of all that there are. Raises `NotAcceptable`."""
    if request.account not in accounts:
        known = ", ".join(sorted(accounts)) or "none"
        raise NotAcceptable(
            "account_unknown", f"There is no account {request.account!r}.", f"Use one of the accounts: {known}."
        )
    return accounts[request.account]


def check_wishes(request: UploadRequest, provider: str, has: Capabilities, *, links: bool) -> None:
    """Raise `NotAcceptable` for a kind, a method or a segment that the account's provider has not.

    `links`: whether storage gives links that the provider can follow, without which nothing but a list with an address
    of its own can be pulled.
    """
    account, kinds = f"{request.account!r} ({provider})", sorted(has.kinds)
    if request.kind not in kinds:
        raise NotAcceptable(
            "kind_unsupported",
            f"The account {account} cannot verify {request.kind}.",
            f"Its kinds are: {', '.join(kinds)}.",
        )
    methods = ", ".join(has.submit_methods)
    if request.method not in {AUTO, *has.submit_methods}:
        raise NotAcceptable(
            "method_unsupported",
            f"The account {account} cannot be sent a list by the method {request.method}.",
            f"Its methods are: {methods}. Leave method out to have one chosen.",
        )
    if request.method == PULL and request.source.remote_url is None and not links:
        raise NotAcceptable(
            "method_unsupported",
            "The list has no address from which the provider could pull it, and the workers' storage gives no links "
            "that it could follow.",
            "Name the list by source.remote_url, or leave method out to have one chosen.",
        )
    if unknown := sorted(set(request.segments) - has.segments):
        segments = ", ".join(sorted(has.segments)) or "none"
        raise NotAcceptable(
            "segment_unsupported",
            f"The account {account} gives no segment {', '.join(unknown)}.",
            f"Its segments are: {segments}. The result has every row without any.",
        )


def upload_of(request: UploadRequest, provider: str, content: str, now: float) -> UploadRecord:
    """The upload that a request becomes; `content` is the digest of its list."""
    return UploadRecord(
        account=request.account,
        provider=provider,
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
        trace=trace_of(request),
        source=recorded_source(request),
        options=_recorded_options(request),
        method=request.method,
        segments=tuple(request.segments),
        result_place=request.result,
        result_format=request.format,
        spreadsheet_safe=request.spreadsheet_safe,
        reuse_hours=request.reuse,
        request_digest=request_digest(request),
        content_digest=content,
    )


def trace_of(request: UploadRequest) -> Trace:
    """What a request tells of its trace, as records keep it."""
    return Trace.model_validate(request.trace.model_dump(exclude_none=True))


def _recorded_options(request: UploadRequest) -> dict[str, str | int | bool]:
    """How the list is read, as the record keeps it; `screen` only where it is asked for."""
    options: dict[str, str | int | bool] = reading_options(request).model_dump(mode="json", exclude_none=True)
    return options | ({"screen": True} if request.screen else {})


def asked_before(known: UploadRecord | Tombstone, digest: str) -> bool:
    """Whether the request of that digest is the one that made the known upload."""
    if isinstance(known, Tombstone):
        return known.is_of_request(digest)
    return known.request_digest == digest


def check_same(known: UploadRecord | Tombstone, upload: UploadRecord) -> None:
    """Raise `NotAcceptable` unless the known upload of this id is of the same list, and has what is wanted of it."""
    if (known.list if isinstance(known, Tombstone) else list_print(known)) != list_print(upload):
        raise NotAcceptable(
            "conflict",
            f"The upload id {upload.upload_id!r} belongs to another request.",
            "Use another upload_id for another list or reuse; leave it out to have one derived from the content.",
        )
    if isinstance(known, UploadRecord) and (missing := sorted(set(upload.segments) - set(known.segments))):
        raise NotAcceptable(
            "conflict",
            f"The upload {known.upload_id!r} is known, and was asked for without {', '.join(missing)}.",
            "Ask without segments; or for another upload, which is paid for, by another upload_id or by again.",
        )
    if isinstance(known, UploadRecord) and _form(known) != _form(upload):
        raise NotAcceptable(
            "conflict",
            f"The upload {known.upload_id!r} is known, and its result was asked for as {_form(known)}.",
            f"Ask for {_form(known)}; or for another upload, which is paid for, by another upload_id or by again.",
        )


def _form(upload: UploadRecord) -> str:
    """What an upload's result is written as, in the words of requests."""
    return f"{upload.result_format}{' with spreadsheet_safe' if upload.spreadsheet_safe else ''}"

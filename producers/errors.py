"""What can go wrong for an application that feeds lists, each with what happened, to which input, and what to do.

ProducerError
├── NotConfigured       no Redis URL was given
├── RequestInvalid      the request breaks the contract; nothing was sent
├── SourceUnusable      the file to verify is missing, unreadable, empty or changing; nothing was sent
├── FolderUnusable      the folder to watch is missing, not writable, or watched already
├── Unavailable         Redis cannot be used now
│   └── NotAccepted     … while submitting: the request is not in the stream, or nobody confirmed that it is
├── Rejected            intake read the request and did not accept it
├── WaitTimeout         the upload did not settle in the time given; it goes on
├── RecordUnreadable    what the store holds of an upload cannot be understood
├── NoLink              the result has no address that anybody can fetch it from
└── NoResult            the upload has no result
    └── UploadFailed    … and never will: it failed or was cancelled
"""

from __future__ import annotations

from typing import ClassVar


class ProducerError(Exception):
    """Something an application asked for was not done."""

    #: A bounded word for programs; an instance may name a narrower one.
    reason: str = "producer_error"
    #: What to do about it, a sentence; an instance may name a better one.
    remedy: str = ""
    #: Whether the same call may succeed later without anybody changing the input.
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, reason: str | None = None, remedy: str | None = None) -> None:
        """`message` says what happened and to which input."""
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason
        self.remedy = self.remedy if remedy is None else remedy

    def __str__(self) -> str:
        """The message, and after it what to do."""
        return f"{self.message} {self.remedy}".rstrip()


class NotConfigured(ProducerError):
    """No Redis URL was given."""

    reason = "not_configured"
    remedy = "Give Client(url=...) or set BULKVERIFY_REDIS_URL, for example redis://localhost:6379/0."


class RequestInvalid(ProducerError):
    """The request breaks the contract. `reason` is `not_json`, `too_large`, `version` or `schema`."""

    reason = "schema"
    remedy = "Correct the request; `bulkverify schema` prints the contract."


class SourceUnusable(ProducerError):
    """The file to verify is missing, unreadable, empty or changing."""

    reason = "source_unusable"
    remedy = "Name a complete text file that this user may read."


class FolderUnusable(ProducerError):
    """The folder to watch is missing, not writable, or watched already."""

    reason = "folder_unusable"
    remedy = "Name a folder in which this user may create and rename files."


class Unavailable(ProducerError):
    """Redis cannot be used now."""

    reason = "redis_unavailable"
    remedy = "Check that Redis runs and that BULKVERIFY_REDIS_URL names it, then try again."
    retryable = True


class NotAccepted(Unavailable):
    """Redis could not be used while submitting.

    `certain` tells whether the request provably never got there; otherwise only the confirmation is missing. Either
    way submitting again under the same upload id is harmless: it is the same upload.
    """

    reason = "not_accepted"
    remedy = "Submit again when Redis is back: the same upload id is never paid for twice."

    def __init__(self, message: str, *, certain: bool, remedy: str | None = None) -> None:
        """`certain`: nothing was accepted; else: nobody knows."""
        super().__init__(message, remedy=remedy)
        self.certain = certain


class Rejected(ProducerError):
    """Intake read the request and did not accept it; `reason`, `message` and `remedy` are intake's."""

    def __init__(self, *, upload_id: str, entry: str, reason: str, message: str, remedy: str) -> None:
        """`entry` is the id of the request's entry in the stream of uploads."""
        super().__init__(message, reason=reason, remedy=remedy)
        self.upload_id = upload_id
        self.entry = entry


class WaitTimeout(ProducerError):
    """The upload did not settle in the time given; it goes on. `state` is its last known state, if any."""

    reason = "wait_timeout"
    retryable = True

    def __init__(self, message: str, *, upload_id: str, state: str | None, remedy: str) -> None:
        """`state` is None while there is no record that answers the request."""
        super().__init__(message, remedy=remedy)
        self.upload_id = upload_id
        self.state = state


class RecordUnreadable(ProducerError):
    """What the store holds of an upload cannot be understood."""

    reason = "record_unreadable"
    remedy = "Use a bulkverify of the workers' version; if it is the same, something else wrote to this key."


class NoLink(ProducerError):
    """The result has no address that anybody can fetch it from, because the workers' storage gives none."""

    reason = "no_link"
    remedy = "Read the file itself, ask for the result as rows, or have the workers' storage in an object store."


class NoResult(ProducerError):
    """The upload has no result now; `state` says where it stands, None when it is not known at all."""

    reason = "no_result"

    def __init__(self, message: str, *, upload_id: str, state: str | None, reason: str | None = None) -> None:
        """`message` also says what happens next."""
        super().__init__(message, reason=reason)
        self.upload_id = upload_id
        self.state = state


class UploadFailed(NoResult):
    """The upload failed or was cancelled; `reason` is the upload's own."""

    reason = "upload_failed"

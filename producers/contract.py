"""The names that applications and workers share in the state database, and the limits of what may pass through them.

Everything here is public: an application in any language may rely on it, so a name changes only with the contract's
version. The worker takes these names from here, never from a literal of its own. `docs/contract.md` tells the same in
prose.
"""

from __future__ import annotations

from enum import StrEnum

#: Version of the request format that this program writes and understands.
CONTRACT_VERSION = 1

#: Stream of requests; each entry has one field, `REQUEST_FIELD`, that holds JSON text in UTF-8.
UPLOADS_STREAM = "bulkverify:uploads"
REQUEST_FIELD = "request"
#: Stream of what happened to uploads, oldest first, of all uploads together.
EVENTS_STREAM = "bulkverify:events"
#: Stream of requests that intake did not accept, with the reason and what to do.
REJECTED_STREAM = "bulkverify:rejected"

#: Most bytes of one request's JSON text.
REQUEST_BYTES_MAX = 256 * 1024
#: Characters that are kept of a rejected request, without its rows and secrets.
REJECTED_REQUEST_CHARS_MAX = 2_000
#: Most values in a request itself, and the characters of one: the request's own limit counts too.
INLINE_ROWS_MAX = 5_000
INLINE_VALUE_CHARS_MAX = 4_096
#: Characters of a URL.
URL_CHARS_MAX = 2_048
#: Characters of a path, a label, a producer's name, a column's name.
PATH_CHARS_MAX = 4_096
LABEL_CHARS_MAX = 100
PRODUCER_CHARS_MAX = 100
COLUMN_CHARS_MAX = 200
#: Highest position of a column, counted from 0.
COLUMN_POSITION_MAX = 9_999

#: What an upload id may look like: 1 to 100 characters, for a key, a file name and a command line alike.
UPLOAD_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
#: What the word may look like that makes a list another upload.
AGAIN_PATTERN = r"^[A-Za-z0-9._-]{1,40}$"
#: Most hours of age of a verdict that a request may have taken over: a year.
REUSE_HOURS_MAX = 8_760
#: What an account's name may look like; the accounts file has the same rule.
ACCOUNT_PATTERN = r"^[A-Za-z0-9_-]{1,40}$"
#: Beginning of an id that was derived from the request and its content; ids given by a producer leave it alone.
DERIVED_ID_PREFIX = "auto-"


class UploadState(StrEnum):
    """Where an upload stands, as its record says."""

    ACCEPTED = "accepted"
    PREPARING = "preparing"
    RUNNING = "running"
    DELIVERING = "delivering"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: Needs a person; its other parts go on.
    ATTENTION = "attention"


#: States that an upload never leaves.
TERMINAL_STATES = frozenset({UploadState.COMPLETED, UploadState.FAILED, UploadState.CANCELLED})


#: How the state of a purged upload begins; the state in which it ended follows.
PURGED_PREFIX = "purged/"


class EventWord(StrEnum):
    """What an event tells."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    STARTED = "started"
    PROGRESS = "progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"


def upload_key(upload_id: str) -> str:
    """Key of the upload's record: a string that holds JSON; of a purged one, what is still known of it."""
    return f"bulkverify:upload:{upload_id}"


def manifest_name(upload_id: str) -> str:
    """Where the manifest of an upload with a result lies in the workers' storage, below its URL: it stays there."""
    return f"results/{upload_id}/manifest.json"


def parts_key(upload_id: str) -> str:
    """Key of the upload's part counts: a hash of part state, and `rows_done`, to a number."""
    return f"bulkverify:upload:{upload_id}:parts"


def result_key(upload_id: str) -> str:
    """Key of the upload's result where rows were asked for: a string that holds the result, until its time is up."""
    return f"bulkverify:result:{upload_id}"

"""The words under which calls to providers are counted, so that every counter of theirs can begin at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.providers.errors import CredentialsRejected, OutOfCredits, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How an HTTP call ends, see `Reporter.call_finished`.
CALL_OUTCOMES = ("2xx", "3xx", "4xx", "5xx", "throttled", "timeout", "connection")

#: What an answer to a reading call of WhoisXML may turn out to be though its code is a good one; a gateway's page too.
_WHOISXML_READS = (Refused.reason, CredentialsRejected.reason, OutOfCredits.reason, Unavailable.reason)
#: By provider the operations of its API, and why an answer that HTTP calls a success may be an error.
SOFT_ERRORS_POSSIBLE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ipqs": {
        "submit": ("not_accepted",),
        **dict.fromkeys(("status", "list", "credits"), ("success_false",)),
        "download": (),
    },
    "whoisxml": {
        "submit": ("not_accepted",),
        **dict.fromkeys(("status", "list", "completed", "failed", "credits"), _WHOISXML_READS),
    },
}

"""The tombstone: what is left of a purged upload, so that nothing that was paid for is paid for again.

It lies where the record lay, under the upload's key, and is at most `TOMBSTONE_BYTES_MAX` long together with that key.
Applications read its `state`, `purged/` and the outcome, and `at`, when the upload ended.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from worker.core.records import UploadRecord

#: Most bytes of a tombstone and its key.
TOMBSTONE_BYTES_MAX = 200
#: How the state of a purged upload begins; its outcome follows.
PURGED_PREFIX = "purged/"
#: How every tombstone begins, and no record.
_BEGINNING = f'{{"state":"{PURGED_PREFIX}'
#: Characters of a fingerprint in a tombstone: 90 bits of SHA-256 in base 64.
PRINT_CHARACTERS = 15


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is still known of a purged upload."""

    #: The end that it had come to: `completed`, `failed` or `cancelled`.
    outcome: str
    #: When it ended, in whole epoch seconds.
    ended_at: int
    #: Fingerprint of the request; see `UploadRecord.request_digest`.
    request: str
    #: Fingerprint of what was verified: account, kind, options and content.
    list: str

    @classmethod
    def of(cls, upload: UploadRecord) -> Self:
        """The tombstone of an upload that has ended."""
        ended_at = int(upload.finished_at or upload.updated_at)
        return cls(str(upload.state), ended_at, _print(upload.request_digest), list_print(upload))

    @property
    def state(self) -> str:
        """The state that applications are told."""
        return PURGED_PREFIX + self.outcome

    def is_of_request(self, request_digest: str) -> bool:
        """Whether a request is the one that made the upload."""
        return self.request == _print(request_digest)

    def encode(self) -> str:
        """The text that is kept."""
        fields = {"state": self.state, "at": self.ended_at, "d": self.request + self.list}
        return json.dumps(fields, separators=(",", ":"))


def tombstone_in(text: str) -> Tombstone | None:
    """The tombstone in the text under an upload's key, or `None` where that is a record."""
    if not text.startswith(_BEGINNING):
        return None
    fields = json.loads(text)
    prints = str(fields["d"])
    outcome = str(fields["state"]).removeprefix(PURGED_PREFIX)
    return Tombstone(outcome, int(fields["at"]), prints[:PRINT_CHARACTERS], prints[PRINT_CHARACTERS:])


def list_print(upload: UploadRecord) -> str:
    """Fingerprint of what an upload verifies, and how old its verdicts may be; the same list elsewhere has the same."""
    asked: list[object] = [upload.account, upload.kind, sorted(upload.options.items()), upload.content_digest]
    if upload.reuse_hours is not None:
        asked.append(upload.reuse_hours)
    return _print(json.dumps(asked))


def _print(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:PRINT_CHARACTERS].decode()

"""Who is who: fingerprints of requests and contents, and the upload id that follows from them.

The same functions run in applications and at intake, so both sides derive the same id from the same list.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from producers.content import ContentDigest
from producers.contract import DERIVED_ID_PREFIX
from producers.errors import RecordUnreadable
from producers.inline_rows import reading_options
from producers.request import canonical_json, given_fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from producers.records import Status
    from producers.request import UploadRequest

#: Bytes read at once while a file is hashed.
HASH_BLOCK_BYTES = 1024 * 1024
#: Hexadecimal digits of a derived upload id: 128 bits.
DERIVED_ID_DIGITS = 32

#: Fields that name or describe an upload, or say how it travels, and do not change what is verified and delivered.
_NAMING_FIELDS = frozenset({"upload_id", "label", "producer", "method", "trace"})


def request_digest(request: UploadRequest) -> str:
    """SHA-256, hexadecimal, of what a request asks for: two requests with one upload id conflict when theirs differ.

    Names and descriptions do not count. Where the id was derived from the content, or is still to be, the source does
    not count either: the same content in another place is the same upload.
    """
    fields = given_fields(request)
    asked = {key: value for key, value in fields.items() if key not in _NAMING_FIELDS}
    if request.upload_id is None or is_derived(request.upload_id):
        asked.pop("source")
    return _sha256(asked)


def derive_upload_id(request: UploadRequest, content_sha256: str) -> str:
    """The id of a request that has none: `auto-` and 32 hexadecimal digits.

    They are of account, kind, options, content, and of `screen`, `again` and `reuse` where they are given: whoever does
    not ask for verdicts of some age is never told of an upload that may have taken over such. What the result is
    written as is no part of it: a list in another form is no reason to pay once more.
    """
    options = reading_options(request).model_dump(mode="json", exclude_none=True)
    named: dict[str, object] = {"account": request.account, "kind": request.kind, "options": options}
    if request.screen:
        named["screen"] = True
    if request.again is not None:
        named["again"] = request.again
    if request.reuse is not None:
        named["reuse"] = request.reuse
    return DERIVED_ID_PREFIX + _sha256({**named, "content_sha256": content_sha256})[:DERIVED_ID_DIGITS]


def is_derived(upload_id: str) -> bool:
    """Whether an id says the content of its upload."""
    return upload_id.startswith(DERIVED_ID_PREFIX)


def said_by_id(request: UploadRequest, known: Status | RecordUnreadable) -> bool:
    """Whether the known upload of the request's id certainly is what the request asks for, so that nobody has to judge.

    A derived id says nothing of where a result is wanted, what besides it, and as what; of the last the record does.
    """
    if not is_derived(str(request.upload_id)) or isinstance(known, RecordUnreadable):
        return False
    same_form = (known.result_format, known.spreadsheet_safe) == (request.format, request.spreadsheet_safe)
    return same_form and request.result == "storage" and not request.segments


def content_sha256(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256, hexadecimal, of what the list in a file holds; `on_bytes` is told the size of each block that is read.

    Raises `OSError` when the file cannot be read.
    """
    digest = ContentDigest()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
            if on_bytes is not None:
                on_bytes(len(block))
    return digest.sha256


def _sha256(fields: dict[str, object]) -> str:
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()

"""What is told and kept of a refused request: the upload that it names, no rows, and nothing that may be a secret."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from config.redaction import redactor
from producers.contract import REJECTED_REQUEST_CHARS_MAX, REQUEST_BYTES_MAX, UPLOAD_ID_PATTERN
from producers.request import UploadRequest
from producers.request_source import Source
from producers.row_options import RowOptions

#: Hexadecimal digits of the digest of a text that is not kept.
DIGEST_DIGITS = 16

#: A URL: its scheme, the rest up to its query or fragment, and those.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s?#]*)(\S*)")
#: What stands for a URL of which it is not sure what is its user and what its query.
_UNSURE = "(the rest is not kept)"
#: Fields of the contract; what stands in others is nobody's guess.
_REQUEST, _SOURCE, _OPTIONS = (frozenset(model.model_fields) for model in (UploadRequest, Source, RowOptions))
#: Fields that hold a URL and nothing else.
_URLS = frozenset({"url", "remote_url"})


def named_upload(text: str) -> str:
    """The upload id that a refused request names, empty if it is not certain that it names one."""
    upload_id = (_object_in(text.encode("utf-8", "surrogateescape")) or {}).get("upload_id")
    return upload_id if isinstance(upload_id, str) and re.fullmatch(UPLOAD_ID_PATTERN, upload_id) else ""


def kept_request(text: str) -> str:
    """At most `REJECTED_REQUEST_CHARS_MAX` characters of a request's text.

    Of a JSON object the contract's own fields stay, `source.rows` as their number only, and URLs without user, query
    and fragment; of any other value only its shape. Of a text that is no such object only size and digest stay.
    """
    raw = text.encode("utf-8", "surrogateescape")
    request = _object_in(raw)
    if request is None:
        digest = hashlib.sha256(raw).hexdigest()[:DIGEST_DIGITS]
        return f"({len(raw):,} bytes that are not kept, SHA-256 {digest}…)"
    kept: dict[str, Any] = _known(request, _REQUEST)
    for part, names in (("source", _SOURCE), ("options", _OPTIONS)):
        if part in request:
            kept[part] = _known(request[part], names) if isinstance(request[part], dict) else _shape(request[part])
    shown = json.dumps(redactor.redact_value(kept, sink="rejected"), ensure_ascii=False)
    return shown.encode("utf-8", "backslashreplace").decode()[:REJECTED_REQUEST_CHARS_MAX]


def _object_in(raw: bytes) -> dict[str, Any] | None:
    """The JSON object that a text of an allowed size is."""
    try:
        found = json.loads(raw) if len(raw) <= REQUEST_BYTES_MAX else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _known(fields: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Every field, with its value where it is a plain one and the field is the contract's, else with its shape."""
    return {_clean(name): _plain(name, value) if name in names else _shape(value) for name, value in fields.items()}


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and name != "rows" and (name not in _URLS or _URL.fullmatch(value)):
        return _clean(value)
    return value if isinstance(value, bool | int | float | None) else _shape(value)


def _shape(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """What a value is, and how long, and nothing of what it says."""
    match value:
        case str():
            return f"({len(value):,} characters)"
        case list():
            return f"({len(value):,} values)"
        case dict():
            return f"({len(value):,} fields)"
        case _:
            return "(a value)"


def _clean(text: str) -> str:
    return _URL.sub(_bare, text)


def _bare(url: re.Match[str]) -> str:
    """A URL without user, query and fragment. A password may hold what begins a query, and a query an `@`."""
    scheme, place, rest = url.groups()
    authority, slash, path = place.partition("/")
    if "@" in path + rest:
        return scheme + _UNSURE
    return scheme + authority.rpartition("@")[2] + slash + path

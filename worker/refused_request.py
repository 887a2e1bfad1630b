"""What may be told of a request that was not accepted: the upload it names, and as much of its text as is no secret."""

from __future__ import annotations

import json
import re

from producers.contract import REJECTED_REQUEST_CHARS_MAX, REQUEST_BYTES_MAX, UPLOAD_ID_PATTERN

#: Characters that are looked at; more than are repeated, because what is hidden makes a text shorter.
LOOKED_AT_CHARACTERS = 4 * REJECTED_REQUEST_CHARS_MAX

#: Values of a list inside a request, to the last bracket: what they are, and where they end, is not certain yet.
_ROWS = re.compile(r'("rows"\s*:\s*)[\[{].*(?=[\]}])|("rows"\s*:\s*)[\[{].*', re.DOTALL)
#: A URL's user, and its query or fragment: what a contract forbids there is often a secret.
_USER = re.compile(r"(://)[^\s/\"\\]*(?:@|\Z)")
_QUERY = re.compile(r'(://[^\s"?#]*)[?#][^\s"]*')


def named_upload(text: str) -> str:
    """The upload id that a refused request names, empty if it is not certain that it names one."""
    if len(text) > REQUEST_BYTES_MAX:
        return ""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    upload_id = fields.get("upload_id") if isinstance(fields, dict) else None
    return upload_id if isinstance(upload_id, str) and re.fullmatch(UPLOAD_ID_PATTERN, upload_id) else ""


def repeatable(text: str) -> str:
    """The beginning of a refused request, without the values of its list and without what may be secret in a URL."""
    without_rows = _ROWS.sub(lambda found: f'{found[1] or found[2]}"<hidden>"', text[:LOOKED_AT_CHARACTERS])
    without_secrets = _QUERY.sub(r"\1?<hidden>", _USER.sub(r"\1<hidden>@", without_rows))
    return without_secrets[:REJECTED_REQUEST_CHARS_MAX]

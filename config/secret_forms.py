"""The shapes in which a secret can turn up in text: its encodings, and the places that usually hold one."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Stands where a secret was.
MASK = "[redacted]"

#: A slash as it stands in a URL, in JSON with escaped slashes, and percent-encoded.
_SLASH = r"(?:\\?/|%2F)"

#: What may stand between a name and its value: quotes (escaped or not) around either, and `:` or `=`.
_SEPARATOR = r"[\"'\\]{0,4}(?:\s*[:=]\s*|%3D)(?:b?[\"'\\]{1,4})?+"

#: A value of any shape, up to a quote or a delimiter; not a value that is masked already.
_VALUE = r"(?!\[redacted)[^\s\"'\\&,;{}\[\]<>]+"

#: One pattern per place that can hold a secret which nobody registered. All of it after the group `keep` is replaced.
PLACES = (
    # IPQualityScore: `/api/json/csv/<KEY>/…`, `/api/json/account/<KEY>`, and the former without what precedes it.
    rf"(?P<keep>(?:json|xml){_SLASH}(?:csv|account|requests){_SLASH})[A-Z0-9-]{{8,}}",
    rf"(?P<keep>csv{_SLASH})[A-Z0-9]{{20,}}",
    # IPQualityScore's download links, which need no key.
    r"(?P<keep>download(?:=|%3D))[A-Z0-9]{16,}",
    # `apiKey=…`, `"apiKey": "…"`, `IPQS-KEY: …`, `password=…`.
    rf"(?P<keep>(?:api[_-]?key|ipqs-key|password|passwd){_SEPARATOR}){_VALUE}",
    # `?key=…` in a URL, whatever its length; `key=…` and `"key": "…"` elsewhere, where the value is as long as a key.
    rf"(?P<keep>[?&]key=){_VALUE}",
    rf"(?P<keep>(?<![A-Z0-9_])key{_SEPARATOR})[A-Z0-9_-]{{16,}}+(?![:./])",
    # `Authorization: Bearer …`.
    rf"(?P<keep>authorization{_SEPARATOR}(?:bearer|basic|token)\s+){_VALUE}",
    # `scheme://user:password@host`.
    r"(?P<keep>://[^\s/:@\"'<>]{0,200}:)(?!\[redacted)[^\s/@\"'<>]+(?=@)",
    # Signed links of object stores.
    rf"(?P<keep>(?:x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig)(?:=|%3D)){_VALUE}",
)

#: Every match of `PLACES` holds one of these words; a text with none of them needs no closer look.
HINTS = re.compile(r"key|csv|json|xml|download=|download%3D|passw|authorization|://|sig|x-amz|x-goog", re.IGNORECASE)


def encodings(secret: str) -> Iterator[str]:
    """Every form of `secret` that libraries make of it: URL, JSON, HTML, repr, hex and base64 at any offset."""
    yield from (secret, unquote(secret), repr(secret)[1:-1], ascii(secret)[1:-1], escape(secret))
    yield from _in_urls(secret)
    for in_json in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield from (in_json, in_json.replace("/", r"\/"), json.dumps(in_json)[1:-1])
    units = secret.encode("utf-16-be").hex()
    yield from _in_both_cases("".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), r"\\u[0-9a-f]{4}")
    raw = secret.encode()
    yield from (raw.hex(), raw.hex().upper())
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):
            yield _base64_core(encode(b"\0" * offset + raw).decode(), offset, offset + len(raw))


def _in_urls(secret: str) -> Iterator[str]:
    """`secret` percent-encoded as far as needed or throughout, once or twice, in digits of either case."""
    throughout = "".join(f"%{byte:02X}" for byte in secret.encode())
    for once in (quote(secret, safe=""), quote(secret), quote_plus(secret), throughout):
        for form in (once, quote(once, safe="")):
            yield from _in_both_cases(form, "%(?:25)?[0-9A-F]{2}")


def _in_both_cases(text: str, escape_pattern: str) -> tuple[str, str]:
    """`text` with the hexadecimal digits of its escapes in lower and in upper case."""
    lower = re.sub(escape_pattern, lambda found: found[0].lower(), text, flags=re.IGNORECASE)
    upper = re.sub(escape_pattern, lambda found: found[0].upper().replace("\\U", "\\u"), text, flags=re.IGNORECASE)
    return lower, upper


def _base64_core(text: str, offset: int, end: int) -> str:
    """The characters of a base64 text that depend on the bytes from `offset` to `end` alone."""
    return text[-(-offset * 8 // 6) : end * 8 // 6]

"""The part's fingerprint in the remote name: the same on every attempt, so that a job can be recognised as ours."""

from __future__ import annotations

import base64
import hashlib
import re

#: Bytes of SHA-256 in a token: 80 bits, 16 base-32 characters.
TOKEN_BYTES = 10
#: Every token begins with this, so that our jobs are told from others'.
TOKEN_PREFIX = "bv-"  # noqa: S105 - it is public, and no password
#: Most characters of a remote name.
NAME_CHARACTERS_MAX = 80

_TOKEN = re.compile(rf"{TOKEN_PREFIX}[a-z2-7]{{16}}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def part_token(*, installation_id: str, account: str, upload_id: str, index: int, kind: str, digest: str) -> str:
    """The token of a part; `digest` is that of the values that are sent, whatever their order."""
    text = "\n".join((installation_id, account, upload_id, str(index), kind, digest))
    fingerprint = hashlib.sha256(text.encode()).digest()[:TOKEN_BYTES]
    return TOKEN_PREFIX + base64.b32encode(fingerprint).decode().lower()


def remote_name(token: str, label: str) -> str:
    """The name given at submit: the token first, then the producer's label as far as it fits."""
    safe = _UNSAFE.sub("-", label).strip("-")
    return f"{token}-{safe}"[:NAME_CHARACTERS_MAX] if safe else token


def token_in(name: str | None) -> str | None:
    """The token that a remote name begins with, or `None`."""
    found = _TOKEN.match(name or "")
    return found.group() if found else None

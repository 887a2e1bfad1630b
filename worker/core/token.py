"""The part's fingerprint in the remote name: the same on every attempt, so that a job can be recognised as ours."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes of SHA-256 in a token: 80 bits, 16 base-32 characters.
TOKEN_BYTES = 10
#: Every token begins with this, so that our jobs are told from others'.
TOKEN_PREFIX = "bv-"  # noqa: S105 - it is public, and no password
#: Most characters of a remote name.
NAME_CHARACTERS_MAX = 80

#: Least characters of a cut token by which a job is still recognised: the prefix and 50 bits, 5 in each character.
CUT_TOKEN_CHARACTERS_MIN = len(TOKEN_PREFIX) + 10

_TOKEN = re.compile(rf"{TOKEN_PREFIX}[a-z2-7]{{16}}")
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)
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


def matching(name: str | None, tokens: Iterable[str]) -> str | None:
    """The one of `tokens` that a remote name begins with, whole or cut; `None` when no single one fits best.

    Inferred: a provider may cut the name it was given, add to its end, put folders before it or change its case. So at
    least `CUT_TOKEN_CHARACTERS_MIN` characters must agree, and the token that agrees for longest is meant. What follows
    them does not count: a job of ours that is not recognised may be paid for twice.

    Known limitation: a name that fits two tokens equally well is given to neither; by chance 50 bits hardly ever agree.
    """
    shown = _FOLDERS.sub("", name or "").strip().lower()
    agreeing = {token: _agreeing_characters(shown, token) for token in tokens}
    longest = max(agreeing.values(), default=0)
    found = [token for token, characters in agreeing.items() if characters == longest]
    return found[0] if longest >= CUT_TOKEN_CHARACTERS_MIN and len(found) == 1 else None


def _agreeing_characters(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginnings."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )

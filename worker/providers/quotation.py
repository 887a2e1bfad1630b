"""A provider's own words, made fit to stand in an error, a log line or a record."""

from __future__ import annotations

import re
from urllib.parse import quote

#: Most characters of a provider's text that are repeated.
QUOTED_CHARACTERS_MAX = 200

_LINK = re.compile(r"\S*://\S*")
#: A run this long is a key or a link's token, whoever it belongs to: documented keys have 32 characters, tokens 256.
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{24,}")


def quoted(text: object, *secrets: str) -> str:
    """`text` on one line, shortened, without the `secrets`, without links and without whatever looks like a key."""
    words = str(text)
    for secret in secrets:
        for spelling in {secret, quote(secret, safe="")} - {""}:
            words = words.replace(spelling, "<hidden>")
    words = _TOKEN.sub("<hidden>", _LINK.sub("<link>", words))
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return words if len(words) <= QUOTED_CHARACTERS_MAX else words[: QUOTED_CHARACTERS_MAX - 1] + "…"

"""A provider's own words, made fit to stand in an error, a log line or a record."""

from __future__ import annotations

import re
from functools import lru_cache

from config.secret_forms import encodings

#: Most characters of a provider's text that are repeated.
QUOTED_CHARACTERS_MAX = 200
#: Secrets whose spellings are remembered: more accounts than an installation has.
SECRETS_MAX = 256

_LINK = re.compile(r"\S*://\S*")
#: A run this long is a key or a link's token, whoever it belongs to: documented keys have 32 characters, tokens 256.
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{24,}")


def quoted(text: object, *secrets: str) -> str:
    """`text` on one line, shortened, without links and whatever looks like a key, and without the `secrets`.

    Those are found in every encoding that libraries make of them.
    """
    words = str(text)
    for secret in filter(None, secrets):
        words = _spellings(secret).sub("<hidden>", words)
    words = _TOKEN.sub("<hidden>", _LINK.sub("<link>", words))
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return words if len(words) <= QUOTED_CHARACTERS_MAX else words[: QUOTED_CHARACTERS_MAX - 1] + "…"


@lru_cache(maxsize=SECRETS_MAX)
def _spellings(secret: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(form) for form in sorted(encodings(secret), key=len, reverse=True)))

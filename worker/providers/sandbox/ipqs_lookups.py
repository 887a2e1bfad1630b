"""IPQualityScore's other lookups: nothing but a pattern for what is well-formed, the rest filled from a hash."""

from __future__ import annotations

import re
from typing import NamedTuple

from worker.providers.sandbox.chance import happens, seeded_digest
from worker.providers.sandbox.ipqs_columns import COLUMNS, FLAGS, SCORES


class Lookup(NamedTuple):
    """One type whose verdicts have no rules beyond "well-formed or not"."""

    columns: tuple[str, ...]
    pattern: re.Pattern[str]

    def judge(self, seed: int, value: str) -> str:
        """The segment of one value: `malformed`, `bad`, `clean` or `pristine`."""
        if not self.pattern.fullmatch(value.strip()):
            return "malformed"
        return ("bad", "clean", "pristine", "pristine")[seeded_digest(seed, value)[0] % 4]

    def cells(self, seed: int, value: str) -> tuple[str, ...]:
        """One value's cells, as `columns` names them; all empty for a malformed one."""
        if not self.pattern.fullmatch(value.strip()):
            return ("",) * len(self.columns)
        digest = seeded_digest(seed, value)
        return tuple(_cell(column, digest[place % len(digest)]) for place, column in enumerate(self.columns))


def _cell(column: str, byte: int) -> str:
    if column in SCORES:
        # Most values are harmless: a score falls off towards its top.
        return str(100 * byte * byte // (255 * 255))
    if column in FLAGS:
        return "true" if happens(byte, FLAGS[column]) else "false"
    return "N/A"


URL = Lookup(COLUMNS["url"], re.compile(r"(?:https?://)?[^\s/]+\.[^\s/]{2,}(?:/\S*)?", re.IGNORECASE))
PHONE = Lookup(COLUMNS["phone"], re.compile(r"\+?[0-9(][0-9 ().-]{5,20}[0-9]"))
LEAKED = Lookup(COLUMNS["leaked"], re.compile(r"\S(?:.*\S)?"))

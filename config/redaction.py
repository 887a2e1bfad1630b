"""The last gate before any text leaves: registered secrets in all their encodings, and whatever looks like one.

Known limitation: half a secret is not recognised. Whoever shortens a text redacts it first.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from config.secret_forms import HINTS, MASK, PLACES, encodings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import SecretStr

#: Characters a secret must at least have to be masked wherever it stands; shorter ones would eat ordinary words.
SECRET_CHARS_MIN = 6

#: Characters from which on a secret is no word that may stand somewhere by chance, as a short password may.
SURE_CHARS_MIN = 16

#: Levels of nesting of a value that are walked; what lies deeper is turned into text and redacted as such.
DEPTH_MAX = 10

#: Names, in lower case and without `-` and `_`, whose values are masked whatever they look like.
SECRET_NAMES = frozenset({"apikey", "ipqskey", "xapikey", "authorization", "password", "passwd", "secret"})

#: What the value of a field called just `key` must look like to be masked: no name of a Redis key does.
_KEY_VALUE = re.compile(r"[A-Za-z0-9_-]{16,}")

_PLACES = tuple(re.compile(place, re.IGNORECASE) for place in PLACES)


class Redactor:
    """Replaces secrets in texts and values by `[redacted]`. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._literals: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._sure: frozenset[str] = frozenset()
        self._sure_pattern: re.Pattern[str] | None = None
        self._on_redaction: Callable[[str], None] | None = None

    def register(self, secret: SecretStr) -> None:
        """From now on, mask `secret` in all its encodings. One of fewer than `SECRET_CHARS_MIN` characters is not."""
        text = secret.get_secret_value()
        if len(text) < SECRET_CHARS_MIN:
            return
        with self._lock:
            forms = {form for form in encodings(text) if len(form) >= SECRET_CHARS_MIN}
            self._literals |= forms
            self._pattern = _any_of(self._literals)
            if len(text) >= SURE_CHARS_MIN:
                self._sure |= forms
                self._sure_pattern = _any_of(self._sure)

    def on_redaction(self, hook: Callable[[str], None] | None) -> None:
        """Call `hook(sink)` once for every text in which something was masked; it must not log."""
        self._on_redaction = hook

    def holds_secret(self, text: str) -> bool:
        """Whether a registered secret of at least `SURE_CHARS_MIN` characters stands in `text`, in any encoding."""
        return self._sure_pattern is not None and self._sure_pattern.search(text) is not None

    def redact(self, text: str, *, sink: str = "text") -> str:
        """`text` without secrets. `sink`, a bounded word, says to the hook where the text was going."""
        clean = text if self._pattern is None else self._pattern.sub(MASK, text)
        if HINTS.search(clean):
            for place in _PLACES:
                clean = place.sub(rf"\g<keep>{MASK}", clean)
        if clean != text:
            self._count(sink)
        return clean

    def redact_value(self, value: Any, *, sink: str = "text") -> Any:  # noqa: ANN401 - any value, of the same shape
        """`value` without secrets: mappings, lists, tuples, sets, texts and bytes are walked.

        Any other object is kept if its `repr` holds no secret, and is otherwise replaced by its redacted `repr`.
        """
        return self._walk(value, sink, DEPTH_MAX)

    def _walk(self, value: Any, sink: str, depth: int) -> Any:  # noqa: ANN401 - any value
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.redact(value, sink=sink)
            case bytes():
                return self.redact(_text_of(value), sink=sink).encode("utf-8", "surrogateescape")
            case dict() | list() | tuple() | set() | frozenset() if depth:
                return self._walk_container(value, sink, depth - 1)
            case _:
                shown = repr(value)
                clean = self.redact(shown, sink=sink)
                return value if clean == shown else clean

    def _walk_container(self, value: Any, sink: str, depth: int) -> Any:  # noqa: ANN401 - any container
        if isinstance(value, dict):
            return {self._walk(name, sink, depth): self._field(name, item, sink, depth) for name, item in value.items()}
        shape = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
        return shape(self._walk(item, sink, depth) for item in value)

    def _field(self, name: object, item: Any, sink: str, depth: int) -> Any:  # noqa: ANN401 - any value
        if not is_secret(name, item):
            return self._walk(item, sink, depth)
        self._count(sink)
        return MASK if isinstance(item, str) else MASK.encode()

    def _count(self, sink: str) -> None:
        if self._on_redaction is not None:
            self._on_redaction(sink)


def _any_of(literals: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(literals, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


def is_secret(name: object, item: object) -> bool:
    """Whether a field's name alone makes its text a secret: `apiKey`, `IPQS-KEY`, or `key` with a value like a key."""
    if not isinstance(name, str) or not isinstance(item, str | bytes) or item in {MASK, MASK.encode(), ""}:
        return False
    plain = name.lower().replace("-", "").replace("_", "")
    text = item if isinstance(item, str) else _text_of(item)
    return plain in SECRET_NAMES or (plain == "key" and _KEY_VALUE.fullmatch(text) is not None)


def _text_of(value: bytes) -> str:
    """Bytes as text, whatever they are; encoding the same way gives them back."""
    return value.decode("utf-8", "surrogateescape")


#: The process's own redactor: whoever resolves a key registers it here, and every sink goes through it.
redactor = Redactor()

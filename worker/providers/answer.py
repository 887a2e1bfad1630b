"""One HTTP answer, whole and bounded, and what its status code alone says about failure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from worker.providers.errors import Throttled, Unavailable
from worker.providers.tolerant import nested_too_deeply

if TYPE_CHECKING:
    from worker.providers.errors import ProviderError

#: Bytes of an answer that is held in memory; a list page of 50 jobs has about 20,000.
ANSWER_BYTES_MAX = 8_388_608

#: Seconds beyond which a provider's `Retry-After` is not believed.
RETRY_AFTER_SECONDS_MAX = 86_400.0

#: Codes that mean: too many calls. 429 is the standard's; 509 is what the vendor's own connector for IPQS expects.
THROTTLE_CODES = frozenset({429, 509})


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, the headers that matter, and the body (of a download only its beginning)."""

    status: int
    content_type: str = ""
    retry_after_seconds: float | None = None
    body: bytes = field(default=b"", repr=False)
    #: The answer came before the whole request had been sent: the provider cannot have read it to its end.
    premature: bool = False

    @property
    def success(self) -> bool:
        """Whether HTTP calls it a success; the provider may disagree in the body."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of codes is the definition

    @property
    def is_page(self) -> bool:
        """Whether the body is a web page: what gateways and bot checks answer in place of the API."""
        return "html" in self.content_type.lower() or self.body.lstrip()[:1] == b"<"

    def document(self) -> dict[str, object] | None:
        """The JSON object in the body, `None` if there is none, or one nested so deeply that no provider means it."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and not nested_too_deeply(value) else None


def failure_of(answer: Answer, subject: str) -> ProviderError | None:
    """What a read's status code says, `None` for a success and for codes whose body has to decide.

    `subject` names the call for the message. A redirect is never followed: it would carry the key to another host, or
    turn a POST into a GET.
    """
    if answer.status in THROTTLE_CODES:
        text = f"{subject}: the provider asks for fewer calls (HTTP {answer.status}); lower requests_per_second"
        return Throttled(text, retry_after_seconds=answer.retry_after_seconds)
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the class of codes is the definition
        return Unavailable(
            f"{subject}: answered with a redirect (HTTP {answer.status}), which is not followed; "
            "set the account's base_url to the address it leads to"
        )
    if answer.status >= 500:  # noqa: PLR2004 - the class of codes is the definition
        text = f"{subject}: the provider cannot answer now (HTTP {answer.status})"
        return Unavailable(text, retry_after_seconds=answer.retry_after_seconds)
    if answer.is_page:
        text = (
            f"{subject}: answered with a web page (HTTP {answer.status}) in place of the API, as bot checks and "
            "gateways do; if it stays, check base_url and whether this machine's address is blocked"
        )
        return Unavailable(text, retry_after_seconds=answer.retry_after_seconds)
    return None


def retry_after_of(header: str | None) -> float | None:
    """Seconds to wait by a `Retry-After` header in either of its standard forms; `None` if it says nothing usable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def _seconds_until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return float("nan")

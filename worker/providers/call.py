"""One HTTP call to a provider: what may be told of it, and what never is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.version import version
from worker.providers.answer import THROTTLE_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping


#: How every call names the program. Providers behind a bot check turn away the default names of HTTP libraries.
USER_AGENT = f"bulkverify/{version()}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose `repr` and whose `subject` hold no key: URL, headers and body stay out of both."""

    #: A bounded word: submit, status, list, download, completed, failed, credits.
    operation: str
    method: str
    #: The URL with its secrets as names in braces: `{base_url}/json/csv/{key}/status/12`.
    template: str
    account: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def subject(self) -> str:
        """How messages name the call."""
        return f"{self.method} {self.template} (account {self.account})"

    @property
    def headers_sent(self) -> dict[str, str]:
        """All headers. `identity`: a declared length then is the length on disk, so that truncation shows."""
        return {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Accept": "*/*", **self.headers}


def outcome_of(status: int) -> str:
    """The bounded word for a status code in `Reporter.call_finished`. One of no class is an error of the server."""
    if status in THROTTLE_CODES:
        return "throttled"
    return f"{status // 100}xx" if 200 <= status < 500 else "5xx"  # noqa: PLR2004 - the class of codes is the definition

"""IPQualityScore's CSV types, one row each: adding a type is adding a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.providers.sandbox import ipqs_email, ipqs_proxy
from worker.providers.sandbox.ipqs_columns import COLUMNS
from worker.providers.sandbox.ipqs_lookups import LEAKED, PHONE, URL

if TYPE_CHECKING:
    from collections.abc import Callable

#: A result's segments and the words for them in file names. Documented are "All-Results" and "Invalid-Results".
SEGMENTS = {"pristine": "Pristine-Results", "clean": "Clean-Results", "bad": "Invalid-Results", "all": "All-Results"}


@dataclass(frozen=True, slots=True)
class IpqsType:
    """One type of values."""

    word: str
    #: The result's column with the input. Not documented.
    input_column: str
    #: The middle part of result file names. Documented is "Email-Verification".
    label: str
    columns: tuple[str, ...]
    #: (seed, value) → `malformed`, `bad`, `clean` or `pristine`.
    judge: Callable[[int, str], str]
    #: (seed, value) → one cell for each column.
    cells: Callable[[int, str], tuple[str, ...]]
    #: The account's counter for this type; `None` where the account shows none.
    usage: str | None = None


def in_segment(segment: str, word: str) -> bool:
    """Whether a value judged `word` belongs to a segment: malformed values are bad, pristine ones clean as well."""
    return segment in ("all", word) or (segment, word) in {("bad", "malformed"), ("clean", "pristine")}


_TABLE = (
    IpqsType(
        "email", "email", "Email-Verification", COLUMNS["email"], ipqs_email.judge, ipqs_email.cells, "email_usage"
    ),
    IpqsType("proxy", "ip", "Proxy-Detection", COLUMNS["proxy"], ipqs_proxy.judge, ipqs_proxy.cells, "proxy_usage"),
    IpqsType("url", "url", "URL-Scanning", URL.columns, URL.judge, URL.cells, "url_usage"),
    IpqsType("phone", "phone", "Phone-Validation", PHONE.columns, PHONE.judge, PHONE.cells, "phone_usage"),
    IpqsType("leaked_email", "email", "Leaked-Data", LEAKED.columns, LEAKED.judge, LEAKED.cells),
    IpqsType("leaked_password", "password", "Leaked-Data", LEAKED.columns, LEAKED.judge, LEAKED.cells),
    IpqsType("leaked_username", "username", "Leaked-Data", LEAKED.columns, LEAKED.judge, LEAKED.cells),
)

#: Every type by its word.
TYPES = {row.word: row for row in _TABLE}

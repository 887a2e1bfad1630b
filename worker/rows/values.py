"""What is known of the values of each kind: how they look, what their columns are called, when two are the same."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from worker.core.rows import RowState
from worker.providers.port import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Column names, normalised by `normal_name`, that say a column holds values of a kind.
COLUMN_NAMES: Mapping[Kind, frozenset[str]] = {
    Kind.EMAIL: frozenset({"email", "e_mail", "mail", "email_address", "e_mail_address", "mail_address", "emails"}),
    Kind.PROXY: frozenset({"ip", "ips", "ip_address", "ipaddress", "ip_addr", "ipv4", "ipv6", "proxy", "client_ip"}),
    Kind.URL: frozenset({"url", "urls", "link", "website", "domain"}),
    Kind.PHONE: frozenset({"phone", "phones", "phone_number", "telephone", "tel", "mobile", "mobile_number"}),
}

_EMAIL = re.compile(r"[^\s@,;|<>\"]+@[^\s@,;|<>\"]+")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{5,24}")
_NAME_BREAKS = re.compile(r"[\s_-]+")
#: Line breaks and other control characters, the Unicode ones included.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Values digests are sums of SHA-256 values modulo this.
_DIGEST_MODULUS = 2**256


def looks_like(kind: Kind, cell: str) -> bool:
    """Whether a cell is, by its form alone, probably a value of the kind; strict, for detection only."""
    value = cell.strip()
    match kind:
        case Kind.EMAIL:
            return _EMAIL.fullmatch(value) is not None
        case Kind.PROXY:
            return _canonical_ip(value) is not None
        case Kind.URL:
            return _URL.fullmatch(value) is not None
        case Kind.PHONE:
            return _PHONE.fullmatch(value) is not None


def normal_name(name: str) -> str:
    """A column name for comparison: its last dotted segment, lower case, words joined by underscores."""
    return _NAME_BREAKS.sub("_", name.strip().rpartition(".")[2].lower())


def row_value(cell: str) -> tuple[str, RowState | None]:
    """The value in a cell, without white space around it, and the row's state where that is already decided.

    A value with a line break or another control character inside is withheld: parts hold one value per line, and a
    provider that counts lines would count (and charge) it twice.
    """
    value = cell.strip()
    if not value:
        return value, RowState.EMPTY
    if _CONTROL.search(value):
        return value, RowState.WITHHELD
    return value, None


def fold_key(kind: Kind, value: str) -> str:
    """What two values have in common when one verdict serves both.

    Conservative: of an email only the domain ignores case (RFC 5321 leaves the local part to the receiving host); an IP
    address is taken in its canonical text; anything else is compared as it stands.
    """
    value = value.strip()
    if kind is Kind.EMAIL:
        local, at, domain = value.rpartition("@")
        return local + at + domain.lower() if at else value
    if kind is Kind.PROXY:
        return _canonical_ip(value) or value
    return value


def values_digest(keys: Iterable[str]) -> str:
    """A digest of values by their fold keys that does not depend on their order: equal lists have equal digests.

    Not made against forgery: it tells lists apart, it does not authenticate them.
    """
    total = 0
    for key in keys:
        total += int.from_bytes(hashlib.sha256(key.encode()).digest())
    return f"{total % _DIGEST_MODULUS:064x}"


def _canonical_ip(value: str) -> str | None:
    try:
        return str(ip_address(value))
    except ValueError:
        return None

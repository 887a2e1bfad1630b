"""What is known of the values of each kind: how they look, what their columns are called, when two are the same."""

from __future__ import annotations

import re
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING

from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.screening import impossible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EMAIL_NAMES = frozenset({"email", "e_mail", "mail", "email_address", "e_mail_address", "mail_address", "emails"})

#: Column names, normalised by `normal_name`, that say a column holds values of a kind.
COLUMN_NAMES: Mapping[Kind, frozenset[str]] = {
    Kind.EMAIL: _EMAIL_NAMES,
    Kind.PROXY: frozenset({"ip", "ips", "ip_address", "ipaddress", "ip_addr", "ipv4", "ipv6", "proxy", "client_ip"}),
    Kind.URL: frozenset({"url", "urls", "uri", "link", "website", "domain"}),
    Kind.PHONE: frozenset({"phone", "phones", "phone_number", "telephone", "tel", "mobile", "mobile_number"}),
    Kind.LEAKED_EMAIL: _EMAIL_NAMES | {"leaked_email"},
    Kind.LEAKED_PASSWORD: frozenset({"password", "passwords", "passwd", "pwd", "leaked_password"}),
    Kind.LEAKED_USERNAME: frozenset({"username", "usernames", "user_name", "user", "login", "leaked_username"}),
}

#: Kinds of which no value can be told by its form.
FORMLESS = frozenset({Kind.LEAKED_PASSWORD, Kind.LEAKED_USERNAME})

_EMAIL = re.compile(r"[^\s@,;|<>\"]+@[^\s@,;|<>\"]+")
#: Scheme, authority (host and what may stand around it), rest.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]+)(.*)", re.DOTALL)
#: Seven digits (the shortest national numbers) to fifteen (E.164), and the separators that people put between them.
_PHONE = re.compile(r"\+?[ ().-]*(?:[0-9][ ().-]*){7,15}")
_SPACE = re.compile(r"\s")
_NAME_BREAKS = re.compile(r"[\s_-]+")
#: Line breaks and other control characters, the Unicode ones included.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

#: Values digests are sums of SHA-256 values modulo this.
_DIGEST_MODULUS = 2**256


def looks_like(kind: Kind, cell: str) -> bool:
    """Whether a cell is, by its form alone, probably a value of the kind; strict, for detection only.

    User names and passwords have no form: no cell looks like one, so their column is found by its name or not at all.
    """
    value = cell.strip()
    match kind:
        case Kind.EMAIL | Kind.LEAKED_EMAIL:
            return _EMAIL.fullmatch(value) is not None
        case Kind.PROXY:
            return _canonical_ip(value) is not None
        case Kind.URL:
            return _URL.fullmatch(value) is not None and not _SPACE.search(value)
        case Kind.PHONE:
            return _PHONE.fullmatch(value) is not None
        case Kind.LEAKED_PASSWORD | Kind.LEAKED_USERNAME:
            return False


def names_column(kind: Kind, cell: str) -> bool:
    """Whether a cell of the first row names a column of the kind.

    A dotted prefix (`contact.email`) is ignored where a value could not be mistaken for a name. A password can.
    """
    return normal_name(cell) in COLUMN_NAMES[kind] and not (kind in FORMLESS and "." in cell)


def normal_name(name: str) -> str:
    """A column name for comparison: its last dotted segment, lower case, words joined by underscores."""
    return _NAME_BREAKS.sub("_", name.strip().rpartition(".")[2].lower())


def row_value(kind: Kind, cell: str, *, screen: bool = False) -> tuple[str, RowState | None]:
    """The value in a cell, without white space around it, and the row's state where that is already decided.

    White space around a password belongs to it and stays; a cell of nothing else is empty all the same.
    A value with a line break or another control character inside is withheld: parts hold one value per line, and a
    provider that counts lines would count (and charge) it twice. So is, with `screen`, one that is none of the kind.
    """
    stripped = cell.strip()
    if not stripped:
        return stripped, RowState.EMPTY
    value = cell if kind is Kind.LEAKED_PASSWORD else stripped
    if _CONTROL.search(value) or (screen and impossible(kind, value)):
        return value, RowState.WITHHELD
    return value, None


def fold_key(kind: Kind, value: str) -> str:
    """What two values have in common when one verdict serves both.

    Conservative: a verdict paid for twice is cheaper than a wrong one.

    - `email`, `leaked_email`: only the domain ignores case (RFC 5321 leaves the local part to the receiving host).
    - `proxy`: an IP address is taken in its canonical text.
    - `url`: only scheme and host ignore case (RFC 3986); user, port, path, query and fragment stay as they are.
    - `phone`, `leaked_username`: as it stands. Which numbers are one number depends on the country.
    - `leaked_password`: as it stands, with the white space around it.

    White space around a value is ignored but for passwords.
    """
    if kind is Kind.LEAKED_PASSWORD:
        return value
    value = value.strip()
    match kind:
        case Kind.EMAIL | Kind.LEAKED_EMAIL:
            local, at, domain = value.rpartition("@")
            return local + at + domain.lower() if at else value
        case Kind.PROXY:
            return _canonical_ip(value) or value
        case Kind.URL:
            return _folded_url(value)
        case Kind.PHONE | Kind.LEAKED_USERNAME:
            return value


def loose_key(kind: Kind, key: str) -> str:
    """What a fold key has in common with the provider's echo of the value: providers answer in lower case as they like.

    Not of a password: in another case it is another one, and what is known of that one says nothing.
    """
    return key if kind is Kind.LEAKED_PASSWORD else key.casefold()


def values_digest(keys: Iterable[str]) -> str:
    """A digest of values by their fold keys that does not depend on their order: equal lists have equal digests.

    Not made against forgery: it tells lists apart, it does not authenticate them. Nor does it hide: whoever has the
    digest of a list of very few values can try guesses against it.
    """
    digest = ValuesDigest()
    digest.add(key.encode() for key in keys)
    return digest.hexdigest()


class ValuesDigest:
    """A `values_digest` in the making."""

    def __init__(self) -> None:
        self._total = 0

    def add(self, keys: Iterable[bytes]) -> None:
        """Take in further fold keys, in UTF-8."""
        digests = (sha256(key).digest() for key in keys)
        self._total += sum(map(int.from_bytes, digests))

    def hexdigest(self) -> str:
        """The digest of all keys taken in."""
        return f"{self._total % _DIGEST_MODULUS:064x}"


def _folded_url(value: str) -> str:
    parts = _URL.fullmatch(value)
    if parts is None:
        return value
    scheme, authority, rest = parts.groups()
    user, at, host = authority.rpartition("@")
    return scheme.lower() + user + at + host.lower() + rest


def _canonical_ip(value: str) -> str | None:
    try:
        return str(ip_address(value))
    except ValueError:
        return None

"""The providers' addresses: their defaults, what follows from a changed base URL, and which URLs may carry a key."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Documented API roots. The bare IPQualityScore host answers with a redirect, so `www.` is part of it.
BASE_URLS: Mapping[str, str] = {
    "ipqs": "https://www.ipqualityscore.com/api",
    "whoisxml": "https://emailverification.whoisxmlapi.com/api/bevService",
}

#: Documented: the balance of a WhoisXML account is told by another host.
WHOISXML_BALANCE_URL = "https://user.whoisxmlapi.com/user-service/account-balance"

#: Documented: the host of IPQualityScore's download links.
IPQS_DOWNLOAD_HOST = "downloads.ipqualityscore.com"

#: The ends of WhoisXML's two URLs: with the first exchanged for the second, a base URL gives its balance URL.
_WHOISXML_BASE_PATH = "/api/bevService"
_WHOISXML_BALANCE_PATH = "/user-service/account-balance"

#: Highest port number.
PORT_MAX = 65_535

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def default_base_url(validated: Mapping[str, Any]) -> str:
    """The documented API root of `validated["provider"]`."""
    return BASE_URLS[validated["provider"]]


def default_balance_url(validated: Mapping[str, Any]) -> str | None:
    """Where the server behind the base URL tells its balance, `None` where the base URL itself does (IPQS).

    A base URL of one's own is never joined with the vendor's balance URL: the key goes to the named server only.
    """
    if validated["provider"] != "whoisxml":
        return None
    base_url: str = validated["base_url"]
    if base_url == BASE_URLS["whoisxml"]:
        return WHOISXML_BALANCE_URL
    parts = urlsplit(base_url)
    path = parts.path.removesuffix(_WHOISXML_BASE_PATH) + _WHOISXML_BALANCE_PATH
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def default_download_hosts(validated: Mapping[str, Any]) -> tuple[str, ...]:
    """Hosts that may serve results: the vendor's and, for a base URL of one's own, that URL's host too."""
    if validated["provider"] != "ipqs":
        return ()
    base_url: str = validated["base_url"]
    if base_url == BASE_URLS["ipqs"]:
        return (IPQS_DOWNLOAD_HOST,)
    return (urlsplit(base_url).hostname or "", IPQS_DOWNLOAD_HOST)


def checked_url(url: str) -> str:
    """`url` without a trailing slash; raises `ValueError` unless it is a plain http(s) URL that holds no secret."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is the check: a port that is no number raises
    except ValueError:
        raise ValueError("is not a URL") from None
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or any(c.isspace() or not c.isprintable() for c in url)
    ):
        raise ValueError("is not an http:// or https:// URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds credentials; they belong into key_env or key_file")
    if parts.query or parts.fragment:
        raise ValueError("has a query or fragment, which an API root cannot have")
    return url.rstrip("/")


def checked_host(host: str) -> str:
    """`host` in lower case; raises `ValueError` unless it is a bare host name or address."""
    if not _HOST.fullmatch(host) and not _is_address(host):
        raise ValueError("has an entry that is no bare host name (no scheme, no port, no path)")
    return host.lower()


def checked_place(place: str) -> str:
    """`place` in lower case; raises `ValueError` unless it is a host, or `host:port`, an IPv6 address in brackets."""
    host, port = place, ""
    if place.startswith("[") or place.count(":") == 1:
        host, _, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
        if host != place and not (port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
            raise ValueError("has an entry whose port is no number from 1 to 65535")
    checked = checked_host(host.removeprefix("[").removesuffix("]"))
    shown = f"[{checked}]" if ":" in checked else checked
    return f"{shown}:{port}" if port else shown


def is_private_line(url: str) -> bool:
    """Whether nobody else can read what is sent to `url`: it is encrypted, or it stays on this host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" or host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

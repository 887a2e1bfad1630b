"""Screening: which values cannot be what their kind says, so that paying for a verdict on them buys nothing.

Conservative, as folding is: a verdict paid for in vain is cheaper than a row without one. What cannot be judged by its
form alone is possible. `docs/contract.md` has the rules as a table.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from worker.providers.port import Kind

#: Characters of an e-mail address and of its local part (RFC 5321, 4.5.3.1, where a path has two brackets more).
EMAIL_CHARACTERS_MAX = 254
LOCAL_CHARACTERS_MAX = 64
#: Characters of one label of a domain (RFC 1035); an internationalised one is longer still in its ASCII form.
LABEL_CHARACTERS_MAX = 63
#: Digits of a phone number: the shortest national numbers, and E.164.
PHONE_DIGITS_MIN = 7
PHONE_DIGITS_MAX = 15

#: What begins a quoted string, a comment or an address literal: in these nearly everything is allowed.
_UNJUDGED = re.compile(r"[\"(\[\\]")
#: What an unquoted local part never holds (RFC 5321, Dot-string; RFC 6531 adds all that is not ASCII).
_NOT_IN_LOCAL = re.compile(r"[\x00-\x20\x7f<>,;:@\])]")
#: ASCII that no host name holds; the underscore is none of it, since there are such hosts.
_NOT_IN_HOST = re.compile(r"[^A-Za-z0-9._\u0080-\U0010ffff-]|\s")
_HOST_OF_URL = re.compile(r"(?P<scheme>(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?(?P<authority>[^/?#]*)")
_SPACE = re.compile(r"\s")
#: What is dialled before a country code.
_DIALLED = re.compile(r"^(00|011)")


def impossible(kind: Kind, value: str) -> bool:
    """Whether a value, without white space around it, certainly is none of its kind."""
    match kind:
        case Kind.EMAIL | Kind.LEAKED_EMAIL:
            return _impossible_email(value)
        case Kind.PROXY:
            return _impossible_ip(value)
        case Kind.URL:
            return _impossible_url(value)
        case Kind.PHONE:
            return _impossible_phone(value)
        case Kind.LEAKED_PASSWORD | Kind.LEAKED_USERNAME:
            return False


def _impossible_email(value: str) -> bool:
    if "@" not in value:
        return True
    if _UNJUDGED.search(value):
        return False
    local, _, domain = value.rpartition("@")
    return (
        not local
        or len(local) > LOCAL_CHARACTERS_MAX
        or len(value) > EMAIL_CHARACTERS_MAX
        or _NOT_IN_LOCAL.search(local) is not None
        or _impossible_domain(domain)
    )


def _impossible_domain(domain: str) -> bool:
    """A dot at the end is the root's, which some write."""
    if _NOT_IN_HOST.search(domain):
        return True
    return any(_impossible_label(label) for label in domain.removesuffix(".").split("."))


def _impossible_label(label: str) -> bool:
    return not label or len(label) > LABEL_CHARACTERS_MAX or label.startswith("-") or label.endswith("-")


def _impossible_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return True
    return False


def _impossible_url(value: str) -> bool:
    """No host; or one word, which is a host only behind a scheme. Providers take a bare host for its web site."""
    parts = _HOST_OF_URL.match(value)
    if parts is None:
        return True
    host = parts["authority"].rpartition("@")[2]
    if not host.strip(".:") or _SPACE.search(host):
        return True
    return parts["scheme"] is None and not {".", ":"} & set(host)


def _impossible_phone(value: str) -> bool:
    """Letters may stand for digits, as on keypads, or for an extension: then there may be any number of digits."""
    letters = sum(character.isalpha() for character in value)
    digits = "".join(character for character in value if character.isdecimal())
    if len(digits) + letters < PHONE_DIGITS_MIN or not digits:
        return True
    return not letters and len(_DIALLED.sub("", digits)) > PHONE_DIGITS_MAX

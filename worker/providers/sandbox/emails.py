"""Facts about e-mail addresses, made up: the same for the same seed and address, and plausible to the eye.

Obvious rules come first (malformed, disposable and free domains, role addresses, typing errors); the rest follows from
a hash. What holds for a domain holds for all its addresses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from worker.providers.sandbox.chance import happens, seeded_digest

#: Characters of the longest address (RFC 5321).
EMAIL_CHARACTERS_MAX = 254

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])",
)
FREE_DOMAINS = frozenset(
    {"gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "gmx.net", "gmx.de", "web.de"},
)
DISPOSABLE_DOMAINS = frozenset(
    {"mailinator.com", "guerrillamail.com", "yopmail.com", "trashmail.com", "sharklasers.com"},
)
#: Domains as they are mistyped, and what was meant.
TYPED_WRONG = {"gmial.com": "gmail.com", "gmal.com": "gmail.com", "hotmial.com": "hotmail.com", "yaho.com": "yahoo.com"}
#: Top-level domains that never have mail (RFC 2606).
DEAD_ENDINGS = (".invalid", ".test", ".localhost")
ROLES = frozenset(
    {"admin", "billing", "contact", "hello", "help", "info", "jobs", "noreply", "office", "sales", "support"},
)


class DomainFacts(NamedTuple):
    """What is so for every address of a domain."""

    name: str
    dns_valid: bool
    free: bool
    disposable: bool
    catch_all: bool
    age_days: int
    suggestion: str


class EmailFacts(NamedTuple):
    """What is so for one well-formed address."""

    local: str
    domain: DomainFacts
    role: bool
    #: Whether the mailbox takes mail, `None` when its server would not say.
    mailbox: bool | None
    #: 0 (harmless) to 100 (fraud).
    risk: int
    digest: bytes

    @property
    def usable(self) -> bool:
        """Whether mail to the address is not known to fail."""
        return self.domain.dns_valid and self.mailbox is not False


@lru_cache(maxsize=16_384)
def domain_facts(seed: int, name: str) -> DomainFacts:
    """What is so for a domain, given in lower case."""
    digest = seeded_digest(seed, "domain:" + name)
    free = name in FREE_DOMAINS
    typed_wrong = name in TYPED_WRONG
    return DomainFacts(
        name=name,
        dns_valid=free or not (typed_wrong or name.endswith(DEAD_ENDINGS) or happens(digest[0], 0.02)),
        free=free,
        disposable=name in DISPOSABLE_DOMAINS or "disposable" in name or (not free and happens(digest[1], 0.015)),
        catch_all=not free and ("catchall" in name or happens(digest[2], 0.08)),
        age_days=9_000 + digest[3] * 4 if free else 30 + digest[3] * 32,
        suggestion=TYPED_WRONG.get(name, ""),
    )


def email_facts(seed: int, value: str) -> EmailFacts | None:
    """What is so for an address, `None` for a malformed one."""
    address = value.strip()
    if len(address) > EMAIL_CHARACTERS_MAX or not _ADDRESS.fullmatch(address):
        return None
    local, _, name = address.lower().rpartition("@")
    domain = domain_facts(seed, name)
    digest = seeded_digest(seed, address)
    mailbox: bool | None = None
    if not domain.dns_valid or local.startswith(("bounce", "nobody")) or happens(digest[0], 0.11):
        mailbox = False
    elif not domain.catch_all and not happens(digest[0], 0.16):
        mailbox = True
    risk = digest[1] % 60
    risk += 40 if domain.disposable or "spamtrap" in local else 0
    risk += 20 if mailbox is False else 0
    return EmailFacts(local, domain, local in ROLES, mailbox, min(risk, 100), digest)

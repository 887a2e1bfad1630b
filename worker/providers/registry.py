"""Which adapter serves which provider. A new provider is one more line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from worker.providers import ipqs, whoisxml
from worker.providers.ipqs import Ipqs
from worker.providers.port import Reporter
from worker.providers.whoisxml import WhoisXml

if TYPE_CHECKING:
    from config.accounts import Account
    from worker.providers.port import Capabilities, Gate, Provider


#: What each provider can do, unless an account of it says otherwise.
CAPABILITIES: dict[str, Capabilities] = {"ipqs": ipqs.CAPABILITIES, "whoisxml": whoisxml.CAPABILITIES}


def build(account: Account, gate: Gate, reporter: Reporter | None = None) -> Provider:
    """The provider behind `account`; each HTTP call takes a token from `gate` first and is told to `reporter` after."""
    reporter = reporter or Reporter()
    match account.provider:
        case "ipqs":
            return Ipqs(account, gate, reporter)
        case "whoisxml":
            return WhoisXml(account, gate, reporter)
        case unreachable:
            assert_never(unreachable)

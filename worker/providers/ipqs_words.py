"""What IPQualityScore's words mean: its status words, its ways of saying no, and its verdict columns. Tables only.

The CSV endpoints' own error texts are not documented. The texts below were seen on the single-lookup endpoints, which
share key, credits and quota with them; errors come with HTTP 200 and `success: false`.
"""

from __future__ import annotations

from types import MappingProxyType

from worker.providers.answer import THROTTLE_CODES
from worker.providers.errors import (
    CredentialsRejected,
    OutOfCredits,
    ProviderError,
    QuotaUsedUp,
    Refused,
    Throttled,
    Unavailable,
)
from worker.providers.port import Kind, RemoteStatus, VerdictWord
from worker.providers.refusals import Refusal
from worker.providers.verdict_rules import Rule, is_at_least, is_false, is_true, is_word

#: Seconds to pause when the plan's quota is used up and nothing says when it is reset (inferred: quotas are per day).
QUOTA_PAUSE_SECONDS = 3_600.0

#: Documented: status page. Its table is cut off after the second row, so other words are possible.
STATUSES = MappingProxyType(
    {
        "NEW": RemoteStatus.QUEUED,
        "PROCESSING": RemoteStatus.RUNNING,
        "FINISHED": RemoteStatus.FINISHED,
    }
)

_KEY_REMEDY = "check the account's key"
_CREDITS_REMEDY = "buy credits or use another account"
_QUOTA_REMEDY = "the plan's quota is used up: wait for its reset or upgrade the plan"

#: After which answers to an upload nothing was accepted.
#:
#: | HTTP     | message begins                     | means                 | known from                           |
#: |----------|------------------------------------|-----------------------|--------------------------------------|
#: | 200      | Invalid or unauthorized key        | `CredentialsRejected` | seen on single lookups               |
#: | 200      | You have insufficient credits      | `OutOfCredits`        | seen on single lookups               |
#: | 200      | You have exceeded your request q…  | `QuotaUsedUp`         | seen on single lookups               |
#: | 429, 509 | anything                           | `Throttled`           | the vendor's own connector (509)     |
SUBMIT_REFUSALS = (
    Refusal(frozenset({200}), "invalid or unauthorized key", CredentialsRejected, _KEY_REMEDY),
    Refusal(frozenset({200}), "you have insufficient credits", OutOfCredits, _CREDITS_REMEDY),
    Refusal(frozenset({200}), "you have exceeded your request quota", QuotaUsedUp, _QUOTA_REMEDY, QUOTA_PAUSE_SECONDS),
    Refusal(THROTTLE_CODES, "", Throttled, "lower requests_per_second"),
)

#: What a message of a *reading* call means: all of these parts in it, in lower case; the first entry that fits.
_READ_REFUSALS: tuple[tuple[tuple[str, ...], type[ProviderError], str], ...] = (
    (("insufficient credits",), OutOfCredits, _CREDITS_REMEDY),
    (("exceeded your request quota",), Throttled, _QUOTA_REMEDY),
    (("unauthorized",), CredentialsRejected, _KEY_REMEDY),
    (("invalid", "key"), CredentialsRejected, _KEY_REMEDY),
    # Inferred: what servers say about themselves rather than about the call. Never to be read as "no such job".
    (("again later",), Unavailable, "ask again later"),
    (("again in",), Unavailable, "ask again later"),
    (("temporar",), Unavailable, "ask again later"),
    (("maintenance",), Unavailable, "ask again later"),
    (("internal", "error"), Unavailable, "ask again later"),
)


def read_refusal(subject: str, message: str, told: str) -> ProviderError:
    """The error for `success: false` on a reading call; `told` is `message` made fit to be repeated."""
    words = message.lower()
    for parts, error, remedy in _READ_REFUSALS:
        if all(part in words for part in parts):
            pause = QUOTA_PAUSE_SECONDS if error is Throttled else None
            return error(f"{subject}: the provider says: {told}; {remedy}", retry_after_seconds=pause)
    return Refused(f"{subject}: the provider says: {told or '(nothing)'}")


_EMAIL_COLUMNS = ("email", "email_address", "email address", "input", "value")

#: Names, in lower case, that the result's column with the input may have; the true ones are not documented. "proxy" is
#: not among them: the results on IP addresses have a yes-or-no column of that name. Nor are "domain" and "scanned_url"
#: (results on URLs) or "formatted" (on phone numbers): they hold what the provider made of the input. Where no name
#: fits, it is the first column.
VALUE_COLUMNS = MappingProxyType(
    {
        Kind.EMAIL: _EMAIL_COLUMNS,
        Kind.PROXY: ("ip", "ip_address", "ip address", "ipaddress", "input", "value"),
        Kind.URL: ("url", "link", "input", "value"),
        Kind.PHONE: ("phone", "phone_number", "phone number", "input", "value"),
        Kind.LEAKED_EMAIL: _EMAIL_COLUMNS,
        Kind.LEAKED_PASSWORD: ("password", "input", "value"),
        Kind.LEAKED_USERNAME: ("username", "user_name", "user name", "input", "value"),
    }
)

#: The verdict on an address, by the columns of the single lookup (documented there): the first rule that holds.
#:
#: | column                                                            | verdict |
#: |-------------------------------------------------------------------|---------|
#: | timed_out = true: the mail server did not answer in time          | unknown |
#: | valid = false                                                     | bad     |
#: | disposable, honeypot, frequent_complainer, recent_abuse,          |         |
#: | catch_all = true; spam_trap_score = high; fraud_score ≥ 85        | risky   |
#: | suspect = true: the mail server could not be asked reliably       | unknown |
#: | valid = true                                                      | ok      |
_EMAIL_RULES = (
    Rule(VerdictWord.UNKNOWN, "timed_out", is_true),
    Rule(VerdictWord.BAD, "valid", is_false),
    Rule(VerdictWord.RISKY, "disposable", is_true),
    Rule(VerdictWord.RISKY, "honeypot", is_true),
    Rule(VerdictWord.RISKY, "frequent_complainer", is_true),
    Rule(VerdictWord.RISKY, "recent_abuse", is_true),
    Rule(VerdictWord.RISKY, "catch_all", is_true),
    Rule(VerdictWord.RISKY, "spam_trap_score", is_word("high")),
    Rule(VerdictWord.RISKY, "fraud_score", is_at_least(85)),
    Rule(VerdictWord.UNKNOWN, "suspect", is_true),
    Rule(VerdictWord.OK, "valid", is_true),
)

#: The verdict on an IP address. The vendor calls scores from 75 suspicious and from 85 high risk.
#:
#: | column                                                            | verdict |
#: |-------------------------------------------------------------------|---------|
#: | fraud_score ≥ 85                                                  | bad     |
#: | frequent_abuser, high_risk_attacks = true                         | bad     |
#: | tor, active_tor, vpn, active_vpn, proxy, recent_abuse,            |         |
#: | bot_status = true; fraud_score ≥ 75                               | risky   |
#: | fraud_score ≥ 0                                                   | ok      |
#: | no score: the value is no address, or nothing is known of it      | unknown |
_PROXY_RULES = (
    Rule(VerdictWord.BAD, "fraud_score", is_at_least(85)),
    Rule(VerdictWord.BAD, "frequent_abuser", is_true),
    Rule(VerdictWord.BAD, "high_risk_attacks", is_true),
    Rule(VerdictWord.RISKY, "tor", is_true),
    Rule(VerdictWord.RISKY, "active_tor", is_true),
    Rule(VerdictWord.RISKY, "vpn", is_true),
    Rule(VerdictWord.RISKY, "active_vpn", is_true),
    Rule(VerdictWord.RISKY, "proxy", is_true),
    Rule(VerdictWord.RISKY, "recent_abuse", is_true),
    Rule(VerdictWord.RISKY, "bot_status", is_true),
    Rule(VerdictWord.RISKY, "fraud_score", is_at_least(75)),
    Rule(VerdictWord.OK, "fraud_score", is_at_least(0)),
)

#: The verdict on a URL. The columns are documented, the limit is inferred from the one for IP addresses.
#:
#: | column                                                            | verdict |
#: |-------------------------------------------------------------------|---------|
#: | unsafe, malware, phishing = true                                  | bad     |
#: | suspicious, spamming = true; risk_score ≥ 75                      | risky   |
#: | dns_valid = false: there was nothing to scan                      | unknown |
#: | unsafe = false                                                    | ok      |
_URL_RULES = (
    Rule(VerdictWord.BAD, "unsafe", is_true),
    Rule(VerdictWord.BAD, "malware", is_true),
    Rule(VerdictWord.BAD, "phishing", is_true),
    Rule(VerdictWord.RISKY, "suspicious", is_true),
    Rule(VerdictWord.RISKY, "spamming", is_true),
    Rule(VerdictWord.RISKY, "risk_score", is_at_least(75)),
    Rule(VerdictWord.UNKNOWN, "dns_valid", is_false),
    Rule(VerdictWord.OK, "unsafe", is_false),
)

#: The verdict on a phone number. The columns are documented, the limit is inferred from the one for e-mail addresses.
#: Whether a line is prepaid or VOIP decides nothing: it says what the line is, not what was done with it.
#:
#: | column                                                            | verdict |
#: |-------------------------------------------------------------------|---------|
#: | valid = false                                                     | bad     |
#: | risky, recent_abuse, spammer = true; fraud_score ≥ 85             | risky   |
#: | active = false: a number that exists, not known to be in service  | unknown |
#: | valid = true                                                      | ok      |
_PHONE_RULES = (
    Rule(VerdictWord.BAD, "valid", is_false),
    Rule(VerdictWord.RISKY, "risky", is_true),
    Rule(VerdictWord.RISKY, "recent_abuse", is_true),
    Rule(VerdictWord.RISKY, "spammer", is_true),
    Rule(VerdictWord.RISKY, "fraud_score", is_at_least(85)),
    Rule(VerdictWord.UNKNOWN, "active", is_false),
    Rule(VerdictWord.OK, "valid", is_true),
)

#: The verdict on an address, a password or a user name by whether it was found in leaked data.
#:
#: | column                                                            | verdict |
#: |-------------------------------------------------------------------|---------|
#: | exposed = true                                                    | bad     |
#: | exposed = false                                                   | ok      |
_LEAKED_RULES = (
    Rule(VerdictWord.BAD, "exposed", is_true),
    Rule(VerdictWord.OK, "exposed", is_false),
)

#: By kind: these are the kinds that the provider takes.
VERDICT_RULES = MappingProxyType(
    {
        Kind.EMAIL: _EMAIL_RULES,
        Kind.PROXY: _PROXY_RULES,
        Kind.URL: _URL_RULES,
        Kind.PHONE: _PHONE_RULES,
        Kind.LEAKED_EMAIL: _LEAKED_RULES,
        Kind.LEAKED_PASSWORD: _LEAKED_RULES,
        Kind.LEAKED_USERNAME: _LEAKED_RULES,
    }
)

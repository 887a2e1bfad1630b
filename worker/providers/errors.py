"""What can go wrong with a provider, in words that are the same for every provider.

    ProviderError
    ├── Refused               this input will never be accepted as it is
    ├── CredentialsRejected   the account's key is wrong, revoked or not allowed to do this
    ├── OutOfCredits          the account cannot pay for it
    ├── Throttled             too many calls; carries `retry_after_seconds` when the provider named one
    │   ├── OwnRateReached    … by our own limit: nothing was sent, and the provider knows nothing of it
    │   └── QuotaUsedUp       … by the account's plan, which takes no more lists for a longer time
    ├── Unavailable           the provider cannot be reached or cannot answer now
    │   └── Unfinished        … with a result, as its job is not done, or not done any more
    ├── Malformed             an answer that cannot be understood
    ├── NotSent               submit only: the request was provably never fully sent
    └── OutcomeUnknown        submit only: the provider may or may not have accepted (and charged)

Messages never hold a key, a link or a URL with either: the HTTP boundary rebuilds errors from a redacted URL template.
"""

from __future__ import annotations

from typing import ClassVar, Literal

#: Did the failed call cost money? `unknown` only where a submit may have reached the provider.
Spent = Literal["no", "yes", "unknown"]


class ProviderError(Exception):
    """The provider did not do what was asked."""

    #: A bounded word for logs, metrics and records.
    reason: ClassVar[str] = "provider_error"
    #: Whether the same call may succeed later without anybody changing anything.
    retryable: ClassVar[bool] = False
    spent: ClassVar[Spent] = "no"

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None) -> None:
        """`message` defaults to the class docstring's first line; `retry_after_seconds` as the provider named it."""
        super().__init__(message or (self.__doc__ or "").partition("\n")[0])
        self.retry_after_seconds = retry_after_seconds


class Refused(ProviderError):
    """The provider will never accept this request as it is."""

    reason = "refused"


class CredentialsRejected(ProviderError):
    """The provider does not accept the account's key."""

    reason = "credentials_rejected"
    retryable = True


class OutOfCredits(ProviderError):
    """The account has no credits left for this request."""

    reason = "out_of_credits"
    retryable = True


class Throttled(ProviderError):
    """The provider asks for fewer calls."""

    reason = "throttled"
    retryable = True


class OwnRateReached(Throttled):
    """The account's own call rate is used up for now."""

    reason = "own_rate"


class QuotaUsedUp(Throttled):
    """The account's plan takes no more lists before its quota is reset."""

    reason = "quota"


class Unavailable(ProviderError):
    """The provider cannot be reached or cannot answer now."""

    reason = "unavailable"
    retryable = True


class Unfinished(Unavailable):
    """The remote job is not done, or not done any more: it has no result now."""

    reason = "unfinished"


class Malformed(ProviderError):
    """The provider's answer cannot be understood."""

    reason = "malformed"
    retryable = True


class NotSent(ProviderError):
    """The request was never fully sent, so the provider cannot have accepted it."""

    reason = "not_sent"
    retryable = True


class OutcomeUnknown(ProviderError):
    """The provider may or may not have accepted the submission."""

    reason = "outcome_unknown"
    spent = "unknown"

    def __init__(self, message: str | None = None, *, remote_id: str | None = None) -> None:
        """`remote_id` is one that the answer named without saying that the submission was accepted: evidence."""
        super().__init__(message)
        self.remote_id = remote_id

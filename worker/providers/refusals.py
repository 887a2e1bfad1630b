"""When a submit has *definitely* not been accepted: an allow-list per provider. Everything off the list stays open.

An entry needs the exact status codes and a text that is known for them. The one exception is the throttling codes,
which are given before a request is looked at; no text is known for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.providers.errors import NotSent, OutcomeUnknown, ProviderError, Refused, Throttled
from worker.providers.port import SubmitMethod
from worker.providers.quotation import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.providers.answer import Answer
    from worker.providers.port import Capabilities, Submission


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way of saying no that proves that nothing was accepted."""

    statuses: frozenset[int]
    #: Lower-case text that the provider's message begins with; empty: the code alone decides.
    begins: str
    error: type[ProviderError]
    remedy: str
    #: Seconds to wait where the provider names none.
    retry_after_seconds: float | None = None


def submit_failure(
    subject: str,
    answer: Answer,
    refusals: Sequence[Refusal],
    *,
    message: str,
    remote_id: str | None,
    secrets: Sequence[str],
    odd_id: bool = False,
) -> ProviderError:
    """The error for an answer to a submit that is no acceptance; `message` and `remote_id` as found in its body.

    `secrets` are never repeated, whatever the message says. `odd_id`: there is something in the id's place, but no id.
    No refusal is known to have that.
    """
    told = f"{subject}: HTTP {answer.status} {quoted(message, *secrets) or '(no message)'}"
    if remote_id is not None:
        return OutcomeUnknown(
            f"{told}; yet it names remote job {remote_id}, which may have been charged: look at it first",
            remote_id=remote_id,
        )
    for refusal in () if odd_id else refusals:
        if answer.status in refusal.statuses and message.strip().lower().startswith(refusal.begins):
            seconds = answer.retry_after_seconds if issubclass(refusal.error, Throttled) else None
            return refusal.error(
                f"{told}; {refusal.remedy}",
                retry_after_seconds=refusal.retry_after_seconds if seconds is None else seconds,
            )
    if answer.premature and not answer.success:
        return NotSent(f"{told}; it came before the whole request was sent, so nothing was accepted")
    return OutcomeUnknown(
        f"{told}; not a known refusal, so the provider may have accepted and charged: search its list first"
    )


def refuse_unfit(submission: Submission, capabilities: Capabilities) -> None:
    """Raise `Refused` for what the provider cannot take, before anything is sent, and `NotSent` for a missing file."""
    rows_max = capabilities.batch_rows_max
    if submission.kind not in capabilities.kinds:
        kinds = ", ".join(sorted(capabilities.kinds))
        raise Refused(f"values of kind {submission.kind} are not taken by this provider; it takes: {kinds}")
    if submission.method not in capabilities.submit_methods:
        methods = ", ".join(capabilities.submit_methods)
        raise Refused(f"the method {submission.method} is not known to this provider; it has: {methods}")
    if submission.rows < 1 or (rows_max is not None and submission.rows > rows_max):
        raise Refused(
            f"{submission.rows:,} values at once are not taken; a part has 1 to {rows_max or 'any number of'} values"
        )
    if submission.method is SubmitMethod.PULL:
        if not submission.url:
            raise Refused("the method pull needs the URL of the list; name it, or submit by another method")
    elif not submission.path.is_file():
        raise NotSent("the staged file of the part is missing on this machine; stage it again")


def refuse_miscounted(submission: Submission, rows: int) -> None:
    """Raise `Refused`, before anything is sent, when the staged file has another number of `rows` than was said."""
    if rows != submission.rows:
        raise Refused(f"the staged file has {rows:,} values, the part {submission.rows:,}; stage it again")


def refuse_unknown_segments(segments: Collection[str], capabilities: Capabilities) -> None:
    """Raise `ValueError` for segments that the provider does not have: to ask for them is a defect."""
    if unknown := set(segments) - capabilities.segments:
        raise ValueError(f"{', '.join(sorted(unknown))}: this provider has no such segment")

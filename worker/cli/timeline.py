"""The timeline of an upload in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.cli.wording import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What each decision means. One that is not here is shown by its own word.
DECISIONS: Mapping[str, str] = {
    "accept": "the request was accepted",
    "preparing": "a worker began to read the list",
    "prepared": "the list was read and split into parts",
    "recovered": "its records were made again from storage",
    "later": "the step could not be done; it is tried again",
    "put_off": "the step was left to a newer process",
    "crashed": "the step ended in an unforeseen way; it is tried again",
    "attempt": "an attempt to submit was recorded",
    "submitted": "the provider took the part",
    "adopt": "a job at the provider was recognised as this part",
    "adopt_by_time": "a job at the provider may be this part, by its time; its values will tell",
    "disown": "the job holds other values and is not this part",
    "unresolved": "the attempt's outcome is not known; its job is searched for",
    "search_again": "the provider's list was searched; it is searched again",
    "not_in_list": "the provider's whole list did not show the job",
    "absent": "there is no job: the attempt was not charged",
    "reuse": "verdicts of an earlier verification were taken over, unpaid",
    "refused": "the provider refused the part",
    "hold": "the part was held",
    "quarantine": "the part was put into quarantine",
    "release": "the part had ended and gave its reserved credits back",
    "resubmit": "somebody had the part submitted again",
    "give_up": "somebody gave the part up",
    "charged_late": "the part had ended unpaid, and its job was seen at the provider: it was charged",
    "duplicate_remote": "a second job for this part was seen at the provider",
    "look_again": "the provider is working on it",
    "not_seen": "the provider does not show the job",
    "account_moved": "the account speaks to another service now",
    "finished": "the provider has finished",
    "aborted": "the provider gave up",
    "collect_later": "the verdicts could not be fetched; it is tried again",
    "result_at_risk": "the provider deletes the result soon, and it could not be fetched yet",
    "collected": "the verdicts are in storage",
    "salvage": "jobs of parts that had ended are done: their verdicts are collected, and the upload is delivered anew",
    "collect_again": "the verdicts are not as they should be: they are downloaded once more",
    "deliver_again": "the result is not in storage as it was: it is written once more",
    "cancel_requested": "cancellation was requested",
    "cancel": "the part was dropped, unsent",
    "not_collected": "the part was dropped, paid for and not collected",
    "wait_for_parts": "the upload waits for its parts",
    "delivering": "a worker began to write the result",
    "stop": "the upload was stopped",
    "retry": "somebody had it tried again at once",
    "retried": "somebody had it submitted anew",
    "completed": "the upload was completed",
    "failed": "the upload failed",
    "cancelled": "the upload was cancelled",
}
#: Details whose values are times, epoch seconds.
TIMES = frozenset({"until", "at", "verified_at"})


def timeline_row(entry: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """When, which part, what, the reason, and the details of one entry."""
    decision = str(entry.get("decision", ""))
    part = entry.get("part")
    return (
        moment(float(entry.get("at", 0.0))),
        "" if part is None else str(part),
        DECISIONS.get(decision, decision.replace("_", " ")),
        str(entry.get("reason", "")),
        _details(entry.get("details")),
    )


def _details(details: object) -> str:
    """`message; name value, name value`; details that were too long are kept as cut text and shown so."""
    if not isinstance(details, dict):
        return "" if details is None else str(details)
    shown = dict(details)
    message = str(shown.pop("message", "")).removesuffix(".")
    shown.pop("reason", None)
    values = ", ".join(f"{name} {_value(name, value)}" for name, value in shown.items())
    return "; ".join(filter(None, (message, values)))


def _value(name: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if name in TIMES:
            return moment(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.2f}"
        case dict():
            return " ".join(f"{inner} {_value(inner, amount)}" for inner, amount in value.items())
        case _:
            return str(value)

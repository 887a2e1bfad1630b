"""What a metric is, and the metrics that processes count and time: names, labels, units and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Every metric's name begins with this.
PREFIX = "bulkverify_"

#: In seconds.
MINUTE, HOUR = 60, 3600
#: Upper bounds in seconds: stages of a list's life, from one second to two days.
STAGE_BUCKETS = (
    *(1, 2, 5, 10, 20, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, 24 * HOUR, 48 * HOUR),
)
#: Upper bounds in seconds: how late something is that should be prompt.
LATENESS_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR)
#: Upper bounds in seconds: one HTTP call, from a short answer to the upload of a large list.
CALL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: all that Prometheus and the documentation need to know of it."""

    #: Without `PREFIX`, as samples carry it: a counter's ends in `_total`.
    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    #: What one is, or what it is measured in.
    unit: str
    labels: tuple[str, ...] = ()
    #: Upper bounds of a histogram.
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name as it is queried."""
        return PREFIX + self.name

    @property
    def text(self) -> str:
        """The help text with the unit."""
        return f"{self.help} Unit: {self.unit}."


_ACCOUNT = ("provider", "account")

DECISIONS = Family(
    "decisions_total", "counter", "Decisions written.", "decisions", (*_ACCOUNT, "kind", "decision", "reason")
)
STAGE_DURATION = Family(
    "stage_duration_seconds",
    "histogram",
    "Time that a stage of the work took.",
    "seconds",
    (*_ACCOUNT, "kind", "stage"),
    STAGE_BUCKETS,
)
COMPLETION_LAG = Family(
    "completion_lag_seconds",
    "histogram",
    "Time from the provider's end of a job to its verified result here.",
    "seconds",
    _ACCOUNT,
    STAGE_BUCKETS,
)
STALE_MESSAGES = Family(
    "stale_messages_total",
    "counter",
    "Messages dropped because they were no longer true.",
    "messages",
    ("queue", "reason"),
)
QUEUE_WAIT = Family(
    "queue_wait_seconds",
    "histogram",
    "Time a message waited for a thread, without its deliberate delay.",
    "seconds",
    ("queue",),
    LATENESS_BUCKETS,
)
MESSAGE_FAILURES = Family(
    "message_failures_total", "counter", "Messages whose actor raised an error.", "messages", ("queue",)
)
UNREADABLE_MESSAGES = Family(
    "unreadable_messages_total",
    "counter",
    "Messages that nobody can read, moved to the dead letters.",
    "messages",
    ("queue",),
)
POLLS = Family("polls_total", "counter", "Looks at remote jobs, by what they showed.", "looks", (*_ACCOUNT, "outcome"))
POLL_LATENESS = Family(
    "poll_lateness_seconds",
    "histogram",
    "Time by which a look at a remote job came after it was due.",
    "seconds",
    _ACCOUNT,
    LATENESS_BUCKETS,
)
DOWNLOADS = Family(
    "downloads_total",
    "counter",
    "Results asked for: verified, of other values (mismatch, disowned), or why they could not be had.",
    "results",
    (*_ACCOUNT, "outcome"),
)
RESULT_BYTES = Family(
    "result_bytes_total", "counter", "Size of the verified results, as the provider's files have it.", "bytes", _ACCOUNT
)
RATE_WAIT = Family(
    "rate_limit_wait_seconds_total",
    "counter",
    "Time spent waiting for the account's own call rate.",
    "seconds",
    _ACCOUNT,
)
HTTP_REQUESTS = Family(
    "http_requests_total",
    "counter",
    "HTTP calls to providers: by class of status code, throttled (429, 509), or how they failed.",
    "calls",
    (*_ACCOUNT, "operation", "code_class"),
)
HTTP_DURATION = Family(
    "http_request_duration_seconds",
    "histogram",
    "Duration of an HTTP call to a provider, with its whole body and answer.",
    "seconds",
    ("provider", "operation"),
    CALL_BUCKETS,
)
SOFT_ERRORS = Family(
    "provider_soft_errors_total",
    "counter",
    "Answers that HTTP calls a success and the provider an error.",
    "answers",
    (*_ACCOUNT, "operation", "reason"),
)
UNKNOWN_WORDS = Family(
    "unknown_words_total", "counter", "Words of a provider that nobody knows.", "words", (*_ACCOUNT, "operation")
)
REDACTIONS = Family(
    "redactions_total", "counter", "Texts in which a secret was stopped on its way out.", "texts", ("sink",)
)
LOG_EVENTS = Family("log_events_total", "counter", "Log events written.", "events", ("event", "level"))

PROCESS_FAMILIES = (
    *(DECISIONS, STAGE_DURATION, COMPLETION_LAG, STALE_MESSAGES, QUEUE_WAIT, MESSAGE_FAILURES),
    *(
        UNREADABLE_MESSAGES,
        POLLS,
        POLL_LATENESS,
        DOWNLOADS,
        RESULT_BYTES,
        RATE_WAIT,
        HTTP_REQUESTS,
        HTTP_DURATION,
        SOFT_ERRORS,
        UNKNOWN_WORDS,
        REDACTIONS,
        LOG_EVENTS,
    ),
)

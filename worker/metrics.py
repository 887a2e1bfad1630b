"""What one process counts and times: counters and histograms only, so that the figures of several processes add up.

Gauges come from the exporter, which reads them from Redis when it is asked. With `PROMETHEUS_MULTIPROC_DIR` in the
environment before the first import of prometheus_client, the figures go to files in that folder, and the exporter adds
up the files of all processes, also of those that have ended.

Labels are bounded by construction: a value that is no plain word, or one word too many, is counted as `other`.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

from worker.core.states import Lane
from worker.log_events.catalogue import LOG_EVENTS as EVENTS
from worker.metric_families import (
    COMPLETION_LAG,
    DECISIONS,
    DOWNLOADS,
    HTTP_DURATION,
    HTTP_REQUESTS,
    LOG_EVENTS,
    MESSAGE_FAILURES,
    POLL_LATENESS,
    POLLS,
    PROCESS_FAMILIES,
    QUEUE_WAIT,
    RATE_WAIT,
    REDACTIONS,
    RESULT_BYTES,
    SOFT_ERRORS,
    STAGE_DURATION,
    STALE_MESSAGES,
    UNKNOWN_WORDS,
    UNREADABLE_MESSAGES,
)
from worker.providers.call_words import CALL_OUTCOMES, SOFT_ERRORS_POSSIBLE
from worker.providers.port import Reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.metric_families import Family

#: What a label's value may look like; addresses, file names and sentences do not.
WORD = re.compile(r"[A-Za-z0-9_-]{0,64}")
#: Most different values of one label in one process.
WORDS_MAX = 200
#: Stands for every value that is not let in.
OTHER = "other"

#: Why a message can be stale.
STALE_REASONS = ("unknown", "moved", "epoch", "leased", "raced", "later", "damaged")
#: Where text leaves a process that counts: `rejected` is the answer to a request that is refused.
SINKS = ("log", "message", "rejected", "trace")
#: What a fetched result turns out to be.
RESULT_OUTCOMES = ("verified", "mismatch", "disowned")


class Metrics:
    """The counters and histograms of one process. Safe to use from several threads; make one per process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """`registry` is for reading the figures inside the process; a new one when it is left out."""
        self.registry = registry or CollectorRegistry()
        self._counters = {f: self._counter(f) for f in PROCESS_FAMILIES if f.type == "counter"}
        self._histograms = {f: self._histogram(f) for f in PROCESS_FAMILIES if f.type == "histogram"}
        self._words: dict[str, set[str]] = {}
        self._begin_at_zero()

    # Decisions and stages

    def decided(self, decision: str, *, provider: str, account: str, kind: str, reason: str) -> None:
        """A decision was written."""
        self._add(DECISIONS, 1, (provider, account, kind, decision, reason))

    def stage_finished(self, stage: str, *, provider: str, account: str, kind: str, seconds: float) -> None:
        """A stage of the work took `seconds`."""
        self._observe(STAGE_DURATION, seconds, (provider, account, kind, stage))

    def result_verified(self, *, provider: str, account: str, lag_seconds: float) -> None:
        """A part's result is verified here, `lag_seconds` after the provider finished it."""
        self._observe(COMPLETION_LAG, lag_seconds, (provider, account))

    def result_fetched(self, outcome: str, *, provider: str, account: str, size_bytes: int = 0) -> None:
        """A result was asked for; `size_bytes` of it are verified here."""
        self._add(DOWNLOADS, 1, (provider, account, outcome))
        self._add(RESULT_BYTES, size_bytes, (provider, account))

    # Messages

    def message_stale(self, queue: str, reason: str) -> None:
        """A message was dropped because it was no longer true."""
        self._add(STALE_MESSAGES, 1, (queue, reason))

    def message_started(self, queue: str, wait_seconds: float) -> None:
        """An actor took a message `wait_seconds` after it could have."""
        self._observe(QUEUE_WAIT, wait_seconds, (queue,))

    def message_failed(self, queue: str) -> None:
        """An actor raised an error."""
        self._add(MESSAGE_FAILURES, 1, (queue,))

    def message_unreadable(self, queue: str) -> None:
        """A message was moved to the dead letters because nobody can read it."""
        self._add(UNREADABLE_MESSAGES, 1, (queue,))

    # Looking at remote jobs

    def looks(self, provider: str, account: str, outcome: str, by: int = 1) -> None:
        """`by` remote jobs were looked at, each with this outcome."""
        self._add(POLLS, by, (provider, account, outcome))

    def poll_lateness(self, *, provider: str, account: str, seconds: float) -> None:
        """A look came `seconds` after it was due."""
        self._observe(POLL_LATENESS, seconds, (provider, account))

    def rate_waited(self, provider: str, account: str, seconds: float) -> None:
        """A call waited for the account's own call rate."""
        self._add(RATE_WAIT, max(seconds, 0.0), (provider, account))

    def reporter(self, provider: str, account: str) -> Reporter:
        """The hooks for an account's HTTP calls; its figures begin at zero here."""
        for family in (COMPLETION_LAG, POLL_LATENESS):
            self._histograms[family].labels(provider, account)
        self._add(RATE_WAIT, 0, (provider, account))
        self._add(RESULT_BYTES, 0, (provider, account))
        for outcome in RESULT_OUTCOMES:
            self._add(DOWNLOADS, 0, (provider, account, outcome))
        for operation, errors in SOFT_ERRORS_POSSIBLE[provider].items():
            self._add(UNKNOWN_WORDS, 0, (provider, account, operation))
            for outcome in CALL_OUTCOMES:
                self._add(HTTP_REQUESTS, 0, (provider, account, operation, outcome))
            for reason in errors:
                self._add(SOFT_ERRORS, 0, (provider, account, operation, reason))
        return _CallReporter(self, provider, account)

    def call_finished(self, provider: str, account: str, operation: str, outcome: str, seconds: float) -> None:
        """An HTTP call ended after `seconds`; `outcome` as in `Reporter.call_finished`."""
        self._add(HTTP_REQUESTS, 1, (provider, account, operation, outcome))
        self._observe(HTTP_DURATION, seconds, (provider, operation))

    def soft_error(self, provider: str, account: str, operation: str, reason: str) -> None:
        """HTTP calls it a success and the provider an error."""
        self._add(SOFT_ERRORS, 1, (provider, account, operation, reason))

    def unknown_word(self, provider: str, account: str, operation: str) -> None:
        """The provider used a word nobody knows; the word itself is no label."""
        self._add(UNKNOWN_WORDS, 1, (provider, account, operation))

    # Logs

    def redacted(self, sink: str) -> None:
        """A secret was stopped on its way to `sink`."""
        self._add(REDACTIONS, 1, (sink,))

    def logged(self, event: str, level: str) -> None:
        """A log event was written."""
        self._add(LOG_EVENTS, 1, (event, level))

    # Inside

    def _counter(self, family: Family) -> Counter:
        return Counter(family.full_name, family.text, family.labels, registry=self.registry)

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(family.full_name, family.text, family.labels, registry=self.registry, buckets=family.buckets)

    def _begin_at_zero(self) -> None:
        """Make what is known from the start exist, so that its first increase is seen as one."""
        for lane in Lane:
            self._add(MESSAGE_FAILURES, 0, (lane,))
            self._add(UNREADABLE_MESSAGES, 0, (lane,))
            self._histograms[QUEUE_WAIT].labels(lane)
        for lane, reason in product(Lane, STALE_REASONS):
            self._add(STALE_MESSAGES, 0, (lane, reason))
        for sink in SINKS:
            self._add(REDACTIONS, 0, (sink,))
        for event in EVENTS:
            for level in set(event.levels) - {"debug"}:
                self._add(LOG_EVENTS, 0, (event.name, level))

    def _add(self, family: Family, by: float, values: Sequence[str]) -> None:
        self._counters[family].labels(*self._bounded(family, values)).inc(by)

    def _observe(self, family: Family, seconds: float, values: Sequence[str]) -> None:
        # Clocks of two hosts may disagree by a little; a negative duration would spoil the sum.
        self._histograms[family].labels(*self._bounded(family, values)).observe(max(seconds, 0.0))

    def _bounded(self, family: Family, values: Sequence[str]) -> list[str]:
        return [self._word(label, str(value)) for label, value in zip(family.labels, values, strict=True)]

    def _word(self, label: str, value: str) -> str:
        seen = self._words.setdefault(label, set())
        if value in seen:
            return value
        if len(seen) >= WORDS_MAX or not WORD.fullmatch(value):
            return OTHER
        seen.add(value)
        return value


class _CallReporter(Reporter):
    """Counts and times the HTTP calls of one account."""

    def __init__(self, metrics: Metrics, provider: str, account: str) -> None:
        self._metrics = metrics
        self._names = (provider, account)

    def call_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """One HTTP call ended."""
        self._metrics.call_finished(*self._names, operation, outcome, seconds)

    def soft_error(self, operation: str, reason: str) -> None:
        """A call that HTTP calls a success and the provider calls an error."""
        self._metrics.soft_error(*self._names, operation, reason)

    def unknown_word(self, operation: str, word: str) -> None:  # noqa: ARG002 - the word is free text, so no label
        """The provider used a word that the adapter does not know."""
        self._metrics.unknown_word(*self._names, operation)

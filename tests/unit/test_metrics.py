"""The counters and histograms of one process, and the page that documents all metrics."""

from __future__ import annotations

import ast
import re
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import worker.metrics as worker_metrics
from worker.core.states import Lane
from worker.exporter.families import OUTCOMES, OUTCOMES_FROM_ZERO, STATE_FAMILIES
from worker.exporter.reference import reference
from worker.log_events.catalogue import LOG_EVENTS
from worker.metric_families import PREFIX, PROCESS_FAMILIES, STAGE_BUCKETS
from worker.metrics import OTHER, SINKS, STALE_REASONS, WORDS_MAX, Metrics
from worker.providers.call_words import SOFT_ERRORS_POSSIBLE
from worker.providers.registry import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.metric_families import Family

ALL_FAMILIES = (*STATE_FAMILIES, *PROCESS_FAMILIES)
AT = {"provider": "ipqs", "account": "main"}
LABELS_IN_USE = {
    *("provider", "account", "kind", "state", "record", "what", "reason", "decision", "stage", "queue", "box"),
    "outcome",
    *("operation", "code_class", "sink", "event", "level", "lane", "entry", "disposition", "class", "source"),
    "remote_status",
    *("database", "version", "revision", "process"),
}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample's value; `None` when the sample does not exist."""
    return metrics.registry.get_sample_value(PREFIX + name, labels)


COUNTED: dict[str, tuple[Callable[[Metrics], None], dict[str, str], float]] = {
    "decisions_total": (
        lambda m: m.decided("hold", provider="ipqs", account="main", kind="email", reason="throttled"),
        {**AT, "kind": "email", "decision": "hold", "reason": "throttled"},
        1,
    ),
    "stale_messages_total": (lambda m: m.message_stale("poll", "epoch"), {"queue": "poll", "reason": "epoch"}, 1),
    "message_failures_total": (lambda m: m.message_failed("submit"), {"queue": "submit"}, 1),
    "unreadable_messages_total": (lambda m: m.message_unreadable("submit"), {"queue": "submit"}, 1),
    "polls_total": (lambda m: m.looks("ipqs", "main", "running", 7), {**AT, "outcome": "running"}, 7),
    "downloads_total": (
        lambda m: m.result_fetched("verified", provider="ipqs", account="main"),
        {**AT, "outcome": "verified"},
        1,
    ),
    "result_bytes_total": (
        lambda m: m.result_fetched("verified", provider="ipqs", account="main", size_bytes=70),
        AT,
        70,
    ),
    "rate_limit_wait_seconds_total": (lambda m: m.rate_waited("ipqs", "main", 0.5), AT, 0.5),
    "redactions_total": (lambda m: m.redacted("log"), {"sink": "log"}, 1),
    "log_events_total": (lambda m: m.logged("submitted", "info"), {"event": "submitted", "level": "info"}, 1),
    "http_requests_total": (
        lambda m: m.reporter("ipqs", "main").call_finished("status", "2xx", 0.2),
        {**AT, "operation": "status", "code_class": "2xx"},
        1,
    ),
    "provider_soft_errors_total": (
        lambda m: m.reporter("ipqs", "main").soft_error("list", "success_false"),
        {**AT, "operation": "list", "reason": "success_false"},
        1,
    ),
    "unknown_words_total": (
        lambda m: m.reporter("ipqs", "main").unknown_word("status", "PONDERING"),
        {**AT, "operation": "status"},
        1,
    ),
}

TIMED: dict[str, tuple[Callable[[Metrics, float], None], dict[str, str]]] = {
    "stage_duration_seconds": (
        lambda m, s: m.stage_finished("submit", provider="ipqs", account="main", kind="email", seconds=s),
        {**AT, "kind": "email", "stage": "submit"},
    ),
    "completion_lag_seconds": (lambda m, s: m.result_verified(provider="ipqs", account="main", lag_seconds=s), AT),
    "queue_wait_seconds": (lambda m, s: m.message_started("submit", s), {"queue": "submit"}),
    "poll_lateness_seconds": (lambda m, s: m.poll_lateness(provider="ipqs", account="main", seconds=s), AT),
    "http_request_duration_seconds": (
        lambda m, s: m.reporter("ipqs", "main").call_finished("list", "timeout", s),
        {"provider": "ipqs", "operation": "list"},
    ),
}


def test_every_process_metric_is_covered_here() -> None:
    """The tables of this file name every metric that a process counts or times."""
    assert {family.name for family in PROCESS_FAMILIES} == {*COUNTED, *TIMED}


@pytest.mark.parametrize("name", COUNTED)
def test_what_happened_is_counted_once_under_its_labels(name: str) -> None:
    """Each method raises its counter, and only the one sample with its labels."""
    metrics = Metrics()
    happens, labels, by = COUNTED[name]
    happens(metrics)
    assert value(metrics, name, **labels) == by
    total = sum(s.value for m in metrics.registry.collect() for s in m.samples if s.name == PREFIX + name)
    assert total == by


@pytest.mark.parametrize("name", TIMED)
def test_how_long_it_took_is_observed(name: str) -> None:
    """Each timing method adds one observation of the right length."""
    metrics = Metrics()
    happens, labels = TIMED[name]
    happens(metrics, 1.75)
    assert value(metrics, f"{name}_count", **labels) == 1
    assert value(metrics, f"{name}_sum", **labels) == 1.75


@pytest.mark.parametrize("name", TIMED)
def test_a_clock_that_runs_behind_does_not_spoil_a_sum(name: str) -> None:
    """A negative duration, from clocks that disagree, is observed as nothing."""
    metrics = Metrics()
    happens, labels = TIMED[name]
    happens(metrics, -3.0)
    assert value(metrics, f"{name}_sum", **labels) == 0


def test_what_is_known_begins_at_zero() -> None:
    """Series whose labels are known exist before anything happens, so that their first increase is seen."""
    metrics = Metrics()
    metrics.reporter("whoisxml", "second")
    assert {value(metrics, "redactions_total", sink=sink) for sink in SINKS} == {0}
    assert {value(metrics, "stale_messages_total", queue=q, reason=r) for q in Lane for r in STALE_REASONS} == {0}
    assert {value(metrics, "queue_wait_seconds_count", queue=queue) for queue in Lane} == {0}
    at = {"provider": "whoisxml", "account": "second"}
    assert value(metrics, "completion_lag_seconds_count", **at) == 0
    assert value(metrics, "unknown_words_total", **at, operation="status") == 0
    assert value(metrics, "http_requests_total", **at, operation="completed", code_class="timeout") == 0
    assert value(metrics, "provider_soft_errors_total", **at, operation="list", reason="refused") == 0


def test_every_place_where_a_secret_is_stopped_begins_at_zero() -> None:
    """The sinks that are named in the source of what the processes run are those of the table, and the log's."""
    program = Path(worker_metrics.__file__).parent
    sources = [path.read_text() for path in program.rglob("*.py") if program / "cli" not in path.parents]
    assert {"log"} | {sink for source in sources for sink in re.findall(r'sink="(\w+)"', source)} == set(SINKS)


def test_providers_whose_calls_are_counted_are_those_that_there_are() -> None:
    """No provider is added without the words of its calls."""
    assert set(SOFT_ERRORS_POSSIBLE) == set(CAPABILITIES)


@pytest.mark.parametrize(
    "text", ["jane@example.com", "10.0.0.1", "may.csv", "the list of may", "a/b", "x" * 65, "Zeile\n2"]
)
def test_text_is_never_a_label(text: str) -> None:
    """A value that is no plain word is counted as `other`."""
    metrics = Metrics()
    metrics.logged(text, "info")
    assert value(metrics, "log_events_total", event=OTHER, level="info") == 1


def test_a_label_has_a_bounded_number_of_values() -> None:
    """However many different words come, the number of series stays bounded and nothing goes uncounted."""
    metrics = Metrics()
    known = {event.name for event in LOG_EVENTS if event.levels != ("debug",)}
    for number in range(WORDS_MAX - len(known) + 50):
        metrics.logged(f"event_{number}", "info")
    samples = [s for m in metrics.registry.collect() for s in m.samples if s.name == f"{PREFIX}log_events_total"]
    assert len({sample.labels["event"] for sample in samples}) == WORDS_MAX + 1
    assert value(metrics, "log_events_total", event=OTHER, level="info") == 50


def test_threads_lose_no_count() -> None:
    """Counting from several threads at once adds up."""
    metrics = Metrics()

    def work() -> None:
        for _ in range(1000):
            metrics.looks("ipqs", "main", "running")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(metrics, "polls_total", **AT, outcome="running") == 4000


def test_stages_are_told_apart_from_a_second_to_two_days() -> None:
    """The buckets of a stage's duration reach from 1 s to 48 h, no step wider than two and a half times."""
    assert (STAGE_BUCKETS[0], STAGE_BUCKETS[-1]) == (1, 48 * 3600)
    assert all(1 < wide / narrow <= 2.5 for narrow, wide in pairwise(STAGE_BUCKETS))


@pytest.mark.parametrize("family", ALL_FAMILIES, ids=lambda family: family.name)
def test_every_metric_keeps_the_conventions(family: Family) -> None:
    """Counters end in `_total`, units of time and memory are in the name, the help is a sentence with the unit."""
    assert family.name.endswith("_total") == (family.type == "counter")
    for unit in ("seconds", "bytes"):
        assert family.unit.startswith(unit) == (unit in family.name.removesuffix("_total").rsplit("_", 1)[-1])
    assert family.help.endswith(".")
    assert family.text.endswith(f"Unit: {family.unit}.")
    assert bool(family.buckets) == (family.type == "histogram")
    assert set(family.labels) <= LABELS_IN_USE


def test_no_two_metrics_share_a_family_name() -> None:
    """Names stay apart also where formats drop `_total` from a counter's family."""
    names = [family.name.removesuffix("_total") for family in ALL_FAMILIES]
    assert sorted(names) == sorted(set(names))


def test_the_reference_in_the_docs_is_current() -> None:
    """`docs/metrics.md` is what `python -m worker.exporter.reference` prints."""
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == reference()


def counted_outcomes() -> list[ast.Tuple]:
    """Every key of a dictionary that the source hands over as `counters`."""
    source = Path(__file__).parents[2] / "worker"
    nodes = [node for path in source.rglob("*.py") for node in ast.walk(ast.parse(path.read_bytes()))]
    given = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "counters"]
    dictionaries = [node for value_ in given for node in ast.walk(value_) if isinstance(node, ast.Dict)]
    return [key for dictionary in dictionaries for key in dictionary.keys if isinstance(key, ast.Tuple)]


def test_every_outcome_that_is_counted_in_redis_is_exported() -> None:
    """The exporter knows each outcome counter of the source, its labels, and which of them begin at zero."""
    keys = counted_outcomes()
    assert len(keys) >= 5
    for key in keys:
        name, *words = ([c.value for c in ast.walk(e) if isinstance(c, ast.Constant)] for e in key.elts)
        family = OUTCOMES[str(name[0])]
        assert len(words) == len(family.labels), ast.unparse(key)
        if len(words) == 1:
            assert {(name[0], word) for word in words[0] if word != "answer"} <= set(OUTCOMES_FROM_ZERO)

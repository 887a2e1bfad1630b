"""The catalogue of log events: every call that logs is in it, nothing else is, and the page tells the same."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, get_args

import pytest

from worker.cli.event_docs import markdown
from worker.cli.timeline import DECISIONS
from worker.core.states import UploadState
from worker.host.supervisor import EventName
from worker.log_events.catalogue import LOG_EVENTS, SUPERVISED, TOPICS
from worker.log_events.decisions import UNSHOWN, WARNED, level_of
from worker.metric_families import PREFIX
from worker.metrics import OTHER, WORDS_MAX, Metrics

if TYPE_CHECKING:
    from worker.log_events.log_event import LogEvent

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "producers", "worker")
#: The level of a call by the method that it calls; of one that is chosen first, both.
LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}

#: A call whose answer has the two fields that name a part.
IDS = re.compile(r"ids_of\(")


@dataclass
class Written:
    """What the calls of one event say."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    more: bool = False


@cache
def written() -> dict[str, Written]:
    """Every event that the program logs under a literal name."""
    found: defaultdict[str, Written] = defaultdict(Written)
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)):
            if is_logging(call.func) and call.args and isinstance(call.args[0], ast.Constant):
                event = found[str(call.args[0].value)]
                event.levels.add(LEVELS[call.func.attr])
                event.fields |= {keyword.arg for keyword in call.keywords if keyword.arg is not None}
                rest = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg is None]
                event.fields |= {"part", "upload_id"} if any(map(IDS.match, rest)) else set()
                event.more |= not all(map(IDS.match, rest))
    return dict(found)


def is_logging(function: ast.expr) -> TypeGuard[ast.Attribute]:
    """Whether a called function is a method of a module's `log`, or of a logger that is got on the spot."""
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    of = ast.unparse(function.value)
    return of == "log" or of.endswith("get_logger()")


#: Events whose call chooses the level first, in `worker.actors.drift`.
CHOSEN = {"drift_found", "drift_gone"}


def test_every_event_that_is_logged_is_in_the_catalogue_and_the_other_way_round() -> None:
    """A call with an unknown event fails here, and so does an event that nobody logs any more."""
    assert written().keys() | CHOSEN == {event.name for event in LOG_EVENTS}
    assert len(LOG_EVENTS) == len({event.name for event in LOG_EVENTS})


@pytest.mark.parametrize("event", [event for event in LOG_EVENTS if event.name not in CHOSEN], ids=lambda e: e.name)
def test_levels_and_fields_are_those_of_the_calls(event: LogEvent) -> None:
    """The catalogue says of each event what its calls say."""
    calls = written()[event.name]
    assert (set(event.levels), set(event.fields), event.more_fields) == (calls.levels, calls.fields, calls.more)


@pytest.mark.parametrize("event", LOG_EVENTS, ids=lambda event: event.name)
def test_what_is_a_warning_or_worse_says_what_to_do(event: LogEvent) -> None:
    """Whoever is woken by an event finds the next step beside it."""
    assert event.meaning.endswith(".")
    assert tuple(sorted(event.fields)) == event.fields
    assert bool(event.remedy) or not {"warning", "error", "critical"} & set(event.levels)


def test_the_page_is_generated() -> None:
    """`docs/events.md` is what `python -m worker.cli.event_docs` prints."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8").splitlines(keepends=True)
    assert "".join(unified_diff(page, markdown().splitlines(keepends=True))) == ""


def test_the_events_of_drift_are_those_that_sweeps_log() -> None:
    """The two events whose level depends on the class are named where they are logged."""
    source = (ROOT / "worker" / "actors" / "drift.py").read_text(encoding="utf-8")
    assert {word for word in CHOSEN if f'_tell("{word}"' in source} == CHOSEN


def test_what_the_supervisor_tells_is_on_the_page() -> None:
    """Each thing that can happen to a process has a meaning."""
    assert set(get_args(EventName)) == SUPERVISED.keys()


def test_every_decision_has_a_meaning() -> None:
    """What is decided anywhere in the workers is told in the timeline or among the events; never in both."""
    assert decided() | set(UploadState) & WARNED <= DECISIONS.keys() | UNSHOWN.keys() | {"reject"}
    assert UNSHOWN.keys() <= decided()
    assert not DECISIONS.keys() & UNSHOWN.keys()
    assert DECISIONS.keys() >= WARNED


def decided() -> set[str]:
    """The first argument of every `change(…)` and `Change(…)` in the workers, where it is a literal."""
    calls = (
        node
        for path in (ROOT / "worker").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).endswith(("change", "Change"))
    )
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


@pytest.mark.parametrize(
    ("decision", "heartbeat", "level"),
    [("submitted", False, "info"), ("lease", True, "debug"), ("quarantine", False, "warning")],
)
def test_the_level_of_a_decision(decision: str, *, heartbeat: bool, level: str) -> None:
    """A decision is told at info, unless somebody should look at it, or it only says that work goes on."""
    assert level_of(decision, heartbeat=heartbeat) == level


def test_counters_begin_at_zero_and_count_each_event() -> None:
    """The first line of an event is an increase, and none is lost among the others."""
    metrics = Metrics()
    kinds = {(event.name, level) for event in LOG_EVENTS for level in event.levels}
    assert {kind: 0 for kind in kinds if kind[1] != "debug"} == counted(metrics)
    for kind in kinds:
        metrics.logged(*kind)
    assert counted(metrics) == dict.fromkeys(kinds, 1)


def test_there_is_room_for_every_event_and_every_decision() -> None:
    """No name of ours is counted as another one, and libraries have room too."""
    names = {event.name for events in TOPICS.values() for event in events} | DECISIONS.keys() | UNSHOWN.keys()
    assert OTHER not in names
    assert len(names) <= WORDS_MAX - 20


def counted(metrics: Metrics) -> dict[tuple[str, str], float]:
    """How often each event was counted, by name and level."""
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {
        (sample.labels["event"], sample.labels["level"]): sample.value
        for sample in samples
        if sample.name == f"{PREFIX}log_events_total"
    }

"""The page on log events, made from their catalogue: `python -m worker.cli.event_docs > docs/events.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.cli.timeline import DECISIONS
from worker.log_events.catalogue import SUPERVISED, TOPICS
from worker.log_events.decisions import UNSHOWN, WARNED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.log_events.log_event import LogEvent

_HEAD = """\
# Log events

Every process writes its log to standard error, one line for each event: JSON with `BULKVERIFY_LOG_FORMAT=json`, text
for people otherwise. A JSON line, here on several:

```json
{"upload_id": "crm-2026-11", "account": "ipqs-main", "part": 0, "correlation_id": "req-7f3a", "remote_id": "1184",
 "how": "answer", "event": "submitted", "lane": "submit", "item": "crm-2026-11/0",
 "message_id": "4d0c5e0b-6a51-4a0c-9f4e-5f1f0f0d8f7c", "attempt": 1,
 "level": "info", "timestamp": "2026-11-22T14:02:11.318204Z"}
```

| field | meaning |
|---|---|
| `event`, `level`, `timestamp` | which of the events below, how severe, and when, in UTC |
| `upload_id`, `part` | the upload, and the part of it, counted from 0 |
| `correlation_id` | the producer's own id, where its request gave one |
| `lane`, `item` | what kind of step, and on what: an upload, a part, or an account for steps on all of its parts |
| `message_id` | the queue's message that the step was done for |
| `attempt` | the attempt to submit, while it is made |
| `entry` | the request's entry in the stream, while intake answers it |
| `trace_id`, `span_id` | where traces are sent: the step's span, see [traces](#traces) |
| `error`, `exception` | what went wrong; keys are masked in every field, exceptions included |
| `remedy` | what to do |

**One upload, from its request to its result**, over the logs of all processes:

```sh
grep -hF '"upload_id": "crm-2026-11"' *.log
jq -cs 'map(select(.correlation_id == "req-7f3a")) | sort_by(.timestamp)[]' *.log
```

Steps on an account (polls, sweeps) serve many uploads: what they decide about one carries its `upload_id`, what is
about the account carries its `account`. `bulkverify why UPLOAD` tells the same decisions without any log.

`bulkverify_log_events_total{event,level}` counts every line. The events below begin at zero with each process, but for
those of level `debug`; decisions are counted by `bulkverify_decisions_total` too, and a library's lines under the
library's name. Below `BULKVERIFY_LOG_LEVEL` nothing is written or counted.

## Traces

With the extra `otel` (`pip install 'bulkverify[otel]'`) and `BULKVERIFY_TRACES_URL` the processes send spans, as OTLP
over HTTP: one for each step (`intake`, `prepare`, `submit`, `poll`, `collect`, `deliver`, `reconcile`) with the seconds
that its message waited, and one for each call of a provider inside it. They carry words of which there are few (lane,
account, provider, kind, operation, outcome) and no id, value, address or key; log lines inside carry `trace_id` and
`span_id`, which lead from the one to the other.

The steps of an upload belong to the trace that its request names in `trace.traceparent`, else to one that intake
begins. A step more than a day after that begins a trace of its own, with a link to it; so do polls and sweeps, which
serve many uploads: up to 32 of those that a poll looks at are linked. Headers that a collector asks for are in
`OTEL_EXPORTER_OTLP_HEADERS`, the share of traces that is kept in `OTEL_TRACES_SAMPLER`. A collector that is slow or
away holds up nothing: spans that find no room are dropped.

This page is made by `python -m worker.cli.event_docs`; a test compares the two, and the calls in the program with it.
"""
_TABLE = """\
| event | level | meaning | fields | what to do |
|---|---|---|---|---|
"""
_DECISIONS = f"""\
## Decisions

Whatever is decided about an upload, a part or an account is logged under the decision's own word, which is also that
of its counter and of the timeline, with `upload_id`, `part`, `account`, `reason` and the decision's details. Level:
`info`; `warning` for {", ".join(f"`{word}`" for word in sorted(WARNED))}; `debug` where it only says that work goes on.

| event | meaning |
|---|---|
"""
_SUPERVISED = """\
## Of `bulkverify up`

What it tells of the processes that it runs, with `process` (such as `worker.1`) and `pid`; no metric counts it. Level:
`info`; `error` for `process_gave_up` and `process_killed`.

| event | meaning |
|---|---|
"""
_OTHERS = """\
## Of others

| event | level | meaning |
|---|---|---|
| `library_message` | as the library says | a library's own words are in `message`, its name is in `logger` |
| `log_event_unrenderable` | error | an event could not be written, and nothing of it is; it is not counted |
"""


def markdown() -> str:
    """The whole page."""
    topics = (f"## {topic}\n\n{_TABLE}{''.join(map(_row, events))}" for topic, events in TOPICS.items())
    words = "".join(f"| `{word}` | {meaning} |\n" for word, meaning in _decisions())
    told = "".join(f"| `process_{word}` | {meaning} |\n" for word, meaning in SUPERVISED.items())
    return "\n".join((_HEAD, *topics, _DECISIONS + words, _SUPERVISED + told, _OTHERS))


def _decisions() -> Iterable[tuple[str, str]]:
    return (*DECISIONS.items(), *UNSHOWN.items())


def _row(event: LogEvent) -> str:
    fields = ", ".join(f"`{name}`" for name in event.fields) + (", …" if event.more_fields else "")
    levels = ", ".join(event.levels)
    return f"| `{event.name}` | {levels} | {event.meaning} | {fields.removeprefix(', ')} | {event.remedy} |\n"


if __name__ == "__main__":
    click.echo(markdown(), nl=False)

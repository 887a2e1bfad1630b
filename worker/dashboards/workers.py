"""The dashboard on what everything runs on: processes, queues, Redis, and the exporter itself."""

from __future__ import annotations

from worker.alerting import results, running
from worker.alerting.rule import Dashboard
from worker.dashboards.expressions import (
    age,
    greatest,
    least,
    newly,
    now,
    or_zero,
    per_minute,
    quantile,
    share,
    spread,
    within,
)
from worker.dashboards.panel import (
    LOW,
    NONE_EXPECTED,
    NONE_WANTED,
    ONE_WANTED,
    Board,
    Form,
    Panel,
    Query,
    Row,
    Unit,
    limited,
)
from worker.exporter import families as f
from worker.exporter import server_families as s
from worker.metric_families import LOG_EVENTS, MESSAGE_FAILURES, QUEUE_WAIT, REDACTIONS, UNREADABLE_MESSAGES

#: Seconds that a scrape may take before it is worth a thought, and before Prometheus may give up.
_SCRAPE_SLOW_SECONDS, _SCRAPE_LATE_SECONDS = 0.5, 5
#: New events that are more than information. Dozens are counted from zero: those that have not happened have no line.
_WARNINGS = f"({newly(LOG_EVENTS, 'event', level='warning|error|critical')}) > 0"

_RUNS = Row(
    "Does everything run?",
    (
        Panel(
            title="Exporters",
            description="Whether each of the exporters answers Prometheus.",
            form=Form.STAT,
            unit=Unit.TRUTH,
            width=4,
            height=LOW,
            steps=ONE_WANTED,
            queries=(Query('min(up{job=~"$job"})', "all answer"),),
            alerts=(running.EXPORTER_ABSENT,),
        ),
        Panel(
            title="Redis",
            description="Whether Redis answers the exporter: the database of the state, and that of the messages.",
            form=Form.STAT,
            unit=Unit.TRUTH,
            width=6,
            height=LOW,
            steps=ONE_WANTED,
            queries=(Query(least(f.REDIS_UP, "database"), "{{database}}"),),
            alerts=(running.REDIS_DOWN,),
        ),
        Panel(
            title="Redis keeps what it is given",
            description="It appends every write to a file, writes reach the disk, and no record gives way for memory.",
            form=Form.STAT,
            unit=Unit.TRUTH,
            width=8,
            height=LOW,
            steps=ONE_WANTED,
            queries=(
                Query(least(s.APPEND_ONLY), "append-only"),
                Query(least(s.WRITES_ARRIVE), "disk"),
                Query(least(s.KEEPS_ALL), "noeviction"),
            ),
            alerts=(running.REDIS_UNSAFE,),
        ),
        Panel(
            title="Keys thrown away",
            description="By Redis, for want of memory. There must never be any.",
            form=Form.STAT,
            width=3,
            height=LOW,
            steps=NONE_WANTED,
            queries=(Query(within(s.EVICTED), "keys"),),
            alerts=(running.REDIS_UNSAFE,),
        ),
        Panel(
            title="Secrets stopped",
            description="Texts in which a key or link was masked on its way out. The usual cause is a provider that "
            "repeats the address of a call.",
            form=Form.STAT,
            width=3,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(or_zero(within(REDACTIONS)), "texts"),),
            alerts=(running.SECRET_STOPPED,),
        ),
    ),
)
_PROCESSES = Row(
    "Processes and threads",
    (
        Panel(
            title="Processes",
            description="That were heard lately, by kind; of timekeepers: threads.",
            form=Form.SERIES,
            width=8,
            queries=(Query(greatest(s.PROCESSES, "process"), "{{process}}"),),
            alerts=(running.WORKER_ABSENT, running.TIMEKEEPER_ABSENT),
        ),
        Panel(
            title="Last heard before",
            description="For how long none of a kind was heard.",
            form=Form.BARS,
            unit=Unit.SECONDS,
            width=8,
            steps=limited(30, 60),
            queries=(Query(age(s.PROCESS_SEEN, "process"), "{{process}}"),),
        ),
        Panel(
            title="Threads at work",
            description="Messages that were fetched and are not acknowledged, by queue: work in threads, and what "
            "they hold ready for themselves.",
            form=Form.SERIES,
            width=8,
            stacked=True,
            queries=(Query(now(s.QUEUE_MESSAGES, "queue", box="inflight"), "{{queue}}"),),
        ),
    ),
)
_QUEUES = Row(
    "Queues",
    (
        Panel(
            title="Waiting for a thread: 95% are shorter",
            description="How long messages wait, without their deliberate delay. Where this grows there are too few "
            "processes or threads.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(quantile(0.95, QUEUE_WAIT, "queue"), "{{queue}}"),),
        ),
        Panel(
            title="Waiting for a thread",
            description="Of all queues.",
            form=Form.HEATMAP,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(spread(QUEUE_WAIT), "{{le}}"),),
        ),
        Panel(
            title="Oldest message that is ready",
            description="For how long it waits, by queue; 0 where none does.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(or_zero(age(s.QUEUE_OLDEST, "queue", box="ready"), "queue"), "{{queue}}"),),
        ),
        Panel(
            title="Boxes",
            description="Messages that are ready, in flight or dead.",
            form=Form.TABLE,
            width=8,
            queries=(
                Query(now(s.QUEUE_MESSAGES, "queue", box="ready"), "ready"),
                Query(now(s.QUEUE_MESSAGES, "queue", box="inflight"), "in flight"),
                Query(now(s.QUEUE_MESSAGES, "queue", box="dead"), "dead", steps=NONE_EXPECTED),
            ),
            alerts=(running.DEAD_LETTERS,),
        ),
        Panel(
            title="Messages that wait until they are due",
            description="Of all queues: looks that are planned, mostly.",
            form=Form.SERIES,
            width=8,
            queries=(Query(now(s.DELAYED), "delayed"),),
        ),
        Panel(
            title="Messages that failed",
            description="Whose actor raised an error, or that nobody can read. Their work is done from the records "
            "all the same.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=8,
            queries=(
                Query(or_zero(per_minute(MESSAGE_FAILURES, "queue"), "queue"), "{{queue}} failed"),
                Query(or_zero(per_minute(UNREADABLE_MESSAGES)), "unreadable"),
            ),
            alerts=(running.DEAD_LETTERS,),
        ),
    ),
)
_REDIS = Row(
    "Redis, and what tells all this",
    (
        Panel(
            title="Memory of Redis",
            description="Used by the state server, and its limit; a limit of 0 is none.",
            form=Form.SERIES,
            unit=Unit.BYTES,
            width=8,
            queries=(Query(greatest(s.MEMORY), "used"), Query(greatest(s.MEMORY_LIMIT), "limit")),
            alerts=(results.INTAKE_PAUSED, running.REDIS_UNSAFE),
        ),
        Panel(
            title="Memory used",
            description="The share of the limit that is used. Intake pauses before Redis is full.",
            form=Form.STAT,
            unit=Unit.SHARE,
            width=4,
            steps=limited(0.75, running.MEMORY_SHARE_MAX),
            queries=(Query(share(greatest(s.MEMORY), greatest(s.MEMORY_LIMIT)), "of the limit"),),
            blank="no limit is set",
            alerts=(results.INTAKE_PAUSED,),
        ),
        Panel(
            title="Time that a scrape takes",
            description="Of the exporter's reading of Redis.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=6,
            steps=limited(_SCRAPE_SLOW_SECONDS, _SCRAPE_LATE_SECONDS),
            queries=(Query(f'max by (instance) ({f.SCRAPE_DURATION.full_name}{{job=~"$job"}})', "{{instance}}"),),
        ),
        Panel(
            title="What the exporter could not read",
            description="Failures by source, in the time that is looked at.",
            form=Form.BARS,
            width=6,
            steps=NONE_EXPECTED,
            queries=(Query(within(f.ERRORS, "source"), "{{source}}"),),
            alerts=(running.EXPORTER_ERRORS,),
        ),
        Panel(
            title="Log events by level",
            description="Each event that is written is counted.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=8,
            queries=(Query(per_minute(LOG_EVENTS, "level"), "{{level}}"),),
        ),
        Panel(
            title="Warnings and errors in the log",
            description="New events that are more than information, by name: what to search the log for.",
            form=Form.SERIES,
            width=8,
            queries=(Query(or_zero(_WARNINGS, "event"), "{{event}}"),),
        ),
        Panel(
            title="Versions",
            description="What runs where: more than one only while it is being replaced.",
            form=Form.TABLE,
            width=8,
            queries=(Query(f'count by (version, revision) ({f.BUILD_INFO.full_name}{{job=~"$job"}})', "exporters"),),
        ),
    ),
)

BOARD = Board(
    Dashboard.WORKERS,
    "bulkverify: workers and Redis",
    "Does everything run, does work wait for threads, and is Redis safe?",
    (_RUNS, _PROCESSES, _QUEUES, _REDIS),
)

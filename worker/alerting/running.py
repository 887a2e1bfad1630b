"""Alerts on what everything runs on: processes, queues, Redis, and secrets that were stopped."""

from __future__ import annotations

from worker.alerting.expressions import ACCOUNT, grown, least, worst
from worker.alerting.rule import Alert, Dashboard, Severity

#: The job under which Prometheus scrapes the exporters.
JOB = "bulkverify"
#: The part of Redis's memory limit that may be used; intake pauses below it.
MEMORY_SHARE_MAX = 0.9

#: What makes Redis unsafe, by cause.
_DANGERS = {
    "no append-only file": f"{worst('bulkverify_redis_append_only')} == 0",
    "writes do not reach the disk": f"{worst('bulkverify_redis_disk_writes_ok')} == 0",
    "maxmemory-policy": f"{worst('bulkverify_redis_noeviction')} == 0",
    "evicted keys": grown("bulkverify_redis_evicted_keys_total"),
    "memory": f"{worst('bulkverify_redis_memory_bytes')}"
    f" / ({worst('bulkverify_redis_memory_limit_bytes')} > 0) > {MEMORY_SHARE_MAX:g}",
}

EXPORTER_ABSENT = Alert(
    name="BulkVerifyExporterAbsent",
    severity=Severity.PAGE,
    dashboard=Dashboard.WORKERS,
    meaning="An exporter does not answer Prometheus, or there is none.",
    expression=f'absent(up{{job="{JOB}"}})\nor up{{job="{JOB}"}} == 0',
    pending="10m",
    summary="An exporter does not answer.",
    description="No other alert can fire without it: what happens to lists and money is not seen.",
)
EXPORTER_ERRORS = Alert(
    name="BulkVerifyExporterErrors",
    severity=Severity.WARN,
    dashboard=Dashboard.WORKERS,
    meaning="An exporter could not read one of its sources in the last 15 minutes.",
    expression=grown("bulkverify_state_exporter_errors_total", "source", window="15m"),
    pending="5m",
    summary="The exporter cannot read: {{ $labels.source }}.",
    description="Metrics from there are absent, and alerts on them cannot fire. The exporter's log says why.",
)
WORKER_ABSENT = Alert(
    name="BulkVerifyWorkerAbsent",
    severity=Severity.PAGE,
    dashboard=Dashboard.WORKERS,
    meaning="No process of a kind runs: intake, worker or poller.",
    expression=worst('bulkverify_processes{process!="timekeeper"}', "process") + " == 0",
    pending="5m",
    summary="No process runs: {{ $labels.process }}.",
    description="Its part of the work stands still, on all machines. Nothing is lost, and results that are not fetched "
    "may be deleted by the provider.",
)
TIMEKEEPER_ABSENT = Alert(
    name="BulkVerifyTimekeeperAbsent",
    severity=Severity.PAGE,
    dashboard=Dashboard.WORKERS,
    meaning="No timekeeper runs: the thread of workers and pollers that sends what is due.",
    expression=worst('bulkverify_processes{process="timekeeper"}') + " == 0",
    pending="5m",
    summary="No timekeeper runs.",
    description="What is due is not looked at, and no list of a provider is walked, by any process.",
)
REDIS_DOWN = Alert(
    name="BulkVerifyRedisDown",
    severity=Severity.PAGE,
    dashboard=Dashboard.WORKERS,
    meaning="Redis does not answer the exporter.",
    expression=least("bulkverify_redis_up", "instance", "database") + " == 0",
    pending="2m",
    summary="Redis does not answer {{ $labels.instance }}: the database of the {{ $labels.database }}.",
    description="Nothing moves until it does. What was paid for is recorded in storage too.",
)
REDIS_UNSAFE = Alert(
    name="BulkVerifyRedisUnsafe",
    severity=Severity.WARN,
    dashboard=Dashboard.WORKERS,
    meaning="Redis may lose what it was given: it does not append writes to a file, what it wrote did not reach "
    f"the disk, it may evict records or has, or uses more than {MEMORY_SHARE_MAX:.0%} of its maxmemory.",
    expression="\nor ".join(
        f'label_replace({danger}, "cause", "{cause}", "", "")' for cause, danger in _DANGERS.items()
    ),
    pending="5m",
    summary="Redis is not safe: {{ $labels.cause }}.",
    description="Records in Redis say what is under way. What was paid for is also known to storage, but without them "
    "lists come back late, or have to be recovered by a person.",
)
TIMERS_OVERDUE = Alert(
    name="BulkVerifyTimersOverdue",
    severity=Severity.WARN,
    dashboard=Dashboard.PIPELINE,
    meaning="Work is due for longer than BULKVERIFY_REARM_GRACE_SECONDS, at every moment of 15 minutes.",
    expression=f"{worst('bulkverify_timers_overdue', 'lane', *ACCOUNT)} > 0",
    pending="15m",
    summary="Work of {{ $labels.account }} ({{ $labels.provider }}) is overdue: {{ $labels.lane }}.",
    description="{{ $value }} items were not looked at in time: messages are lost, processes do not run, or there are "
    "too few of them.",
)
DEAD_LETTERS = Alert(
    name="BulkVerifyDeadLetters",
    severity=Severity.WARN,
    dashboard=Dashboard.WORKERS,
    meaning="Messages died in the last hour: their actor raised an error again and again, or nobody can read them.",
    expression=grown('bulkverify_queue_messages{box="dead"}', "queue"),
    pending="0m",
    summary="Messages of the queue {{ $labels.queue }} died.",
    description="{{ $value }} in the last hour. Their work is done from the records all the same, so this is an error "
    "in the program or a damaged record: the log has it.",
)
SECRET_STOPPED = Alert(
    name="BulkVerifySecretStopped",
    severity=Severity.WARN,
    dashboard=Dashboard.WORKERS,
    meaning="A secret was stopped on its way into a log, a message or the output of a command in the last hour.",
    expression=grown("bulkverify_redactions_total", "sink"),
    pending="0m",
    summary="A secret was stopped on its way out: {{ $labels.sink }}.",
    description="{{ $value }} texts in the last hour had a key, a password or a link in them, which was masked. Find "
    "out where it came from; the provider repeating the address of a call is the usual cause.",
)

ALERTS = (
    *(EXPORTER_ABSENT, EXPORTER_ERRORS, WORKER_ABSENT, TIMEKEEPER_ABSENT, REDIS_DOWN, REDIS_UNSAFE),
    *(TIMERS_OVERDUE, DEAD_LETTERS, SECRET_STOPPED),
)

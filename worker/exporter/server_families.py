"""The metrics of queues, processes and Redis that the exporter reads at scrape time: names, labels, units, meanings."""

from __future__ import annotations

from worker.metric_families import Family

QUEUE_MESSAGES = Family(
    "queue_messages",
    "gauge",
    "Messages of a queue that are ready, in flight (fetched, not acknowledged) or dead.",
    "messages",
    ("queue", "box"),
)
DELAYED = Family("delayed_messages", "gauge", "Messages of all queues that wait until they are due.", "messages")
MEMORY = Family("redis_memory_bytes", "gauge", "Memory that the state server uses.", "bytes")
MEMORY_LIMIT = Family("redis_memory_limit_bytes", "gauge", "The state server's maxmemory; 0: no limit.", "bytes")
QUEUE_OLDEST = Family(
    "queue_oldest_timestamp_seconds",
    "gauge",
    "Since when the oldest message of a queue is ready, or dead; absent where there is none.",
    "seconds since 1970",
    ("queue", "box"),
)
DELAYED_DUE = Family(
    "delayed_due_timestamp_seconds",
    "gauge",
    "When the first of the delayed messages is due; absent when there is none.",
    "seconds since 1970",
)
PROCESSES = Family(
    "processes",
    "gauge",
    "Processes (of timekeepers: threads) that were heard within HEARTBEAT_TIMEOUT_SECONDS.",
    "processes",
    ("process",),
)
PROCESS_SEEN = Family(
    "process_last_seen_timestamp_seconds",
    "gauge",
    "When a process of that kind was last heard; 0 when none ever was.",
    "seconds since 1970",
    ("process",),
)
APPEND_ONLY = Family(
    "redis_append_only", "gauge", "Whether the state server appends every write to a file: 1 or 0.", "truth value"
)
WRITES_ARRIVE = Family(
    "redis_disk_writes_ok",
    "gauge",
    "Whether what the state server last wrote to disk arrived there: 1 or 0.",
    "truth value",
)
KEEPS_ALL = Family(
    "redis_noeviction",
    "gauge",
    "Whether the state server's maxmemory-policy is noeviction, so that no record is thrown away: 1 or 0.",
    "truth value",
)
EVICTED = Family(
    "redis_evicted_keys_total",
    "counter",
    "Keys that the state server threw away for want of memory since it started.",
    "keys",
)

SERVER_FAMILIES = (
    *(QUEUE_MESSAGES, QUEUE_OLDEST, DELAYED, DELAYED_DUE, PROCESSES, PROCESS_SEEN),
    *(MEMORY, MEMORY_LIMIT, APPEND_ONLY, WRITES_ARRIVE, KEEPS_ALL, EVICTED),
)

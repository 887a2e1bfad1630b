"""The metrics that the exporter reads at scrape time: names, labels, units and meanings."""

from __future__ import annotations

from worker.core.drift.classes import DriftClass
from worker.exporter.server_families import SERVER_FAMILIES
from worker.metric_families import Family

_ACCOUNT = ("provider", "account")
_RECORDS = (*_ACCOUNT, "kind", "state")
_LEASES = (*_ACCOUNT, "state")

# The exporter itself

BUILD_INFO = Family(
    "build_info", "gauge", "The running version and its revision, as labels; always 1.", "none", ("version", "revision")
)
REDIS_UP = Family("redis_up", "gauge", "Whether Redis answered this scrape: 1 or 0.", "truth value", ("database",))
SCRAPE_DURATION = Family(
    "state_exporter_scrape_duration_seconds", "gauge", "Time this scrape took to read Redis.", "seconds"
)
ERRORS = Family(
    "state_exporter_errors_total",
    "counter",
    "Failures to read a source (state, broker, counters, processes) since this exporter started.",
    "failures",
    ("source",),
)

# Work

UPLOADS = Family("uploads", "gauge", "Uploads in each state.", "uploads", _RECORDS)
PARTS = Family("parts", "gauge", "Parts in each state.", "parts", _RECORDS)
OLDEST = Family(
    "oldest_timestamp_seconds",
    "gauge",
    "When the upload or part that is longest in a state entered it; only states that are not an end.",
    "seconds since 1970",
    ("record", *_ACCOUNT, "state"),
)
OVERDUE = Family(
    "timers_overdue",
    "gauge",
    "Work items due for longer than REARM_GRACE_SECONDS and still not looked at.",
    "work items",
    (*_ACCOUNT, "lane"),
)
LEASES = Family(
    "leases", "gauge", "Work items under a lease that lasts (held) or has ended (expired).", "work items", _LEASES
)
BACKLOG = Family("intake_backlog_entries", "gauge", "Requests that are not answered yet.", "entries")
BACKLOG_OLDEST = Family(
    "intake_oldest_timestamp_seconds",
    "gauge",
    "When the oldest unanswered request was added; absent when there is none.",
    "seconds since 1970",
)
INTAKE_PAUSED = Family(
    "intake_paused",
    "gauge",
    "Whether intake leaves requests in the stream because Redis is nearly full: 1 or 0.",
    "truth value",
)

# Accounts

PAUSED = Family(
    "account_paused",
    "gauge",
    "Whether calls are kept back now, every one (calls) or those that spend (spending): 1 with a reason, or 0.",
    "truth value",
    (*_ACCOUNT, "what", "reason"),
)
BUDGET = Family(
    "account_budget_rows", "gauge", "Rows that may be submitted a day (UTC); absent without a limit.", "rows", _ACCOUNT
)
BUDGET_USED = Family(
    "account_budget_used_rows", "gauge", "Rows reserved or submitted on the present day (UTC).", "rows", _ACCOUNT
)
BALANCE = Family("credits_balance", "gauge", "Credits left, as the provider last told.", "credits", _ACCOUNT)
BALANCE_AT = Family(
    "credits_balance_timestamp_seconds", "gauge", "When the provider told the balance.", "seconds since 1970", _ACCOUNT
)
ACTIVE = Family("active_jobs", "gauge", "Parts that occupy, or may occupy, a remote job.", "parts", _ACCOUNT)
OPEN_ATTEMPTS = Family(
    "open_attempts", "gauge", "Parts whose attempt has begun and has no known outcome.", "parts", _ACCOUNT
)
UNCOLLECTED_OLDEST = Family(
    "uncollected_oldest_timestamp_seconds",
    "gauge",
    "When the provider finished the job that waits longest to have its result fetched; absent when none does.",
    "seconds since 1970",
    _ACCOUNT,
)
UNCOLLECTED_END = Family(
    "uncollected_end_timestamp_seconds",
    "gauge",
    "When the provider deletes the first result that is not fetched; absent when there is none or they are kept.",
    "seconds since 1970",
    _ACCOUNT,
)
RESULT_RETENTION = Family(
    "result_retention_seconds",
    "gauge",
    "How long the provider keeps a finished job's result; absent when it is kept.",
    "seconds",
    _ACCOUNT,
)
LEDGER = Family("ledger_credits_total", "counter", "Credits by ledger entry.", "credits", (*_ACCOUNT, "entry"))

# The remote list, as the last walk over it showed it

REMOTE_JOBS = Family(
    "remote_jobs",
    "gauge",
    "Jobs in the provider's list at the last complete walk.",
    "jobs",
    (*_ACCOUNT, "remote_status"),
)
REMOTE_ORPHANS = Family(
    "remote_orphan_jobs", "gauge", "Listed jobs that carry one of our tokens and belong to no part.", "jobs", _ACCOUNT
)
SWEEP_AT = Family(
    "reconcile_last_timestamp_seconds", "gauge", "When the last walk began.", "seconds since 1970", _ACCOUNT
)
SWEEP_COMPLETE_AT = Family(
    "reconcile_last_complete_timestamp_seconds",
    "gauge",
    "When the last walk began that saw the whole list; 0 before the first one.",
    "seconds since 1970",
    _ACCOUNT,
)
SWEEP_PERIOD = Family(
    "reconcile_period_seconds", "gauge", "Time between the beginnings of two sweeps, as configured.", "seconds"
)
SWEEP_PAGES = Family("reconcile_pages", "gauge", "Pages that the last walk read.", "pages", _ACCOUNT)
SWEEP_SECONDS = Family("reconcile_duration_seconds", "gauge", "How long the last sweep took.", "seconds", _ACCOUNT)
SWEEP_PROVEN = Family(
    "reconcile_proven",
    "gauge",
    "Whether the last walk proves of what it did not show that it is not there: 1 or 0.",
    "truth value",
    _ACCOUNT,
)
SWEEP_UNSEEN = Family(
    "reconcile_unseen_jobs", "gauge", "Jobs that the last sweep was to show and has not.", "jobs", _ACCOUNT
)
SWEEP_MISMATCH = Family(
    "reconcile_account_mismatch",
    "gauge",
    "Whether the last sweep left out so many live jobs that the list is not believed and nothing is repaired: 1 or 0.",
    "truth value",
    _ACCOUNT,
)
DRIFT_OPEN = Family(
    "drift_open_findings",
    "gauge",
    "Differences between here and the provider that are believed and not gone.",
    "findings",
    (*_ACCOUNT, "class"),
)

# Outcomes, counted in Redis so that none is lost with a process

UPLOADS_ENDED = Family(
    "uploads_ended_total", "counter", "Uploads that reached their end.", "uploads", ("provider", "kind", "outcome")
)
ROWS = Family("rows_total", "counter", "Rows by what became of them.", "rows", ("provider", "kind", "disposition"))
CREDITS_SAVED = Family(
    "credits_saved_total",
    "counter",
    "Credits that lists did not cost, because rows were folded or withheld, or verdicts reused.",
    "credits",
    ("provider", "kind", "reason"),
)
REQUESTS = Family("requests_total", "counter", "Requests answered.", "requests", ("provider", "kind", "outcome"))
REJECTED = Family("requests_rejected_total", "counter", "Requests refused, by why.", "requests", ("reason",))
PART_EVENTS = Family(
    "part_events_total",
    "counter",
    "Parts submitted, adopted, reused, quarantined, or with a result that goes soon.",
    "parts",
    ("event",),
)
DRIFT_DETECTED = Family(
    "drift_detected_total", "counter", "Differences found between here and a provider.", "findings", ("class",)
)
DRIFT_REPAIRED = Family(
    "drift_repaired_total",
    "counter",
    "Differences that are gone: repaired, passed by themselves, or decided by a person.",
    "findings",
    ("class",),
)
DRIFT_DETECT_SECONDS = Family(
    "drift_detect_seconds_total",
    "counter",
    "Time that differences had lasted when they were believed, as far as is known, summed up.",
    "seconds",
    ("class",),
)
DRIFT_REPAIR_SECONDS = Family(
    "drift_repair_seconds_total",
    "counter",
    "Time from the first sight of differences to the sweep that found them gone, summed up.",
    "seconds",
    ("class",),
)
SWEEPS = Family(
    "reconcile_sweeps_total",
    "counter",
    "Sweeps by what came of them: complete, incomplete, account_mismatch.",
    "sweeps",
    (*_ACCOUNT, "outcome"),
)
PURGED = Family(
    "uploads_purged_total", "counter", "Ended uploads whose records gave way to a tombstone.", "uploads", ("outcome",)
)
REMOVED = Family(
    "storage_objects_removed_total",
    "counter",
    "Objects removed from storage because nobody needs them any more.",
    "objects",
    ("reason",),
)

STATE_FAMILIES = (
    *(BUILD_INFO, REDIS_UP, SCRAPE_DURATION, ERRORS),
    *(UPLOADS, PARTS, OLDEST, OVERDUE, LEASES, BACKLOG, BACKLOG_OLDEST, INTAKE_PAUSED),
    *(PAUSED, BUDGET, BUDGET_USED, BALANCE, BALANCE_AT, ACTIVE, OPEN_ATTEMPTS, LEDGER),
    *(UNCOLLECTED_OLDEST, UNCOLLECTED_END, RESULT_RETENTION),
    *(REMOTE_JOBS, REMOTE_ORPHANS, SWEEP_PERIOD, SWEEP_AT, SWEEP_COMPLETE_AT, SWEEP_PAGES),
    *(SWEEP_SECONDS, SWEEP_PROVEN, SWEEP_UNSEEN, SWEEP_MISMATCH, DRIFT_OPEN),
    *(UPLOADS_ENDED, ROWS, CREDITS_SAVED, REQUESTS, REJECTED, PART_EVENTS, PURGED, REMOVED),
    *(DRIFT_DETECTED, DRIFT_REPAIRED, DRIFT_DETECT_SECONDS, DRIFT_REPAIR_SECONDS, SWEEPS),
    *SERVER_FAMILIES,
)

#: Outcome counters by the first word of their field in Redis; the other words are the labels' values.
OUTCOMES = {
    "uploads": UPLOADS_ENDED,
    "rows": ROWS,
    "requests": REQUESTS,
    "rejected": REJECTED,
    "parts": PART_EVENTS,
    "drift": DRIFT_DETECTED,
    "drift_repaired": DRIFT_REPAIRED,
    "drift_detect_seconds": DRIFT_DETECT_SECONDS,
    "drift_repair_seconds": DRIFT_REPAIR_SECONDS,
    "sweeps": SWEEPS,
    "purged": PURGED,
    "removed": REMOVED,
}
#: What becomes of rows with values that cost nothing: each saves a credit.
SAVINGS = frozenset({"folded", "withheld", "reused"})
#: Outcome counters by class of drift.
BY_CLASS = ("drift", "drift_repaired", "drift_detect_seconds", "drift_repair_seconds")
#: Outcome counters without provider that exist from the start, so that their first increase is seen as one.
OUTCOMES_FROM_ZERO = (
    *(("parts", event) for event in ("submitted", "adopted", "reused", "quarantined", "result_at_risk")),
    *(("purged", outcome) for outcome in ("completed", "failed", "cancelled")),
    *(("removed", what) for what in ("staging", "orphan", "attempt", "leftover")),
    *(
        ("rejected", why)
        for why in ("not_json", "schema", "version", "too_large", "conflict", "secret_inside", "defect")
    ),
    *(
        ("rejected", why)
        for why in ("account_unknown", "kind_unsupported", "method_unsupported", "segment_unsupported")
    ),
    *((name, found) for found in DriftClass for name in BY_CLASS),
)

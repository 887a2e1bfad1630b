"""Of each alert what is nearly enough for it: each brings it about on a site, sees it in Prometheus, and ends it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.builders.deadline import wait_until
from tests.builders.sandboxed_site import BUDGET_ROWS
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders.observed.site import Observed

#: Seconds until the download of one result breaks off: more than the bound of a late one in a hurry.
LATE_SECONDS = 6.0
#: Jobs at the provider of which one is not shown for a moment.
JOBS = 4
#: Credits that are left: more than a day has cost, and not many more.
CREDITS = 60
#: The part of its memory that Redis uses.
MEMORY_SHARE = 0.7


def one_result_is_late(site: Observed) -> None:
    """One download breaks off late; the next one is fine."""
    site.rough.ipqs.knobs.faults.append(Fault("download", "hang", seconds=LATE_SECONDS))
    site.records.wait_for_uploads("completed", site.submit("one-late", "rough-ipqs"))
    lag, late = "bulkverify_completion_lag_seconds", 'account="rough-ipqs"'
    _seen(site, f'{lag}_count{{{late}}} - on (account) {lag}_bucket{{{late},le="5.0"}} == 1')


def one_download_fails(site: Observed) -> None:
    """A gateway has a page of its own, a 403, for one download of a result that the provider will delete."""
    site.rough.whoisxml.knobs.faults.append(Fault("completed", "html_block"))
    site.records.wait_for_uploads("completed", site.submit("blocked-once", "rough-whoisxml"))
    at = 'account="rough-whoisxml"'
    _seen(site, f'sum(bulkverify_http_requests_total{{{at},operation="completed",code_class="4xx"}}) == 1')
    _not_even_pending(site, "BulkVerifyCredentialsRejected")


def jobs_take_their_time(site: Observed) -> None:
    """Jobs are at work for a while, in a status that is spelled differently, and one of them is not shown at first."""
    ipqs = site.rough.ipqs
    ipqs.knobs.update({"job_seconds": 3_600.0, "processing_word": "processing"})
    uploads = [site.submit(f"a-while-{number}", "rough-ipqs") for number in range(JOBS)]
    site.records.wait_for_parts("submitted", JOBS, *uploads)
    hidden = ipqs.jobs[max(ipqs.jobs)]
    hidden.list_delay_seconds = hidden.status_delay_seconds = math.inf
    _seen(site, 'bulkverify_drift_open_findings{account="rough-ipqs",class="missing_remote"} == 1')
    hidden.list_delay_seconds = hidden.status_delay_seconds = 0.0
    ipqs.knobs.update({"job_seconds": 0.1, "processing_word": "PROCESSING"})
    for job in ipqs.jobs.values():
        job.work_seconds = 0.0
    site.records.wait_for_uploads("completed", *uploads)


def rows_come_back_otherwise(site: Observed) -> None:
    """A whole result comes in another order, and the job's numbers as texts."""
    site.rough.ipqs.knobs.update({"reorder_rows": True, "stringly": True})
    rows = [f"row{number}@example.com" for number in range(6)]
    site.records.wait_for_uploads("completed", site.submit("whole", "rough-ipqs", *rows))
    site.rough.ipqs.knobs.update({"reorder_rows": False, "stringly": False})


def somebody_else_has_a_job(site: Observed) -> None:
    """The provider's list has a job of others, with as many rows as one of ours."""
    site.rough.ipqs.add_jobs_of_others(1)
    listed = len(site.rough.ipqs.jobs)
    _seen(site, f'sum(bulkverify_remote_jobs{{account="rough-ipqs"}}) == {listed}')


def credits_last_a_day(site: Observed) -> None:
    """There are few credits left, more than the last day has cost."""
    site.rough.ipqs.knobs.credits -= site.rough.ipqs.balance - CREDITS
    _seen(site, f'bulkverify_credits_balance{{account="rough-ipqs"}} == {CREDITS}')
    _not_even_pending(site, "BulkVerifyCreditsLow")


def the_budget_is_nearly_spent(site: Observed) -> None:
    """One row less of the day's budget is used than is told."""
    used = sum(charge.rows for charge in site.calm.ipqs.ledger)
    rows = [f"budget{number}@example.com" for number in range(BUDGET_ROWS - 1 - used)]
    site.records.wait_for_uploads("completed", site.submit("nearly", "calm-ipqs", *rows))
    _seen(site, f'bulkverify_account_budget_used_rows{{account="calm-ipqs"}} == {BUDGET_ROWS - 1}')
    _not_even_pending(site, "BulkVerifyBudgetNearlySpent")


def the_provider_throttles_once(site: Observed) -> None:
    """The provider wants no calls for a moment, once."""
    site.calm.whoisxml.knobs.faults.append(Fault("*", "throttle_retry_after", seconds=1.0))
    _seen(site, 'bulkverify_account_paused{account="calm-whoisxml",reason="throttled"} == 1')


def an_answer_is_lost(site: Observed) -> None:
    """The answer to a submit is lost, and the provider's list shows the job."""
    site.doubt.ipqs.knobs.faults.append(Fault("submit", "answer_lost"))
    site.records.wait_for_uploads("completed", site.submit("lost", "doubt-ipqs"))
    _seen(site, 'bulkverify_part_events_total{event="adopted"} == 1')


def processes_pause(site: Observed) -> None:
    """No process does anything for a while: requests and messages wait, work is overdue, no sweep begins."""
    with site.frozen("worker", "poller"):
        due = site.submit("overdue", "doubt-whoisxml")
        _seen(site, 'bulkverify_timers_overdue{account="doubt-whoisxml"} > 0')
        _seen(site, 'sum(bulkverify_queue_messages{box="ready"}) > 0')
        with site.frozen("intake"):
            waits = site.submit("waits", "doubt-whoisxml")
            _seen(site, "bulkverify_intake_backlog_entries > 0")
            _seen(site, 'time() - bulkverify_reconcile_last_complete_timestamp_seconds{account="doubt-whoisxml"} > 2')
    site.records.wait_for_uploads("completed", due, waits)


def redis_is_rather_full(site: Observed) -> None:
    """Redis uses much of the memory that it may, and not nearly all."""
    with site.redis.client() as server:
        server.config_set("maxmemory", str(int(server.info("memory")["used_memory"] / MEMORY_SHARE)))
        _seen(site, "bulkverify_redis_memory_bytes / (bulkverify_redis_memory_limit_bytes > 0) > 0.6")
        _not_even_pending(site, "BulkVerifyRedisUnsafe", "BulkVerifyIntakePaused")
        server.config_set("maxmemory", "0")


def the_exporter_pauses(site: Observed) -> None:
    """The exporter does not answer for a moment."""
    with site.frozen("exporter"):
        _seen(site, 'up{job="bulkverify"} == 0')
    _seen(site, 'up{job="bulkverify"} == 1')


def counters_are_being_made(site: Observed) -> None:
    """A process has begun a file of counters and has not written to it."""
    (site.installation.home / "metrics" / "counter_1.db").touch()
    _not_even_pending(site, "BulkVerifyExporterErrors")


def an_address_without_a_key(site: Observed) -> None:
    """A request names a list by an address with a parameter that is no key, and no such list is there any more."""
    site.submit_gone("keyless-name", "calm-whoisxml", "list?paper=ours-of-the-test")
    _seen(site, 'sum(bulkverify_log_events_total{event="reject"}) > 0')


#: By alert. Those of one cause come once.
NEAR_MISSES: dict[str, Callable[[Observed], None]] = {
    "BulkVerifyResultsLate": one_result_is_late,
    "BulkVerifyResultsSlow": one_result_is_late,
    "BulkVerifyJobStuck": jobs_take_their_time,
    "BulkVerifyResultAtRisk": one_download_fails,
    "BulkVerifyRowsMissing": rows_come_back_otherwise,
    "BulkVerifyRequestsWait": processes_pause,
    "BulkVerifyIntakePaused": redis_is_rather_full,
    "BulkVerifyDoubleSpend": somebody_else_has_a_job,
    "BulkVerifyCreditsLow": credits_last_a_day,
    "BulkVerifyBudgetNearlySpent": the_budget_is_nearly_spent,
    "BulkVerifyCredentialsRejected": one_download_fails,
    "BulkVerifyProviderErrors": one_download_fails,
    "BulkVerifyProviderThrottled": the_provider_throttles_once,
    "BulkVerifyUnknownStatus": jobs_take_their_time,
    "BulkVerifyAccountMismatch": jobs_take_their_time,
    "BulkVerifyDriftSevere": rows_come_back_otherwise,
    "BulkVerifyDriftGrowing": jobs_take_their_time,
    "BulkVerifyOddResults": rows_come_back_otherwise,
    "BulkVerifyReconcileStale": processes_pause,
    "BulkVerifyAmbiguousUploads": an_answer_is_lost,
    "BulkVerifyExporterAbsent": the_exporter_pauses,
    "BulkVerifyExporterErrors": counters_are_being_made,
    "BulkVerifyWorkerAbsent": processes_pause,
    "BulkVerifyTimekeeperAbsent": processes_pause,
    "BulkVerifyRedisUnsafe": redis_is_rather_full,
    "BulkVerifyTimersOverdue": processes_pause,
    "BulkVerifyDeadLetters": processes_pause,
    "BulkVerifySecretStopped": an_address_without_a_key,
}
#: Of which alerts promtool alone shows it, and why.
ONLY_PROMTOOL = {
    "BulkVerifyRedisDown": "A server that is away for one scrape cannot be told here from one that is away for two: "
    "a new one needs as long as the wait in a hurry.",
}


def _seen(site: Observed, condition: str) -> None:
    """Return when Prometheus has seen it at least once: the rules were evaluated while it was so."""
    wait_until(lambda: bool(site.prometheus.values(condition)), what=condition)


def _not_even_pending(site: Observed, *alerts: str) -> None:
    """Return when the rules were evaluated on it; an alert that would only have to wait fails the test."""
    site.prometheus.wait_for_evaluations(2)
    assert site.prometheus.values(f'ALERTS{{alertname=~"{"|".join(alerts)}"}}') == []

"""Each alert on a real installation: what makes it fire, what does not, and that it ends with its cause."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.chaos.redis_server import BROKER_DB
from tests.builders.deadline import wait_until
from tests.builders.observed.site import an_observed_site
from tests.builders.promtool import needs_prometheus
from tests.builders.sandboxed_site import BUDGET_ROWS
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.builders.observed.site import Observed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240), needs_prometheus]

#: Lists of an account in each scenario.
LISTS = 4


def everything_is_well(site: Observed) -> None:
    """Lists go through every account, and nobody is called."""
    accounts = ("calm-ipqs", "calm-whoisxml", "rough-ipqs", "rough-whoisxml")
    lists = {f"{account}-{number}": account for account in accounts for number in range(LISTS)}
    uploads = [site.submit(upload_id, account) for upload_id, account in lists.items()]
    site.records.wait_for_uploads("completed", *uploads)
    lag = "sum(bulkverify_completion_lag_seconds_count)"
    wait_until(lambda: site.prometheus.values(lag) == [len(uploads)], what="the lags of all lists in Prometheus")
    site.prometheus.nobody_was_called()


def results_are_odd(site: Observed) -> None:
    """The provider leaves out every other row of one result, and all rows of another."""
    knobs = site.rough.ipqs.knobs
    knobs.missing_row_every = 2
    half = site.submit("half", "rough-ipqs", *(f"row{number}@example.com" for number in range(6)))
    site.records.wait_for_uploads("failed", half)
    knobs.missing_row_every = 1
    hollow = site.submit("hollow", "rough-ipqs")
    site.records.wait_for_uploads("failed", hollow)
    knobs.missing_row_every = 0
    site.prometheus.wait_for("BulkVerifyRowsMissing", provider="ipqs", kind="email")
    site.prometheus.wait_for("BulkVerifyDriftSevere", **{"class": "row_mismatch"})
    site.prometheus.wait_for("BulkVerifyOddResults", **{"class": "hollow_success"})


def jobs_do_not_end(site: Observed) -> None:
    """Jobs take for ever, in a status that nobody knows, and use up the credits."""
    site.rough.ipqs.knobs.update({"job_seconds": 3_600.0, "processing_word": "PONDERING"})
    uploads = [site.submit(f"slow-{number}", "rough-ipqs") for number in range(LISTS)]
    site.records.wait_for_parts("submitted", LISTS, *uploads)
    site.rough.ipqs.knobs.credits -= site.rough.ipqs.balance - 1


def jobs_end(site: Observed) -> None:
    """All jobs of that provider are done, and new ones are as they should be."""
    site.rough.ipqs.knobs.job_seconds = 0.1
    for job in site.rough.ipqs.jobs.values():
        job.work_seconds = 0.0


def downloads_fail(site: Observed) -> None:
    """The provider has results, and an error for whoever fetches them."""
    whoisxml = site.rough.whoisxml
    whoisxml.knobs.faults += [Fault(operation, "http_500", times=10_000) for operation in ("completed", "failed")]
    for number in range(LISTS):
        site.submit(f"late-{number}", "rough-whoisxml")


def downloads_succeed(site: Observed) -> None:
    """They are fetched, late."""
    site.rough.whoisxml.knobs.faults.clear()
    late = [f"late-{number}" for number in range(LISTS)]
    site.installation.told(0, "retry", *late, "--yes")
    site.records.wait_for_uploads("completed", *late)


def a_second_job(site: Observed) -> None:
    """The provider's list has a second job with the name of one of ours."""
    ipqs = site.rough.ipqs
    with ipqs.lock:
        ours = ipqs.jobs[max(ipqs.jobs)]
        ipqs.jobs[ours.remote_id + 1] = replace(ours, remote_id=ours.remote_id + 1)


def jobs_are_shown(site: Observed, *, hidden: int = 0) -> None:
    """The provider knows nothing of so many jobs that it has, the newest ones."""
    jobs = site.rough.ipqs.jobs
    for place, remote_id in enumerate(sorted(jobs, reverse=True)):
        delay_seconds = math.inf if place < hidden else 0.0
        jobs[remote_id].list_delay_seconds = jobs[remote_id].status_delay_seconds = delay_seconds


def the_days_budget(site: Observed) -> None:
    """One row less than nearly all is well, and one more is not."""
    rows = [f"budget{number}@example.com" for number in range(BUDGET_ROWS - 1 - LISTS)]
    site.records.wait_for_uploads("completed", site.submit("nearly", "calm-ipqs", *rows))
    wait_until(
        lambda: site.prometheus.values('bulkverify_account_budget_used_rows{account="calm-ipqs"}') == [BUDGET_ROWS - 1],
        what="the rows of the day in Prometheus",
    )
    site.prometheus.wait_for_evaluations()
    assert site.prometheus.names_firing(account="calm-ipqs") == set()
    site.records.wait_for_uploads("completed", site.submit("last", "calm-ipqs"))
    site.prometheus.wait_for("BulkVerifyBudgetNearlySpent", account="calm-ipqs")


def submits_fail(site: Observed) -> None:
    """The provider has an error for each submit, and no job, until somebody is told.

    The account asks before it spends anew. Errors of one moment are no alert, so they come one after the other.
    """
    site.records.wait_for_uploads("completed", site.submit("control", "doubt-ipqs"))
    faults, unclear = site.doubt.ipqs.knobs.faults, list[str]()
    faults.append(Fault("submit", "http_500", times=10_000))

    def told() -> bool:
        rows = (f"row{len(unclear)}-{number}@example.com" for number in range(LISTS))
        unclear.append(site.submit(f"unclear-{len(unclear)}", "doubt-ipqs", *rows))
        site.prometheus.wait_for_evaluations(1)
        return "BulkVerifyProviderErrors" in site.prometheus.names_fired(account="doubt-ipqs")

    wait_until(told, what="an alert on failing submits")
    faults.clear()


def a_key_in_a_name(site: Observed) -> None:
    """A request names a list by an address with a key in it, and the answer tells that there is no such list."""
    site.submit_gone("keyed", "calm-whoisxml", "list?apikey=ours-of-the-test")


@contextmanager
def another_key(site: Observed) -> Iterator[None]:
    """The provider knows the account by another key until the end of the block; then a person has work go on."""
    whoisxml = site.rough.whoisxml
    ours, whoisxml.key = whoisxml.key, "another-key-of-this-account"
    keyless = site.submit("keyless", "rough-whoisxml")
    yield
    whoisxml.key = ours
    site.installation.told(0, "retry", keyless, "--yes")
    site.records.wait_for_uploads("completed", keyless)


def throttling(site: Observed, calls_per_second_max: int | None) -> None:
    """Whether the provider wants fewer calls."""
    site.rough.whoisxml.knobs.update({"calls_per_second_max": calls_per_second_max, "retry_after_seconds": 2.0})


def test_alerts_on_jobs(tmp_path: Path) -> None:
    """What happens to jobs at a provider calls who it should, and ends when its cause does."""
    with an_observed_site(tmp_path) as site:
        told = site.prometheus
        everything_is_well(site)

        jobs_do_not_end(site)
        downloads_fail(site)
        told.wait_for("BulkVerifyUnknownStatus", "BulkVerifyJobStuck", "BulkVerifyCreditsLow", account="rough-ipqs")
        told.wait_for("BulkVerifyResultAtRisk", account="rough-whoisxml")

        site.rough.ipqs.knobs.update({"processing_word": "PROCESSING", "credits": 10_000_000})
        jobs_are_shown(site, hidden=1)
        told.wait_for("BulkVerifyDriftGrowing", account="rough-ipqs", **{"class": "missing_remote"})

        jobs_are_shown(site)
        a_second_job(site)
        told.wait_for("BulkVerifyDoubleSpend", account="rough-ipqs")
        jobs_are_shown(site, hidden=len(site.rough.ipqs.jobs))
        downloads_succeed(site)
        told.wait_for("BulkVerifyAccountMismatch", account="rough-ipqs")
        told.wait_for("BulkVerifyResultsLate", "BulkVerifyResultsSlow", account="rough-whoisxml")

        jobs_are_shown(site)
        jobs_end(site)
        told.wait_for_the_end_of("BulkVerifyUnknownStatus", "BulkVerifyJobStuck", "BulkVerifyCreditsLow")
        told.wait_for_the_end_of("BulkVerifyDoubleSpend", "BulkVerifyAccountMismatch", account="rough-ipqs")
        told.wait_for_the_end_of("BulkVerifyDriftGrowing", **{"class": "missing_remote"})
        told.wait_for_the_end_of("BulkVerifyResultAtRisk", "BulkVerifyResultsLate", "BulkVerifyResultsSlow")


def test_alerts_on_results_and_limits(tmp_path: Path) -> None:
    """A result that is not whole calls who it should, and so does a provider that throttles, or a budget that ends."""
    with an_observed_site(tmp_path) as site:
        told = site.prometheus
        everything_is_well(site)

        throttling(site, 0)
        submits_fail(site)
        a_key_in_a_name(site)
        results_are_odd(site)
        told.wait_for("BulkVerifySecretStopped", sink="rejected")
        told.wait_for("BulkVerifyProviderErrors", "BulkVerifyAmbiguousUploads", account="doubt-ipqs")
        told.wait_for("BulkVerifyProviderThrottled", account="rough-whoisxml")
        throttling(site, None)
        told.wait_for_the_end_of("BulkVerifyProviderThrottled", account="rough-whoisxml")
        with another_key(site):
            told.wait_for("BulkVerifyCredentialsRejected", account="rough-whoisxml")
        told.wait_for_the_end_of("BulkVerifySecretStopped", "BulkVerifyCredentialsRejected")
        told.wait_for_the_end_of("BulkVerifyProviderErrors", account="doubt-ipqs")
        told.wait_for_the_end_of("BulkVerifyRowsMissing", "BulkVerifyDriftSevere", "BulkVerifyOddResults")
        the_days_budget(site)


def test_alerts_on_processes_and_redis(tmp_path: Path) -> None:
    """What everything runs on calls who it should when it fails, and ends when it works again."""
    with an_observed_site(tmp_path) as site:
        told = site.prometheus
        everything_is_well(site)

        with site.frozen("intake", "poller"):
            site.submit("unanswered", "calm-ipqs")
            told.wait_for("BulkVerifyRequestsWait")
            told.wait_for("BulkVerifyWorkerAbsent", process="intake")
            told.wait_for("BulkVerifyWorkerAbsent", process="poller")
            assert "BulkVerifyTimekeeperAbsent" not in told.names_firing()
        with site.frozen("worker", "poller"):
            late = site.submit("overdue", "calm-whoisxml")
            told.wait_for("BulkVerifyTimersOverdue", account="calm-whoisxml")
            told.wait_for("BulkVerifyTimekeeperAbsent")
            told.wait_for("BulkVerifyReconcileStale", account="calm-whoisxml")
            site.installation.told(0, "ls")
        told.wait_for_the_end_of("BulkVerifyRequestsWait", "BulkVerifyWorkerAbsent", "BulkVerifyTimekeeperAbsent")
        told.wait_for_the_end_of("BulkVerifyReconcileStale", "BulkVerifyTimersOverdue")
        site.records.wait_for_uploads("completed", late)

        with site.redis.client(BROKER_DB) as broker:
            broker.zadd("dramatiq:submit.XQ", {"a-message": time.time() * 1_000})
        told.wait_for("BulkVerifyDeadLetters", queue="submit")
        damaged = site.installation.home / "metrics" / "counter_1.db"
        damaged.write_bytes(b"damaged")
        told.wait_for("BulkVerifyExporterErrors", source="processes")
        damaged.unlink()
        with site.redis.client() as server:
            server.config_set("maxmemory", str(int(server.info("memory")["used_memory"] * 1.02)))
            server.config_set("maxmemory-policy", "allkeys-lru")
            told.wait_for("BulkVerifyIntakePaused")
            told.wait_for("BulkVerifyRedisUnsafe", cause="memory")
            told.wait_for("BulkVerifyRedisUnsafe", cause="maxmemory-policy")
            server.config_set("maxmemory", "0")
            server.config_set("maxmemory-policy", "noeviction")
        told.wait_for_the_end_of("BulkVerifyIntakePaused", "BulkVerifyRedisUnsafe", "BulkVerifyDeadLetters")
        told.wait_for_the_end_of("BulkVerifyExporterErrors")

        site.redis.kill()
        told.wait_for("BulkVerifyRedisDown", database="state")
        site.redis.start()
        told.wait_for_the_end_of("BulkVerifyRedisDown")
        with site.frozen("exporter"):
            told.wait_for("BulkVerifyExporterAbsent")
        told.wait_for_the_end_of("BulkVerifyExporterAbsent")

"""Of each alert the state that it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.runbook.states import money, provider, reconciling, results, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.builders.runbook.desk import Desk
    from tests.builders.runbook.states.state import State

#: What brings it about at a desk for the time of a block, by the name of the alert.
STATES: dict[str, Callable[[Desk], AbstractContextManager[State]]] = {
    "BulkVerifyResultsLate": results.results_wait,
    "BulkVerifyResultsSlow": results.results_wait,
    "BulkVerifyJobStuck": results.a_job_takes_for_ever,
    "BulkVerifyResultAtRisk": results.results_wait,
    "BulkVerifyRowsMissing": results.rows_are_missing,
    "BulkVerifyRequestsWait": results.requests_wait,
    "BulkVerifyIntakePaused": running.redis_is_full,
    "BulkVerifyDoubleSpend": money.a_second_job,
    "BulkVerifyCreditsLow": money.credits_are_gone,
    "BulkVerifyBudgetNearlySpent": money.the_budget_is_spent,
    "BulkVerifyCredentialsRejected": provider.the_key_is_rejected,
    "BulkVerifyProviderErrors": provider.calls_fail,
    "BulkVerifyProviderThrottled": provider.calls_are_throttled,
    "BulkVerifyUnknownStatus": provider.a_status_is_unknown,
    "BulkVerifyAccountMismatch": reconciling.the_list_is_another_accounts,
    "BulkVerifyDriftSevere": results.rows_are_missing,
    "BulkVerifyDriftGrowing": reconciling.a_job_is_missing,
    "BulkVerifyOddResults": reconciling.a_result_is_hollow,
    "BulkVerifyReconcileStale": running.no_poller,
    "BulkVerifyAmbiguousUploads": reconciling.a_part_is_in_quarantine,
    "BulkVerifyExporterAbsent": running.the_exporter_is_silent,
    "BulkVerifyExporterErrors": running.counters_are_damaged,
    "BulkVerifyWorkerAbsent": running.no_poller,
    "BulkVerifyTimekeeperAbsent": running.nothing_is_looked_at,
    "BulkVerifyRedisDown": running.redis_is_down,
    "BulkVerifyRedisUnsafe": running.redis_is_full,
    "BulkVerifyTimersOverdue": running.nothing_is_looked_at,
    "BulkVerifyDeadLetters": running.a_message_died,
    "BulkVerifySecretStopped": running.a_secret_was_stopped,
}

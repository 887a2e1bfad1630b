"""Alerts on lists: answered, on their way, back in time, and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.alerting.expressions import ACCOUNT, age, among, grown, worst
from worker.alerting.recordings import (
    LATE_SECONDS,
    LATE_SHARE_MAX,
    STUCK_AFTER,
    STUCK_FACTOR,
    STUCK_SECONDS_MIN,
    late_ratio,
    late_results,
)
from worker.alerting.rule import Alert, Dashboard, Severity
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from enum import StrEnum

#: Late results of the longest window up to which nobody is called: a single list may be late.
LATE_RESULTS_MAX = 2
#: How long a request may wait for an answer, seconds.
REQUEST_SECONDS_MAX = 600

_MINUTES = f"{LATE_SECONDS // 60} minutes"
_WHERE = "{{ $labels.account }} ({{ $labels.provider }})"


def _burns(factor: float, long: str, short: str) -> str:
    """Whether the share that may be late is used up `factor` times as fast as it may, for long and still."""
    bound = f"{factor:g} * {LATE_SHARE_MAX:g}"
    return f"({late_ratio(long)} > {bound} and {late_ratio(short)} > {bound})"


def _in_one_state(record: str, *states: StrEnum) -> str:
    """For how long the oldest record of each of the states is in it."""
    oldest = f'bulkverify_oldest_timestamp_seconds{{record="{record}", state=~"{among(states)}"}}'
    return age(oldest, "record", "state", *ACCOUNT)


RESULTS_LATE = Alert(
    name="BulkVerifyResultsLate",
    severity=Severity.PAGE,
    dashboard=Dashboard.OVERVIEW,
    meaning=f"Results come more than {_MINUTES} after the provider's end of their jobs, so many that the share of "
    f"{LATE_SHARE_MAX:.0%} that may is used up 14.4 times (1 h) or 6 times (6 h) as fast as it may.",
    expression=f"({_burns(14.4, '1h', '5m')}\nor {_burns(6, '6h', '30m')})\n"
    f"and {late_results('6h')} > {LATE_RESULTS_MAX}",
    pending="2m",
    summary=f"Results of {_WHERE} are late.",
    description=f"{{{{ $value | humanizePercentage }}}} of the results that came lately were not here {_MINUTES} after "
    "the provider had finished their jobs. Lists wait, and where the provider deletes results they may be lost.",
)
RESULTS_SLOW = Alert(
    name="BulkVerifyResultsSlow",
    severity=Severity.WARN,
    dashboard=Dashboard.OVERVIEW,
    meaning=f"The share of {LATE_SHARE_MAX:.0%} of results that may be late is used up 3 times (1 d) or once (3 d) as "
    "fast as it may.",
    expression=f"({_burns(3, '1d', '2h')}\nor {_burns(1, '3d', '6h')})\nand {late_results('3d')} > {LATE_RESULTS_MAX}",
    pending="1h",
    summary=f"Too many results of {_WHERE} are late in the long run.",
    description=f"{{{{ $value | humanizePercentage }}}} of the results of the last days came more than {_MINUTES} "
    "after the provider had finished their jobs. Nothing is lost, and the goal is missed if it goes on.",
)
JOB_STUCK = Alert(
    name="BulkVerifyJobStuck",
    severity=Severity.PAGE,
    dashboard=Dashboard.PIPELINE,
    meaning=f"An upload or part is in one state for {STUCK_FACTOR} times the time that 99% of the work of its account "
    f"took in the last week, and for {STUCK_SECONDS_MIN // 3600} hours at least. Held and quarantined parts are not "
    "meant.",
    expression=f"""\
({_in_one_state("part", PartState.INTENT, PartState.SUBMITTED, PartState.FINISHED)}
  or {_in_one_state("upload", UploadState.ACCEPTED, UploadState.PREPARING, UploadState.DELIVERING)})
> on (job, record, provider, account) group_left ()
  {STUCK_AFTER}""",
    pending="15m",
    summary=f"A {{{{ $labels.record }}}} of {_WHERE} is stuck in the state {{{{ $labels.state }}}}.",
    description="It has not moved for {{ $value | humanizeDuration }}, much longer than its like needs. The list to "
    "which it belongs does not come back before somebody finds out why.",
)
RESULT_AT_RISK = Alert(
    name="BulkVerifyResultAtRisk",
    severity=Severity.PAGE,
    dashboard=Dashboard.PIPELINE,
    meaning="Half of the time for which a provider keeps the result of a finished job has passed without a download.",
    expression=f"""\
{age("bulkverify_uncollected_oldest_timestamp_seconds", *ACCOUNT)}
> 0.5 * {worst("bulkverify_result_retention_seconds", *ACCOUNT)}""",
    pending="10m",
    summary=f"A paid result of {_WHERE} will be deleted before it is here.",
    description="It waits for its download for {{ $value | humanizeDuration }}, half of the time or more for which the "
    "provider keeps it. Once it is deleted it would have to be paid for again.",
)
ROWS_MISSING = Alert(
    name="BulkVerifyRowsMissing",
    severity=Severity.PAGE,
    dashboard=Dashboard.OVERVIEW,
    meaning="A result was delivered in the last hour in which rows have no verdict.",
    expression=grown('bulkverify_rows_total{disposition="missing"}', "provider", "kind"),
    pending="0m",
    summary="Rows of {{ $labels.kind }} lists came back from {{ $labels.provider }} without a verdict.",
    description="{{ $value }} rows of results that were delivered in the last hour have no verdict. The results say "
    "which; the provider left them out, or sent verdicts on other values.",
)
REQUESTS_WAIT = Alert(
    name="BulkVerifyRequestsWait",
    severity=Severity.PAGE,
    dashboard=Dashboard.PIPELINE,
    meaning=f"A request of an application is unanswered for {REQUEST_SECONDS_MAX // 60} minutes, and not because Redis "
    "is nearly full.",
    expression=f"{age('bulkverify_intake_oldest_timestamp_seconds')} > {REQUEST_SECONDS_MAX}\n"
    f"unless {worst('bulkverify_intake_paused')} == 1",
    pending="10m",
    summary="Requests of applications are not answered.",
    description="The oldest one waits for {{ $value | humanizeDuration }}. It is kept in Redis, and nothing begins "
    "before an intake process reads it.",
)
INTAKE_PAUSED = Alert(
    name="BulkVerifyIntakePaused",
    severity=Severity.PAGE,
    dashboard=Dashboard.WORKERS,
    meaning="Requests are left in their stream because Redis is nearly full.",
    expression=f"{worst('bulkverify_intake_paused')} == 1",
    pending="10m",
    summary="No lists are accepted: Redis is nearly full.",
    description="What is under way goes on in the memory that is left, while requests pile up in the stream and use "
    "it. Once Redis is full no state can be written.",
)

ALERTS = (RESULTS_LATE, RESULTS_SLOW, JOB_STUCK, RESULT_AT_RISK, ROWS_MISSING, REQUESTS_WAIT, INTAKE_PAUSED)

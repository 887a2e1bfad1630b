"""The recording rules: what alerts, and dashboards, ask for often."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from worker.alerting.expressions import ACCOUNT, greatest, total, worst
from worker.alerting.rule import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How late a result may be here after the provider's end of its job, seconds: a bound of the histogram. Looks are up to
#: `BULKVERIFY_POLL_CAP_SECONDS` (900) apart, and a download takes its time.
LATE_SECONDS = 1_200
#: The part of all results that may be later than that.
LATE_SHARE_MAX = 0.01
#: The windows over which late results are looked at.
LATE_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
#: Windows over which a number of late results is known, so that one or two call nobody.
LATE_COUNT_WINDOWS = ("6h", "3d")
#: Windows over which failing calls are looked at.
ERROR_WINDOWS = ("15m", "1h")
#: How many times the time that 99% of similar work takes must have passed before it is stuck.
STUCK_FACTOR = 3
#: The time before which nothing is stuck, seconds.
STUCK_SECONDS_MIN = 21_600
#: By record, the stage whose duration says how long it normally takes.
STUCK_STAGES = {"part": "remote", "upload": "upload"}

_LAG = "bulkverify_completion_lag_seconds"
_CALLS = "bulkverify_http_requests_total"
_SOFT = "bulkverify_provider_soft_errors_total"
_STAGES = "bulkverify_stage_duration_seconds_bucket"


def late_ratio(window: str) -> str:
    """The series that tells which part of the results of a window was late."""
    return f"account:bulkverify_results_late:ratio_rate{window}"


def late_results(window: str) -> str:
    """The series that tells how many results of a window were late."""
    return f"account:bulkverify_results_late:increase{window}"


def error_ratio(window: str) -> str:
    """The series that tells which part of the calls of a window failed."""
    return f"account:bulkverify_provider_errors:ratio_rate{window}"


#: The series that tells how many calls failed in an hour.
ERRORS = "account:bulkverify_provider_errors:increase1h"
#: The series that is 1 while an account is throttled and 0 otherwise.
THROTTLED = "account:bulkverify_throttled:max"
#: The series that tells after how many seconds in one state a record is stuck.
STUCK_AFTER = "account:bulkverify_stuck_after_seconds:p99_7d"


def _late() -> Iterator[Recording]:
    prompt = f'{_LAG}_bucket{{le="{LATE_SECONDS:.1f}"}}'
    for window in LATE_WINDOWS:
        rates = [total(f"rate({series}[{window}])", *ACCOUNT) for series in (prompt, f"{_LAG}_count")]
        yield Recording(late_ratio(window), f"1 - {rates[0]}\n/ {rates[1]}")
    for window in LATE_COUNT_WINDOWS:
        numbers = [total(f"increase({series}[{window}])", *ACCOUNT) for series in (f"{_LAG}_count", prompt)]
        yield Recording(late_results(window), f"{numbers[0]}\n- {numbers[1]}")


def _errors() -> Iterator[Recording]:
    for window in ERROR_WINDOWS:
        calls = total(f"rate({_CALLS}[{window}])", *ACCOUNT)
        yield Recording(error_ratio(window), f"(\n{_failing('rate', window)}\n)\n/ {calls}")
    yield Recording(ERRORS, _failing("increase", "1h"))


def _failing(function: str, window: str) -> str:
    """Calls that failed by their status, or without one, and those that failed by what a good status brought."""
    none = f"0 * {total(f'{function}({_CALLS}[{window}])', *ACCOUNT)}"
    kinds = (f'{_CALLS}{{code_class!~"2xx|3xx"}}', _SOFT)
    return "\n+\n".join(f"({total(f'{function}({kind}[{window}])', *ACCOUNT)}\nor {none})" for kind in kinds)


def _throttled() -> Iterator[Recording]:
    throttled, paused = 'bulkverify_account_paused{reason="throttled"}', "bulkverify_account_paused"
    yield Recording(THROTTLED, f"{greatest(throttled, *ACCOUNT)}\nor 0 * {greatest(paused, *ACCOUNT)}")


def _stuck() -> Iterator[Recording]:
    """What 99% of the work of seven days needed, times three; six hours where that is less or nothing is known."""
    alternatives = []
    for record, stage in STUCK_STAGES.items():
        durations = total(f'rate({_STAGES}{{stage="{stage}"}}[7d])', *ACCOUNT, "le")
        usual = f"histogram_quantile(0.99, {durations}) >= 0"
        known = f"clamp_min({STUCK_FACTOR} * ({usual}), {STUCK_SECONDS_MIN})"
        default = f"0 * {worst('bulkverify_active_jobs', *ACCOUNT)} + {STUCK_SECONDS_MIN}"
        alternatives += [f'label_replace({series}, "record", "{record}", "", "")' for series in (known, default)]
    yield Recording(STUCK_AFTER, "\nor ".join(alternatives))


RECORDINGS = tuple(chain(_late(), _errors(), _throttled(), _stuck()))

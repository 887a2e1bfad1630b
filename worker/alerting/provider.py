"""Alerts on providers: what they refuse, and what they say that nobody knows."""

from __future__ import annotations

from worker.alerting.expressions import ACCOUNT, greatest, grown, worst
from worker.alerting.recordings import ERRORS, THROTTLED, error_ratio
from worker.alerting.rule import Alert, Dashboard, Severity

#: The part of an account's calls that may fail.
ERROR_SHARE_MAX = 0.1
#: Failing calls of an hour up to which nobody is told: an idle account makes few calls.
ERRORS_MAX = 2
#: The part of the time for which an account may be throttled.
THROTTLED_SHARE_MAX = 0.2

_WHERE = "{{ $labels.account }} ({{ $labels.provider }})"

CREDENTIALS_REJECTED = Alert(
    name="BulkVerifyCredentialsRejected",
    severity=Severity.PAGE,
    dashboard=Dashboard.PROVIDER,
    meaning="The provider does not accept the account's key.",
    expression=greatest('max_over_time(bulkverify_account_paused{reason="credentials_rejected"}[5m])', *ACCOUNT)
    + " == 1",
    pending="10m",
    summary=f"The key of {_WHERE} is not accepted.",
    description="Nothing is submitted, looked at or fetched for this account before the key is mended.",
)
PROVIDER_ERRORS = Alert(
    name="BulkVerifyProviderErrors",
    severity=Severity.WARN,
    dashboard=Dashboard.PROVIDER,
    meaning=f"More than {ERROR_SHARE_MAX:.0%} of the calls for an account fail, within an hour and still, be it by "
    "their status or by what a good status brings.",
    expression=f"({error_ratio('1h')} > {ERROR_SHARE_MAX:g} and {error_ratio('15m')} > {ERROR_SHARE_MAX:g})\n"
    f"and {ERRORS} > {ERRORS_MAX}",
    pending="5m",
    summary=f"Calls for {_WHERE} fail.",
    description="{{ $value | humanizePercentage }} of the calls of the last hour failed. Work is tried again at "
    "growing intervals; nothing is paid twice for it.",
)
PROVIDER_THROTTLED = Alert(
    name="BulkVerifyProviderThrottled",
    severity=Severity.WARN,
    dashboard=Dashboard.PROVIDER,
    meaning=f"An account was left alone for more than {THROTTLED_SHARE_MAX:.0%} of 15 minutes because the provider "
    "asked for fewer calls.",
    expression=f"avg_over_time({THROTTLED}[15m]) > {THROTTLED_SHARE_MAX:g}",
    pending="10m",
    summary=f"{_WHERE} is throttled.",
    description="For {{ $value | humanizePercentage }} of the last 15 minutes the provider wanted no calls. Set a "
    "lower requests_per_second for the account, or find out who else uses it.",
)
UNKNOWN_STATUS = Alert(
    name="BulkVerifyUnknownStatus",
    severity=Severity.WARN,
    dashboard=Dashboard.PROVIDER,
    meaning="The provider used a word in the last 15 minutes that this program does not know, or has a job in such a "
    "status now.",
    expression=f"""\
{grown("bulkverify_unknown_words_total", *ACCOUNT, window="15m")}
or {worst('bulkverify_drift_open_findings{class="unknown_status"}', *ACCOUNT)} > 0""",
    pending="0m",
    summary=f"{_WHERE} says something that nobody knows.",
    description="A job of a status that is not known is taken to be under way and looked at as before, so its result "
    "may never be fetched. The log has the word.",
)

ALERTS = (CREDENTIALS_REJECTED, PROVIDER_ERRORS, PROVIDER_THROTTLED, UNKNOWN_STATUS)

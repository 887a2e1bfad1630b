"""Alerts on credits."""

from __future__ import annotations

from worker.alerting.expressions import ACCOUNT, greatest, grown, worst
from worker.alerting.rule import Alert, Dashboard, Severity

#: The part of a day's budget from which on somebody is told.
BUDGET_SHARE_MAX = 0.9

_WHERE = "{{ $labels.account }} ({{ $labels.provider }})"

DOUBLE_SPEND = Alert(
    name="BulkVerifyDoubleSpend",
    severity=Severity.PAGE,
    dashboard=Dashboard.OVERVIEW,
    meaning="Credits were spent twice for the same values in the last hour, or the provider's list shows a second job "
    "for a part now.",
    expression=f"""\
{grown('bulkverify_ledger_credits_total{entry="wasted"}', *ACCOUNT)}
or {worst('bulkverify_drift_open_findings{class="duplicate_remote"}', *ACCOUNT)} > 0""",
    pending="0m",
    summary=f"A list was charged twice to {_WHERE}.",
    description="{{ $value }} credits, or jobs, too many. This must never happen by itself: stop submitting to the "
    "account until it is understood.",
)
CREDITS_LOW = Alert(
    name="BulkVerifyCreditsLow",
    severity=Severity.WARN,
    dashboard=Dashboard.OVERVIEW,
    meaning="The credits left are fewer than were spent in the last day, or the provider refuses for want of them.",
    expression=f"""\
{worst("bulkverify_credits_balance", *ACCOUNT)}
< {greatest('increase(bulkverify_ledger_credits_total{entry="committed"}[1d])', *ACCOUNT)}
or {worst('bulkverify_account_paused{reason=~"out_of_credits|quota"}', *ACCOUNT)} == 1""",
    pending="15m",
    summary=f"The credits of {_WHERE} run out.",
    description="What is left does not last another day like the last one, or nothing is left already. Lists wait "
    "without being charged until credits are bought.",
)
BUDGET_NEARLY_SPENT = Alert(
    name="BulkVerifyBudgetNearlySpent",
    severity=Severity.WARN,
    dashboard=Dashboard.OVERVIEW,
    meaning=f"More than {BUDGET_SHARE_MAX:.0%} of the rows that an account may submit on a day are used.",
    expression=f"""\
{worst("bulkverify_account_budget_used_rows", *ACCOUNT)}
/ {worst("bulkverify_account_budget_rows", *ACCOUNT)}
> {BUDGET_SHARE_MAX:g}""",
    pending="5m",
    summary=f"The day's budget of {_WHERE} is nearly spent.",
    description="{{ $value | humanizePercentage }} of the rows of this day (UTC) are used. Parts that do not fit wait "
    "for the next day.",
)

ALERTS = (DOUBLE_SPEND, CREDITS_LOW, BUDGET_NEARLY_SPENT)

"""The first dashboard: whether the promise is kept, what it costs today, and what needs a person."""

from __future__ import annotations

from worker.alerting import money, results
from worker.alerting.recordings import LATE_SECONDS, LATE_SHARE_MAX, late_ratio
from worker.alerting.rule import Dashboard, Severity
from worker.dashboards.expressions import (
    age,
    greatest,
    now,
    observed,
    or_zero,
    per_minute,
    per_second,
    quantile,
    recorded,
    share,
    within,
)
from worker.dashboards.panel import (
    LOW,
    NONE_EXPECTED,
    NONE_WANTED,
    Board,
    Form,
    Panel,
    Query,
    Row,
    Unit,
    limited,
    wanted,
)
from worker.exporter import families as f
from worker.metric_families import COMPLETION_LAG

_MINUTES = LATE_SECONDS // 60
#: States of uploads that go on by themselves.
_UNDER_WAY = "accepted|preparing|running|delivering"
_FIRING = 'ALERTS{alertstate="firing", job=~"$job"'

_PROMISE = Row(
    "Is the promise kept?",
    (
        Panel(
            title="Results in time",
            description=f"The share of results that were here {_MINUTES} minutes after the provider had finished their "
            f"jobs. The goal is {1 - LATE_SHARE_MAX:.0%}.",
            form=Form.STAT,
            unit=Unit.SHARE,
            width=4,
            height=LOW,
            steps=wanted(1 - LATE_SHARE_MAX),
            queries=(
                Query(
                    share(
                        observed(COMPLETION_LAG, "_bucket", le=f"{LATE_SECONDS:.1f}"),
                        observed(COMPLETION_LAG, "_count"),
                    ),
                    "in time",
                ),
            ),
            alerts=(results.RESULTS_LATE, results.RESULTS_SLOW),
        ),
        Panel(
            title="Lateness used up",
            description="How fast the share of results that may be late is used up, over the last hour, for the worst "
            "account: at 1 exactly as fast as it may, at 14.4 somebody is called.",
            form=Form.STAT,
            unit=Unit.FACTOR,
            width=4,
            height=LOW,
            steps=limited(1, 6),
            queries=(Query(f"max({recorded(late_ratio('1h'))}) / {LATE_SHARE_MAX:g}", "times"),),
            blank="no results in this hour",
            alerts=(results.RESULTS_LATE,),
        ),
        Panel(
            title="Rows without verdict",
            description="Rows of delivered results for which the provider had no verdict. Results tell which.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_WANTED,
            queries=(Query(within(f.ROWS, disposition="missing"), "rows"),),
            alerts=(results.ROWS_MISSING,),
        ),
        Panel(
            title="Credits wasted",
            description="Credits that were spent twice for the same rows. There must never be any.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_WANTED,
            queries=(Query(within(f.LEDGER, entry="wasted"), "credits"),),
            alerts=(money.DOUBLE_SPEND,),
        ),
        Panel(
            title="Parts that need a person",
            description="Parts in quarantine: what became of their money cannot be decided from here. "
            "`bulkverify ls --state attention` names their uploads.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(now(f.PARTS, state="quarantined"), "parts"),),
        ),
        Panel(
            title="Alerts",
            description="Alerts that fire now: those that call somebody at once, and the others.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_WANTED,
            queries=tuple(
                Query(or_zero(f'count({_FIRING}, severity="{severity}"}})'), str(severity)) for severity in Severity
            ),
        ),
    ),
)
_PEOPLE = Row(
    "What needs a person",
    (
        Panel(
            title="Accounts",
            description="Everything about an account that may need somebody, with what is wrong in colour.",
            form=Form.TABLE,
            width=16,
            queries=(
                Query(greatest(f.PAUSED, "provider", "account"), "paused", Unit.TRUTH),
                Query(now(f.PARTS, "provider", "account", state="quarantined"), "quarantined", steps=NONE_EXPECTED),
                Query(now(f.OVERDUE, "provider", "account"), "overdue", steps=NONE_EXPECTED),
                Query(now(f.DRIFT_OPEN, "provider", "account"), "differences", steps=NONE_EXPECTED),
                Query(now(f.ACTIVE, "provider", "account"), "jobs"),
                Query(now(f.BUDGET_USED, "provider", "account"), "rows today"),
                Query(age(f.SWEEP_COMPLETE_AT, "provider", "account"), "list seen", Unit.SECONDS),
            ),
        ),
        Panel(
            title="Alerts that fire",
            description="What Prometheus calls people for now. The runbook has a section for each.",
            form=Form.TABLE,
            width=8,
            queries=(Query(f"count by (alertname, severity) ({_FIRING}}})", "number"),),
            blank="Nothing fires.",
        ),
    ),
)
_WORK = Row(
    "Work",
    (
        Panel(
            title="Uploads under way",
            description="Lists that applications have sent and that are not done, by state.",
            form=Form.SERIES,
            width=8,
            stacked=True,
            queries=(Query(now(f.UPLOADS, "state", state=_UNDER_WAY), "{{state}}"),),
        ),
        Panel(
            title="Uploads ended",
            description="Lists that came to their end, by which.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=8,
            queries=(Query(per_minute(f.UPLOADS_ENDED, "outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Time from the provider's end of a job to its result here",
            description=f"For half of the results, and for 19 of 20. The goal is {_MINUTES} minutes for 99 of 100.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(quantile(0.5, COMPLETION_LAG), "half"), Query(quantile(0.95, COMPLETION_LAG), "95%")),
            blank="no results in this time",
            steps=limited(LATE_SECONDS / 2, LATE_SECONDS),
            alerts=(results.RESULTS_LATE,),
        ),
        Panel(
            title="Rows by what became of them",
            description="Rows that were sent, and what they had in the results: matched and folded have a verdict.",
            form=Form.SERIES,
            unit=Unit.PER_SECOND,
            width=12,
            queries=(Query(per_second(f.ROWS, "disposition"), "{{disposition}}"),),
        ),
        Panel(
            title="Requests of applications",
            description="Requests that were answered: accepted, recognised as known, or rejected.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=12,
            queries=(Query(per_minute(f.REQUESTS, "outcome"), "{{outcome}}"),),
        ),
    ),
)
_MONEY = Row(
    "Money",
    (
        Panel(
            title="Rows paid for today (UTC)",
            description="Rows that were submitted, or are reserved, on the present day.",
            form=Form.BARS,
            width=6,
            queries=(Query(now(f.BUDGET_USED, "account"), "{{account}}"),),
        ),
        Panel(
            title="Budget used today (UTC)",
            description="The share of the rows that an account may submit on a day. Parts that do not fit wait.",
            form=Form.BARS,
            unit=Unit.SHARE,
            width=6,
            steps=limited(0.75, money.BUDGET_SHARE_MAX),
            queries=(Query(share(now(f.BUDGET_USED, "account"), now(f.BUDGET, "account")), "{{account}}"),),
            blank="no account has a budget",
            alerts=(money.BUDGET_NEARLY_SPENT,),
        ),
        Panel(
            title="Credits left",
            description="As the providers last told.",
            form=Form.BARS,
            width=6,
            queries=(Query(greatest(f.BALANCE, "account"), "{{account}}"),),
            alerts=(money.CREDITS_LOW,),
        ),
        Panel(
            title="Credits saved",
            description="Rows that cost nothing because they repeat others of their list, were withheld, or had a "
            "verdict already.",
            form=Form.BARS,
            width=6,
            queries=(Query(within(f.CREDITS_SAVED, "reason"), "{{reason}}"),),
        ),
    ),
)

BOARD = Board(
    Dashboard.OVERVIEW,
    "bulkverify: overview",
    "Is the promise kept, what does it cost today, and what needs a person?",
    (_PROMISE, _PEOPLE, _WORK, _MONEY),
)

"""The dashboard on the providers: how they answer, what they refuse, and what they are asked and paid."""

from __future__ import annotations

from worker.alerting import money, provider
from worker.alerting.recordings import THROTTLED, error_ratio
from worker.alerting.rule import Dashboard
from worker.dashboards.expressions import (
    age,
    greatest,
    newly,
    now,
    or_zero,
    per_minute,
    per_second,
    quantile,
    recorded,
    share,
    spread,
    within,
)
from worker.dashboards.panel import LOW, NONE_EXPECTED, Board, Form, Panel, Query, Row, Unit, limited
from worker.exporter import families as f
from worker.metric_families import (
    DOWNLOADS,
    HTTP_DURATION,
    HTTP_REQUESTS,
    POLLS,
    RATE_WAIT,
    RESULT_BYTES,
    SOFT_ERRORS,
    UNKNOWN_WORDS,
)

#: Looks for each result from which on they are worth a thought, and too many.
_LOOKS_MANY, _LOOKS_TOO_MANY = 10, 30
#: Seconds after which a balance is old, and very old.
_BALANCE_OLD_SECONDS, _BALANCE_VERY_OLD_SECONDS = 3_600, 86_400

_STATE = Row(
    "How the accounts are",
    (
        Panel(
            title="Paused",
            description="Whether calls are kept back: all (calls) or those that spend (spending), with the reason.",
            form=Form.SERIES,
            unit=Unit.TRUTH,
            queries=(
                Query(
                    or_zero(greatest(f.PAUSED, "account", "what", "reason", reason=".+"), "reason"),
                    "{{account}} {{what}} {{reason}}",
                ),
            ),
            steps=NONE_EXPECTED,
            alerts=(provider.CREDENTIALS_REJECTED,),
        ),
        Panel(
            title="Looks for each result",
            description="How often remote jobs are looked at for each result that is fetched. Each look is a call.",
            form=Form.STAT,
            width=6,
            height=LOW,
            unit=Unit.FACTOR,
            steps=limited(_LOOKS_MANY, _LOOKS_TOO_MANY),
            queries=(
                Query(
                    share(within(POLLS, "provider"), within(DOWNLOADS, "provider", outcome="verified")), "{{provider}}"
                ),
            ),
            blank="no results in this time",
        ),
        Panel(
            title="Words that nobody knows",
            description="States and the like that the providers' documents do not have. The log has the words.",
            form=Form.STAT,
            width=6,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(or_zero(within(UNKNOWN_WORDS)), "words"),),
            alerts=(provider.UNKNOWN_STATUS,),
        ),
        Panel(
            title="Calls that fail",
            description=f"Of the last 15 minutes, by status or by what a good status brought. Somebody is called when "
            f"{provider.ERROR_SHARE_MAX:.0%} of an hour fail.",
            form=Form.STAT,
            unit=Unit.SHARE,
            width=6,
            height=LOW,
            steps=limited(provider.ERROR_SHARE_MAX / 2, provider.ERROR_SHARE_MAX),
            queries=(Query(recorded(error_ratio("15m")), "{{account}}"),),
            blank="no calls in this time",
            alerts=(provider.PROVIDER_ERRORS,),
        ),
        Panel(
            title="Time spent throttled",
            description="The share of the time that is looked at in which a provider wanted no calls. Set a lower "
            "requests_per_second where this is not rare.",
            form=Form.STAT,
            unit=Unit.SHARE,
            width=6,
            height=LOW,
            steps=limited(provider.THROTTLED_SHARE_MAX / 2, provider.THROTTLED_SHARE_MAX),
            queries=(Query(f"avg_over_time({recorded(THROTTLED)}[$__range])", "{{account}}"),),
            alerts=(provider.PROVIDER_THROTTLED,),
        ),
    ),
)
_CALLS = Row(
    "Calls",
    (
        Panel(
            title="Calls by operation",
            description="HTTP calls: submits cost credits, the others nothing.",
            form=Form.SERIES,
            unit=Unit.PER_SECOND,
            width=8,
            queries=(Query(per_second(HTTP_REQUESTS, "provider", "operation"), "{{provider}} {{operation}}"),),
        ),
        Panel(
            title="Calls by what came of them",
            description="By class of status code, throttled (429, 509), or how they failed.",
            form=Form.SERIES,
            unit=Unit.PER_SECOND,
            width=8,
            stacked=True,
            queries=(Query(per_second(HTTP_REQUESTS, "code_class"), "{{code_class}}"),),
            alerts=(provider.PROVIDER_ERRORS,),
        ),
        Panel(
            title="Errors under a good status",
            description="New answers that HTTP calls a success and the provider an error, by reason.",
            form=Form.SERIES,
            width=8,
            queries=(Query(or_zero(newly(SOFT_ERRORS, "provider", "reason"), "reason"), "{{provider}} {{reason}}"),),
        ),
        Panel(
            title="Duration of calls: 95% are shorter",
            description="With the whole body and answer: a submit of a large list, or a download, takes its time.",
            form=Form.SERIES,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(quantile(0.95, HTTP_DURATION, "provider", "operation"), "{{provider}} {{operation}}"),),
        ),
        Panel(
            title="Duration of calls",
            description="Of all operations.",
            form=Form.HEATMAP,
            unit=Unit.SECONDS,
            width=8,
            queries=(Query(spread(HTTP_DURATION), "{{le}}"),),
        ),
        Panel(
            title="Waiting for the account's own rate",
            description="Seconds that calls waited in each second so as not to exceed requests_per_second, of all "
            "threads. Where it is more than the threads that call, the rate is the limit.",
            form=Form.SERIES,
            unit=Unit.FACTOR,
            width=8,
            queries=(Query(per_second(RATE_WAIT, "account"), "{{account}}"),),
        ),
    ),
)
_JOBS = Row(
    "Jobs",
    (
        Panel(
            title="Jobs under way",
            description="Parts that occupy a remote job or may, and those among them whose attempt has no known "
            "outcome yet.",
            form=Form.SERIES,
            width=8,
            queries=(
                Query(now(f.ACTIVE, "account"), "{{account}}"),
                Query(now(f.OPEN_ATTEMPTS), "outcome unknown"),
            ),
        ),
        Panel(
            title="Looks by what they showed",
            description="Looks at remote jobs. Most of them are to show the end of one.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=8,
            queries=(Query(per_minute(POLLS, "outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Results asked for",
            description="Verified, of other values, or why they could not be had.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            width=8,
            queries=(Query(per_minute(DOWNLOADS, "outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Size of results",
            description="Bytes of verified results, as the providers' files have them.",
            form=Form.SERIES,
            unit=Unit.BYTES_PER_SECOND,
            width=8,
            queries=(Query(per_second(RESULT_BYTES, "account"), "{{account}}"),),
        ),
        Panel(
            title="Credits left",
            description="As the providers last told.",
            form=Form.SERIES,
            width=8,
            queries=(Query(greatest(f.BALANCE, "account"), "{{account}}"),),
            alerts=(money.CREDITS_LOW,),
        ),
        Panel(
            title="Age of the balance",
            description="For how long the providers have not told what is left.",
            form=Form.BARS,
            unit=Unit.SECONDS,
            width=8,
            steps=limited(_BALANCE_OLD_SECONDS, _BALANCE_VERY_OLD_SECONDS),
            queries=(Query(age(f.BALANCE_AT, "account"), "{{account}}"),),
        ),
        Panel(
            title="Credits by ledger entry",
            description="Reserved before a submit, committed when it is known to have been charged, released when it "
            "was not; avoided where rows repeat others.",
            form=Form.SERIES,
            unit=Unit.PER_MINUTE,
            queries=(Query(per_minute(f.LEDGER, "entry"), "{{entry}}"),),
        ),
        Panel(
            title="Credits by account",
            description="Committed in the time that is looked at.",
            form=Form.BARS,
            queries=(Query(within(f.LEDGER, "account", entry="committed"), "{{account}}"),),
        ),
    ),
)

BOARD = Board(
    Dashboard.PROVIDER,
    "bulkverify: provider",
    "How do the providers answer, what do they refuse, and what are they asked and paid?",
    (_STATE, _CALLS, _JOBS),
)

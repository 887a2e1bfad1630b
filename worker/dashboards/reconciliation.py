"""The dashboard on what differs between here and the providers, and on the sweeps that find it."""

from __future__ import annotations

from worker.alerting import reconciling
from worker.alerting.rule import Dashboard
from worker.dashboards.expressions import age, greatest, least, now, or_zero, per_second, share, within
from worker.dashboards.panel import (
    LOW,
    NONE_EXPECTED,
    NONE_WANTED,
    ONE_WANTED,
    Board,
    Form,
    Panel,
    Query,
    Row,
    Unit,
    wanted,
)
from worker.exporter import families as f

#: The share of sweeps that should see the whole list.
_COMPLETE_SHARE = 0.95
#: Severe findings, and those that only grow, are in these alerts.
_DRIFT = (reconciling.DRIFT_SEVERE, reconciling.DRIFT_GROWING)

_NOW = Row(
    "Do here and there agree?",
    (
        Panel(
            title="Differences",
            description="That are believed and not gone, of all classes. docs/drift.md tells what each means.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(now(f.DRIFT_OPEN), "open"),),
            alerts=_DRIFT,
        ),
        Panel(
            title="Jobs of nobody",
            description="Listed jobs that carry one of our tokens and belong to no part.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(now(f.REMOTE_ORPHANS), "orphans"),),
        ),
        Panel(
            title="Live jobs not listed",
            description="That the last sweep was to show and has not.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_EXPECTED,
            queries=(Query(now(f.SWEEP_UNSEEN), "unseen"),),
        ),
        Panel(
            title="Lists of another account",
            description="Accounts whose list leaves out so much that it is not believed; nothing of them is repaired.",
            form=Form.STAT,
            width=4,
            height=LOW,
            steps=NONE_WANTED,
            queries=(Query(now(f.SWEEP_MISMATCH), "accounts"),),
            alerts=(reconciling.ACCOUNT_MISMATCH,),
        ),
        Panel(
            title="Complete sweeps",
            description="The share of sweeps that saw the whole list. Without them no job is known to be missing.",
            form=Form.STAT,
            unit=Unit.SHARE,
            width=4,
            height=LOW,
            steps=wanted(_COMPLETE_SHARE),
            queries=(Query(share(within(f.SWEEPS, outcome="complete"), within(f.SWEEPS)), "complete"),),
            blank="no sweeps in this time",
        ),
        Panel(
            title="Longest without a list",
            description="For how long the list of the worst account was not seen whole, in periods of sweeps. From 2 "
            "on somebody is called.",
            form=Form.STAT,
            unit=Unit.FACTOR,
            width=4,
            height=LOW,
            steps=(*NONE_EXPECTED[:1], *wanted(2)[1:]),
            queries=(Query(f"max({age(f.SWEEP_COMPLETE_AT, 'account')})\n/ {greatest(f.SWEEP_PERIOD)}", "periods"),),
            alerts=(reconciling.RECONCILE_STALE,),
        ),
    ),
)
_DRIFT_ROW = Row(
    "Drift",
    (
        Panel(
            title="Open differences by class",
            description="Over time. Most pass by themselves or are repaired by the next sweeps.",
            form=Form.SERIES,
            stacked=True,
            queries=(Query(or_zero(f"{now(f.DRIFT_OPEN, 'class')} > 0", "class"), "{{class}}"),),
            alerts=_DRIFT,
        ),
        Panel(
            title="Found, and gone again",
            description="Differences that were found and that are gone, in the time that is looked at.",
            form=Form.TABLE,
            queries=(
                Query(f"{within(f.DRIFT_DETECTED, 'class')} > 0", "found"),
                Query(f"{within(f.DRIFT_REPAIRED, 'class')} > 0", "gone"),
                Query(f"{now(f.DRIFT_OPEN, 'class')} > 0", "open", steps=NONE_EXPECTED),
            ),
            blank="Nothing was found in this time.",
            alerts=(*_DRIFT, reconciling.ODD_RESULTS),
        ),
        Panel(
            title="Time until a difference is believed",
            description="On average, by class: for how long it had lasted.",
            form=Form.BARS,
            unit=Unit.SECONDS,
            queries=(
                Query(share(within(f.DRIFT_DETECT_SECONDS, "class"), within(f.DRIFT_DETECTED, "class")), "{{class}}"),
            ),
            blank="Nothing was found in this time.",
        ),
        Panel(
            title="Time until a difference is gone",
            description="On average, by class: from its first sight to the sweep that found it gone.",
            form=Form.BARS,
            unit=Unit.SECONDS,
            queries=(
                Query(share(within(f.DRIFT_REPAIR_SECONDS, "class"), within(f.DRIFT_REPAIRED, "class")), "{{class}}"),
            ),
            blank="Nothing was repaired in this time.",
        ),
    ),
)
_SWEEPS = Row(
    "Sweeps",
    (
        Panel(
            title="The last sweep of each account",
            description="Proven: what a list did not show is known not to be there.",
            form=Form.TABLE,
            width=24,
            queries=(
                Query(age(f.SWEEP_AT, "provider", "account"), "began before", Unit.SECONDS),
                Query(age(f.SWEEP_COMPLETE_AT, "provider", "account"), "whole before", Unit.SECONDS),
                Query(greatest(f.SWEEP_SECONDS, "provider", "account"), "took", Unit.SECONDS),
                Query(greatest(f.SWEEP_PAGES, "provider", "account"), "pages"),
                Query(least(f.SWEEP_PROVEN, "provider", "account"), "proven", Unit.TRUTH, ONE_WANTED),
                Query(now(f.SWEEP_UNSEEN, "provider", "account"), "unseen", steps=NONE_EXPECTED),
                Query(now(f.REMOTE_ORPHANS, "provider", "account"), "orphans", steps=NONE_EXPECTED),
                Query(now(f.SWEEP_MISMATCH, "provider", "account"), "mismatch", Unit.TRUTH, NONE_WANTED),
            ),
            alerts=(reconciling.RECONCILE_STALE, reconciling.ACCOUNT_MISMATCH),
        ),
        Panel(
            title="Sweeps by what came of them",
            description="Complete, incomplete, or of a list that is not believed.",
            form=Form.SERIES,
            unit=Unit.PER_SECOND,
            width=8,
            queries=(Query(per_second(f.SWEEPS, "outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Jobs there, by status",
            description="In the providers' lists at the last complete sweep.",
            form=Form.SERIES,
            width=8,
            stacked=True,
            queries=(Query(now(f.REMOTE_JOBS, "remote_status"), "{{remote_status}}"),),
        ),
        Panel(
            title="Jobs here and there",
            description="All jobs in the providers' lists, and parts here that occupy one or may. Lists keep ended "
            "jobs; a distance that changes with nothing under way is worth a look.",
            form=Form.SERIES,
            width=8,
            queries=(
                Query(now(f.REMOTE_JOBS, "provider"), "{{provider}}: listed there"),
                Query(now(f.ACTIVE, "provider"), "{{provider}}: under way here"),
            ),
        ),
    ),
)

BOARD = Board(
    Dashboard.RECONCILIATION,
    "bulkverify: reconciliation",
    "What differs between here and the providers, how long does it last, and do sweeps see whole lists?",
    (_NOW, _DRIFT_ROW, _SWEEPS),
)

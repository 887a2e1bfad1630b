"""Alerts on differences between here and the providers. Their classes come from the rules of drift."""

from __future__ import annotations

from worker.alerting import money, provider
from worker.alerting.expressions import ACCOUNT, age, among, grown, worst
from worker.alerting.rule import Alert, Dashboard, Severity
from worker.core.drift.classes import DriftClass, Handling
from worker.core.drift.classes import Severity as DriftSeverity
from worker.core.drift.rules import RULES

#: Classes of drift that alerts of their own tell of.
ALERTED_ALONE = {
    DriftClass.DUPLICATE_REMOTE: money.DOUBLE_SPEND,
    DriftClass.UNKNOWN_STATUS: provider.UNKNOWN_STATUS,
}
#: Classes that nothing but time ends: that they are new is what counts, as with those that are only told.
NEWS = {DriftClass.SCHEMA_DRIFT}

_WHERE = "{{ $labels.account }} ({{ $labels.provider }})"


def _classes(severity: DriftSeverity, *, told: bool) -> str:
    """The classes of a severity, those that are only told or the others, but for `ALERTED_ALONE`."""
    return among(
        found
        for found, rule in RULES.items()
        if found not in ALERTED_ALONE
        and rule.severity is severity
        and (rule.handling is Handling.TOLD or found in NEWS) is told
    )


def _open(severity: DriftSeverity) -> str:
    return worst(f'bulkverify_drift_open_findings{{class=~"{_classes(severity, told=False)}"}}', "class", *ACCOUNT)


def _told(severity: DriftSeverity) -> str:
    """A fact that nothing changes stays open for as long as its record: what counts is that it is new."""
    return grown(f'bulkverify_drift_detected_total{{class=~"{_classes(severity, told=True)}"}}', "class")


ACCOUNT_MISMATCH = Alert(
    name="BulkVerifyAccountMismatch",
    severity=Severity.PAGE,
    dashboard=Dashboard.RECONCILIATION,
    meaning="The provider's list lacks so many live jobs of an account that it must be another account's, or broken.",
    expression=f"{worst('bulkverify_reconcile_account_mismatch', *ACCOUNT)} == 1",
    pending="0m",
    summary=f"The provider shows another account's jobs for {_WHERE}.",
    description="Nothing of the account is repaired, and no job is taken to be missing, until a sweep shows its jobs "
    "again. Was the key replaced by another account's?",
)
DRIFT_SEVERE = Alert(
    name="BulkVerifyDriftSevere",
    severity=Severity.PAGE,
    dashboard=Dashboard.RECONCILIATION,
    meaning="A difference between here and the provider is open, or was told in the last hour, that touches money or "
    "results: of a class of drift whose severity is page.",
    expression=f"{_open(DriftSeverity.PAGE)} > 0\nor {_told(DriftSeverity.PAGE)}",
    pending="2m",
    summary="There is drift of the class {{ $labels.class }}.",
    description="{{ $value }} findings that need a person: credits or results are at stake. docs/drift.md says for "
    "each class what is known, what was done, and what to do.",
)
DRIFT_GROWING = Alert(
    name="BulkVerifyDriftGrowing",
    severity=Severity.WARN,
    dashboard=Dashboard.RECONCILIATION,
    meaning="A difference between here and the provider, of a class whose severity is warn, is open for several "
    "sweeps.",
    expression=f"{_open(DriftSeverity.WARN)} > 0",
    pending="1h",
    summary=f"Drift of the class {{{{ $labels.class }}}} does not pass in {_WHERE}.",
    description="{{ $value }} findings have outlived several sweeps. docs/drift.md says for each class what ends it.",
)
ODD_RESULTS = Alert(
    name="BulkVerifyOddResults",
    severity=Severity.WARN,
    dashboard=Dashboard.RECONCILIATION,
    meaning="A result in the last hour had other columns than those before, other verdicts than when it was first "
    "fetched, or none.",
    expression=_told(DriftSeverity.WARN),
    pending="0m",
    summary="A result was not like those before: {{ $labels.class }}.",
    description="{{ $value }} findings in the last hour. What is known is delivered; applications that read the "
    "provider's own columns may want to know.",
)
RECONCILE_STALE = Alert(
    name="BulkVerifyReconcileStale",
    severity=Severity.WARN,
    dashboard=Dashboard.RECONCILIATION,
    meaning="No sweep that began within two periods (BULKVERIFY_RECONCILE_PERIOD_SECONDS) has seen the whole list "
    "of an account, or none ever has.",
    expression=f"""\
{age("bulkverify_reconcile_last_complete_timestamp_seconds", *ACCOUNT)}
> on (job) group_left () 2 * {worst("bulkverify_reconcile_period_seconds")}""",
    pending="15m",
    summary=f"The remote list of {_WHERE} was not seen whole for long.",
    description="Without a complete sweep no job is known to be missing, lost answers are not found, and their parts "
    "wait.",
)
AMBIGUOUS_UPLOADS = Alert(
    name="BulkVerifyAmbiguousUploads",
    severity=Severity.WARN,
    dashboard=Dashboard.PIPELINE,
    meaning="Parts are in quarantine for half an hour.",
    expression=worst('bulkverify_parts{state="quarantined"}', "kind", *ACCOUNT) + " > 0",
    pending="30m",
    summary=f"Parts of {_WHERE} wait for a person.",
    description="{{ $value }} parts are in quarantine: whether they were charged, or whose a job is, cannot be decided "
    "from here, and nothing more is spent for them. `bulkverify ls --state attention` names their uploads.",
)

ALERTS = (ACCOUNT_MISMATCH, DRIFT_SEVERE, DRIFT_GROWING, ODD_RESULTS, RECONCILE_STALE, AMBIGUOUS_UPLOADS)

"""What is drift and what is not: one table of cases for each class, and any part with any job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.builders.any_drift import snapshots
from tests.builders.core_records import POLICY, finished, sent
from tests.builders.drift_cases import FOUND, NEAR, SWEPT, listed, of_columns, of_jobs
from tests.builders.records import NOW
from worker.core.columns import KnownColumns, digests_of
from worker.core.drift.classes import COUNTED_AT_ONCE, DriftClass
from worker.core.drift.evaluate import evaluate
from worker.core.drift.evidence import EVIDENCE_CHARACTERS_MAX, EVIDENCE_VALUES_MAX, bounded
from worker.core.drift.predicates import OF_ACCOUNTS, OF_COLUMNS, OF_JOBS, OF_PARTS, OF_STORAGE
from worker.core.drift.repairs import REPAIRS
from worker.core.drift.rules import RULES
from worker.core.observe import Seen, observed
from worker.core.part import collected, learn
from worker.exporter.families import OUTCOMES_FROM_ZERO

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.drift.views import Snapshot

TABLES = (OF_PARTS, OF_JOBS, OF_STORAGE, OF_COLUMNS, OF_ACCOUNTS)


@pytest.mark.parametrize(
    ("drift", "snapshot"), [(drift, snapshot) for drift, cases in FOUND.items() for snapshot in cases]
)
def test_a_case_is_of_its_class_and_of_no_other(drift: DriftClass, snapshot: Snapshot) -> None:
    """Each difference has one name, so that it is counted once and dealt with once."""
    assert [finding.drift for finding in evaluate(snapshot).findings] == [drift]


@pytest.mark.parametrize(
    ("drift", "snapshot"), [(drift, snapshot) for drift, cases in NEAR.items() for snapshot in cases]
)
def test_a_near_miss_is_no_drift(drift: DriftClass, snapshot: Snapshot) -> None:
    """What only looks like a difference, or may be none yet, is not found: not as its class, nor as another."""
    assert (drift, evaluate(snapshot).findings) == (drift, ())


def test_every_class_has_everything() -> None:
    """Rules, predicates, repairs, counters and cases are for the same classes, and each class has one predicate."""
    classes = set(DriftClass)
    assert sorted(drift for table in TABLES for drift in table) == sorted(classes)
    assert set(RULES) == set(REPAIRS) == set(FOUND) == set(NEAR) == classes
    assert {words[1] for words in OUTCOMES_FROM_ZERO if words[0] == "drift"} == classes
    assert {drift for drift, mend in REPAIRS.items() if mend is not None} <= set(OF_PARTS)
    assert classes > COUNTED_AT_ONCE


@given(snapshots())
def test_no_predicate_ever_fails(snapshot: Snapshot) -> None:
    """Any part with any job, whatever a provider says, is judged; the evidence is bounded, and read back as it was."""
    for finding in evaluate(snapshot).findings:
        assert len(finding.evidence) <= EVIDENCE_VALUES_MAX
        texts = [value for value in finding.evidence.values() if isinstance(value, str)]
        assert all(len(text) <= EVIDENCE_CHARACTERS_MAX for text in texts)
        assert type(finding).load(finding.dump()) == finding
        assert finding.next
        assert "{" not in finding.next


def test_evidence_is_bounded_and_plain() -> None:
    """Long texts are cut, few values are kept, and what is not known or no number is left out."""
    odd = {"no": None, "inf": float("inf"), "nan": float("nan"), "word": "x" * 1_000, "flag": False, "zero": 0}
    assert bounded(odd) == {"word": "x" * EVIDENCE_CHARACTERS_MAX, "flag": False, "zero": 0}
    assert len(bounded({str(number): number for number in range(50)})) == EVIDENCE_VALUES_MAX


def test_strangers_are_one_finding() -> None:
    """However many jobs others have, they are one finding of the account, with their number."""
    (finding,) = evaluate(of_jobs(*(listed(str(number)) for number in range(1, 501)))).findings
    assert (finding.subject, finding.evidence) == ("ipqs-main", {"jobs": 500, "oldest": "1", "newest": "500"})


def test_an_orphan_is_told_with_what_its_import_needs() -> None:
    """The finding is about the remote id, and has the token by which storage is asked."""
    (finding,) = evaluate(FOUND[DriftClass.ORPHAN_REMOTE][0]).findings
    assert finding.subject == "77"
    assert finding.evidence == {"token": "bv-abcdefghijklmnop", "kind": "email", "rows": 100, "status": "running"}


def test_columns_are_counted_and_never_named() -> None:
    """A header that is really a row must not carry its values into a finding."""
    known = KnownColumns(known=digests_of(["status"])).after(digests_of(["jane@example.com"]), SWEPT)
    (finding,) = evaluate(of_columns(**dict(known))).findings
    assert (finding.subject, finding.evidence) == (
        "email",
        {"columns_new": 1, "columns_gone": 1, "begun_at": SWEPT},
    )
    assert "jane" not in known.dump()


@pytest.mark.parametrize("drift", DriftClass)
def test_what_is_counted_at_once_is_what_changes_count(drift: DriftClass) -> None:
    """The classes that a sweep does not count when their finding opens are those that the decisions count."""
    counted = {words[1] for change in _counting() for words in change.counters if words[0] == "drift"}
    assert (drift in COUNTED_AT_ONCE) == (drift in counted)


def _counting() -> list[Change]:
    """One change of each decision of the core that counts drift."""
    duplicate = learn(sent(), "78", "list", NOW, look_at=NOW)
    assert duplicate is not None
    aborted = observed(sent(), Seen("aborted"), NOW, POLICY)
    other = collected(finished(), NOW, rows_returned=99, verdicts_object="v", verdicts_digest="d", same_values=False)
    return [duplicate, aborted, other]

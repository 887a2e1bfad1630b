"""Any snapshot of an account: parts in any state with any job, as hypothesis makes them up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.builders.core_records import POLICY
from tests.builders.drift_cases import FOUND, NEAR, SWEPT, TOKEN, named
from tests.builders.records import NOW, a_part, an_attempt
from worker.core.columns import KnownColumns
from worker.core.drift.classes import DriftClass
from worker.core.drift.views import (
    ListedJob,
    Money,
    Occasion,
    PartCase,
    Reading,
    Snapshot,
    StoredObject,
    SweepWorth,
)
from worker.core.states import PartState
from worker.core.values import Lease
from worker.providers.port import RemoteStatus

#: A time before, at or after a sweep; providers tell odd ones, too.
TIMES = st.none() | st.sampled_from([NOW, NOW + 86_400.0, SWEPT - 60.0, SWEPT + 600.0])
ODD_TIMES = TIMES | st.floats(allow_nan=True, allow_infinity=True)
IDS = st.sampled_from(["77", "78", "79", "job-8"])
COUNTS = st.integers(0, 3) | st.sampled_from([10, 100])
PROGRESS = st.none() | st.floats(0.0, 1.0)
REASONS = st.sampled_from(["", "no_control", "given_up", "not_collected", *map(str, DriftClass)])
AMOUNTS = st.integers(-10_000, 100_000)

JOBS = st.builds(
    ListedJob,
    remote_id=IDS,
    status=st.sampled_from([*map(str, RemoteStatus), "a later version's"]),
    word=st.text(max_size=300),
    kind=st.none() | st.just("email"),
    rows=st.none() | COUNTS,
    progress=PROGRESS | st.floats(allow_nan=True),
    token=st.none() | st.just(TOKEN),
    started_at=ODD_TIMES,
    ended_at=ODD_TIMES,
    maybe_ours=st.booleans(),
)
PART_FIELDS: dict[str, st.SearchStrategy[object]] = {
    "state": st.sampled_from(PartState),
    "reason": REASONS,
    "lease": st.none() | st.just(Lease(owner="host:1", until=SWEPT + 600.0)),
    "attempt": st.none() | st.just(an_attempt()),
    "remote_id": st.none() | IDS,
    "evidence": st.lists(st.builds(named, IDS, st.sampled_from(["answer", "time", "list"])), max_size=3).map(tuple),
    "provisional": st.booleans(),
    "credits_reserved": st.sampled_from([0, 100]),
    "credits_committed": st.sampled_from([0, 100]),
    "rows_returned": COUNTS,
    "verdicts_digest": st.none() | st.sampled_from("ab"),
    "other_digest": st.none() | st.sampled_from("ab"),
    "again": st.integers(0, 3),
    "looks": COUNTS,
    "tries": COUNTS,
    "due_at": TIMES,
    "observed_at": TIMES,
    "progressed_at": TIMES,
    "submitted_at": TIMES,
    "remote_finished_at": TIMES,
    "finished_at": TIMES,
    "progress": PROGRESS,
}
#: Any part.
PARTS = st.fixed_dictionaries(PART_FIELDS).map(lambda fields: a_part(**fields))  # type: ignore[arg-type]  # a builder
#: Most fields by which a part differs from one that is known to be of a class, or nearly so.
CHANGES_MAX = 3
CHANGES = st.lists(st.sampled_from(sorted(PART_FIELDS)), max_size=CHANGES_MAX, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: PART_FIELDS[name] for name in names})
)
KNOWN = [case for table in (FOUND, NEAR) for found in table.values() for snapshot in found for case in snapshot.parts]
OCCASIONS = st.builds(
    Occasion,
    account=st.just("ipqs-main"),
    now=st.just(SWEPT + 10.0),
    sweep=st.builds(
        SweepWorth,
        began_at=st.sampled_from([NOW, SWEPT]),
        complete=st.booleans(),
        controls=st.sampled_from([{}, {"email": "1"}]),
    ),
    policy=st.just(POLICY),
    retention_seconds=st.none() | st.sampled_from([3_600.0, 7 * 86_400.0]),
)
OBJECTS = st.builds(
    StoredObject,
    subject=st.just("list-1/0"),
    name=st.text(max_size=300),
    found=st.booleans(),
    sha256=st.none() | st.sampled_from("ab"),
    recorded_sha256=st.none() | st.sampled_from("ab"),
)
NAMES = st.lists(st.text(max_size=3), max_size=3).map(tuple)
COLUMNS = st.builds(KnownColumns, known=NAMES, other=NAMES, since=TIMES)
READINGS = st.builds(Reading, balance=AMOUNTS, usage=st.none() | AMOUNTS, spent=AMOUNTS)
MONEY = st.builds(
    Money,
    before=READINGS,
    after=READINGS,
    under_way=AMOUNTS,
    foreign_rows=st.none() | AMOUNTS,
    reserved=AMOUNTS,
    reserved_by_parts=AMOUNTS,
)


@st.composite
def strange_cases(draw: st.DrawFn) -> PartCase:
    """One part of any state, with any jobs; its own job has its remote id, and others have not."""
    part = draw(PARTS)
    jobs = {job.remote_id: job for job in draw(st.lists(JOBS, max_size=3))}
    own = jobs.pop(part.remote_id, None) if part.remote_id else None
    rivals = draw(st.sampled_from([(), ("list-2/0",)]))
    expected = draw(st.sampled_from([None, 60.0, 86_400.0]))
    return PartCase(draw(OCCASIONS), part, own, tuple(jobs.values()), rivals, expected)


def _changed(case: PartCase, fields: dict[str, object]) -> PartCase:
    part = case.part.model_copy(update=fields)
    return replace(case, part=part, job=case.job if part.remote_id == case.part.remote_id else None)


def cases() -> st.SearchStrategy[PartCase]:
    """Any part with any jobs, or one that differs a little from one that is of a class, or nearly so."""
    return st.builds(_changed, st.sampled_from(KNOWN), CHANGES) | strange_cases()


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """One part, some jobs and objects of nobody's in particular, and the account's money."""
    case = draw(cases())
    return Snapshot(
        case.occasion,
        (case,),
        tuple(draw(st.lists(JOBS, max_size=2))),
        tuple(draw(st.lists(OBJECTS, max_size=2))),
        draw(st.none() | MONEY),
        draw(st.dictionaries(st.just("email"), COLUMNS)),
    )

"""The checker of invariants finds each violation that is planted, and nothing where everything is right."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.invariants import Invariants, broken_invariants
from tests.builders.line import running_line
from tests.builders.records import a_part, an_attempt, an_upload
from worker.actors.attempts import attempt_name
from worker.actors.names import manifest_name, result_name
from worker.core import upload as uploads
from worker.core.change import Claim, Entry
from worker.core.states import PartState, UploadState
from worker.core.token import part_token, remote_name
from worker.providers.port import Kind
from worker.providers.sandbox.clock import ManualClock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.values import spool_values
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox
from worker.rows.values import fold_key, values_digest
from worker.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.core.records import PartRecord, UploadRecord
    from worker.storage import Storage
    from worker.store.store import Store

#: Values of the parts that are planted.
VALUES = ("anna@example.com", "ben@example.com")
OTHERS = ("cleo@example.com", "dan@example.com")


@dataclass
class Site:
    """An installation with one part submitted to each provider, of one upload each, and everything as it should be."""

    store: Store
    storage: Storage
    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox
    foreign: set[int] = field(default_factory=set)

    def broken(self) -> list[str]:
        """What the checker finds."""
        return broken_invariants(self.store, self.storage, (self.ipqs, self.whoisxml), foreign=self.foreign)

    def part(self, upload_id: str) -> PartRecord:
        """The first part of an upload."""
        part = self.store.part(f"{upload_id}/0")
        assert part is not None
        return part

    def charge(self, provider: str, values: Sequence[str], name: str = "") -> int:
        """Have a simulator accept a list; the remote id."""
        sandbox = self.ipqs if provider == "ipqs" else self.whoisxml
        spool = spool_values(values, sandbox.folder, lambda _: "clean", deduplicate=False)
        job = sandbox.accept(spool, name=name, type_word="email" if provider == "ipqs" else "")
        assert job is not None
        return job.remote_id

    def record_attempt(self, part: PartRecord, number: int) -> None:
        """Keep an attempt record of a part in storage."""
        known = {"upload_id": part.upload_id, "part": part.index, "provider": part.provider, "digest": part.digest}
        assert self.storage.create(attempt_name(part.token, number), json.dumps(known).encode())

    def submitted(self, upload_id: str, provider: str, values: Sequence[str] = VALUES) -> None:
        """Add an upload whose only part was submitted and paid for."""
        digest = values_digest(fold_key(Kind.EMAIL, value) for value in values)
        account, now = f"{provider}-main", self.store.now()
        token = part_token(
            installation_id="one", account=account, upload_id=upload_id, index=0, kind="email", digest=digest
        )
        whose: dict[str, Any] = {"account": account, "provider": provider, "now": now}
        part = a_part(upload_id, rows=len(values), digest=digest, token=token, **whose)
        self.record_attempt(part, 1)
        remote_id = str(self.charge(provider, values, remote_name(token, "news") if provider == "ipqs" else ""))
        paid = part.moved(PartState.SUBMITTED, now, remote_id=remote_id, attempts=1, credits_committed=part.rows)
        upload = an_upload(upload_id, UploadState.RUNNING, parts_total=1, **whose)
        self.store.commit(
            uploads.change(
                "prepared",
                upload,
                parts=(paid,),
                ledger={Entry.RESERVED: part.rows, Entry.COMMITTED: part.rows},
                claims=(Claim(paid.remote_scope, remote_id, paid.part_id),),
            )
        )

    def forge(self, part: PartRecord, **changes: object) -> None:
        """Overwrite a part's record behind the store's back."""
        self.store.client.set(self.store.key("part", part.part_id), part.model_copy(update=changes).model_dump_json())


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Site:
    """Return an installation in which everything is as it should be."""
    clock = ManualClock(store.now())
    made = Site(
        store,
        LocalStorage(tmp_path / "storage"),
        IpqsSandbox(key="k", clock=clock, folder=tmp_path / "ipqs"),
        WhoisXmlSandbox(key="k", clock=clock, folder=tmp_path / "whoisxml"),
    )
    made.submitted("one", "ipqs")
    made.submitted("two", "whoisxml")
    return made


def test_where_everything_is_right_nothing_is_found(site: Site) -> None:
    """Jobs of ours with their attempts, jobs of others, and equal lists of two uploads break nothing."""
    site.submitted("equal", "whoisxml")
    site.submitted("equal-too", "ipqs")
    site.foreign |= {site.charge("ipqs", OTHERS, "newsletter.csv"), site.charge("whoisxml", OTHERS)}
    assert site.broken() == []


def _due_is_lost(site: Site) -> None:
    site.store.client.zrem(site.store.key("due", "ipqs-main", "poll"), "one/0")


def _due_never(site: Site) -> None:
    site.store.client.zadd(site.store.key("due", "ipqs-main", "poll"), {"one/0": site.store.now() + 1e9})


def _lease_for_ever(site: Site) -> None:
    site.forge(site.part("one").leased("worker", site.store.now(), 1e9))


def _quarantine_without_reason(site: Site) -> None:
    part = site.part("one")
    site.store.commit(uploads.change("x", _upload(site, "one"), parts=(part.moved(PartState.QUARANTINED, 1.0),)))


def _charged_again(site: Site) -> None:
    site.charge("ipqs", VALUES, remote_name(site.part("one").token, "news"))


def _charged_again_under_a_cut_name(site: Site) -> None:
    site.charge("ipqs", VALUES, site.part("one").token[:14])


def _charged_again_without_a_name(site: Site) -> None:
    site.charge("whoisxml", VALUES[::-1])


def _unrecorded(site: Site) -> None:
    site.charge("whoisxml", OTHERS)


def _unrecorded_token(site: Site) -> None:
    site.charge("ipqs", VALUES, "bv-qqqqqqqqqqqqqqqq-news.csv")


def _attempt_record_lost(site: Site) -> None:
    site.storage.delete_prefix(f"attempts/{site.part('one').token}")


def _gap_among_attempts(site: Site) -> None:
    site.record_attempt(site.part("one"), 3)


def _job_of_another(site: Site) -> None:
    foreign = site.charge("ipqs", OTHERS, "newsletter.csv")
    site.foreign.add(foreign)
    site.forge(site.part("one"), remote_id=str(foreign))


def _job_that_is_not(site: Site) -> None:
    site.forge(site.part("one"), remote_id="77")


def _job_shared(site: Site) -> None:
    site.submitted("three", "ipqs", OTHERS)
    site.forge(site.part("three"), remote_id=site.part("one").remote_id)


def _claim_lost(site: Site) -> None:
    site.store.client.delete(site.store.key("remote", site.part("one").remote_scope))


def _paid_in_part(site: Site) -> None:
    site.forge(site.part("one"), credits_committed=1)


def _paid_without_a_job(site: Site) -> None:
    site.forge(site.part("one"), remote_id=None)


def _attempt_open_behind_another(site: Site) -> None:
    site.forge(site.part("one"), attempt=an_attempt(1), attempts=2)


def _reserved_for_nobody(site: Site) -> None:
    site.store.client.hincrby(site.store.key("ledger", "ipqs-main"), "reserved", 5)


def _committed_twice(site: Site) -> None:
    for entry in ("reserved", "committed"):
        site.store.client.hincrby(site.store.key("ledger", "ipqs-main"), entry, 2)


def _wrong_index(site: Site) -> None:
    site.store.client.zadd(site.store.key("index", "part", "ipqs-main", "email", "submitted"), {"four/0": 1.0})


def _wrong_counts(site: Site) -> None:
    site.store.client.hincrby(site.store.key("upload", "one", "parts"), "pending", 1)


def _active_lost(site: Site) -> None:
    site.store.client.srem(site.store.key("active", "ipqs-main"), "one/0")


def _intent_of_nobody(site: Site) -> None:
    site.store.client.sadd(site.store.key("intents", "whoisxml-main"), "two/0")


def _completed_without_result(site: Site) -> None:
    site.store.commit(uploads.change("x", _upload(site, "one").moved(UploadState.DELIVERING, 1.0)))
    site.store.commit(uploads.change("x", _upload(site, "one").moved(UploadState.COMPLETED, 1.0)))


def _upload(site: Site, upload_id: str) -> UploadRecord:
    upload = site.store.upload(upload_id)
    assert upload is not None
    return upload


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (_due_is_lost, "one/0 is submitted, and nobody will look at it"),
        (_due_never, "one/0 is submitted, and looked at only in"),
        (_lease_for_ever, "one/0 is under a lease that ends only in"),
        (_quarantine_without_reason, "one/0 is in quarantine without a reason"),
        (_charged_again, "ipqs charged 2 times for one/0"),
        (_charged_again_under_a_cut_name, "ipqs charged 2 times for one/0"),
        (_charged_again_without_a_name, "whoisxml charged 2 times for two/0"),
        (_unrecorded, "was made without an attempt record"),
        (_unrecorded_token, "bv-qqqqqqqqqqqqqqqq-news.csv was made without an attempt record"),
        (_attempt_record_lost, "was made without an attempt record"),
        (_gap_among_attempts, "one/0 has gaps among its attempts: [1, 3]"),
        (_job_of_another, "one/0 has remote job 3868535, which holds other values"),
        (_job_that_is_not, "one/0 has remote job 77, which does not exist"),
        (_job_shared, "remote job 3868534 belongs to one/0 and three/0"),
        (_claim_lost, "Not so: A remote id belongs to one part, and each part's remote id belongs to it."),
        (_paid_in_part, "one/0 of 2 rows has 1 credits committed"),
        (_paid_without_a_job, "one/0 is paid for and has no remote job"),
        (_attempt_open_behind_another, "one/0 has attempt 2 while attempt 1 is open"),
        (_reserved_for_nobody, "Not so: What is reserved and neither committed nor released is what the parts hold"),
        (_committed_twice, "Not so: What is reserved and neither committed nor released is what the parts hold"),
        (_wrong_index, "Not so: Each record is in the index of its own state"),
        (_wrong_counts, "Not so: The counts of each upload are those of its parts."),
        (_active_lost, "Not so: Parts with a reservation are intents but for those adopted by time"),
        (_intent_of_nobody, "Not so: Parts with a reservation are intents but for those adopted by time"),
        (_completed_without_result, "one is completed and has no result"),
    ],
)
def test_a_planted_violation_is_found(site: Site, plant: Callable[[Site], None], sentence: str) -> None:
    """Each invariant that is broken is told in its own words."""
    plant(site)
    assert any(sentence in found for found in site.broken()), site.broken()


def test_a_part_that_a_person_had_submitted_again_may_be_charged_so_often(site: Site) -> None:
    """What was spent knowingly is no violation, and the charge after it is."""
    token = site.part("one").token
    checker = Invariants(site.store, site.storage, (site.ipqs, site.whoisxml), charges_max={token: 2})
    site.charge("ipqs", VALUES, remote_name(token, "news"))
    assert checker.broken() == []
    site.charge("ipqs", VALUES, remote_name(token, "news"))
    assert any("ipqs charged 3 times for one/0" in found for found in checker.broken())


def test_an_end_that_changes_is_found(site: Site) -> None:
    """Between two checks an ended part may not be open, otherwise or gone, unless Redis is known to have forgotten."""
    checker = Invariants(site.store, site.storage)
    part = site.part("one").moved(PartState.FAILED, site.store.now(), reason="remote_aborted")
    site.store.commit(uploads.change("aborted", _upload(site, "one"), parts=(part,)))
    assert checker.broken() == []
    ended = site.part("one")
    site.forge(ended, state=PartState.COLLECTED)
    assert any("part one/0 had ended as ('failed'," in found for found in checker.broken())
    site.forge(ended, state=PartState.SUBMITTED)
    assert any("part one/0 had ended as ('collected'," in found for found in checker.broken())
    site.forge(ended)
    checker.broken()
    site.store.client.flushdb()
    assert any("part one/0 had ended" in found and "has vanished" in found for found in checker.broken())
    site.forge(ended)
    checker.broken()
    site.store.client.flushdb()
    checker.forget()
    assert checker.broken() == []


def test_a_line_that_ran_is_sound_and_its_result_is_checked(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """After real uploads nothing is broken; a result that is then damaged is found, each damage in its own words."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=2) as line:
        rows = "".join(f"person{number}@example.com\n" for number in range(5))
        path = line.file("list.csv", f"email\n{rows}")
        one, two = line.submit(path, "ipqs-main"), line.submit(path, "whoisxml-main")
        line.finish(one, two)
        store, storage = line.plant.context.store, line.plant.context.storage
        assert [upload.state for upload in store.uploads([one, two])] == [UploadState.COMPLETED] * 2
        sandboxes = (line.ipqs, line.whoisxml)
        assert sum(len(sandbox.ledger) for sandbox in sandboxes) == 6
        checker = Invariants(store, storage, sandboxes)
        assert checker.broken() == []
        _damage(storage, result_name(one), b"email\nperson0@example.com\n")
        found = broken_invariants(store, storage, sandboxes)
        assert any(f"{one} has 5 rows, its result 1" in sentence for sentence in found)
        assert any(f"{one} has {result_name(one)} with another digest" in sentence for sentence in found)
        manifest = json.loads(storage.read(manifest_name(two), 100_000))
        manifest["counts"] |= {"matched": 4, "missing": 1}
        _damage(storage, manifest_name(two), json.dumps(manifest | {"partial": True}).encode())
        found = broken_invariants(store, storage, sandboxes)
        assert any(f"{two} is completed, and 1 of its rows have no verdict" in sentence for sentence in found)
        assert any(f"{two} tells RowCounts" in sentence for sentence in found)
        storage.delete_prefix(f"results/{two}")
        found = broken_invariants(store, storage, sandboxes)
        assert any(f"{two} has a result that cannot be read" in sentence for sentence in found)


def _damage(storage: Storage, name: str, data: bytes) -> None:
    with storage.write(name) as file:
        file.write(data)

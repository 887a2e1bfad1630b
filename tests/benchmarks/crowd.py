"""Many one-part uploads whose jobs are under way, written as the line writes them.

Every upload takes the real decisions of `worker.core`, from its request to a look at its job, and each decision is
written by the real commit script; only the waiting in between is left out. Commits go out in pipelines, without which
most of the time would be round trips.
"""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis

from producers.contract import CONTRACT_VERSION
from producers.request import UploadRequest
from worker.actors.attempts import attempt_name
from worker.actors.names import input_name, values_name
from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.observe import Seen, observed
from worker.core.records import PartRecord
from worker.core.reuse import reuse_key
from worker.core.schedule import PollPolicy, next_look_seconds
from worker.core.states import PART_LANES, PartState
from worker.core.token import part_token
from worker.core.values import Attempt
from worker.intake.judging import upload_of
from worker.providers.port import Kind
from worker.rows.dialect import Options, detect
from worker.store.commit import encode, new_txn
from worker.store.keys import KEY_PREFIX
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import UploadRecord
    from worker.rows.dialect import Dialect

#: Rows of each list.
ROWS = 3
#: Most jobs of one account that may be under way at once: the largest `max_active` there is.
ACCOUNT_PARTS_MAX = 10_000
#: Remote ids begin here, and are the crowd's numbers from there on.
FIRST_REMOTE_ID = 1_000_000
#: Ages of the jobs, in seconds, at the moment for which the crowd is made: with a tenth of the age between two looks,
#: one every 100 to 900 s.
AGES_SECONDS = (1_000.0, 9_000.0)
#: Seconds that a submit is given, and its answer takes.
LEASE_SECONDS = 660.0
ANSWER_SECONDS = 0.4
#: Where accounts speak to, as records name it, when no process looks at their jobs.
SERVICE = "0badcafe"
#: The bounds of the schedule, as production has them.
POLICY = PollPolicy(floor_seconds=5.0, cap_seconds=900.0, epsilon=0.1)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many uploads there are, and the moment for which their looks are planned."""

    parts: int
    #: Where each account speaks to, as records name it.
    services: Sequence[str] = ()

    @property
    def accounts(self) -> list[str]:
        """The accounts on which they run, as few as there can be."""
        return [f"account-{number:02d}" for number in range(-(-self.parts // ACCOUNT_PARTS_MAX))]

    def account_of(self, number: int) -> str:
        """The account of one upload."""
        return f"account-{number // ACCOUNT_PARTS_MAX:02d}"

    def service_of(self, number: int) -> str:
        """Where the account of one upload speaks to."""
        return self.services[number // ACCOUNT_PARTS_MAX] if self.services else SERVICE

    def age_seconds(self, number: int) -> float:
        """How long ago an upload's job was submitted, seen from the crowd's moment; the same in every process."""
        return random.Random(f"age-{number}").uniform(*AGES_SECONDS)

    def looked_at(self, number: int, moment: float) -> float:
        """The last look at a job before `moment`: so long ago that next looks come as evenly as looks of an age do."""
        between = next_look_seconds(POLICY, age_seconds=self.age_seconds(number)) / (1.0 + POLICY.epsilon)
        return moment - random.Random(f"look-{number}").random() * between

    def due_at(self, number: int, moment: float) -> float:
        """When a job must be looked at next."""
        looked_at = self.looked_at(number, moment)
        age_seconds = looked_at - (moment - self.age_seconds(number))
        return looked_at + next_look_seconds(POLICY, age_seconds=age_seconds)


def decisions(crowd: Crowd, number: int, moment: float, dialect: Dialect) -> Iterator[Change]:
    """Everything that was decided about one upload before `moment`, in order; each is to be written before the next.

    Records that were read are made here as the store would give them back, but for the nonce of their write.
    """
    began_at = moment - crowd.age_seconds(number)
    accepted = uploads.accept(_upload(crowd, number, began_at), f"{int(began_at * 1000)}-0")
    yield accepted
    preparing = uploads.preparing(accepted.uploads[0].written(), "line-host:4711:a1b2c3", began_at, LEASE_SECONDS)
    yield preparing
    upload = preparing.uploads[0].written()
    prepared = uploads.prepared(upload, _found(upload, dialect), [_part(crowd, upload, began_at)], began_at, 60.0)
    yield prepared
    part = prepared.parts[0].written()
    own = {
        "service": crowd.service_of(number),
        "method": "json",
        "reuse_key": _reuse_key(crowd.service_of(number), part),
    }
    part = part.model_copy(update=own)
    reserved = parts.reserve(
        part, "line-host:4711:a1b2c3", began_at, LEASE_SECONDS, active_max=ACCOUNT_PARTS_MAX, intents_max=None
    )
    yield reserved
    attempt = Attempt(number=1, object=attempt_name(part.token, 1), at=began_at, over_at=began_at + LEASE_SECONDS)
    intent = parts.intent(reserved.parts[0].written(), attempt, began_at)
    yield intent
    answered_at = began_at + ANSWER_SECONDS
    first_look = answered_at + next_look_seconds(POLICY, age_seconds=0.0)
    remote_id = str(FIRST_REMOTE_ID + number)
    submitted = parts.submitted(intent.parts[0].written(), remote_id, "answer", answered_at, look_at=first_look)
    yield submitted
    yield _look(crowd, number, submitted.parts[0].written(), moment)


def _look(crowd: Crowd, number: int, part: PartRecord, moment: float) -> Change:
    """The last look before `moment`, which is not the first."""
    looks = random.Random(f"looks-{number}").randint(20, 60)
    looked = part.model_copy(update={"looks": looks})
    return observed(looked, Seen("running", "not_ready"), crowd.looked_at(number, moment), POLICY)


def _upload(crowd: Crowd, number: int, now: float) -> UploadRecord:
    path = f"/srv/lists/2026-11-21/signup-form-{number:06d}.csv"
    request = UploadRequest.model_validate(
        {
            "version": CONTRACT_VERSION,
            "account": crowd.account_of(number),
            "kind": "email",
            "source": {"path": path},
            "label": f"signup form {number}",
            "producer": "crm",
        }
    )
    return upload_of(request, "whoisxml", _sha256(f"list {number}"), now)


def _found(upload: UploadRecord, dialect: Dialect) -> uploads.Prepared:
    return uploads.Prepared(
        dialect=dialect.model_dump(mode="json"),
        input_object=input_name(upload),
        input_bytes=80,
        rows=ROWS,
        empty=0,
        folded=0,
        withheld=0,
        distinct=ROWS,
        details={"rows": ROWS, "to_send": ROWS, "parts": 1, "why": dialect.why},
    )


def _part(crowd: Crowd, upload: UploadRecord, now: float) -> PartRecord:
    digest = _sha256(f"values {upload.content_digest}")
    token = part_token(
        installation_id="default",
        account=upload.account,
        upload_id=upload.upload_id,
        index=0,
        kind=upload.kind,
        digest=digest,
    )
    return PartRecord(
        account=upload.account,
        provider=upload.provider,
        kind=upload.kind,
        since=now,
        created_at=now,
        updated_at=now,
        state=PartState.PENDING,
        lane=PART_LANES[PartState.PENDING],
        due_at=now,
        upload_id=upload.upload_id,
        index=0,
        rows=ROWS,
        digest=digest,
        values_object=values_name(upload.upload_id, 0),
        token=token,
    )


def _reuse_key(service: str, part: PartRecord) -> str:
    return reuse_key(
        account=part.account, service=service, kind=part.kind, version="3", rows=part.rows, digest=part.digest
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def usual_dialect(folder: Path) -> Dialect:
    """How a list of `ROWS` addresses with two columns is read."""
    path = folder / f"usual-{os.getpid()}.csv"
    path.write_text("email,signed_up\n" + "".join(f"person-{row}@example.com,2026-11-21\n" for row in range(ROWS)))
    return detect(path, Kind.EMAIL, Options())


def write_uploads(redis_url: str, crowd: Crowd, moment: float, folder: Path, numbers: Sequence[int]) -> int:
    """Write the uploads of those numbers as they stand at `moment`; how many they are. Raises `RuntimeError`."""
    dialect = usual_dialect(folder)
    with redis.Redis.from_url(redis_url, decode_responses=True, encoding_errors="surrogateescape") as client:
        store = Store(client)
        script = client.script_load(store._scripts["commit"].script)
        # Step by step through all of them, so that no write goes out before the one that it builds on.
        for changes in zip(*(decisions(crowd, number, moment, dialect) for number in numbers), strict=True):
            _commit(client, script, store, changes)
    return len(numbers)


def _commit(client: redis.Redis, script: str, store: Store, changes: Sequence[Change]) -> None:
    limits = store.limits
    pipeline = client.pipeline(transaction=False)
    for change in changes:
        text = encode(
            change,
            new_txn(),
            timeline_max=limits.timeline_entries,
            events_max=limits.events_entries,
            rejected_max=limits.rejected_entries,
        )
        pipeline.evalsha(script, 1, KEY_PREFIX, text, "0")
    for answer in pipeline.execute():
        if answer[0] != "ok":
            raise RuntimeError(f"A write of the crowd was refused: {answer}.")

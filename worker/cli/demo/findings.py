"""What came of the demo's lists, looked up while everything still runs: records, copies in Redis, providers' counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from producers.contract import result_key
from producers.wire import Wire
from worker.actors.names import result_name
from worker.cli.demo.lists import IPQS, LISTS, WHOISXML
from worker.host.embedded import server_url
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from redis import Redis

    from worker.cli.demo.lists import SampleList
    from worker.cli.demo.stage import Stage
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import SegmentFile

#: Seconds for one command to the demo's server.
REDIS_SECONDS = 5.0
#: Where the storage has the results.
RESULTS_FOLDER = "results"
#: The simulated providers' own words for themselves, and the demo's accounts.
ACCOUNTS = {"ipqs": IPQS, "whoisxml": WHOISXML}


@dataclass(frozen=True, slots=True)
class CopyInRedis:
    """A result that lies in Redis too."""

    key: str
    size_bytes: int
    ttl_seconds: int
    #: Whether it is, byte for byte, the result's file.
    same: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one list."""

    sample: SampleList
    upload: UploadRecord
    parts: tuple[PartRecord, ...]
    #: The result's file, if there is one.
    path: Path | None = None
    #: The segments that have a file, and where it is.
    segments: tuple[tuple[SegmentFile, Path], ...] = ()
    copy: CopyInRedis | None = None

    @property
    def conserved(self) -> bool:
        """Whether every row of the list is accounted for."""
        return self.upload.result is not None and self.upload.result.counts.conserved

    @property
    def methods(self) -> tuple[str, ...]:
        """How its parts went to the provider."""
        return tuple(sorted({part.method for part in self.parts if part.method}))

    @property
    def lag_seconds(self) -> float:
        """The longest time between a provider's end of a part and its verified result here."""
        lags = [
            part.collected_at - part.remote_finished_at
            for part in self.parts
            if part.collected_at is not None and part.remote_finished_at is not None
        ]
        return max(lags, default=0.0)


@dataclass(frozen=True, slots=True)
class Calls:
    """What a simulated provider counted for one account."""

    account: str
    operations: Mapping[str, int]
    charges: int
    #: How many parts the account's uploads have.
    parts: int


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that there is to tell."""

    folder: Path
    home: Path
    #: The folder of the storage that has a folder for each result.
    results: Path
    outcomes: tuple[Outcome, ...]
    calls: tuple[Calls, ...]


def find(stage: Stage) -> Findings:
    """Look at every list that was accepted, in the order in which they were sent."""
    with connect(server_url(stage.home), REDIS_SECONDS) as redis:
        store = Store(redis)
        found = [(sample, store.upload(sample.upload_id)) for sample in LISTS]
        outcomes = tuple(
            _outcome(stage, redis, sample, upload, tuple(store.parts_of(upload)))
            for sample, upload in found
            if upload is not None
        )
    results = stage.places.storage.local_path(RESULTS_FOLDER)
    return Findings(stage.folder, stage.home, results, outcomes, tuple(_calls(stage, outcomes)))


def _outcome(
    stage: Stage, redis: Redis, sample: SampleList, upload: UploadRecord, parts: tuple[PartRecord, ...]
) -> Outcome:
    storage = stage.places.storage
    if upload.result is None:
        return Outcome(sample, upload, parts)
    path = storage.local_path(result_name(upload.upload_id))
    segments = tuple(
        (file, storage.local_path(file.object)) for file in upload.result.segments if file.object is not None
    )
    return Outcome(sample, upload, parts, path, segments, _copy(redis, upload.upload_id, path))


def _copy(redis: Redis, upload_id: str, path: Path) -> CopyInRedis | None:
    """What an application without the storage would find."""
    rows = Wire(redis).result_rows(upload_id)
    if rows is None:
        return None
    key = result_key(upload_id)
    ttl_seconds: Any = redis.ttl(key)
    return CopyInRedis(key, len(rows), ttl_seconds, same=rows == path.read_bytes())


def _calls(stage: Stage, outcomes: tuple[Outcome, ...]) -> Iterator[Calls]:
    state: Mapping[str, Any] = stage.provider_state()
    for provider, account in ACCOUNTS.items():
        counted = state[provider]
        parts = sum(len(outcome.parts) for outcome in outcomes if outcome.upload.account == account)
        yield Calls(account, counted["calls"], len(counted["charges"]), parts)

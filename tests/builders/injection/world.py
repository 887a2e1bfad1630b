"""The world in which drift is caused: an installation under load, and a hand on the provider, on Redis and on storage.

Causes run side by side, each a generator that yields while it waits. They act on jobs of the load that are caught at
work, so that nothing is special about the lists to which drift happens.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis import WatchError

from tests.builders.chaos.redis_server import STATE_DB
from tests.builders.injection.told import DriftLog
from worker.core.drift.classes import Handling
from worker.core.drift.rules import RULES
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.builders.chaos.load import Wanted
    from tests.builders.chaos.site import ChaosSite
    from tests.builders.installation import Records
    from worker.core.drift.classes import DriftClass
    from worker.core.records import PartRecord

#: Accounts by provider.
ACCOUNTS = {"ipqs": "ipqs-main", "whoisxml": "whoisxml-main"}
#: Part of the work beyond which a job does not get that is held.
HELD_AT = 0.6
#: Seconds after which a cause waits no longer for what it has caused to be found, and to be gone.
PATIENCE_SECONDS = 60.0
#: Seconds from the moment at which a held job goes on to its end.
END_SECONDS = 0.2


def is_mended(drift: DriftClass) -> bool:
    """Whether the program itself ends such a finding."""
    return RULES[drift].handling is Handling.MENDED


@dataclass
class Case:
    """One difference that was caused. Times are seconds of the monotonic clock."""

    drift: DriftClass
    account: str
    #: What the finding is about.
    subject: str
    caused_at: float
    #: When the cause was taken back, or a person has decided.
    undone_at: float | None = None
    found_at: float | None = None
    gone_at: float | None = None


@dataclass
class World:
    """Everything that causes act on."""

    site: ChaosSite
    records: Records
    cases: list[Case] = field(default_factory=list)
    #: Findings that began and that nobody has caused on purpose, by class: what was caused brings others with it.
    beside: dict[DriftClass, int] = field(default_factory=dict)
    #: Uploads that some cause is about.
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._log = DriftLog(self.site.installation.folder / "up.log")
        self.redis: Any = self.site.redis.client(STATE_DB)

    @property
    def chance(self) -> Random:
        """Decides what is left open."""
        return self.site.chance

    @property
    def sandbox(self) -> Any:
        """Both simulated providers."""
        return self.site.sandbox

    # What is found

    def listen(self) -> None:
        """Take note of what was told of drift since the last time."""
        now = time.monotonic()
        for told in self._log.news():
            same = [case for case in self.cases if (case.drift, case.subject) == (told.drift, told.subject)]
            waiting = [case for case in same if (case.gone_at if case.found_at else case.found_at) is None]
            case = waiting[-1] if waiting else None
            if case is None and told.found:
                self.beside[told.drift] = self.beside.get(told.drift, 0) + 1
            elif case is not None and told.found:
                case.found_at = case.found_at or now
            elif case is not None and case.found_at:
                case.gone_at = now

    def caused(self, drift: DriftClass, account: str, subject: str) -> Case:
        """Something differs from now on."""
        case = Case(drift, account, subject, time.monotonic())
        self.cases.append(case)
        return case

    def undone(self, case: Case) -> None:
        """It is not caused any more from now on."""
        case.undone_at = time.monotonic()

    # Waiting

    def until(self, holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Wait until something holds, or for that long."""
        deadline = time.monotonic() + seconds
        while not holds() and time.monotonic() < deadline:
            yield

    def until_found(self, case: Case) -> Iterator[None]:
        """Wait until the difference is found."""
        yield from self.until(lambda: case.found_at)

    def until_gone(self, case: Case) -> Iterator[None]:
        """Wait until it is not there any more, where that is to be expected."""
        if RULES[case.drift].handling is not Handling.TOLD:
            yield from self.until(lambda: case.gone_at)

    def until_dealt_with(self, case: Case, holds: Callable[[], bool]) -> Iterator[None]:
        """Wait until a part's record tells of it, which counts it at once.

        Whoever was quicker than a sweep leaves no finding; where it was a sweep, the finding is over with the next one.
        """
        yield from self.until(holds)
        self.undone(case)
        if holds():
            now = time.monotonic()
            case.found_at, case.gone_at = case.found_at or now, case.gone_at or now

    # Parts and their jobs

    def catch(self, provider: str | None, parts_max: int) -> PartRecord | None:
        """A part whose job was at work and is held now, if there is one: of an upload of so many parts at most."""
        for part in self._at_work(provider, parts_max):
            if self._held(part):
                self.taken.add(part.upload_id)
                return part
        return None

    def _at_work(self, provider: str | None, parts_max: int) -> Iterator[PartRecord]:
        open_ones = [each for each in self.site.load.moving if each.upload_id not in self.taken]
        for wanted in self.chance.sample(open_ones, len(open_ones)):
            if wanted.parts <= parts_max and (provider is None or wanted.account == ACCOUNTS[provider]):
                for part in self.records.parts(wanted.upload_id):
                    if part.state is PartState.SUBMITTED and part.remote_id is not None and not part.provisional:
                        yield part

    def _held(self, part: PartRecord) -> bool:
        """Hold a part's job; false where it had ended before."""
        self.change(part, stall_at=HELD_AT)
        again = self.records.store.part(part.part_id)
        if again is None or again.state is not PartState.SUBMITTED:
            self.change(part, stall_at=None)
            return False
        return True

    def change(self, part: PartRecord, **fields: object) -> None:
        """Change the part's job at its provider."""
        self.sandbox.change_job(part.provider, part.remote_id, **fields)

    def finish(self, part: PartRecord, **fields: object) -> None:
        """The part's job goes on, and is done in a moment."""
        age_seconds = self.sandbox.job(part.provider, part.remote_id)["age_seconds"]
        self.change(part, stall_at=None, work_seconds=age_seconds + END_SECONDS, **fields)

    def part(self, part: PartRecord) -> PartRecord | None:
        """The part as it is now."""
        return self.records.store.part(part.part_id)

    def state_of(self, part: PartRecord) -> PartState | None:
        """Where the part is now."""
        now = self.part(part)
        return None if now is None else now.state

    def wanted(self, upload_id: str) -> Wanted:
        """What was asked for under an id."""
        return next(each for each in self.site.load.wanted if each.upload_id == upload_id)

    def completed(self) -> list[Wanted]:
        """Uploads at their end, which no cause is about."""
        return [each for each in self.site.load.completed if each.upload_id not in self.taken]

    # Redis

    def rewrite(self, part: PartRecord, ledger: dict[str, int] | None = None, **fields: object) -> bool:
        """Change a part's record past the program, and the ledger with it; false when it was written meanwhile."""
        key = self.records.store.key("part", part.part_id)
        with self.redis.pipeline() as pipeline:
            pipeline.watch(key)
            record = json.loads(pipeline.get(key))
            pipeline.multi()
            pipeline.set(key, json.dumps(record | fields))
            for entry, credits_ in (ledger or {}).items():
                pipeline.hincrby(self.records.store.key("ledger", part.account), entry, credits_)
            try:
                pipeline.execute()
            except WatchError:
                return False
        return True

    def command(self, *arguments: str) -> None:
        """What a person types; it must be done."""
        done = self.site.installation.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)

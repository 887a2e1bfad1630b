"""What a simulated run is about: the lists that producers asked for, their parts, and what Redis knows of them."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

from tests.builders.invariants import Invariants
from tests.builders.redis_copies import copy_of, put_back
from tests.builders.simulation.faults import UNSPLIT
from tests.builders.simulation.workers import Bag
from tests.builders.stepping import Stepping
from worker.core.part import LIMIT_REASONS
from worker.core.states import Lane, PartState, UploadState
from worker.storage import open_storage
from worker.store.lines import Lines

if TYPE_CHECKING:
    from tests.builders.redis_copies import RedisCopy
    from tests.builders.simulation.workers import Step
    from worker.core.records import PartRecord

#: Copies of Redis that are kept to go back to.
COPIES_MAX = 3
#: How a second charge is told of.
SECOND_CHARGE = " times for "


class Broken(AssertionError):
    """An invariant is broken, or something moves without end."""


class Scene(Stepping):
    """A line with what was asked of it; `World` plays in it."""

    def lay_out(self, seed: int) -> None:
        """Nothing was asked for yet."""
        self.chance = Random(f"{seed} schedule")
        self.messages = Bag(self.clock.now, self.chance)
        self.invariants = Invariants(self.store, open_storage(self.settings.storage_url), (self.ipqs, self.whoisxml))
        self.asked: dict[str, dict[str, Any]] = {}
        #: What the scheduler asks Redis again only after something may have changed it.
        self.requests_may_wait = self.may_be_overdue = True
        self.parts_known = False
        self._parts: dict[str, dict[str, Any]] = {}
        self._copies: list[RedisCopy] = [copy_of(self.redis)]

    # What is asked for

    def ask(self, upload_id: str, account: str, values: list[str]) -> None:
        """Submit a list as a producer does, and remember it: a producer asks again when Redis has lost its memory."""
        path = self.folder / "inputs" / f"{upload_id}.csv"
        path.write_text("".join(f"{value}\n" for value in values))
        self.asked[upload_id] = {"source": path, "account": account, "values": values}
        self._send_request(upload_id)

    def _send_request(self, upload_id: str) -> None:
        asked = self.asked[upload_id]
        self.client.submit(
            asked["source"], account=asked["account"], kind="email", upload_id=upload_id, options={"header": False}
        )

    # What Redis forgets

    def keep_copy(self) -> None:
        """Remember what Redis holds now."""
        self._copies = [*self._copies, copy_of(self.redis)][-COPIES_MAX:]

    def flush_state(self) -> None:
        """Redis has lost everything; producers ask again for what they have asked for."""
        self.redis.flushdb()
        self._after_amnesia()

    def roll_back(self) -> None:
        """Redis is as it was some time ago; producers ask again for what they have asked for."""
        put_back(self.redis, self.chance.choice(self._copies))
        self._after_amnesia()

    def _after_amnesia(self) -> None:
        self.clock.publish()
        self.invariants.forget()
        self.requests_may_wait = self.may_be_overdue = True
        self._parts.clear()
        for upload_id in self.asked:
            self._send_request(upload_id)

    # Time

    def advance_to(self, moment: float) -> None:
        """Turn the clock on to `moment`."""
        super().advance_to(moment)
        self.requests_may_wait = self.may_be_overdue = True

    def request_waits(self) -> bool:
        """Whether an intake would find something."""
        self.requests_may_wait = self.requests.waits()
        return self.requests_may_wait

    def is_overdue(self) -> bool:
        """Whether a timekeeper would find something."""
        now = self.clock.now()
        self.may_be_overdue = False
        head: Any = self.redis.zrange(self.store.key("due"), 0, 0, withscores=True)
        late = bool(head) and head[0][1] + self.settings.rearm_grace_seconds <= now
        period = str(int(now // self.settings.reconcile_period_seconds))
        ticked = self.store.key("tick", f"reconcile:{next(iter(self.accounts))}", period)
        self.may_be_overdue = late or not self.redis.exists(ticked)
        return self.may_be_overdue

    def delay_newest_message(self, seconds: float) -> None:
        """Let the message that was sent last come later than it should."""
        if self.messages.waiting:
            self.messages.waiting[-1].due_at += seconds

    # Whom a step is about

    def provider_of(self, step: Step) -> Any:
        """The simulator whose account a step works for; any one where it works for both."""
        accounts = {part["account"] for part in self._concerned(step)} or {
            asked["account"] for name, asked in self.asked.items() if name == step.subject[1]
        }
        name = self.chance.choice(sorted(accounts)) if accounts else "ipqs-main"
        return self.ipqs if name.startswith("ipqs") else self.whoisxml

    def jobs_of(self, step: Step) -> list[tuple[Any, Any]]:
        """The jobs that the parts have which a step is about, each with its simulator."""
        found = []
        for part in self._concerned(step):
            provider: Any = self.ipqs if part["account"].startswith("ipqs") else self.whoisxml
            job = provider.jobs.get(int(part.get("remote_id") or 0))
            # One that was found by its time alone may be another's.
            if job is not None and not part.get("provisional"):
                found.append((provider, job))
        return found

    def states_concerned(self, step: Step) -> set[str]:
        """The states of the parts that a step is about."""
        concerned = self._concerned(step)
        return {part.get("state", "") for part in concerned} or {UNSPLIT}

    def _concerned(self, step: Step) -> list[dict[str, Any]]:
        self._look()
        lane, item = step.subject
        if lane in {Lane.SUBMIT, Lane.COLLECT}:
            return [part for name, part in self._parts.items() if name == item]
        if lane in {Lane.PREPARE, Lane.DELIVER}:
            return [part for part in self._parts.values() if part["upload_id"] == item]
        if lane:
            return [part for part in self._parts.values() if part["account"] == item]
        return [*self._parts.values()]

    def _look(self) -> None:
        """Read the parts, if anything was written since they were read last."""
        if self.parts_known:
            return
        names = [f"{upload_id}/{index}" for upload_id in self.asked for index in range(3)]
        found: Any = self.redis.mget([self.store.key("part", name) for name in names])
        self._parts = {name: json.loads(raw) for name, raw in zip(names, found, strict=True) if raw is not None}
        self.parts_known = True

    # Looking in

    def at_rest(self, upload_id: str) -> bool:
        """Whether nothing moves an upload by itself; a part that waits for the place of one in quarantine does not."""
        upload = self.store.upload(upload_id)
        if upload is None or upload.terminal:
            return upload is not None
        open_parts = [part for part in self.parts(upload_id) if not part.terminal]
        quarantined = [part for part in open_parts if part.state is PartState.QUARANTINED]
        blocked = [p for p in open_parts if self._waits_for_a_place(p) and self._is_blocked(p.account)]
        settled = upload.state is UploadState.ATTENTION or not quarantined
        return bool(open_parts) and settled and len(quarantined) + len(blocked) == len(open_parts)

    def _waits_for_a_place(self, part: PartRecord) -> bool:
        """Whether a part was told that there is none, or stands in line for one."""
        return part.reason in LIMIT_REASONS or Lines(self.store).hold(part.account, Lane.SUBMIT, part.part_id)

    def _is_blocked(self, account: str) -> bool:
        """Whether a part of the account is in quarantine, and keeps its place there."""
        uploads = filter(None, map(self.store.upload, self.asked))
        parts = (part for upload in uploads for part in self.store.parts_of(upload))
        return any(part.state is PartState.QUARANTINED and part.account == account for part in parts)

    def all_at_rest(self) -> bool:
        """Whether nothing moves by itself any more."""
        return all(self.at_rest(upload_id) for upload_id in self.asked)

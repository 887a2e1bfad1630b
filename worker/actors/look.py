"""One turn's looks at remote jobs: in as few calls as the port allows, and everything that a call shows is used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.core.crash import crashed
from worker.core.durations import Alike, alike, expected_of
from worker.core.look_plan import LookPlan, in_turns
from worker.core.observe import Seen, Terms, not_seen, observed, rode_along
from worker.core.states import Lane, PartState
from worker.store.errors import Stale, StoreError, Unreadable
from worker.store.looking import durations, in_flight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.core.schedule import Expected
    from worker.providers.port import Observation

log = structlog.get_logger()

#: Seconds after which a job that is due is late: as long as a turn lasts at most.
LATE_SECONDS = 10.0


class Shown(NamedTuple):
    """What one call showed."""

    #: By remote id; a job that was asked for and is not here is not known to the provider.
    jobs: Mapping[str, Observation]
    #: Parts that were due and were asked for, or are shown.
    due: Sequence[PartRecord]
    #: Parts that are shown and were not due.
    company: Sequence[PartRecord]


class Looks:
    """The looks of one turn at one account."""

    def __init__(self, context: Context, connected: Connected, began_at: float, go_on: Callable[[], bool]) -> None:
        """`go_on` is asked between two calls whether the turn may go on."""
        self._context = context
        self._connected = connected
        self._began_at = began_at
        self._go_on = go_on
        self._expected: dict[Alike, Expected | None] = {}
        self._in_flight = 0
        #: Calls so far, and parts that they were a look at.
        self.calls = 0
        self.parts = 0

    def look(self, due: Sequence[PartRecord]) -> None:
        """Look at the parts that are due and at whatever comes with them; each call's news are written at once.

        Raises `ProviderError`; what was shown before that has been written.
        """
        ordered = {part.remote_id: part for part in in_turns(due, lambda part: part.upload_id) if part.remote_id}
        capabilities = self._connected.provider.capabilities
        self._in_flight = in_flight(self._context.store, self._context.accounts)
        calls = self._by_ids(ordered) if capabilities.observe_ids_max > 1 else self._by_pages(ordered)
        for shown in calls:
            self.calls += 1
            self._learn(shown)
            if not self._go_on():
                return

    # Calls

    def _by_ids(self, due: Mapping[str, PartRecord]) -> Iterator[Shown]:
        """Calls for many ids each; what room the last one has is for the parts that are due next."""
        provider = self._connected.provider
        most = provider.capabilities.observe_ids_max
        ids = list(due)
        company = self._company(due, -len(ids) % most)
        ids += company
        for start in range(0, len(ids), most):
            asked = ids[start : start + most]
            jobs = provider.observe(asked)
            shown = [company[remote_id] for remote_id in asked if remote_id in company and remote_id in jobs]
            yield Shown(jobs, [due[remote_id] for remote_id in asked if remote_id in due], shown)

    def _company(self, due: Mapping[str, PartRecord], most: int) -> Mapping[str, PartRecord]:
        """Parts that are due next, by their remote ids."""
        known = {part.part_id for part in due.values()}
        waiting = self._context.store.due(self._connected.account.name, Lane.POLL, math.inf, most + len(known))
        following = [part_id for part_id in waiting if part_id not in known][:most]
        return {part.remote_id: part for part in self._readable(following) if part.remote_id}

    def _by_pages(self, due: Mapping[str, PartRecord]) -> Iterator[Shown]:
        """Pages of the list that are expected to show several jobs, then calls for the other ones.

        Between two pages goes a call for one of those that earlier turns have not come to.
        """
        provider, places = self._connected.provider, self._connected.places
        jump = provider.capabilities.list_jump
        plan = LookPlan(places, due)
        late = self._late(due)
        while jump is not None and (number := plan.next_page()) is not None:
            page = provider.list_page(None if number == 1 else jump.format(page=number))
            jobs = {job.remote_id: job for job in page.jobs}
            found = [due[remote_id] for remote_id in jobs if remote_id in plan.remaining]
            plan.saw(number, list(jobs), last=page.next_cursor is None)
            company = self._parts_of([remote_id for remote_id in jobs if remote_id not in due])
            waiting = {part.remote_id or "" for part in (*found, *company)}
            places.saw(number, list(jobs), waiting, page.total_jobs)
            yield Shown(jobs, found, company)
            if (alone := plan.next_alone(late)) is not None:
                yield Shown(provider.observe([alone]), [due[alone]], ())
        for remote_id in plan.end():
            yield Shown(provider.observe([remote_id]), [due[remote_id]], ())

    def _late(self, due: Mapping[str, PartRecord]) -> list[str]:
        """Jobs that have been due for so long that an earlier turn has not come to them, the latest first."""
        due_at = {remote_id: part.due_at or self._began_at for remote_id, part in due.items()}
        late = [remote_id for remote_id in due if due_at[remote_id] <= self._began_at - LATE_SECONDS]
        return sorted(late, key=due_at.__getitem__)

    # What they show

    def _learn(self, shown: Shown) -> None:
        """Decide what a call means for every part that it was a look at, and write that."""
        self.parts += len(shown.due) + len(shown.company)
        price = min(self.calls / max(self.parts, 1), 1.0)
        self._expect([*shown.due, *shown.company])
        now = self._context.store.now()
        changes = [self._decide(part, shown.jobs.get(part.remote_id or ""), now, price) for part in shown.due]
        for part in shown.company:
            change = self._aside(part, shown.jobs[part.remote_id or ""], now, price)
            if change is not None:
                changes.append(change)
        self._write([*shown.due, *shown.company], changes)

    def _decide(self, part: PartRecord, observation: Observation | None, now: float, price: float) -> Change:
        """What a look at a part that was due means; what goes wrong with it costs the other parts nothing."""
        context, terms = self._context, self._terms(part, now, price)
        lateness_seconds = max(self._began_at - (part.due_at or self._began_at), 0.0)
        context.metrics.poll_lateness(provider=part.provider, account=part.account, seconds=lateness_seconds)
        try:
            if observation is None:
                context.metrics.looks(part.provider, part.account, "not_seen")
                return not_seen(part, now, context.policy, terms)
            context.metrics.looks(part.provider, part.account, str(observation.status))
            return observed(part, _seen(observation), now, context.policy, terms)
        except Exception as error:
            log.exception("look_crashed", upload_id=part.upload_id, part=part.index, error=type(error).__name__)
            settings, kind = context.settings, type(error).__name__
            return crashed(part, now, kind, crashes_max=settings.crashes_max, days=settings.retention_days)

    def _aside(self, part: PartRecord, observation: Observation, now: float, price: float) -> Change | None:
        """What the look means for a part that was not due; one that cannot be decided on waits for its own look."""
        try:
            change = rode_along(part, _seen(observation), now, self._context.policy, self._terms(part, now, price))
        except Exception as error:
            log.exception("look_crashed", upload_id=part.upload_id, part=part.index, error=type(error).__name__)
            return None
        if change is not None:
            self._context.metrics.looks(part.provider, part.account, str(observation.status))
        return change

    def _write(self, parts: Sequence[PartRecord], changes: Sequence[Change]) -> None:
        """Write the decisions, each for itself; have the uploads whose parts have ended looked at, and what waits."""
        context = self._context
        before = {part.part_id: part for part in parts}
        ended: set[str] = set()
        has_room = False
        for change, answer in zip(changes, context.apply_looks(changes), strict=True):
            part = change.parts[0]
            if isinstance(answer, Stale):
                context.metrics.message_stale(Lane.POLL, "raced")
            elif isinstance(answer, StoreError):
                self._refused(part, answer)
            elif part.state is not PartState.SUBMITTED:
                has_room = True
                self._connected.places.forget([before[part.part_id].remote_id or ""])
                if part.lane is None:
                    ended.add(part.upload_id)
        if has_room:
            context.wake_next(self._connected.account.name)
        for upload_id in sorted(ended):
            context.nudge(upload_id)

    def _refused(self, part: PartRecord, error: StoreError) -> None:
        log.warning("look_not_written", upload_id=part.upload_id, part=part.index, error=str(error))
        if isinstance(error, Unreadable):
            self._context.leave(Lane.POLL, part.part_id, error)

    # What is known

    def _terms(self, part: PartRecord, now: float, price: float) -> Terms:
        """What decides on the next look; all looks of a short turn count as made when it began."""
        together_since = now - self._context.policy.floor_seconds / 2.0
        expected = self._expected.get(alike(part.kind, part.rows))
        return Terms(expected, price, self._in_flight, counted_from=max(self._began_at, together_since))

    def _expect(self, parts: Iterable[PartRecord]) -> None:
        """Read how long jobs like these took, once in a turn."""
        wanted = {alike(part.kind, part.rows) for part in parts} - self._expected.keys()
        known = durations(self._context.store, self._connected.account.name, sorted(wanted))
        self._expected |= {like: expected_of(known.get(like, [])) for like in wanted}

    def _parts_of(self, remote_ids: Sequence[str]) -> list[PartRecord]:
        """The parts that wait for these jobs."""
        wanted = set(remote_ids)
        owners = self._context.store.parts_of_remotes(self._connected.remote_scope, remote_ids)
        return [part for part in self._readable(owners) if part.remote_id in wanted]

    def _readable(self, part_ids: Sequence[str]) -> Iterator[PartRecord]:
        """Parts that wait for their job at this service; one that cannot be read waits for its own look."""
        found = self._context.store.parts(part_ids, lambda _part_id, _error: None)
        service = self._connected.service
        return (part for part in found if part.state is PartState.SUBMITTED and part.service == service)


def _seen(observation: Observation) -> Seen:
    return Seen(observation.status, observation.word, observation.progress, observation.ended_at)

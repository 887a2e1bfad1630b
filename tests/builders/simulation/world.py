"""One simulated run: several workers, whose steps a seeded scheduler interleaves, and the faults of a plan.

Real Redis, storage, actors and adapters; the simulated providers over real HTTP; a virtual clock. In the broker's place
the scheduler hands out messages in any order. See `tests.builders.stepping` for the line, `tasks` for the threads.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import redis

from tests.builders.effects import Fate
from tests.builders.simulation.drift_faults import DRIFT_FAULTS, but_of_results_away, end_drift
from tests.builders.simulation.faults import FAULTS
from tests.builders.simulation.scene import SECOND_CHARGE, Broken, Scene
from tests.builders.simulation.tasks import Task, stop_before
from tests.builders.simulation.workers import Step, Worker
from tests.builders.stepping import PAST_DUE_SECONDS
from worker.actors.declare import STEPS
from worker.intake.stream import STREAM_GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.builders.effects import Effect
    from tests.builders.messages import Message
    from tests.builders.simulation.plan import Injection, Plan
    from tests.builders.stepping import Process

#: Steps that one worker does at a time.
STEPS_PER_WORKER = 3
#: Effects between two copies of Redis that are kept to go back to.
EFFECTS_PER_COPY = 60
#: Seconds of virtual time during which faults are injected.
FAULTS_SECONDS = 2.5 * 3_600.0
#: Walks over each remote list that are made before what makes drift ends: some must be seen twice, and settled before.
DRIFT_WALKS = 3.5
#: Seconds of virtual time, from the end of the faults on, within which every upload must have come to rest.
REST_SECONDS_MAX = 3 * 86_400.0
#: Turns of the scheduler in one run.
TURNS_MAX = 20_000
#: How often the clock moves although something could be done, and by how many seconds at most.
IDLE_SHARE, IDLE_SECONDS_MAX = 0.02, 20.0
#: How often a message of a dead worker is never seen again.
LOST_WITH_WORKER_SHARE = 0.5


class World(Scene):
    """A line of several workers under a plan."""

    plan: Plan

    def begin(self, plan: Plan) -> None:
        """Take up a plan; nothing has happened yet."""
        self.plan = plan
        self.lay_out(plan.seed)
        self.process.end()
        self.workers = [self._worker() for _ in range(plan.workers)]
        self.process = self.workers[0].process
        #: Done right after the present effect.
        self.after_effect: Callable[[], None] | None = None
        self.trail: list[str] = []
        #: Every fault that has struck, at each state of the parts concerned.
        self.struck: list[tuple[str, str]] = []
        self._pending = list(plan.injections)
        self._passes = {id(injection): injection.passes for injection in plan.injections}
        self._began_at = self._drift_until = self.clock.now()
        #: Effects so far, of all workers.
        self.effects = 0

    # The scheduler

    def run(self) -> None:
        """Turn by turn until faults have ended and every upload is at rest. Raises `Broken`."""
        faults_end_at = self._began_at + FAULTS_SECONDS
        rest_by: float | None = None
        for _ in range(TURNS_MAX):
            now = self.clock.now()
            rests = not self.is_busy() and self.all_at_rest()
            if rest_by is not None and (rests or now > rest_by):
                break
            if rests:
                self._pending.clear()
            if rest_by is None and (now >= faults_end_at or (not self._pending and now >= self._drift_until)):
                self.end_faults()
                rest_by = now + REST_SECONDS_MAX
            else:
                self.turn()
        if rest_by is not None and rests:
            return
        raise Broken("not at rest: " + "; ".join(f"{name}: {self.story(name)}" for name in self.asked))

    def turn(self) -> None:
        """Let one step go on, begin one, or let time pass."""
        choices = list(self._choices())
        if choices and self.chance.random() >= IDLE_SHARE:
            self.chance.choice(choices)()
        elif choices:
            self.advance_to(self.clock.now() + self.chance.uniform(0.0, IDLE_SECONDS_MAX))
        else:
            self._pass_time()

    def _choices(self) -> Iterator[Callable[[], None]]:
        now = self.clock.now()
        awake = [worker for worker in self.workers if worker.frozen_until <= now]
        for worker in awake:
            for step in worker.steps:
                yield partial(self._go_on, step)
        free = [worker for worker in awake if len(worker.steps) < STEPS_PER_WORKER]
        if not free:
            return
        if self.messages.is_due():
            yield lambda: self._begin_message(self.chance.choice(free))
        # What costs a question to Redis is asked again only after something has changed it.
        kinds = {step.task.name for worker in awake for step in worker.steps}
        if "intake" not in kinds and self.requests_may_wait and self.request_waits():
            yield lambda: self._begin_round("intake", self._intake, self.chance.choice(free))
        if "timekeeper" not in kinds and self.may_be_overdue and self.is_overdue():
            yield lambda: self._begin_round("timekeeper", self._keep_time, self.chance.choice(free))

    def _begin_message(self, worker: Worker) -> None:
        message = self.messages.take()
        if message is not None:
            act = partial(STEPS[message.lane], worker.process.context, message.item, message.epoch)
            self._begin(worker, f"{message.lane} {message.item}", act, message)

    def _begin_round(self, name: str, act: Callable[[Process], object], worker: Worker) -> None:
        """What a process does beside its messages; there it waits out an outage and comes back to it."""
        self._begin(worker, name, partial(self._guarded, partial(act, worker.process)))

    def _begin(self, worker: Worker, name: str, act: Callable[[], object], message: Message | None = None) -> None:
        task = Task(name, act)
        step = Step(worker, task, message)
        worker.steps.append(step)
        task.start()
        self._note(step, "begins")
        self._settle(step)

    @staticmethod
    def _intake(process: Process) -> None:
        try:
            process.intake.prepare()
            process.intake.read()
        except redis.ResponseError as error:
            # The program's own loop begins anew when Redis was flushed under it.
            if not str(error).startswith(STREAM_GONE):
                raise

    def _keep_time(self, process: Process) -> None:
        process.timekeeper.rearm()
        process.timekeeper.call_up()
        process.timekeeper.tick()

    def _go_on(self, step: Step) -> None:
        """Let a step have its effect, as the plan will have it."""
        effect = step.task.effect
        assert effect is not None
        verdict = self._verdict(step, effect)
        if verdict is None:
            return
        self.effects += 1
        if self.effects % EFFECTS_PER_COPY == 0:
            self.keep_copy()
        self._note(step, f"{effect}{'' if verdict is Fate.PERFORM else f' -> {verdict}'}")
        charges = len(self.ipqs.ledger) + len(self.whoisxml.ledger)
        step.task.resume(verdict)
        if self.after_effect is not None:
            self.after_effect()
            self.after_effect = None
        if effect.name.startswith("commit"):
            self.parts_known, step.task.wrote = False, True
        if len(self.ipqs.ledger) + len(self.whoisxml.ledger) != charges:
            self._show_next_jobs()
        self._settle(step)

    def _settle(self, step: Step) -> None:
        """What follows from a step's end, and from its worker's."""
        if not step.task.ended:
            return
        step.worker.steps.remove(step)
        self.requests_may_wait = self.may_be_overdue = True
        if step.task.crashed and not step.worker.process.effects.dead:
            raise Broken(f"{step.task.name} of a living worker has crashed")
        if step.worker.process.effects.dead:
            self._bury(step)
        if step.task.wrote:
            self.check()

    def _bury(self, step: Step) -> None:
        """A worker is dead: its other steps end where they stand, and another worker takes its place."""
        worker = step.worker
        for other in [*worker.steps]:
            other.task.resume(Fate.PERFORM)
            worker.steps.remove(other)
            self._give_back(other)
        self._give_back(step)
        worker.process.end()
        self.workers[self.workers.index(worker)] = self._worker()
        self.process = self.workers[0].process

    def _give_back(self, step: Step) -> None:
        if step.message is not None and self.chance.random() >= LOST_WITH_WORKER_SHARE:
            self.messages.give_back(step.message)

    def _worker(self) -> Worker:
        process = self.start(stop_before)
        # Nothing can happen to a reading of the time, which is most of what a store asks for.
        vars(process.context.store)["now"] = self.clock.now
        for connected in process.context.accounts.values():
            # The one deadline of a submit is kept in virtual time too: a worker that was frozen sends nothing late.
            vars(vars(connected.provider)["_posts"])["_clock"] = self.clock.now
        return Worker(process)

    def _pass_time(self) -> None:
        """Nothing can be done now: turn the clock to when something can."""
        thaws = [worker.frozen_until for worker in self.workers if worker.frozen_until > self.clock.now()]
        awake = len(thaws) < len(self.workers)
        self.advance_to(min([*thaws, self.next_due_at() + PAST_DUE_SECONDS] if awake else thaws))

    # Faults

    def _verdict(self, step: Step, effect: Effect) -> Fate | BaseException | None:
        """What becomes of an effect; `None` when it does not take place now, because its worker was frozen."""
        if step.worker.process.effects.dead:
            return Fate.PERFORM
        for injection in self._pending:
            fault = FAULTS[injection.fault]
            if not fault.can_strike(effect):
                continue
            states = self.states_concerned(step)
            if injection.state not in states:
                continue
            if self._passes[id(injection)]:
                self._passes[id(injection)] -= 1
                continue
            return self._strike(injection, step, effect, states)
        return Fate.PERFORM

    def _strike(
        self, injection: Injection, step: Step, effect: Effect, states: set[str]
    ) -> Fate | BaseException | None:
        fault = FAULTS[injection.fault]
        frozen_until = step.worker.frozen_until
        verdict = fault.strike(self, step, effect)
        froze = step.worker.frozen_until != frozen_until
        if verdict is None and not froze:
            # This provider has no such fault: it waits for a step that works with the other one.
            return Fate.PERFORM
        self._note(step, f"{effect} is struck by: {injection.fault}")
        self._pending.remove(injection)
        if injection.fault in DRIFT_FAULTS:
            self._drift_until = self.clock.now() + DRIFT_WALKS * self.settings.reconcile_period_seconds
        self.struck += [(injection.fault, state) for state in sorted(states)]
        self.parts_known = False
        return verdict

    def end_faults(self) -> None:
        """From now on everything works; what stalled goes on, and what was hidden for a while is seen."""
        self._pending.clear()
        self.trail.append("faults end")
        for provider in (self.ipqs, self.whoisxml):
            fresh = type(provider.knobs)()
            vars(provider)["knobs"] = fresh
            fresh.job_seconds, fresh.credits = 120.0, 10_000_000
        end_drift(self)
        for worker in self.workers:
            worker.frozen_until = 0.0

    def check(self) -> None:
        """Raise `Broken` with every invariant that is broken now."""
        tolerated = any(FAULTS[name].beyond_protocol for name, _ in self.struck)
        told_of = but_of_results_away(self, self.invariants.broken())
        broken = [told for told in told_of if not (tolerated and SECOND_CHARGE in told)]
        if broken:
            raise Broken("; ".join(broken))

    def _show_next_jobs(self) -> None:
        """Only the job that was just accepted is late or hidden."""
        for provider in (self.ipqs, self.whoisxml):
            provider.knobs.job_list_delay_seconds = provider.knobs.job_status_delay_seconds = 0.0

    def is_busy(self) -> bool:
        """Whether some worker is in the middle of a step."""
        return any(worker.steps for worker in self.workers)

    def _note(self, step: Step, what: str) -> None:
        name = step.worker.process.effects.process.partition(":")[0]
        self.trail.append(f"{self.clock.now():.3f} {name} {step.task.name}: {what}")

    def close(self) -> None:
        """End every worker and every connection."""
        for worker in getattr(self, "workers", ()):
            worker.process.effects.kill()
            for step in worker.steps:
                if not step.task.ended:
                    step.task.resume(Fate.PERFORM)
            if worker.process is not self.process:
                worker.process.end()
        super().close()

"""Steps that run in threads of their own and stop before each effect, so that a scheduler alone decides who goes on.

At any time one thread runs: the scheduler, or the one task that it has told to go on. So the same decisions make the
same run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.builders.effects import Crashed, Fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders.effects import Effect

#: Seconds of real time that a task may take from one effect to the next; more is a dead-lock.
EFFECT_SECONDS_MAX = 30.0
#: How the program's own clock is read: no point at which anything else may happen.
TIME_READING = "TIME"

_present = threading.local()


class Stuck(AssertionError):
    """A task neither ended nor had an effect: it waits for something that the scheduler does not know of."""


class Task:
    """One act in a thread of its own."""

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        self.name = name
        self.ended = False
        #: The effect that it is about to have.
        self.effect: Effect | None = None
        #: Whether its process died under it.
        self.crashed = False
        #: Whether it has written anything so far.
        self.wrote = False
        self._act = act
        self._defect: BaseException | None = None
        self._verdict: Fate | BaseException = Fate.PERFORM
        self._go_on, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Run until the first effect."""
        self._thread.start()
        self._await()

    def resume(self, verdict: Fate | BaseException) -> None:
        """Run until the next effect, or the end; an exception is raised in the effect's place.

        Raises what the act raised, other than that its process is dead.
        """
        self._verdict = verdict
        self._go_on.release()
        self._await()

    def _await(self) -> None:
        if not self._back.acquire(timeout=EFFECT_SECONDS_MAX):
            raise Stuck(f"{self.name} stays behind {self.effect}")
        if self.ended:
            self._thread.join()
            if self._defect is not None:
                raise self._defect

    def _run(self) -> None:
        _present.task = self
        try:
            self._act()
        except Crashed:
            self.crashed = True
        except BaseException as defect:  # noqa: BLE001 - it is raised again in the scheduler's thread
            self._defect = defect
        self.ended = True
        self._back.release()

    def stop_before(self, effect: Effect) -> Fate:
        """In the task's own thread: wait until the scheduler has decided about an effect."""
        self.effect = effect
        self._back.release()
        self._go_on.acquire()
        if isinstance(self._verdict, BaseException):
            raise self._verdict
        return self._verdict


def stop_before(effect: Effect) -> Fate:
    """The watcher of every simulated process; see `tests.builders.effects`."""
    task: Task | None = getattr(_present, "task", None)
    if task is None or effect.name == TIME_READING:
        return Fate.PERFORM
    return task.stop_before(effect)

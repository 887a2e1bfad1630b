"""One real process of the line whose steps are timed: `python -m tests.benchmarks.watched_process NAME FILE [profile]`.

Everything is `bulkverify run NAME`, with the settings of the environment. On its end FILE gets, as JSON, the processor
seconds of the whole process, those that each lane's steps took in their own threads, and how often each ran. With
`profile` the steps are profiled too, into FILE with `.pstats` at its end; that needs a single working thread.
"""

from __future__ import annotations

import cProfile
import json
import sys
import threading
import time
from collections import Counter, defaultdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Settings
from worker import processes
from worker.actors.declare import STEPS
from worker.intake.stream import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.core.states import Lane


class Watch:
    """Processor time by stage."""

    def __init__(self, *, profile: bool) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.steps: Counter[str] = Counter()
        self.profile = cProfile.Profile() if profile else None
        self._lock = threading.Lock()

    def timed(self, stage: str, step: Callable[..., None]) -> Callable[..., None]:
        """The step, which from now on is timed."""

        @wraps(step)
        def run(*arguments: object) -> None:
            began = time.thread_time()
            try:
                if self.profile is None:
                    step(*arguments)
                else:
                    self.profile.runcall(step, *arguments)
            finally:
                with self._lock:
                    self.seconds[stage] += time.thread_time() - began
                    self.steps[stage] += 1

        return run


def main() -> None:
    """Run the process until it is told to stop (SIGTERM)."""
    name, out = sys.argv[1], Path(sys.argv[2])
    watch = Watch(profile="profile" in sys.argv[3:])
    steps: dict[Lane, Callable[..., None]] = {lane: watch.timed(str(lane), step) for lane, step in STEPS.items()}
    STEPS.update(steps)
    Intake.answer = watch.timed("intake", Intake.answer)  # type: ignore[method-assign]  # the figures of this process
    getattr(processes, f"run_{name}")(Settings.load())
    told = {"cpu_seconds": time.process_time(), "stages": watch.seconds, "steps": watch.steps}
    out.write_text(json.dumps(told))
    if watch.profile is not None:
        watch.profile.dump_stats(out.with_suffix(".pstats"))


if __name__ == "__main__":
    main()

"""Run a set of processes, start again the ones that end, and stop them all in an orderly way.

One loop owns all state and waits for the next message or deadline. Two small threads per process turn what only blocks
(its output, its end) into calls and messages, so nothing is polled while all is well.

Stopping: each process is asked with SIGTERM and gets `shutdown_seconds`; then, or when a stop is asked for a second
time, its whole group is killed. What a process leaves behind in its group when it ends is treated the same way.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from dataclasses import dataclass, field
from subprocess import PIPE
from typing import TYPE_CHECKING, Final, Literal

from worker.host.restarts import DEFAULT_LIMITS, RestartHistory, RestartLimits
from worker.host.tether import TetheredProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Exit code: everything ended within its time after a stop was asked for.
EXIT_STOPPED: Final = 0
#: Exit code: a process ended too often, so everything was stopped.
EXIT_GAVE_UP: Final = 1
#: Exit code: a stop was asked for and at least one process had to be killed.
EXIT_KILLED: Final = 6

#: Longest line of output passed on in one piece.
LINE_BYTES_MAX: Final = 64 * 1024
#: Seconds between two looks at processes that a process has left behind.
LEFTOVER_LOOK_SECONDS: Final = 0.1
#: Seconds in which several calls of `stop` are one: `timeout` and terminals signal more than once.
SAME_STOP_SECONDS: Final = 0.5
#: Seconds that the last lines of output get to arrive after everything has ended.
LAST_OUTPUT_SECONDS: Final = 1.0


EventName = Literal["started", "ended", "restarting", "gave_up", "stopping", "killed"]


@dataclass(frozen=True)
class ProcessEvent:
    """Something that happened to the process `name`."""

    name: str
    event: EventName
    pid: int
    #: As the process returned it; negative: the signal that ended it. None while it runs.
    exit_code: int | None = None
    #: Seconds until it is started again, for `restarting`.
    delay_seconds: float | None = None


@dataclass(eq=False)
class _Run:
    """One life of one process."""

    place: _Place
    process: TetheredProcess
    started_at_seconds: float


@dataclass(eq=False)
class _Place:
    """A process that should be running: its command, its current life, or the time of its next one."""

    name: str
    command: Sequence[str]
    history: RestartHistory
    run: _Run | None = None
    start_at_seconds: float | None = None


@dataclass
class _Leftovers:
    """Groups whose first process has ended, each with the time at which the rest is killed."""

    kill_at_seconds: dict[TetheredProcess, float] = field(default_factory=dict)

    def add(self, process: TetheredProcess, kill_at_seconds: float) -> None:
        """Ask what is left of the group to end, and watch it until then."""
        process.terminate_leftovers()
        self.kill_at_seconds[process] = kill_at_seconds

    def sweep(self, now_seconds: float) -> None:
        """Let go of the groups that are gone or out of time."""
        for process, kill_at_seconds in list(self.kill_at_seconds.items()):
            if process.group_is_gone():
                del self.kill_at_seconds[process]
            elif now_seconds >= kill_at_seconds:
                process.kill()
                del self.kill_at_seconds[process]


class Supervisor:
    """Keeps `processes` running until `stop` is called or one of them ends too often.

    `on_event` and `on_output(name, line)` are called from several threads, one at a time.
    """

    def __init__(
        self,
        processes: Mapping[str, Sequence[str]],
        *,
        environment: Mapping[str, str],
        shutdown_seconds: float,
        on_event: Callable[[ProcessEvent], None],
        on_output: Callable[[str, str], None],
        limits: RestartLimits = DEFAULT_LIMITS,
    ) -> None:
        """`processes` maps a name to a command; every one gets exactly `environment`."""
        self._places = [_Place(name, command, RestartHistory(limits)) for name, command in processes.items()]
        self._environment = dict(environment)
        self._shutdown_seconds = shutdown_seconds
        self._on_event = on_event
        self._on_output = on_output
        self._telling_lock = threading.Lock()
        self._readers: list[threading.Thread] = []
        #: Runs that ended, and None for each call of `stop`. Its `put` may be called from a signal handler.
        self._messages: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        self._leftovers = _Leftovers()
        self._kill_at_seconds: float | None = None
        #: From here on another call of `stop` means "at once".
        self._asked_again_seconds = 0.0
        self._killed = False
        self._exit_code = EXIT_STOPPED

    def stop(self) -> None:
        """Ask for an orderly stop; asked again later, kill. Safe from any thread and from a signal handler."""
        self._messages.put(None)

    def run(self) -> int:
        """Start everything, return when everything has ended: `EXIT_STOPPED`, `EXIT_GAVE_UP` or `EXIT_KILLED`."""
        try:
            for place in self._places:
                self._start(place)
            while self._is_busy():
                self._handle_next_message()
                self._meet_deadlines()
        finally:
            self._kill_everything()
        for reader in self._readers:
            reader.join(LAST_OUTPUT_SECONDS)
        return self._exit_code

    def _is_busy(self) -> bool:
        places_are_busy = any(place.run or place.start_at_seconds is not None for place in self._places)
        return places_are_busy or bool(self._leftovers.kill_at_seconds)

    def _start(self, place: _Place) -> None:
        process = TetheredProcess(place.command, environment=self._environment, output=PIPE)
        run = place.run = _Run(place, process, time.monotonic())
        place.start_at_seconds = None
        reader = threading.Thread(target=self._pass_on_output, args=(run,), daemon=True)
        self._readers = [*(thread for thread in self._readers if thread.is_alive()), reader]
        self._report(run, "started")
        reader.start()
        threading.Thread(target=self._await_end, args=(run,), daemon=True).start()

    def _pass_on_output(self, run: _Run) -> None:
        output = run.process.output
        assert output is not None  # noqa: S101 - started with a pipe
        with output:
            while line := output.readline(LINE_BYTES_MAX):
                with self._telling():
                    self._on_output(run.place.name, line.decode(errors="replace").rstrip("\r\n"))

    def _await_end(self, run: _Run) -> None:
        run.process.wait()
        self._messages.put(run)

    def _handle_next_message(self) -> None:
        with contextlib.suppress(queue.Empty):
            message = self._messages.get(timeout=self._seconds_to_next_deadline())
            if message is None:
                self._begin_stop()
            else:
                self._take_leave(message)

    def _seconds_to_next_deadline(self) -> float | None:
        deadlines = [place.start_at_seconds for place in self._places if place.start_at_seconds is not None]
        if self._kill_at_seconds is not None and not self._killed:
            deadlines.append(self._kill_at_seconds)
        now_seconds = time.monotonic()
        if self._leftovers.kill_at_seconds:
            deadlines.append(now_seconds + LEFTOVER_LOOK_SECONDS)
        return max(0.0, min(deadlines) - now_seconds) if deadlines else None

    def _take_leave(self, run: _Run) -> None:
        """A process has ended: watch what it left behind, and decide whether it starts again."""
        place, now_seconds = run.place, time.monotonic()
        place.run = None
        self._report(run, "ended")
        self._leftovers.add(run.process, self._kill_at_seconds or now_seconds + self._shutdown_seconds)
        if self._kill_at_seconds is not None:
            return
        delay_seconds = place.history.next_delay_seconds(
            now_seconds=now_seconds, ran_seconds=now_seconds - run.started_at_seconds
        )
        if delay_seconds is None:
            self._report(run, "gave_up")
            self._exit_code = EXIT_GAVE_UP
            self._begin_stop()
        else:
            place.start_at_seconds = now_seconds + delay_seconds
            self._report(run, "restarting", delay_seconds)

    def _begin_stop(self) -> None:
        now_seconds = time.monotonic()
        if self._kill_at_seconds is not None:
            if now_seconds < self._asked_again_seconds:
                return
            self._kill_at_seconds = now_seconds
            self._leftovers.kill_at_seconds = dict.fromkeys(self._leftovers.kill_at_seconds, now_seconds)
            return
        self._kill_at_seconds = now_seconds + self._shutdown_seconds
        self._asked_again_seconds = now_seconds + SAME_STOP_SECONDS
        for place in self._places:
            place.start_at_seconds = None
            if place.run is not None:
                self._report(place.run, "stopping")
                place.run.process.terminate()

    def _meet_deadlines(self) -> None:
        now_seconds = time.monotonic()
        self._leftovers.sweep(now_seconds)
        if self._kill_at_seconds is not None and now_seconds >= self._kill_at_seconds and not self._killed:
            self._kill_what_runs()
        for place in self._places:
            if place.start_at_seconds is not None and now_seconds >= place.start_at_seconds:
                self._start(place)

    def _kill_what_runs(self) -> None:
        self._killed = True
        for place in self._places:
            if place.run is not None and place.run.process.exit_code() is None:
                self._report(place.run, "killed")
                place.run.process.kill()
                self._exit_code = self._exit_code or EXIT_KILLED

    def _kill_everything(self) -> None:
        """Leave nothing running, whatever happened; nothing is left to do after an orderly stop."""
        for process in [*self._leftovers.kill_at_seconds, *(place.run.process for place in self._places if place.run)]:
            process.kill()

    def _report(self, run: _Run, event: EventName, delay_seconds: float | None = None) -> None:
        exit_code = None if event == "started" else run.process.exit_code()
        with self._telling():
            self._on_event(ProcessEvent(run.place.name, event, run.process.pid, exit_code, delay_seconds))

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell one thing at a time. When nobody listens any more, stop, and go on reading so that processes can end."""
        with self._telling_lock:
            try:
                yield
            except BrokenPipeError:
                self.stop()


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for each SIGTERM, SIGINT and SIGHUP that arrives; main thread only.

    A signal that is being ignored (SIGHUP under `nohup`) goes on being ignored.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: stop()) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

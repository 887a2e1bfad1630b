"""Supervision of real processes: small shell and Python commands stand for the program's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from tests.builders.deadline import wait_until
from worker.host.restarts import RestartLimits
from worker.host.supervisor import EXIT_GAVE_UP, EXIT_KILLED, EXIT_STOPPED, SAME_STOP_SECONDS, ProcessEvent, Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

#: Restarts at once, and gives up soon.
QUICK = RestartLimits(first_delay_seconds=0.01, longest_delay_seconds=0.02, restarts=3)
#: Says it is there, then waits to be ended.
PATIENT = ("sh", "-c", "echo ready; exec sleep 600")
#: As above, but SIGTERM does not end it.
STUBBORN = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done")
#: Takes a moment to end when asked, and then ends well.
SLOW_TO_STOP = ("sh", "-c", "trap 'sleep 0.2; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
#: Leaves a process behind in its group that ends only when it is asked to, then ends itself.
LEAVES_ANOTHER = ("sh", "-c", 'sleep 600 & echo "$!"; exit 7')
#: Supervises one patient process until it is killed itself.
OWNER = """
import os
from worker.host.supervisor import Supervisor
Supervisor({"a": ["sh", "-c", "echo $$; exec sleep 600"]}, environment=os.environ, shutdown_seconds=5,
           on_event=lambda event: None, on_output=lambda name, line: print(line, flush=True)).run()
"""


class Supervised:
    """A supervisor that runs in a thread, with everything it told."""

    def __init__(
        self,
        processes: Mapping[str, Sequence[str]],
        *,
        shutdown_seconds: float = 10,
        limits: RestartLimits = QUICK,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.events: list[ProcessEvent] = []
        self.lines: list[tuple[str, str]] = []
        self.exit_code: int | None = None
        self.supervisor = Supervisor(
            processes,
            environment=os.environ if environment is None else environment,
            shutdown_seconds=shutdown_seconds,
            on_event=self.events.append,
            on_output=lambda name, line: self.lines.append((name, line)),
            limits=limits,
        )
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.exit_code = self.supervisor.run()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.supervisor.stop()
        if error is not None:
            self.supervisor.stop()
        self._thread.join(30)

    def told(self, event: str, name: str | None = None) -> list[ProcessEvent]:
        """Return the events of one kind so far."""
        return [told for told in self.events if told.event == event and name in (None, told.name)]

    def wait_for_line(self, line: str, count: int = 1) -> None:
        """Wait until `line` has been printed `count` times."""
        wait_until(lambda: sum(text == line for _, text in self.lines) >= count, what=f"{count} lines {line!r}")

    def wait_for_end(self) -> int | None:
        """Wait until everything has ended by itself and return the exit code."""
        self._thread.join(30)
        return self.exit_code


def is_running(pid: int) -> bool:
    """Tell whether a process exists and has not ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")


def test_stop_is_orderly() -> None:
    """After a stop every process has been asked to end, nothing was killed, and the exit code says so."""
    with Supervised({"a": PATIENT, "b": PATIENT}) as supervised:
        supervised.wait_for_line("ready", count=2)
    assert supervised.exit_code == EXIT_STOPPED
    assert {event.name: event.exit_code for event in supervised.told("ended")} == {"a": -15, "b": -15}
    assert not supervised.told("killed")
    assert not any(is_running(event.pid) for event in supervised.told("started"))


def test_killed_process_starts_again() -> None:
    """A process that is killed is started again under its name; the others are left alone."""
    with Supervised({"a": PATIENT, "b": PATIENT}) as supervised:
        supervised.wait_for_line("ready", count=2)
        os.kill(supervised.told("started", "a")[0].pid, signal.SIGKILL)
        supervised.wait_for_line("ready", count=3)
        assert [event.exit_code for event in supervised.told("ended")] == [-9]
        assert len(supervised.told("started", "a")) == 2
        assert len(supervised.told("started", "b")) == 1


def test_gives_up_on_a_process_that_never_stays() -> None:
    """A process that ends again and again is started a limited number of times, then everything stops."""
    with Supervised({"bad": ("sh", "-c", "exit 4"), "good": PATIENT}) as supervised:
        assert supervised.wait_for_end() == EXIT_GAVE_UP
    assert len(supervised.told("started", "bad")) == 1 + QUICK.restarts
    assert [event.delay_seconds for event in supervised.told("restarting")] == [0.01, 0.02, 0.02]
    assert {event.exit_code for event in supervised.told("ended", "bad")} == {4}
    assert len(supervised.told("gave_up", "bad")) == 1
    assert [event.exit_code for event in supervised.told("ended", "good")] == [-15]


def test_command_that_does_not_exist_is_given_up() -> None:
    """A command that cannot be found is a process that ends: exit code 127, and a line that names it."""
    with Supervised({"bad": ("no-such-command",)}) as supervised:
        assert supervised.wait_for_end() == EXIT_GAVE_UP
    assert supervised.told("ended")[0].exit_code == 127
    assert any("no-such-command" in line for _, line in supervised.lines)


def test_stubborn_process_is_killed_in_time() -> None:
    """A process that does not end when asked is killed after the time it had, and the exit code says so."""
    with Supervised({"a": STUBBORN}, shutdown_seconds=0.2) as supervised:
        supervised.wait_for_line("ready")
    assert supervised.exit_code == EXIT_KILLED
    assert supervised.told("ended")[0].exit_code == -9


def test_second_stop_kills_at_once() -> None:
    """A second stop does not wait for the time that processes have to end."""
    with Supervised({"a": STUBBORN}, shutdown_seconds=600) as supervised:
        supervised.wait_for_line("ready")
        supervised.supervisor.stop()
        wait_until(lambda: bool(supervised.told("stopping")))
        told_at_seconds = time.monotonic()
        wait_until(lambda: time.monotonic() > told_at_seconds + SAME_STOP_SECONDS)
        supervised.supervisor.stop()
        assert supervised.wait_for_end() == EXIT_KILLED


def test_stops_in_quick_succession_are_one() -> None:
    """Whoever signals twice, as `timeout` does, still gets an orderly stop."""
    with Supervised({"a": SLOW_TO_STOP}, shutdown_seconds=600) as supervised:
        supervised.wait_for_line("ready")
        supervised.supervisor.stop()
        supervised.supervisor.stop()
        assert supervised.wait_for_end() == EXIT_STOPPED


def test_stop_ends_the_wait_for_a_restart() -> None:
    """A process that waits for its restart does not delay a stop and is not started any more."""
    limits = RestartLimits(first_delay_seconds=600, longest_delay_seconds=600)
    with Supervised({"a": ("true",)}, limits=limits) as supervised:
        wait_until(lambda: bool(supervised.told("restarting")))
    assert supervised.exit_code == EXIT_STOPPED
    assert len(supervised.told("started")) == 1


def test_what_a_process_leaves_behind_is_ended() -> None:
    """Processes that outlive the one that started them are asked to end too, before its successor piles up more."""
    limits = RestartLimits(first_delay_seconds=600, longest_delay_seconds=600)
    with Supervised({"a": LEAVES_ANOTHER}, limits=limits) as supervised:
        wait_until(lambda: bool(supervised.told("ended")) and bool(supervised.lines))
        left_behind = int(supervised.lines[0][1])
        wait_until(lambda: not is_running(left_behind))
    assert supervised.exit_code == EXIT_STOPPED


def test_output_is_passed_on_line_by_line() -> None:
    """Both output streams arrive in lines under the process's name; bytes that are no text are marked, not fatal."""
    script = r"printf 'one\n'; printf 'two\r\n' >&2; printf 'b\377d\n'; printf 'no newline'; exec sleep 600"
    with Supervised({"a": ("sh", "-c", script)}) as supervised:
        wait_until(lambda: len(supervised.lines) == 3)
    assert supervised.lines == [("a", "one"), ("a", "two"), ("a", "b\ufffdd"), ("a", "no newline")]


def test_listener_that_is_gone_stops_everything() -> None:
    """When nobody can read the output any more the supervisor stops by itself."""

    def fail(*_: str) -> None:
        raise BrokenPipeError

    supervisor = Supervisor(
        {"a": PATIENT},
        environment=os.environ,
        shutdown_seconds=10,
        on_event=lambda _: None,
        on_output=fail,
    )
    assert supervisor.run() == EXIT_STOPPED


def test_processes_get_exactly_the_given_environment() -> None:
    """A process sees the environment it was given, without the supervisor's own variables."""
    given = {"PATH": os.environ["PATH"], "GIVEN": "yes"}
    with Supervised({"a": ("sh", "-c", 'echo "$GIVEN/$HOME/"; exec sleep 600')}, environment=given) as supervised:
        supervised.wait_for_line("yes//")


def test_terminal_signals_do_not_reach_processes() -> None:
    """Each process has a process group of its own, so Ctrl-C is the supervisor's to handle."""
    with Supervised({"a": PATIENT}) as supervised:
        supervised.wait_for_line("ready")
        pid = supervised.told("started")[0].pid
        assert os.getpgid(pid) == pid


def test_processes_end_with_a_killed_supervisor() -> None:
    """When the supervisor is killed outright its processes end too."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.kill()
    wait_until(lambda: not is_running(pid), what="the process's end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_up_stops_on_signals(tmp_path: Path, number: signal.Signals) -> None:
    """`bulkverify up` runs a Procfile beside a private Redis, shares both with its processes, and stops on a signal."""
    (tmp_path / "Procfile").write_text("a: sh -c 'echo $BULKVERIFY_REDIS_URL $PROMETHEUS_MULTIPROC_DIR; sleep 600'\n")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "counter_1.db").write_bytes(b"stale")
    command = [sys.executable, "-m", "worker.cli.main", "up", "--procfile", str(tmp_path / "Procfile")]
    environment = {
        "PATH": os.environ["PATH"],
        "BULKVERIFY_HOME": str(tmp_path),
        "BULKVERIFY_LOG_FORMAT": "console",
    }
    # What is ignored here would be ignored there: this may run under `nohup`.
    ignored = signal.signal(number, signal.SIG_DFL)
    with subprocess.Popen([*command, "--scale", "a=2"], env=environment, stdout=subprocess.PIPE, text=True) as running:
        signal.signal(number, ignored)
        assert running.stdout is not None
        told: list[str] = []
        while sum("unix:///" in line for line in told) < 2:
            told.append(running.stdout.readline())
        assert not list((tmp_path / "metrics").iterdir())
        running.send_signal(number)
        told += running.stdout.readlines()
        assert running.wait(30) == EXIT_STOPPED
    assert any(line.startswith("a.1 ") and str(tmp_path / "metrics") in line for line in told)
    assert any(line.startswith("supervisor | a.2") and "signal 15" in line for line in told)


@pytest.mark.parametrize(
    ("arguments", "variables", "fault"),
    [
        (["--scale", "x"], {}, "NAME=N"),
        (["--scale", "x=2"], {}, "no process 'x'"),
        ([], {"BULKVERIFY_LOG_FORMAT": "loud"}, "BULKVERIFY_LOG_FORMAT"),
        ([], {}, "accounts.toml"),
    ],
)
def test_up_starts_nothing_with_a_wrong_configuration(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], fault: str
) -> None:
    """What is wrong is told once, with exit code 2, before any process or server is started."""
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli.main", "up", *arguments],
        env={"PATH": os.environ["PATH"], "BULKVERIFY_HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert fault in done.stderr
    assert list(tmp_path.iterdir()) == []

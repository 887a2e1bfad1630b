"""Child processes that cannot outlive the process that started them.

A child gets two things: a process group of its own, so that Ctrl-C in the terminal reaches only its parent, and a
tether, so that it is asked to end when the parent is gone, even if the parent was killed outright. The tether is a
pipe: the parent holds the writing end, a tiny watcher waits at the reading end, and whatever ends the parent closes the
pipe. That works alike on Linux and macOS and runs no code between fork and exec, which is why it was preferred to
`PR_SET_PDEATHSIG` (Linux only, and bound to the *thread* that forked).

The watcher is a member of the child's group. The number of a group that has members is not given to a new process, so
neither the watcher nor `signal_group` can hit a stranger.

Known limitation: the watcher asks with SIGTERM, once. A child that ignores SIGTERM outlives a killed parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Becomes the command. A command that cannot be found is then a process that ends with 127 and says why.
_COMMAND: Final = ("/bin/sh", "-c", 'exec "$@"', "sh")
#: Waits for the end of its input, then asks the process that it is given to end.
_WATCHER: Final = ("/bin/sh", "-c", 'read -r _; kill -TERM "$1"', "tether")


class TetheredProcess:
    """A running command, its process group, and the tether that ends it with us."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        output: int | IO[bytes] | None = None,
    ) -> None:
        """Start `command` in `folder` with exactly `environment` and no input.

        `output` takes standard output and standard error; it is as in `subprocess`: a file, `subprocess.PIPE`, or None
        to share ours.
        """
        self._process = Popen(  # noqa: S603 - the callers start this program's own processes
            [*_COMMAND, *command],
            stdin=DEVNULL,
            stdout=output,
            stderr=None if output is None else STDOUT,
            env=dict(environment),
            cwd=folder,
            process_group=0,
        )
        try:
            self._watcher = Popen(  # noqa: S603 - a constant script and a number
                [*_WATCHER, str(self.pid)],
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                env={},
                process_group=self.pid,
            )
        except BaseException:
            self._process.kill()
            raise

    @property
    def pid(self) -> int:
        """The command's process id, which is also the number of its process group."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes] | None:
        """The reading end of standard output and error, if `subprocess.PIPE` was asked for; its reader closes it."""
        return self._process.stdout

    def exit_code(self) -> int | None:
        """Return the exit code (negative: the signal that ended it), or None while it runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """Wait for the command to end; None if it still runs after `timeout_seconds`."""
        try:
            return self._process.wait(timeout_seconds)
        except TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Ask the command, and only it, to end: its own children are its own to stop."""
        self._process.terminate()

    def terminate_leftovers(self) -> None:
        """Ask whatever an ended command left behind in its group to end."""
        if self._watcher.returncode is None:
            self._signal_group(signal.SIGTERM)
            self._end_watcher()

    def group_is_gone(self) -> bool:
        """Tell whether nothing is left of the group; only after `terminate_leftovers`."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-self.pid, os.WNOHANG)  # as process 1 of a container we inherit the orphans
        return not self._signal_group(0)

    def kill(self) -> None:
        """Kill the command and everything in its group, and release the tether."""
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._end_watcher()

    def _signal_group(self, number: int) -> bool:
        # macOS refuses permission where nothing but ended processes is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False

    def _end_watcher(self) -> None:
        self._watcher.kill()
        self._watcher.wait()
        if self._watcher.stdin is not None:
            self._watcher.stdin.close()

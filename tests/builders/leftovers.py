"""Processes that a test may have left behind: those whose current folder is in the test's own."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path


def processes_in(folder: Path) -> dict[int, str]:
    """The processes whose current folder is `folder` or below it: their ids and commands."""
    root = folder.resolve()
    return {
        pid: command for pid, (current, command) in _current_folders().items() if Path(current).is_relative_to(root)
    }


def _current_folders() -> dict[int, tuple[str, str]]:
    """Current folder and command of every process that this user may look at."""
    if not Path("/proc/self/cwd").exists():
        return _current_folders_by_lsof()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found[int(process.name)] = (str((process / "cwd").readlink()), command)
    return found


def _current_folders_by_lsof() -> dict[int, tuple[str, str]]:
    """The same where there is no /proc, as on macOS."""
    listed = subprocess.run(["lsof", "-w", "-d", "cwd", "-F", "pcn"], capture_output=True, text=True, check=False)
    found: dict[int, tuple[str, str]] = {}
    pid, command = 0, ""
    for line in listed.stdout.splitlines():
        match line[:1]:
            case "p":
                pid = int(line[1:])
            case "c":
                command = line[1:]
            case "n":
                found[pid] = (line[1:], command)
    return found

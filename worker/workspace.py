"""Folders for intermediate files, below the home folder: private, gone with their step, swept up after a kill.

A process locks its own folder for as long as it lives. A folder that can be locked belongs to nobody, so a starting
process removes it, and with it the pieces of lists that a killed one left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Name of the lock inside a process's folder.
LOCK = ".lock"


class Workspace:
    """One process's folder for intermediate files. Safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        """Make the folder, after sweeping up those whose processes are gone. Raises `OSError`."""
        root = home / "scratch"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(dir=root))
        self._lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for folder in root.iterdir():
            if folder != self._folder and _is_nobodys(folder):
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one step, removed at its end."""
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as name:
            yield Path(name)

    def close(self) -> None:
        """Remove the process's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _is_nobodys(folder: Path) -> bool:
    """Whether no living process holds the lock. A folder without one is just being made."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True

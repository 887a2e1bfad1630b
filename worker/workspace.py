"""Folders for intermediate files, below the home folder: private, gone with their step, swept up after a kill.

A process locks its own folder for as long as it lives. A folder that can be locked belongs to nobody, so a starting
process removes it, and with it the pieces of lists that a killed one left behind. It holds the lock meanwhile: another
that has made its folder and not locked it yet waits, finds its folder gone, and makes another one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from worker.storage.errors import from_scratch_error

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
        self._folder, self._lock = _made_and_locked(root)
        for folder in root.iterdir():
            if folder != self._folder:
                _remove_if_nobodys(folder)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one step, removed at its end. Raises `StorageError`, a retryable one.

        What goes wrong inside the block is the block's: whoever writes there knows what it means.
        """
        try:
            made = tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True)
        except OSError as error:
            raise from_scratch_error(error, self._folder) from error
        with made as name:
            yield Path(name)

    def close(self) -> None:
        """Remove the process's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


def _made_and_locked(root: Path) -> tuple[Path, int]:
    """A new folder and its lock, which another process that starts at this moment has not removed."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=root))
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / LOCK).exists():
            return folder, lock
        os.close(lock)


def _remove_if_nobodys(folder: Path) -> None:
    """Remove a folder whose lock no living process holds. One without a lock is just being made."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(lock)

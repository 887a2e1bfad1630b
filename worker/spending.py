"""Attempts in flight on this host: as long as somebody may still be sending one, no walk over a list proves it absent.

A process that was frozen in the middle of a request sends the rest of it whenever it is thawed, long after every
deadline. So each attempt is made under a lock that the kernel takes away at the holder's death, and at nothing less.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The folder of the locks below an installation's home.
FOLDER = "attempts-in-flight"
#: Times the lock of an attempt is tried, and the wait between two (seconds): whoever looks whether it is held, or
#: removes what a killed process left, has it for a moment.
LOCK_TRIES = 100
LOCK_WAIT_SECONDS = 0.01
#: Hexadecimal digits of an attempt's name in that of its lock.
NAME_DIGITS = 32


class NotLocked(Exception):
    """The attempt's lock could not be had, so nothing may be sent under it."""

    #: A bounded word for logs and records.
    reason = "attempt_not_locked"


class Spending:
    """The locks of one host's attempts, one file each. Safe to use from several threads and processes.

    Known limitation: a child that is forked while an attempt is in flight, and executes no other program, holds its
    lock too.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder, and remove the locks of attempts whose processes are gone. Raises `OSError`."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in folder.iterdir():
            _is_locked(path)

    @contextlib.contextmanager
    def held(self, attempt_object: str) -> Iterator[None]:
        """Hold the lock of an attempt, named by its object in storage, while its request may be under way.

        Raises `NotLocked`, and then nothing may be sent.
        """
        path = self._path(attempt_object)
        try:
            lock = _locked(path)
        except OSError as error:
            raise NotLocked(
                f"{path} cannot be locked ({error.strerror}): look at the folder, and at who is there."
            ) from None
        try:
            yield
        finally:
            # A file that stays is nobody's, and removed by the next who looks at it.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(lock)

    def is_held(self, attempt_object: str) -> bool:
        """Whether a living process on this host, be it frozen, may be sending the attempt.

        Also when that cannot be seen, and for a moment when somebody else looks at the same time.
        """
        return _is_locked(self._path(attempt_object))

    def _path(self, attempt_object: str) -> Path:
        return self._folder / hashlib.sha256(attempt_object.encode()).hexdigest()[:NAME_DIGITS]


def _locked(path: Path) -> int:
    """A descriptor that alone holds the lock of the file at `path`. Raises `OSError`."""
    for _ in range(LOCK_TRIES):
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking it may have been taken for a leftover and removed.
            if _is_at(path, lock):
                return lock
        except BlockingIOError:
            time.sleep(LOCK_WAIT_SECONDS)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
    raise BlockingIOError(0, "another process holds it")


def _is_locked(path: Path) -> bool:
    """Whether somebody holds the lock; a file that nobody holds is removed."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, lock):
            path.unlink()
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

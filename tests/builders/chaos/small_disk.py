"""A disk that can be made full: a small file system in memory where that is allowed, else a limit on files' sizes.

Mounting takes root. Without it the files of every process that works may not grow any more, which the program sees as
another error of the operating system (`EFBIG`) that means the same to it.
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Bytes of the file system: room for the files of some hours of short lists.
SIZE_BYTES = 256 * 1024 * 1024
#: Bytes written at once to fill it.
_BLOCK_BYTES = 1024 * 1024
_BALLAST = "ballast"


class MountedDisk:
    """A file system of its own, filled with one large file."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / _BALLAST

    def fill(self) -> None:
        """Leave not a byte free."""
        block = bytes(_BLOCK_BYTES)
        with self._ballast.open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)


class LimitedFiles:
    """The processes that work may make no file longer than nothing."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids

    def fill(self) -> None:
        """Forbid every file to grow."""
        self._limit(0)

    def free(self) -> None:
        """Allow it again."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size_bytes: int) -> None:
        for pid in self._pids():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


@contextmanager
def a_small_disk(folder: Path, pids: Callable[[], list[int]]) -> Iterator[MountedDisk | LimitedFiles]:
    """A disk below `folder` until the end of the block; `pids` tells the processes that write there."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or not _mounted(folder):
        yield LimitedFiles(pids)
        return
    try:
        yield MountedDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path) -> bool:
    """Whether a file system in memory could be mounted there; containers often forbid it, to root too."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=700", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False

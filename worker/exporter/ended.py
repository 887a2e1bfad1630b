"""Folds the figures of processes that have ended into one file: a scrape stays fast, and not a count is lost.

Known limitation: a process is taken for ended when this host knows no process of its number. So the folder belongs to
the processes of one host, and of one container.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import struct
from collections import defaultdict
from typing import TYPE_CHECKING

from prometheus_client.mmap_dict import MmapedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

#: Files of one process: what is in it, and the process's number.
OF_PROCESS = re.compile(r"(counter|histogram)_(\d+)\.db")
#: What follows the name of a file that is not yet in its place.
NEW = ".new"
#: Names the files whose figures are in new ones: once it is there, those are put in their place and the others removed.
JOURNAL = "ended.db.json"
#: Held by those who read the folder (shared), or fold in it (alone).
LOCK = "ended.db.lock"

#: What reading a damaged file can raise.
DAMAGE = (OSError, RuntimeError, TypeError, ValueError, struct.error)


class EndedProcesses:
    """The files of one folder's ended processes. A fold that was interrupted anywhere is finished, or never was."""

    def __init__(self, folder: Path, is_alive: Callable[[int], bool] | None = None) -> None:
        """`is_alive` tells it of a process's number; by default this host does."""
        self._folder = folder
        self._is_alive = is_alive or is_alive_here

    @contextlib.contextmanager
    def folded(self) -> Iterator[None]:
        """Fold what can be folded; until the end of the block nobody folds. Raises `OSError`.

        A folder that is not there, or in which this process may not write, is left as it is, and so is a damaged file.
        """
        try:
            lock = (self._folder / LOCK).open("a")
        except (FileNotFoundError, PermissionError):
            yield
            return
        with lock:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._finish()
                self._fold()
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def _fold(self) -> None:
        found = [OF_PROCESS.fullmatch(file.name) for file in sorted(self._folder.glob("*.db"))]
        ended = [match for match in found if match and not self._is_alive(int(match[2]))]
        folded: list[str] = []
        for content in sorted({match[1] for match in ended}):
            names = [match[0] for match in ended if match[1] == content]
            folded += self._write_sums(f"{content}_ended.db", names)
        if folded:
            journal = self._folder / JOURNAL
            staged = self._folder / (JOURNAL + NEW)
            staged.write_text(json.dumps(folded))
            staged.rename(journal)
            self._finish()

    def _write_sums(self, target: str, names: Sequence[str]) -> list[str]:
        """Write what was folded before and what is in the files; the names of those that could be read."""
        before = _figures(self._folder / target)
        figures = {name: _figures(self._folder / name) for name in names}
        readable = [(name, found) for name, found in figures.items() if found is not None]
        if before is None or not readable:
            return []
        sums: defaultdict[str, float] = defaultdict(float, before)
        for _, found in readable:
            for key, value in found.items():
                sums[key] += value
        new = MmapedDict(str(self._folder / (target + NEW)))  # type: ignore[no-untyped-call]  # as the library is
        for key, value in sums.items():
            new.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]  # as the library is
        new.close()  # type: ignore[no-untyped-call]  # as the library is
        return [name for name, _ in readable]

    def _finish(self) -> None:
        """Carry out the journal; without one, what is new was not complete."""
        journal = self._folder / JOURNAL
        carried_out = journal.exists()
        for new in self._folder.glob(f"*_ended.db{NEW}"):
            if carried_out:
                new.rename(new.with_name(new.name.removesuffix(NEW)))
            else:
                new.unlink()
        if carried_out:
            for name in json.loads(journal.read_text()):
                (self._folder / name).unlink(missing_ok=True)
            journal.unlink()


def _figures(file: Path) -> dict[str, float] | None:
    """The values in a file by their keys, nothing for one that is absent or empty; `None` for a damaged one."""
    try:
        if not file.stat().st_size:
            return {}
        values = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]  # as the library is
        found = {key: value for key, value, _, _ in values}
        if not all(isinstance(json.loads(key), list) for key in found):
            return None
    except FileNotFoundError:
        return {}
    except DAMAGE:
        return None
    return found


def is_alive_here(pid: int) -> bool:
    """Whether this host has a process of that number, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

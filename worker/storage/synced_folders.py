"""Folders whose own entry is known to be on the medium, so that it is not synced again for every object in them.

An object is durable when its file, the folder's list of entries, and the entry of every folder above are. The last of
these rarely change: the second object in a folder needs two syncs, where the first one needs one for each level too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from worker.storage.durable import sync_path

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds for which a folder stays known: another process may remove it, and make it anew, meanwhile.
KNOWN_SECONDS = 60.0
#: Folders that are known at once, at most.
FOLDERS_MAX = 10_000


class SyncedFolders:
    """What one process knows of the folders below `root`. Safe to use from several threads.

    Known limitation: a folder that others remove and make anew within `KNOWN_SECONDS` is taken for the old one if the
    file system gives it the same number; whoever made it has synced it, unless power failed right then.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        #: Device and number of each folder, and when it was synced (monotonic).
        self._known: dict[Path, tuple[int, int, float]] = {}

    def make(self, folder: Path) -> None:
        """Make a folder with all above it; one that is made now is not known. Raises `OSError`."""
        missing = folder
        while missing != self._root and not missing.is_dir():
            self._known.pop(missing, None)
            missing = missing.parent
        if missing != folder:
            folder.mkdir(parents=True, exist_ok=True)

    def sync(self, folder: Path) -> None:
        """Make durable what was entered into a folder, and the folder itself. Raises `OSError`."""
        sync_path(folder)
        fresh = {}
        while folder != self._root and not self._is_known(folder):
            found = folder.stat()
            sync_path(folder.parent)
            fresh[folder] = (found.st_dev, found.st_ino, time.monotonic())
            folder = folder.parent
        if len(self._known) + len(fresh) > FOLDERS_MAX:
            self._known.clear()
        # Only now: a folder that is known stands for all those above it.
        self._known.update(fresh)

    def _is_known(self, folder: Path) -> bool:
        device, number, synced_at = self._known.get(folder, (0, 0, 0.0))
        if not number or time.monotonic() - synced_at > KNOWN_SECONDS:
            return False
        found = folder.stat()
        return (found.st_dev, found.st_ino) == (device, number)

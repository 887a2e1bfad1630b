"""Making files and folders survive a power cut."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "darwin":
    import fcntl


def sync_descriptor(descriptor: int) -> None:
    """Return once what was written to an open file is on the medium."""
    if sys.platform == "darwin":
        # Apple documents that fsync leaves data in the drive's cache and that this call does not.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_path(path: Path) -> None:
    """Return once a file's content, or a folder's list of entries, is on the medium."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folder: Path, root: Path) -> None:
    """Make the entry of every folder from `folder` up to `root` durable, whoever created it."""
    while folder != root:
        sync_path(folder)
        folder = folder.parent
    sync_path(root)

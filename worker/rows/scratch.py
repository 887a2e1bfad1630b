"""Private files for what does not fit into memory; they live as long as one step."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from worker.rows.errors import ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty private folder at `path`, removed at the end. Raises `ScratchFailed` when it cannot be made."""
    with scratch_errors(path):
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch_errors(path: Path) -> Iterator[None]:
    """Raise `ScratchFailed` for every `OSError` inside, which is about `path`."""
    try:
        yield
    except OSError as error:
        raise ScratchFailed(
            f"{path.name} cannot be written ({error.strerror}); check free space and permissions of its folder",
        ) from error


class Output(Protocol):
    """What takes bytes, as many at a time as it likes."""

    def write(self, data: memoryview, /) -> int:
        """Write some of `data`, from its beginning; how many bytes."""


def write_whole(file: Output, data: bytes | memoryview) -> None:
    """Write all of `data` to an unbuffered file, so that a full disk shows here and not when it is closed.

    Raises `OSError`.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]

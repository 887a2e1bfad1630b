"""What an operator's command can refuse, besides the errors of the packages it uses.

    CommandError
    ├── NoServer         no Redis URL is set and the private server does not run
    ├── UnknownAccount   there is no account of this name
    └── UnknownUpload    there is no upload of this id
        └── UploadPurged … any more: it ended long ago, and only a tombstone is left

Each names its exit code; `worker.cli.failures` does the same for the errors of the other packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from producers.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.core.tombstone import Tombstone


class CommandError(Exception):
    """A command could not do what was asked. The message says what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class NoServer(CommandError):
    """No Redis URL is set and the private server does not run."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, home: Path) -> None:
        """`home` is the folder whose private server was looked for."""
        super().__init__(
            f"No server is running for {home}: start one with `bulkverify up`, or set BULKVERIFY_REDIS_URL."
        )


class UnknownAccount(CommandError):
    """There is no account of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """`known` are the names that there are."""
        there_are = f"There are: {', '.join(known)}." if known else "`bulkverify config check` tells what is there."
        super().__init__(f"There is no account {name}. {there_are}")


class UnknownUpload(CommandError):
    """There is no upload of this id."""

    def __init__(self, upload_id: str, nearest: Sequence[str]) -> None:
        """`nearest` are ids that look like it."""
        hint = f"Nearest: {', '.join(nearest)}." if nearest else "`bulkverify ls` lists what there is."
        super().__init__(f"There is no upload {upload_id}. {hint}")
        self.upload_id = upload_id
        self.nearest = tuple(nearest)


class UploadPurged(UnknownUpload):
    """There is no upload of this id any more: it ended long ago, and only a tombstone is left."""

    def __init__(self, upload_id: str, tombstone: Tombstone) -> None:
        """`tombstone` is what is left."""
        super().__init__(upload_id, ())
        self.tombstone = tombstone

    def __str__(self) -> str:
        """What is still known, and where the rest is."""
        return (
            f"Upload {self.upload_id} is {self.tombstone.state}: its records were purged. "
            f"`bulkverify show {self.upload_id}` tells what is still known."
        )

"""The result of an upload: where it is, what it holds, and a complete copy of it where a person wants one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from producers.contract import UploadState
from producers.errors import NoResult, UploadFailed
from producers.outlook import outlook
from producers.records import Readable, RowCounts, Status, VerdictCounts

if TYPE_CHECKING:
    from typing import Self


class Result(Readable):
    """A verified list: every row of the input in its order, with the verdict's columns."""

    upload_id: str
    #: The upload's state: `completed`, or `attention` where the result is partial.
    state: str
    #: Where the CSV is: `file://` on a shared folder, or an object store's URL.
    url: str
    manifest_url: str
    counts: RowCounts
    verdicts: VerdictCounts
    #: Whether rows are missing from it.
    partial: bool
    #: Credits spent at the provider.
    credits: int

    @property
    def path(self) -> Path | None:
        """The CSV on this machine, None when it is somewhere else."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None

    def copy_to(self, target: Path) -> None:
        """Copy the CSV to `target`, which appears complete or not at all. Raises `NoResult`."""
        if self.path is None:
            raise self._unreachable(f"is at {self.url}, which is not on this machine; fetch it from there")
        try:
            with self.path.open("rb") as source, NamedTemporaryFile(dir=target.parent, delete=False) as copy:
                try:
                    shutil.copyfileobj(source, copy)
                    copy.flush()
                    os.fsync(copy.fileno())
                    Path(copy.name).chmod(0o644)
                    Path(copy.name).replace(target)
                except BaseException:
                    Path(copy.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            fault = (error.strerror or type(error).__name__).lower()
            raise self._unreachable(f"at {self.path} could not be copied to {target}: {fault}") from None

    def _unreachable(self, fault: str) -> NoResult:
        return NoResult(
            f"The result of upload {self.upload_id} {fault}.",
            upload_id=self.upload_id,
            state=self.state,
            reason="result_unreachable",
        )

    @classmethod
    def of(cls, status: Status) -> Self:
        """The result of an upload. Raises `UploadFailed` where there will be none, else `NoResult`."""
        if status.result is None:
            raise _absence(status)
        summary = status.result
        return cls(
            upload_id=status.upload_id,
            state=status.state,
            url=summary.object,
            manifest_url=summary.manifest,
            counts=summary.counts,
            verdicts=summary.verdicts,
            partial=summary.partial,
            credits=summary.credits,
        )


def _absence(status: Status) -> NoResult:
    """Why an upload has no result."""
    if status.purged:
        text = f"Upload {status.upload_id} is {status.state}. {status.message} {outlook(status)}"
        gone = NoResult if status.outcome == UploadState.COMPLETED else UploadFailed
        return gone(text, upload_id=status.upload_id, state=status.state, reason="purged")
    why = f" ({status.reason})" if status.reason else ""
    said = f" {status.message}" if status.message else ""
    text = f"Upload {status.upload_id} is {status.state}{why} and has no result.{said} {outlook(status)}"
    kind, reason = (UploadFailed, status.reason or status.state) if status.terminal else (NoResult, None)
    return kind(text, upload_id=status.upload_id, state=status.state, reason=reason)

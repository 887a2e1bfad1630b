"""The result of an upload: where it is, what it holds, and a complete copy of it where a person wants one."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import Field

from producers.contract import UploadState
from producers.errors import NoResult, UploadFailed
from producers.outlook import outlook
from producers.records import Readable, RowCounts, SegmentFile, Status, VerdictCounts

if TYPE_CHECKING:
    from typing import BinaryIO, Self


class Result(Readable):
    """A verified list: every row of the input in its order, with the verdict's columns."""

    upload_id: str
    #: The upload's state: `completed`, or `attention` where the result is partial.
    state: str
    #: Where the result is: `file://` on a shared folder, or an object store's URL.
    url: str
    manifest_url: str
    counts: RowCounts
    verdicts: VerdictCounts
    #: Whether rows are missing from it.
    partial: bool
    #: Credits spent at the provider.
    credits: int
    #: Values whose verdicts were taken over from earlier uploads, unpaid.
    reused_values: int = 0
    #: Bytes of the result.
    size_bytes: int = 0
    #: The segments that were asked for, of every part.
    segments: tuple[SegmentFile, ...] = ()
    #: Whether the result was put into Redis too; until when it is there; or why it is not though that was asked for.
    rows_in_redis: bool = False
    rows_until: float | None = None
    rows_reason: str = ""
    #: The result itself, where it was fetched from Redis because its file cannot be read here.
    rows_csv: bytes | None = Field(default=None, exclude=True, repr=False)

    @property
    def path(self) -> Path | None:
        """The result on this machine, None when it is somewhere else."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None

    @property
    def readable_here(self) -> bool:
        """Whether the result's file is on this machine and this user may read it."""
        return self.path is not None and os.access(self.path, os.R_OK)

    def open(self) -> BinaryIO:
        """The result from its beginning: its file, or what was fetched from Redis. Raises `NoResult`."""
        if self.rows_csv is not None:
            return BytesIO(self.rows_csv)
        if self.path is None:
            by_link = f"bulkverify result {self.upload_id} --link"
            raise self._unreachable(f"is at {self.url}, not on this machine; fetch it there, or by a link: {by_link}")
        try:
            return self.path.open("rb")
        except OSError as error:
            raise self._unreachable(f"at {self.path} cannot be read here: {_fault(error)}") from None

    def copy_to(self, target: Path) -> None:
        """Copy the result to `target`, which appears complete or not at all. Raises `NoResult`."""
        with self.open() as source:
            try:
                with NamedTemporaryFile(dir=target.parent, delete=False) as copy:
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
                raise self._unreachable(f"could not be copied to {target}: {_fault(error)}") from None

    def _unreachable(self, fault: str) -> NoResult:
        return NoResult(
            f"The result of upload {self.upload_id} {fault}.{self._no_rows()}",
            upload_id=self.upload_id,
            state=self.state,
            reason="result_unreachable",
        )

    def _no_rows(self) -> str:
        """Why it is not in Redis, for an application that asked for that."""
        if self.rows_reason == "too_large":
            return f" It has {self.size_bytes:,} bytes, which is too large to be put into Redis."
        if self.rows_reason == "redis_full":
            return " Redis was too full for it; submit the same request again later to have it put there, unpaid."
        if self.rows_until is not None and self.rows_csv is None:
            return " It is in Redis no more; submit the same request again to have it put there again, unpaid."
        return ""

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
            reused_values=summary.reused_values,
            size_bytes=summary.size_bytes,
            segments=summary.segments,
            rows_in_redis=summary.rows_in_redis,
            rows_until=summary.rows_until,
            rows_reason=summary.rows_reason,
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


def _fault(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()

"""The sources of a list, opened: a path, an object of the storage, a URL elsewhere. Rows lie in storage already."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Protocol

from worker.rows.errors import InputNotFound
from worker.rows.remote_source import open_remote
from worker.rows.shown import shown
from worker.rows.source import open_source, open_stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings
    from producers.request import UploadRequest
    from worker.storage import Storage

#: How many times as long as at intake a list may be read from its URL when it is staged, where nobody else waits.
STAGING_FACTOR = 10.0


class Reach(Protocol):
    """What it takes to get at lists; the context of a process has it."""

    @property
    def settings(self) -> Settings:
        """Which folders and hosts may be read."""

    @property
    def storage(self) -> Storage:
        """The workers' storage."""


def recorded_source(request: UploadRequest) -> dict[str, str]:
    """A request's source as its record holds it: where the list is, or how many rows the request has."""
    if request.source.rows is not None:
        return {"rows": str(len(request.source.rows))}
    return request.source.model_dump(mode="json", exclude_none=True)


def shown_source(source: Mapping[str, str]) -> str:
    """What a message about the list calls it: the name of the producer's file, the URL that was sent, or its rows."""
    match source:
        case {"path": path}:
            return shown(PurePosixPath(path).name)[1:-1]
        case {"url": url} | {"remote_url": url}:
            return shown(url)[1:-1]
        case _:
            return "The rows of the request"


def open_input(reach: Reach, source: Mapping[str, str], *, factor: float = 1.0) -> BinaryIO:
    """The bytes of the list that a record's `source` names; `factor` stretches the time that a remote one may take.

    Raises `InputError`; `SourceUnavailable` or `StorageError` for what may be better another time.
    """
    settings = reach.settings
    match source:
        case {"path": _}:
            return open_source(source, settings.input_roots)
        case {"url": url}:
            return open_stored(url, reach.storage)
        case {"remote_url": url}:
            return open_remote(
                url,
                settings.pull_hosts,
                seconds_max=settings.pull_seconds_max * factor,
                bytes_max=settings.input_bytes_max,
            )
        case _:
            # Intake wrote them to storage before it accepted the upload.
            raise InputNotFound("The rows of the request are not in storage any more; submit them again.")

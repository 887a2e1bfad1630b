"""What `bulkverify upload` does, apart from its command line: lists in, requests in the stream."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from producers.errors import Rejected, SourceUnusable, Unavailable
from producers.exit_codes import ExitCode
from producers.identity import said_by_id
from producers.report import REQUESTED, Report, report_of_error, report_of_status
from producers.source import checked_source
from producers.stages import WAITING, Stage, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from producers.client import Client
    from producers.display import Display
    from producers.records import Status
    from producers.request import UploadRequest

#: Bytes of a file from which on its hashing is shown.
HASHING_SHOWN_BYTES_MIN = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A list that is no file of this machine: exactly one of its fields names it, and `name` names it to people."""

    name: str
    rows: Sequence[str] | None = None
    url: str | None = None
    remote_url: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for every list of one command line."""

    account: str
    kind: str
    upload_id: str | None
    options: Mapping[str, object]
    label: str
    #: How the lists go to the provider, and what of their results is wanted besides all rows, and where.
    method: str = "auto"
    segments: tuple[str, ...] = ()
    result: str = "storage"
    #: The word that has lists verified once more that were verified before.
    again: str | None = None
    #: Hours of age up to which verdicts that are there are taken over.
    reuse: float | None = None
    #: Whether values that cannot be of the kind are withheld.
    screen: bool = False
    #: What the results are written as, and whether they are made harmless to spreadsheets.
    format: str = "csv"
    spreadsheet_safe: bool = False
    #: The producer's own id, which the workers' log lines carry.
    correlation_id: str | None = None


@dataclass(slots=True)
class Uploading:
    """Several lists on their way into the stream; what is in it already survives whatever happens to the rest."""

    client: Client
    wish: Wish
    display: Display
    #: Names of the lists whose requests are in the stream, by upload id; filled in as they are sent.
    names: dict[str, str] = field(default_factory=dict)
    #: Ids of which there was a record before, and those records that certainly are of what was asked for, by upload id.
    known: set[str] = field(default_factory=set)
    standing: dict[str, Status] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    #: Reports on the lists that could not be submitted.
    failed: list[Report] = field(default_factory=list)

    def submit(self, paths: Sequence[Path]) -> None:
        """Submit every file, or none if one is unusable. Raises `SourceUnusable`, `RequestInvalid`."""
        requests = self.requests(paths)
        away: Unavailable | None = None
        for name, request in requests.items():
            try:
                if away is None:
                    self._submit(name, str(request.source.path), request)
            except Unavailable as error:
                away = error
            if away is not None:
                self.names.pop(str(request.upload_id), None)
                self.failed.append(report_of_error(str(request.upload_id), away, str(request.source.path)))

    def submit_elsewhere(self, source: Elsewhere) -> None:
        """Submit a list that is no file of this machine. Raises `SourceUnusable`, `RequestInvalid`."""
        request = self.request_elsewhere(source)
        try:
            self._submit(source.name, source.name, request)
        except (Unavailable, Rejected) as error:
            self.names.clear()
            self.failed.append(report_of_error(request.upload_id or "", error, source.name))

    def requests(self, paths: Sequence[Path]) -> dict[str, UploadRequest]:
        """The request for every file, by names that tell them apart. Raises `SourceUnusable`, `RequestInvalid`."""
        sources = checked_sources(paths)
        return {
            name: self._request(path, on_bytes=_hashing(name, path, self.display)) for name, path in sources.items()
        }

    def request_elsewhere(self, source: Elsewhere) -> UploadRequest:
        """The request for a list that is no file of this machine. Raises `RequestInvalid`."""
        return self._request(rows=source.rows, url=source.url, remote_url=source.remote_url)

    def reports_at_once(self) -> list[Report]:
        """Reports on the submitted uploads as they stand now, for who does not wait."""
        return [self.complete(self._report_at_once(upload_id)) for upload_id in self.names]

    def complete(self, report: Report) -> Report:
        """The report, which also says of which file it is and whether its upload is older than this command."""
        return replace(report, file=self.files.get(report.upload_id), already_known=report.upload_id in self.known)

    def _request(
        self,
        path: Path | None = None,
        *,
        rows: Sequence[str] | None = None,
        url: str | None = None,
        remote_url: str | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> UploadRequest:
        return self.client.request(
            path,
            rows=rows,
            url=url,
            remote_url=remote_url,
            account=self.wish.account,
            kind=self.wish.kind,
            upload_id=self.wish.upload_id,
            options=self.wish.options,
            method=self.wish.method,
            segments=self.wish.segments,
            result=self.wish.result,
            label=self.wish.label,
            again=self.wish.again,
            reuse=self.wish.reuse,
            screen=self.wish.screen,
            format=self.wish.format,
            spreadsheet_safe=self.wish.spreadsheet_safe,
            trace=None if self.wish.correlation_id is None else {"correlation_id": self.wish.correlation_id},
            on_bytes=on_bytes,
        )

    def _submit(self, name: str, file: str, request: UploadRequest) -> None:
        """Put a request into the stream, unless the record that exists is certainly of the same request."""
        upload_id = request.upload_id
        if upload_id is None:
            # Only intake can say whether it is a new one, and by then there is a record either way.
            upload_id = self.client.submit_request(request)
            self.names[upload_id], self.files[upload_id] = name, file
            self.display.show(name, WAITING)
            return
        if upload_id in self.names:
            self.display.note(same_list(name, self.names[upload_id], upload_id))
            return
        known = self.client.status(upload_id)
        self.names[upload_id] = name
        self.files[upload_id] = file
        if known is None:
            self.client.submit_request(request)
            self.display.show(name, WAITING)
            return
        self.known.add(upload_id)
        if said_by_id(request, known):
            self.standing[upload_id] = known
            self.display.show(name, stage_of(known))
            self.display.note(f"{name}: upload {upload_id} is already known: state {known.state}.")
            return
        # The record may be of another list, or of another wish: then nothing of it is told as if it were of this one.
        self.client.submit_request(request)
        self.display.show(name, WAITING)
        self.display.note(f"{name}: upload {upload_id} is already known; intake refuses what is not the same request.")

    def _report_at_once(self, upload_id: str) -> Report:
        standing = self.standing.get(upload_id)
        return Report(upload_id, REQUESTED, ExitCode.OK) if standing is None else report_of_status(standing)


def same_list(name: str, other: str, upload_id: str) -> str:
    """What is said of a list that is another one of the same command line, too."""
    return f"{name} holds the same as {other}: they are one upload, {upload_id}."


def checked_sources(files: Sequence[Path]) -> dict[str, Path]:
    """Absolute paths of the files, by names that tell them apart.

    Raises `SourceUnusable`, which names every fault, and `RequestInvalid` for a name that is no text.
    """
    paths: dict[Path, None] = {}
    faults: list[str] = []
    for file in files:
        try:
            paths[checked_source(file)] = None
        except SourceUnusable as error:
            faults.append(error.message)
    if faults:
        raise SourceUnusable(" ".join([*faults, "Nothing was submitted."]))
    times = Counter(path.name for path in paths)
    return {path.name if times[path.name] == 1 else str(path): path for path in paths}


def _hashing(name: str, path: Path, display: Display) -> Callable[[int], None] | None:
    """Shows how far a big file is hashed."""
    total_bytes = path.stat().st_size
    if total_bytes < HASHING_SHOWN_BYTES_MIN:
        return None
    done_bytes = 0

    def advance(block_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += block_bytes
        display.show(name, Stage("hashing", done_bytes, total_bytes, f"{total_bytes:,} bytes"))

    return advance

"""IPQualityScore's one-shot download links, and the result files behind them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from hashlib import shake_256
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from worker.providers.sandbox.ipqs_types import SEGMENTS, TYPES, in_segment
from worker.providers.sandbox.values import result_values
from worker.providers.sandbox.wire import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.knobs import IpqsKnobs

#: Characters of a link's token (documented: sample).
TOKEN_CHARACTERS = 256
#: Links that are remembered; the oldest are forgotten first.
LINKS_MAX = 10_000


@dataclass(slots=True)
class Link:
    """One minted link."""

    job: Job
    segment: str
    file_name: str
    minted_at: float
    spent: bool = False


class Links:
    """Every link of one account."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._minted = 0
        self._links: dict[str, Link] = {}

    def mint(self, job: Job, segment: str, now: float, base_url: str) -> str:
        """A fresh link to one segment of a finished job."""
        self._minted += 1
        token = shake_256(f"{self._seed}/{self._minted}/{job.remote_id}".encode()).hexdigest(TOKEN_CHARACTERS // 2)
        name = f"{job.name}-IPQualityScore-{TYPES[job.type_word].label}-{SEGMENTS[segment]}.csv"
        self._links[token] = Link(job, segment, name, now)
        while len(self._links) > LINKS_MAX:
            del self._links[next(iter(self._links))]
        return f"{base_url}?{urlencode({'download': token, 'filename': name})}"

    def end(self, job: Job) -> None:
        """End every link to a job."""
        for link in self._links.values():
            if link.job is job:
                link.spent = True

    def find(self, token: str, file_name: str, now: float, lives_seconds: float) -> Link | None:
        """The link, if it is there and can still be used."""
        link = self._links.get(token)
        if link is None or link.spent or link.file_name != file_name or now >= link.minted_at + lives_seconds:
            return None
        return link


def result_csv(link: Link, seed: int, knobs: IpqsKnobs) -> Iterator[bytes]:
    """The result file in pieces, made while it is sent; memory does not grow with its size."""
    row_type = TYPES[link.job.type_word]
    buffer = io.StringIO(newline="")
    write = csv.writer(buffer).writerow
    write((knobs.input_column or row_type.input_column, *row_type.columns, *knobs.extra_columns))
    extra = ("?",) * len(knobs.extra_columns)
    for value in result_values(link.job.spool, knobs, link.job.missing_row_every):
        if in_segment(link.segment, row_type.judge(seed, value) if link.segment != "all" else "all"):
            write((value, *row_type.cells(seed, value), *extra))
        if buffer.tell() >= CHUNK_BYTES:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
    link.spent = True

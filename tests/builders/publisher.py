"""Lists on their way from a file to a published result, with made-up verdicts and neither Redis nor provider.

Run as `python -m tests.builders.publisher STORAGE_URL ENDPOINT SCRATCH_FOLDER EFFECT` it publishes the whole result of
`LIST` and is killed right before the effect of that number, by the system and in the middle of everything. In an object
store, which ENDPOINT is the address of, each request is an effect.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.builders.effects import Effects, Fate
from tests.builders.watched_storage import WatchedStorage, watched_files
from worker.actors.names import manifest_name, result_name
from worker.actors.publishing import publish
from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows.collected import CollectedPart, SentPart, write_verdicts
from worker.rows.delivery import Delivered, StagedInput, deliver
from worker.rows.dialect import Options
from worker.rows.limits import Limits
from worker.rows.manifest import InputSection, Manifest, PartSection, ResultSection, SegmentSection, Versions
from worker.rows.result_form import ResultForm
from worker.rows.staging import stage
from worker.storage import CloudOptions, open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from tests.builders.effects import Effect
    from worker.storage import Storage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Every state but `withheld`: two matched, one of them on two lines; one folded, one empty, one missing.
LIST = 'email,note\nann@example.com,"two\nlines"\nbob@example.com,\nann@example.com,again\n,\nlost@example.com,=1+1\n'
#: Stands for no value at all.
NOTHING = "\n"


class Publisher:
    """One list, staged in a private folder; it can be published any number of times."""

    def __init__(self, storage: Storage, scratch: Path, text: str = LIST, *, upload_id: str = "crm-1") -> None:
        """`scratch` exists and is empty."""
        self._storage = storage
        self._scratch = scratch
        self._upload_id = upload_id
        path = scratch / "list.csv"
        path.write_text(text, newline="")
        self._staged = stage(
            path,
            scratch,
            kind=Kind.EMAIL,
            options=Options(),
            limits=Limits(),
            rows_per_part=5_000,
            on_progress=lambda _rows: None,
        )
        self._source = StagedInput(
            path=path,
            index=self._staged.index,
            dialect=self._staged.dialect,
            kind=Kind.EMAIL,
            sha256=self._staged.input_sha256,
        )
        self._verdicts = scratch / "verdicts.jsonl"

    def publish(
        self,
        *,
        lost: str = "lost",
        segments: tuple[SegmentSection, ...] = (),
        columns: Mapping[str, str] = MappingProxyType({"score": "1"}),
        spreadsheet_safe: bool = False,
    ) -> None:
        """Publish a result with verdicts, each with `columns`, on all values but those that begin with `lost`."""
        (part,) = self._staged.parts
        verdicts = [
            Verdict(value, VerdictWord.OK if value.startswith("a") else VerdictWord.BAD, columns)
            for value in part.path.read_text().split()
            if not value.startswith(lost)
        ]
        with self._verdicts.open("wb") as file:
            summary = write_verdicts(verdicts, Kind.EMAIL, file)
        section = PartSection(
            index=0,
            remote_id="77",
            rows=part.rows,
            returned_rows=summary.rows,
            object=f"uploads/{self._upload_id}/parts/00000/verdicts.jsonl",
            sha256=summary.sha256,
            submitted_at=NOON,
            finished_at=NOON,
            collected_at=NOON,
            credits=part.rows,
            segments=segments,
        )
        names = result_name(self._upload_id), manifest_name(self._upload_id)
        form = ResultForm("csv", spreadsheet_safe)
        publish(
            self._storage,
            *names,
            lambda out: self._write(out, form),
            lambda found: self._manifest(found, section, spreadsheet_safe=spreadsheet_safe),
        )

    def _write(self, out: BinaryIO, form: ResultForm) -> Delivered:
        staged = self._staged.parts[0]
        part = SentPart(0, staged.rows, CollectedPart(self._verdicts, staged.path, NOON.isoformat()))
        return deliver(
            self._source,
            [part],
            out,
            folder=self._scratch,
            provider="ipqs",
            limits=Limits(),
            form=form,
            on_progress=lambda _rows: None,
        )

    def _manifest(self, found: Delivered, part: PartSection, *, spreadsheet_safe: bool) -> Manifest:
        name, staged = result_name(self._upload_id), self._staged
        return Manifest(
            upload_id=self._upload_id,
            account="ipqs-main",
            provider="ipqs",
            kind="email",
            label="",
            partial=found.counts.partial,
            counts=found.counts,
            verdicts=dict(found.verdicts),
            input=InputSection(sha256=staged.input_sha256, bytes=staged.input_bytes, rows=staged.rows, source="path"),
            result=ResultSection(
                object=name,
                url=self._storage.url(name),
                sha256=found.sha256,
                bytes=found.bytes,
                rows=found.counts.rows,
                columns=found.columns,
                spreadsheet_safe=spreadsheet_safe,
            ),
            parts=(part,),
            credits=part.credits,
            created_at=NOON,
            completed_at=NOON,
            versions=Versions(bulkverify="0.1.0"),
        )


def main() -> None:
    """Do what the module says."""
    url, endpoint, scratch, number = sys.argv[1:]

    def kill(effect: Effect) -> Fate:
        if effect.number == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return Fate.PERFORM

    effects = Effects("publisher", kill)
    if endpoint:
        # Many processes are started for a folder, and none of them has to wait for the client of a store.
        from tests.builders.watched_requests import watched_requests  # noqa: PLC0415 - as said

        storage = open_storage(url, CloudOptions(endpoint=endpoint, spool_folder=Path(scratch)))
        with watched_requests(effects):
            Publisher(storage, Path(scratch)).publish(lost=NOTHING)
    else:
        with watched_files():
            Publisher(WatchedStorage(open_storage(url), effects), Path(scratch)).publish(lost=NOTHING)


if __name__ == "__main__":
    main()

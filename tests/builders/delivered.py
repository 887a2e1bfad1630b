"""A small result with its manifest, in a folder: staged and delivered as on the line, without Redis and provider."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows.collected import write_verdicts
from worker.rows.delivery import CollectedPart, StagedInput, deliver
from worker.rows.dialect import Options
from worker.rows.digest import MeasuredInput
from worker.rows.limits import Limits
from worker.rows.manifest import InputSection, Manifest, PartSection, ResultSection, SegmentSection, Versions
from worker.rows.result_reading import read_result
from worker.rows.staging import stage

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Every state but `withheld`: two matched, one of them on two lines; one folded, one empty, one missing.
LIST = 'email,note\nann@example.com,"two\nlines"\nbob@example.com,\nann@example.com,again\n,\nlost@example.com,=1+1\n'


class Delivered:
    """The result of an upload in `folder`, as in storage: `result.csv`, `manifest.json` and a segment."""

    def __init__(self, folder: Path, text: str = LIST, *, upload_id: str = "crm-1") -> None:
        """Verdicts on all values of `text` but those that begin with `lost`."""
        self.folder = folder / "results" / upload_id
        self.result = self.folder / "result.csv"
        self.manifest = self.folder / "manifest.json"
        (self.folder / "segments").mkdir(parents=True)
        self.segment = self.folder / "segments" / "part-00000.clean.csv"
        self.segment.write_text("email\nann@example.com\n")
        (folder / "scratch").mkdir()
        self._deliver(folder / "scratch", text, upload_id)

    def tell(self, section: str = "", /, **changes: object) -> None:
        """Change fields of the manifest, or of a section of it."""
        document = json.loads(self.manifest.read_bytes())
        (document[section] if section else document).update(changes)
        self.manifest.write_text(json.dumps(document))

    def rewrite(self, before: bytes, after: bytes) -> None:
        """Replace bytes of the result that are there once."""
        data = self.result.read_bytes()
        assert data.count(before) == 1, data
        self.result.write_bytes(data.replace(before, after))

    def told(self) -> Manifest:
        """The manifest."""
        return Manifest.load(self.manifest.read_bytes())

    def as_json_lines(self) -> Path:
        """The same rows as `result.jsonl`, with the manifest that tells so, but for digest and bytes."""
        told = self.told().result
        path = self.result.with_suffix(".jsonl")
        with self.result.open("rb") as file:
            rows = [dict(zip(told.columns, cells, strict=True)) for cells in read_result(MeasuredInput(file), told)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.result.unlink()
        self.tell("result", format="jsonl", object=told.object.replace("result.csv", "result.jsonl"))
        return path

    def _deliver(self, scratch: Path, text: str, upload_id: str) -> None:
        path = scratch / "list.csv"
        path.write_text(text, newline="")
        staged = stage(
            path,
            scratch,
            kind=Kind.EMAIL,
            options=Options(),
            limits=Limits(),
            rows_per_part=5_000,
            on_progress=lambda _rows: None,
        )
        verdicts = [
            Verdict(value, VerdictWord.OK if value.startswith("a") else VerdictWord.BAD, {"score": "1"})
            for value in staged.parts[0].path.read_text().split()
            if not value.startswith("lost")
        ]
        with (scratch / "verdicts.jsonl").open("wb") as file:
            summary = write_verdicts(verdicts, Kind.EMAIL, file)
        with self.result.open("wb") as out:
            delivered = deliver(
                StagedInput(path, staged.dialect, Kind.EMAIL, staged.input_sha256),
                [CollectedPart(0, scratch / "verdicts.jsonl", staged.parts[0].path, NOON.isoformat())],
                out,
                folder=scratch,
                provider="ipqs",
                limits=Limits(),
                on_progress=lambda _rows: None,
            )
        beside = f"results/{upload_id}"
        segment = SegmentSection(
            segment="clean",
            empty=False,
            object=f"{beside}/segments/{self.segment.name}",
            url=self.segment.as_uri(),
            sha256=hashlib.sha256(self.segment.read_bytes()).hexdigest(),
            bytes=self.segment.stat().st_size,
        )
        manifest = Manifest(
            upload_id=upload_id,
            account="ipqs-main",
            provider="ipqs",
            kind="email",
            label="",
            partial=delivered.counts.partial,
            counts=delivered.counts,
            verdicts=dict(delivered.verdicts),
            input=InputSection(
                sha256=staged.input_sha256, bytes=len(text.encode()), rows=delivered.counts.rows, source="path"
            ),
            result=ResultSection(
                object=f"{beside}/result.csv",
                url=self.result.as_uri(),
                sha256=delivered.sha256,
                bytes=delivered.bytes,
                rows=delivered.counts.rows,
                columns=delivered.columns,
            ),
            parts=(
                PartSection(
                    index=0,
                    remote_id="77",
                    rows=staged.parts[0].rows,
                    returned_rows=summary.rows,
                    object=f"uploads/{upload_id}/parts/00000/verdicts.jsonl",
                    sha256=summary.sha256,
                    submitted_at=NOON,
                    finished_at=NOON,
                    collected_at=NOON,
                    credits=staged.parts[0].rows,
                    segments=(segment,),
                ),
            ),
            credits=staged.parts[0].rows,
            created_at=NOON,
            completed_at=NOON,
            versions=Versions(bulkverify="0.1.0"),
        )
        self.manifest.write_bytes(manifest.dump())

"""A small result with its manifest and a segment, in a folder, and ways to damage them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tests.builders.publisher import LIST, Publisher
from worker.rows.digest import MeasuredInput
from worker.rows.manifest import Manifest, SegmentSection
from worker.rows.result_reading import read_result
from worker.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path


class Delivered:
    """The result of the upload `crm-1` in the storage `folder`: `result.csv`, `manifest.json` and a segment."""

    def __init__(self, folder: Path, text: str = LIST) -> None:
        """Verdicts on all values of `text` but those that begin with `lost`."""
        self.folder = folder / "results" / "crm-1"
        self.result = self.folder / "result.csv"
        self.manifest = self.folder / "manifest.json"
        self.segment = self.folder / "segments" / "part-00000.clean.csv"
        self.segment.parent.mkdir(parents=True)
        self.segment.write_text("email\nann@example.com\n")
        segment = SegmentSection(
            segment="clean",
            empty=False,
            object=self.segment.relative_to(folder).as_posix(),
            url=self.segment.as_uri(),
            sha256=hashlib.sha256(self.segment.read_bytes()).hexdigest(),
            bytes=self.segment.stat().st_size,
        )
        scratch = folder / "scratch"
        scratch.mkdir()
        Publisher(open_storage(folder.as_uri()), scratch, text).publish(segments=(segment,))

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

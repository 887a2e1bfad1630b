"""What the line stores is whole: programs of the same schema version, older ones too, find every field they need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.builders.golden import GOLDEN
from tests.builders.line import running_line
from worker.core.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line


def test_the_usual_is_written_too(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Of a most ordinary list every required field is there, and the objects in storage are named."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", "email\njane@example.com\n"), "ipqs-main")
        line.finish(upload_id)
        upload, part = _stored(line, "upload", upload_id), _stored(line, "part", f"{upload_id}/0")
        for name, fields in (("upload", upload), ("part", part), ("dialect", upload["dialect"])):
            assert _required(name) - fields.keys() == set()
        for stored in (upload["input_object"], part["values_object"]):
            assert b"jane@example.com" in line.plant.context.storage.read(stored, 1_000)


def test_entries_of_a_timeline_name_their_fields(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Every entry of a timeline is an object that tells when something was decided, and what."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", "email\njane@example.com\n"), "ipqs-main")
        line.finish(upload_id)
        store: Any = line.plant.context.store
        entries = [json.loads(text) for text in store.client.lrange(store.key("timeline", upload_id), 0, -1)]
        assert [entry["decision"] for entry in entries] == line.decisions(upload_id)
        assert all(entry["at"] > 0 for entry in entries)


def _required(name: str) -> set[str]:
    """The fields without which the first programs of this schema version do not read a thing."""
    shapes = json.loads((GOLDEN / f"v{SCHEMA_VERSION}" / "shapes.json").read_text())
    return set(shapes[name]["required"])


def _stored(line: Line, *name: str) -> dict[str, Any]:
    store: Any = line.plant.context.store
    fields: dict[str, Any] = json.loads(store.client.get(store.key(*name)))
    return fields

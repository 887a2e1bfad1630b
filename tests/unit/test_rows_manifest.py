"""The manifest of a result."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from worker.core.rows import RowCounts
from worker.rows.errors import ManifestUnreadable
from worker.rows.manifest import InputSection, Manifest, PartSection, ResultSection, Versions

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def manifest(**changes: object) -> Manifest:
    """A manifest of a list of three rows."""
    fields: dict[str, object] = {
        "upload_id": "u1",
        "account": "main",
        "provider": "ipqs",
        "kind": "email",
        "label": "Zoé's list",
        "partial": False,
        "counts": RowCounts(rows=3, matched=2, folded=1, empty=0, withheld=0, missing=0),
        "verdicts": {"ok": 3},
        "input": InputSection(sha256="a" * 64, bytes=40, rows=3, source="path"),
        "result": ResultSection(
            object="results/u1.csv",
            url="file:///results/u1.csv",
            sha256="b" * 64,
            bytes=90,
            rows=3,
            columns=("email", "bv_row"),
        ),
        "parts": (
            PartSection(
                index=0,
                remote_id="77",
                rows=2,
                returned_rows=2,
                object="collected/u1/0.jsonl",
                sha256="c" * 64,
                submitted_at=NOON,
                finished_at=NOON,
                collected_at=None,
                credits=2,
            ),
        ),
        "credits": 2,
        "created_at": NOON,
        "completed_at": NOON,
        "versions": Versions(bulkverify="0.1.0"),
    }
    return Manifest.model_validate(fields | changes)


def test_a_manifest_survives_storage() -> None:
    """What is dumped is loaded equal, and dumps to the same bytes again."""
    data = manifest().dump()
    assert Manifest.load(data) == manifest()
    assert Manifest.load(data).dump() == data


def test_a_manifest_is_readable_by_people_and_machines() -> None:
    """Sorted, indented JSON with times in UTC, text as it is, and one line feed at the end."""
    data = manifest().dump()
    document = json.loads(data)
    assert data == (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
    assert document["created_at"] == "2026-03-01T12:00:00Z"
    assert document["versions"] == {"bulkverify": "0.1.0", "schema": 1}
    assert "Zoé's list" in data.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": RowCounts(rows=3, matched=2, folded=0, empty=0, withheld=0, missing=0)},
        {"partial": True},
        {"input": InputSection(sha256="a" * 64, bytes=40, rows=4, source="path")},
        {"created_at": datetime(2026, 3, 1, 12)},  # noqa: DTZ001 - a time without a zone is what must be refused
        {"credits": -1},
    ],
    ids=["rows lost", "partial without missing", "input of other rows", "no time zone", "negative"],
)
def test_a_manifest_that_contradicts_itself_is_never_made(changes: dict[str, object]) -> None:
    """Counts, rows and the partial flag must agree before anything is published."""
    with pytest.raises(ValidationError):
        manifest(**changes)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda document: document | {"schema_version": 2}, "schema version 2; this program reads up to 1"),
        (lambda document: document | {"credits": "many"}, "credits: .*damaged"),
        (lambda document: {k: v for k, v in document.items() if k != "counts"}, "counts: .*damaged"),
    ],
)
def test_a_damaged_or_later_manifest_is_refused(damage: object, told: str) -> None:
    """The message names the object, and the field or the version."""
    assert callable(damage)
    data = json.dumps(damage(json.loads(manifest().dump()))).encode()
    with pytest.raises(ManifestUnreadable, match=rf"^results/m\.json: .*{told}"):
        Manifest.load(data, "results/m.json")


def test_a_manifest_keeps_what_a_newer_program_added() -> None:
    """Fields that nobody here knows are read over and are there when the manifest is written again."""
    document = json.loads(manifest().dump())
    document |= {"surprise": 1, "input": document["input"] | {"surprise": [2]}}
    assert json.loads(Manifest.load(json.dumps(document).encode()).dump()) == document


def test_a_truncated_manifest_is_refused() -> None:
    """Half a document is no manifest."""
    with pytest.raises(ManifestUnreadable, match="the object is damaged"):
        Manifest.load(manifest().dump()[:100])

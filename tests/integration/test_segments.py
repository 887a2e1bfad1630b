"""Segments: files of the provider that are wanted besides the whole result, kept next to it and told of everywhere."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING

import pytest

from producers.errors import Rejected
from tests.builders.line import running_line
from worker.actors import collect
from worker.actors.names import manifest_name
from worker.core.states import PartState, UploadState
from worker.providers.sandbox.faults import Fault
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line

#: A list in which nothing is in order: every value is malformed.
NONSENSE = "email\nnonsense\nmore nonsense\n"
MIXED = "email\n" + "".join(f"reader{number}@example.com\n" for number in range(40)) + "nonsense\n"


def manifest_of(line: Line, upload_id: str) -> Manifest:
    """The manifest of an upload."""
    return Manifest.load(line.plant.context.storage.read(manifest_name(upload_id), 1_000_000))


def rows_of(data: bytes) -> list[dict[str, str]]:
    """The rows of a file of the provider."""
    return list(csv.DictReader(io.StringIO(data.decode())))


def segment_names(line: Line, upload_id: str) -> list[str]:
    """The objects that segments are kept as."""
    return list(line.plant.context.storage.list(f"results/{upload_id}/segments"))


def test_segments_lie_beside_the_result(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Each segment of each part is an object with digest, size and address, in manifest, record and client alike."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=25) as line:
        wish = {"upload_id": "crm-1", "segments": ["clean", "bad"]}
        line.finish(line.submit(line.file("list.csv", MIXED), "ipqs-main", **wish))
        storage = line.plant.context.storage
        assert segment_names(line, "crm-1") == [
            f"results/crm-1/segments/part-{part:05d}.{segment}.csv" for part in (0, 1) for segment in ("bad", "clean")
        ]
        manifest, result = manifest_of(line, "crm-1"), line.client.result("crm-1")
        listed = [section for part in manifest.parts for section in part.segments]
        for section in listed:
            data = storage.read(section.object or "", 1_000_000)
            assert section.bytes == len(data)
            assert section.sha256 == hashlib.sha256(data).hexdigest()
            assert section.url == storage.url(section.object or "")
        assert [(file.segment, file.part, file.url, file.sha256) for file in result.segments] == [
            (section.segment, part.index, section.url, section.sha256)
            for part in manifest.parts
            for section in part.segments
        ]


def test_rows_are_accounted_for_by_the_whole_result_alone(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Segments repeat rows of the whole: none is counted twice, and the result is the same with them and without."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        path = line.file("list.csv", MIXED)
        line.submit(path, "ipqs-main", upload_id="with", segments=["all", "bad", "clean", "pristine"])
        line.submit(path, "ipqs-main", upload_id="without")
        line.finish("with", "without")
        with_, without = manifest_of(line, "with"), manifest_of(line, "without")
        assert (with_.counts, with_.parts[0].returned_rows) == (without.counts, 41)
        assert (with_.extra_verdicts, with_.duplicate_verdicts) == (0, 0)
        assert without.parts[0].segments == ()
        storage = line.plant.context.storage
        sizes = {
            section.segment: len(rows_of(storage.read(section.object or "", 1_000_000)))
            for section in with_.parts[0].segments
        }
        assert sizes["clean"] + sizes["bad"] == sizes["all"] == 41
        assert sizes["pristine"] <= sizes["clean"]


def test_an_empty_segment_is_said_to_be_empty(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Where no row belongs to a segment, manifest, record and timeline say so, and there is no file to look for."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.submit(line.file("list.csv", NONSENSE), "ipqs-main", upload_id="crm-1", segments=["bad", "clean"])
        line.finish("crm-1")
        assert line.upload("crm-1").state is UploadState.COMPLETED
        bad, clean = manifest_of(line, "crm-1").parts[0].segments
        assert (bad.segment, bad.empty, clean.segment, clean.empty) == ("bad", False, "clean", True)
        assert (clean.object, clean.url, clean.sha256, clean.bytes) == (None, None, None, 0)
        assert segment_names(line, "crm-1") == [bad.object]
        assert [(file.segment, file.empty) for file in line.client.result("crm-1").segments] == [
            ("bad", False),
            ("clean", True),
        ]
        timeline = line.plant.context.store.timeline("crm-1")
        (collected,) = [entry for entry in timeline if entry["decision"] == "collected"]
        assert collected["details"]["segments"] == "bad, clean (empty)"


def test_a_collect_that_is_repeated_replaces_its_objects_whole(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the worker dies after segments were written, the next one writes them anew, and they are told of once."""
    original = collect._collected
    died: list[list[str]] = []

    def die_once(*arguments: object) -> None:
        if not died:
            died.append(segment_names(line, "crm-1"))
            raise RuntimeError("died")
        original(*arguments)  # type: ignore[arg-type]  # passed through

    with running_line(tmp_path, redis_url, broker_url, work_lease_seconds=1.0) as line:
        monkeypatch.setattr(collect, "_collected", die_once)
        line.ipqs.knobs.faults.append(Fault(operation="download", kind="truncate", times=1, after_bytes=40))
        line.submit(line.file("list.csv", MIXED), "ipqs-main", upload_id="crm-1", segments=["bad", "clean"])
        line.finish("crm-1")
        assert died == [segment_names(line, "crm-1")]
        for section in manifest_of(line, "crm-1").parts[0].segments:
            data = line.plant.context.storage.read(section.object or "", 1_000_000)
            assert section.sha256 == hashlib.sha256(data).hexdigest()
        assert [part.state for part in line.parts("crm-1")] == [PartState.COLLECTED]
        assert len(line.ipqs.ledger) == 1


def test_segments_cannot_be_added_to_a_known_upload(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Results are fetched with what was asked for first: further segments are a conflict, fewer the same upload."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        path = line.file("list.csv", MIXED)
        upload_id = line.submit(path, "ipqs-main", segments=["clean"])
        assert line.submit(path, "ipqs-main") == upload_id
        line.submit(path, "ipqs-main", segments=["clean", "bad"])
        with pytest.raises(Rejected, match=r"asked for without bad.*again") as caught:
            line.client.wait(upload_id, timeout_seconds=30)
        assert caught.value.reason == "conflict"
        assert line.upload(upload_id).segments == ("clean",)


def test_nothing_of_segments_holds_a_link(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The links by which segments came stand in no record and no manifest."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.submit(line.file("list.csv", MIXED), "ipqs-main", upload_id="crm-1", segments=["clean"])
        line.finish("crm-1")
        texts = [
            line.upload("crm-1").model_dump_json(),
            line.parts("crm-1")[0].model_dump_json(),
            manifest_of(line, "crm-1").dump().decode(),
            json.dumps(line.plant.context.store.timeline("crm-1")),
        ]
        assert [text for text in texts if "http" in text] == []

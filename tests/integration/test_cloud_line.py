"""The whole line with its storage in an object store: the same result as from a folder, and workers that share it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from worker.actors.names import manifest_name, result_name, staging_folder
from worker.core.retention import DAY_SECONDS
from worker.retention.cleaning import Cleaner
from worker.rows.manifest import Manifest
from worker.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.s3_server import S3Server

LIST = "name;email\nAnn;ann@example.com\nBob;bob@example.com\nNobody;\nAnn again;ann@example.com\n"
UPLOAD = "crm-1"


def result_of(line: Line) -> bytes:
    """The result of a list that the line has verified."""
    line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id=UPLOAD)
    line.finish(UPLOAD)
    upload = line.upload(UPLOAD)
    assert (upload.state, upload.reason) == ("completed", "")
    with line.plant.context.storage.open(result_name(UPLOAD)) as file:
        return file.read()


def test_a_result_in_an_object_store_is_that_of_a_folder(
    tmp_path: Path, redis_url: str, broker_url: str, redis_server: object, s3: S3Server
) -> None:
    """Where storage is changes no byte of the result, and nothing of the line but the addresses."""
    results = []
    for name, where in (("folder", {}), ("store", s3.settings())):
        (tmp_path / name).mkdir()
        with running_line(tmp_path / name, redis_url, broker_url, **where) as line:
            results.append(result_of(line))
            storage = line.plant.context.storage
            manifest = Manifest.model_validate_json(storage.read(manifest_name(UPLOAD), 100_000))
            assert manifest.result.sha256
            line.plant.context.store.client.flushdb()
    folder, store = results
    assert folder.count(b"\n") == 5
    assert [row.rsplit(b",", 1)[0] for row in folder.splitlines()]
    assert _without_times(store) == _without_times(folder)


def _without_times(result: bytes) -> bytes:
    """A result without the moments at which its values were checked."""
    import re

    return re.sub(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?", b"TIME", result)

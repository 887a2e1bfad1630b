"""The row index on the line: what delivery does where staging's is not there, or not the upload's."""

from __future__ import annotations

import csv
from array import array
from typing import TYPE_CHECKING

import pytest

from tests.builders.line import running_line
from worker.actors import prepare
from worker.actors.names import index_name
from worker.core.states import UploadState
from worker.rows.index import EMPTY, IndexWriter, read_index
from worker.storage import exists

if TYPE_CHECKING:
    from pathlib import Path

UPLOAD = "first"


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(None, id="lost"),
        pytest.param([0, 1], id="too short"),
        pytest.param([0, 5, 1, 0], id="of other rows"),
    ],
)
def test_an_index_that_is_no_use_is_made_again(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, left: list[int] | None
) -> None:
    """A list staged by a program that wrote no index, or whose index is damaged, is delivered all the same."""
    monkeypatch.setattr(prepare, "index_name", lambda upload_id: f"{index_name(upload_id)}.elsewhere")
    with running_line(tmp_path, redis_url, broker_url) as line:
        if left is not None:
            with line.plant.context.storage.write(index_name(UPLOAD)) as out:
                writer = IndexWriter(out)
                writer.write(array("I", left))
                writer.finish()
        content = "email\na@example.com\n\nb@example.com\na@EXAMPLE.com\n"
        line.submit(line.file("list.csv", content), "ipqs-main", upload_id=UPLOAD)
        line.finish(UPLOAD)
        assert line.upload(UPLOAD).state is UploadState.COMPLETED, line.decisions(UPLOAD)
        result = line.client.result(UPLOAD)
        assert result.path is not None
        with result.path.open(newline="") as file:
            assert [row["bv_row"] for row in csv.DictReader(file)] == ["matched", "empty", "matched", "folded"]


def test_prepare_keeps_the_number_of_every_row(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Rows that fold have one number, and the index is gone when what was staged is removed."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        path = line.file("list.csv", "email,n\na@x.example,1\nb@x.example,2\n,3\na@X.example,4\n")
        upload_id = line.submit(path, "ipqs-main", upload_id="crm-1")
        prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
        storage = line.plant.context.storage
        with storage.open(index_name(upload_id)) as file:
            assert [number for block in read_index(file) for number in block] == [0, 1, EMPTY, 0]
        storage.delete_prefix(f"uploads/{upload_id}")
        assert not exists(storage, index_name(upload_id))

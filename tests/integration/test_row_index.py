"""The row index on the line: what delivery does where staging's is not there, or not the upload's."""

from __future__ import annotations

import csv
from array import array
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from worker.actors import prepare
from worker.actors.names import kept_index, manifest_name, staging_folder
from worker.core.states import UploadState
from worker.core.upload import change
from worker.rows.errors import NotAList
from worker.rows.index import EMPTY, IndexWriter, read_index
from worker.storage import exists

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.records import UploadRecord
    from worker.rows.dialect import Dialect

UPLOAD = "first"


CONTENT = "email,other\na@x.example,d@x.example\n\nb@x.example,d@x.example\na@X.example,c@x.example\n"


def prepared(line: Line) -> UploadRecord:
    """An upload that is staged, on a line that was not started."""
    line.submit(line.file("list.csv", CONTENT), "ipqs-main", upload_id=UPLOAD, options={"column": "email"})
    prepare.run(line.plant.context, UPLOAD, line.upload(UPLOAD).epoch)
    return line.upload(UPLOAD)


def changed(line: Line, upload: UploadRecord, **fields: object) -> None:
    """Write an upload's record with other fields."""
    line.plant.context.store.commit(change("edit", upload.model_copy(update=fields)))


def states(line: Line) -> list[str]:
    """What became of each row of the delivered result."""
    assert line.upload(UPLOAD).state is UploadState.COMPLETED, line.decisions(UPLOAD)
    result = line.client.result(UPLOAD)
    assert result.path is not None
    with result.path.open(newline="") as file:
        return [row["bv_row"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("version", ["this one", "an earlier one"])
@pytest.mark.parametrize(
    "left",
    [
        pytest.param(None, id="lost"),
        pytest.param([0, 1], id="too short"),
        pytest.param([0, 5, 1, 0], id="of other rows"),
    ],
)
def test_an_index_that_is_no_use_is_made_again(
    tmp_path: Path, redis_url: str, broker_url: str, left: list[int] | None, version: str
) -> None:
    """A list staged by a program that wrote no index, or whose index is damaged, is delivered all the same."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload, storage = prepared(line), line.plant.context.storage
        assert exists(storage, upload.index_object)
        storage.delete(upload.index_object)
        if version == "an earlier one":
            changed(line, upload, index_object="")
        if left is not None:
            with storage.write(kept_index(line.upload(UPLOAD))) as out:
                writer = IndexWriter(out)
                writer.write(array("I", left))
                writer.finish()
        line.start_worker()
        line.finish(UPLOAD)
        assert states(line) == ["matched", "empty", "matched", "folded"]


def test_an_index_is_made_again_as_the_list_was_read_the_first_time(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later version would make of the list, and other limits, make no difference: its decisions are recorded."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=1) as line:
        line.plant.context.storage.delete(prepared(line).index_object)

        def detected(*_: object) -> Dialect:
            raise NotAList("A later version reads this otherwise.")

        monkeypatch.setattr("worker.rows.staging.detect", detected)
        line.start_worker()
        line.finish(UPLOAD)
        assert states(line) == ["matched", "empty", "matched", "folded"]


@pytest.mark.parametrize("column", [0, 1])
def test_no_row_is_given_the_verdict_of_another_by_an_index_of_other_values(
    tmp_path: Path, redis_url: str, broker_url: str, column: int
) -> None:
    """Where the list cannot be staged into the values that were sent, delivery waits, and says why and what to do."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload = prepared(line)
        line.plant.context.storage.delete(upload.index_object)
        assert upload.dialect is not None
        changed(line, upload, dialect=upload.dialect | {"column_index": column})
        line.start_worker()
        wait_until(lambda: line.upload(UPLOAD).terminal or line.upload(UPLOAD).tries > 0, seconds=30, what="a delivery")
        told = line.upload(UPLOAD)
        if column == 0:
            assert told.state is UploadState.COMPLETED
        else:
            assert (told.terminal, told.reason) == (False, "staged_otherwise")
            assert "the version that prepared it" in told.message
            assert not exists(line.plant.context.storage, manifest_name(UPLOAD))


def test_prepare_keeps_the_number_of_every_row(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Rows that fold have one number, and the index is gone when what was staged is removed."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        path = line.file("list.csv", "email,n\na@x.example,1\nb@x.example,2\n,3\na@X.example,4\n")
        upload_id = line.submit(path, "ipqs-main", upload_id="crm-1")
        prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
        storage = line.plant.context.storage
        with storage.open(kept_index(line.upload(upload_id))) as file:
            assert [number for block in read_index(file) for number in block] == [0, 1, EMPTY, 0]
        storage.delete_prefix(staging_folder(upload_id))
        assert not exists(storage, kept_index(line.upload(upload_id)))

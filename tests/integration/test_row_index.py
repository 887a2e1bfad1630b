"""The row index of a prepared upload lies beside its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.line import running_line
from worker.actors import prepare
from worker.actors.names import index_name
from worker.rows.index import EMPTY, read_index

if TYPE_CHECKING:
    from pathlib import Path


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
        assert not storage.exists(index_name(upload_id))

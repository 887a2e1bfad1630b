"""Lists of the kinds beyond e-mail and IP addresses go the whole way, and passwords stay where they belong."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.builders.line import running_line
from worker.core.states import UploadState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line


@dataclass(frozen=True)
class Sample:
    """A list of one kind, and what becomes of its rows."""

    kind: str
    text: str
    states: list[str]
    #: A column that only results of this kind have.
    column: str

    @property
    def values(self) -> int:
        """How many of the rows are sent, and paid for."""
        return self.states.count("matched")


SAMPLES = [
    Sample(
        "url",
        "page;visits\nhttps://Example.com/a,b;1\nHTTPS://example.COM/a,b;2\nhttps://example.com/A,b;3\n;4\n",
        ["matched", "folded", "matched", "empty"],
        "phishing",
    ),
    Sample(
        "phone",
        "name,phone\nJo,+1 (202) 555-0143\nAl,+1 202 555 0143\nEd, +1 (202) 555-0143 \nUs,reception\n",
        ["matched", "matched", "folded", "matched"],
        "carrier",
    ),
    Sample(
        "leaked_email",
        "jo@example.com\njo@EXAMPLE.com\nJo@example.com\n",
        ["matched", "folded", "matched"],
        "exposed",
    ),
    Sample(
        "leaked_password",
        'password\nSecret one,2\nsecret one,2\n Secret one,2\nSecret one,2\n"say ""x"""\n',
        ["matched", "matched", "matched", "folded", "matched"],
        "exposed",
    ),
    Sample("leaked_username", "id,user\n1,jo\n2,Jo\n3, jo\n", ["matched", "matched", "folded"], "exposed"),
]


def result_rows(line: Line, upload_id: str) -> list[dict[str, str]]:
    """The result, row by row."""
    path = line.client.result(upload_id).path
    assert path is not None
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=line.delimiter(upload_id)))


def everything_in(client: Any) -> str:
    """All keys of a database with all that they hold, as text."""
    read = {
        "string": client.get,
        "hash": client.hgetall,
        "set": client.smembers,
        "list": lambda key: client.lrange(key, 0, -1),
        "zset": lambda key: client.zrange(key, 0, -1),
        "stream": client.xrange,
    }
    kinds = {kind.encode(): kind for kind in read}
    held = ((key, client.type(key)) for key in client.scan_iter())
    return "".join(f"{key!r} {read[kinds.get(kind, kind)](key)!r}\n" for key, kind in held)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.kind)
def test_a_list_of_each_kind_comes_back(tmp_path: Path, redis_url: str, broker_url: str, sample: Sample) -> None:
    """Every row comes back with the provider's columns and a verdict, for one charge; equal values are sent once."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", sample.text), "ipqs-main", kind=sample.kind)
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED, line.decisions(upload_id)
        rows = result_rows(line, upload_id)
        assert [row["bv_row"] for row in rows] == sample.states
        assert all(row["bv_verdict"] in {"ok", "bad", "risky", "unknown"} for row in rows if row["bv_row"] != "empty")
        assert sample.column in rows[0]
        assert [charge.rows for charge in line.ipqs.ledger] == [sample.values]


def test_passwords_are_in_no_log_event_timeline_or_record(
    tmp_path: Path, redis_url: str, broker_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However a list of passwords ends, its result has them and neither Redis database nor any log line does."""
    caplog.set_level("DEBUG")
    lists = {
        "whole.csv": "password\nhunter2\nhunter3\nhunter2\n",
        "bare.csv": "hunter2\nhunter3\n",
        "columns.csv": "hunter2,hunter3\nhunter4,hunter5\n",
        "quote.csv": 'password\n"hunter2\n',
    }
    with capture_logs() as logs, running_line(tmp_path, redis_url, broker_url) as line:
        uploads = [
            line.submit(line.file(name, text), "ipqs-main", kind="leaked_password") for name, text in lists.items()
        ]
        line.finish(*uploads)
        states = [line.upload(upload_id).state for upload_id in uploads]
        assert states == [UploadState.COMPLETED, UploadState.COMPLETED, UploadState.FAILED, UploadState.FAILED]
        told = everything_in(line.plant.context.store.client) + everything_in(line.plant.broker.client)
        told += repr(logs) + caplog.text
        assert all(name in told for name in lists)
        assert "hunter" not in told
        assert [row["password"] for row in result_rows(line, uploads[0])] == ["hunter2", "hunter3", "hunter2"]

"""What a request may ask of a list and its result, on a running line: compressed lists, screening, result forms."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from producers.errors import Rejected
from tests.builders.command_line import CommandLine
from tests.builders.line import Line, running_line
from worker.core.states import UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from producers.records import Status

LIST = "name,email\nAnn,ann@example.com\nBob,n/a\n,\nAnn Lee,ann@EXAMPLE.com\nCy,cy@example.com\n"


@pytest.fixture
def line(redis_url: str, broker_url: str, tmp_path: Path) -> Iterator[Line]:
    """A running line."""
    with running_line(tmp_path, redis_url, broker_url) as running:
        yield running


def packed(line: Line, name: str, text: str) -> Path:
    """A compressed list in the folder that may be read."""
    path = line.folder / name
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def result_lines(line: Line, upload_id: str) -> list[str]:
    """The lines of an upload's result."""
    path = line.client.result(upload_id).path
    assert path is not None
    return path.read_text().splitlines()


def status(line: Line, upload_id: str) -> Status:
    """The upload as applications see it."""
    found = line.client.status(upload_id)
    assert found is not None
    return found


def told(line: Line, upload_id: str, decision: str) -> dict[str, object]:
    """What the upload's timeline tells of a decision."""
    entries = line.plant.context.store.timeline(upload_id)
    details: dict[str, object] = next(entry["details"] for entry in entries if entry["decision"] == decision)
    return details


def test_a_compressed_list_is_verified_like_its_text(line: Line) -> None:
    """The result is that of the text, and so is the digest; the staged copy is the file as sent, and it is told."""
    path = packed(line, "list.csv.gz", LIST)
    upload_id = line.submit(path, "ipqs-main")
    plain_id = line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id="plain")
    line.finish(upload_id, plain_id)
    upload = line.upload(upload_id)
    assert upload.state is UploadState.COMPLETED
    strip_times = [row.split(",")[:4] for row in result_lines(line, upload_id)]
    assert strip_times == [row.split(",")[:4] for row in result_lines(line, plain_id)]
    assert upload.input_bytes == path.stat().st_size
    with line.plant.context.storage.open(str(upload.input_object)) as kept:
        assert kept.read() == path.read_bytes()
    assert f"decompressed with gzip from {upload.input_bytes} to {len(LIST)} bytes; encoding utf-8" in str(
        told(line, upload_id, "prepared")["why"]
    )
    manifest = json.loads((line.folder / "storage" / "results" / upload_id / "manifest.json").read_text())
    assert manifest["input"]["bytes"] == upload.input_bytes
    assert manifest["input"]["sha256"] == hashlib.sha256(LIST.encode()).hexdigest()


def test_a_list_that_is_compressed_again_is_not_paid_again(line: Line) -> None:
    """The id is that of the text, whoever derives it: however it was compressed, and without compression, too."""
    at_first, again = (gzip.compress(LIST.encode(), mtime=mtime) for mtime in (1, 2))
    assert at_first != again
    for name, content in (("list.csv.gz", at_first), ("again.csv.gz", again), ("list.csv", LIST.encode())):
        path = line.file(name, "")
        path.write_bytes(content)
        upload_id = line.submit(path, "ipqs-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
    assert len(line.ipqs.ledger) == 1


def test_a_damaged_compressed_list_fails_unspent(line: Line) -> None:
    """A list that is cut off is never sent as far as it goes."""
    path = packed(line, "cut.csv.gz", LIST)
    path.write_bytes(path.read_bytes()[:-4])
    upload_id = line.submit(path, "ipqs-main")
    line.finish(upload_id)
    upload = line.upload(upload_id)
    assert (upload.state, upload.reason) == (UploadState.FAILED, "compression")
    assert upload.message.startswith("cut.csv.gz is compressed with gzip")
    assert line.ipqs.ledger == []


def test_screened_values_are_withheld_and_not_paid_for(line: Line) -> None:
    """An impossible value is in the result, withheld; it is neither sent nor paid for; and the counts say so."""
    path = line.file("list.csv", LIST)
    screened, plain = line.submit(path, "ipqs-main", screen=True), line.submit(path, "ipqs-main")
    assert screened != plain
    line.finish(screened, plain)
    upload = line.upload(screened)
    assert (upload.state, upload.options) == (UploadState.COMPLETED, {"screen": True})
    assert (upload.rows, upload.distinct, upload.folded, upload.empty, upload.withheld) == (5, 2, 1, 1, 1)
    states = [row.split(",")[2] for row in result_lines(line, screened)]
    assert states == ["bv_row", "matched", "withheld", "empty", "folded", "matched"]
    assert told(line, screened, "prepared")["withheld"] == 1
    assert status(line, screened).withheld == 1
    assert sorted(charge.rows for charge in line.ipqs.ledger) == [2, 3]


def test_ragged_rows_are_told_when_the_list_is_prepared(line: Line) -> None:
    """A row with more cells than the others changes every row of the result: the timeline has both counts."""
    path = line.file("list.csv", "email,n\na@x.example,1\nb@x.example,2\nc@x.example,3,4\n")
    upload_id = line.submit(path, "ipqs-main")
    line.finish(upload_id)
    details = told(line, upload_id, "prepared")
    assert (details["ragged"], details["columns_added"]) == (1, 1)
    assert result_lines(line, upload_id)[1].startswith("a@x.example,1,,matched,")


def test_ragged_rows_are_counted_in_the_record_and_in_the_manifest(line: Line) -> None:
    """Who was not there when the list was prepared sees the count as well: in `show`, in `verify` and in the files."""
    path = line.file("list.csv", "email,n,m\na@x.example,1,2\nb@x.example\nc@x.example,3,4,5\n")
    upload_id = line.submit(path, "ipqs-main")
    line.finish(upload_id)
    commands = CommandLine(str(line.settings.redis_url), line.folder)
    assert line.upload(upload_id).ragged == 2
    assert commands.parsed("show", upload_id, "--json")["upload"]["ragged"] == 2
    assert "2 rows with more or fewer cells" in commands("show", upload_id).stdout
    manifest = json.loads(line.plant.context.storage.read(f"results/{upload_id}/manifest.json", 1_000_000))
    assert manifest["input"]["ragged"] == 2
    assert commands.parsed("verify", upload_id, "--json")["ragged"] == 2
    assert "2 rows of the list had more or fewer cells" in commands("verify", upload_id).stdout


def test_rows_of_a_request_are_screened(line: Line) -> None:
    """Values that came in the request itself are withheld like others."""
    upload_id = line.client.submit(rows=["ann@example.com", "n/a"], account="ipqs-main", kind="email", screen=True)
    line.intake.read()
    line.finish(upload_id)
    assert (line.upload(upload_id).withheld, line.upload(upload_id).distinct) == (1, 1)


def test_a_list_of_impossible_values_is_refused(line: Line) -> None:
    """Where screening leaves nothing to send, the upload fails unspent and says so."""
    path = line.file("none.csv", "email\nn/a\nnone\n")
    upload_id = line.submit(path, "ipqs-main", screen=True)
    line.finish(upload_id)
    assert (line.upload(upload_id).state, line.upload(upload_id).reason) == (UploadState.FAILED, "empty")
    assert "withheld" in line.upload(upload_id).message


def test_another_form_of_a_known_list_is_told_and_not_paid_for(line: Line) -> None:
    """The same list in another form has the same id, and is refused with the form that was asked for; that is known."""
    path = line.file("list.csv", LIST)
    upload_id = line.submit(path, "ipqs-main", format="jsonl")
    assert line.upload(upload_id).result_format == "jsonl"
    assert status(line, upload_id).result_format == "jsonl"
    for form in ({}, {"spreadsheet_safe": True}):
        assert line.submit(path, "ipqs-main", **form) == upload_id
        with pytest.raises(Rejected, match="is known, and its result was asked for as jsonl") as refused:
            line.client.wait(upload_id, timeout_seconds=5)
        assert refused.value.remedy.startswith("Ask for jsonl; or for another upload, which is paid for")
    assert line.submit(path, "ipqs-main", format="jsonl") == upload_id
    line.finish(upload_id)
    assert line.client.wait(upload_id, timeout_seconds=5).state == "completed"
    assert len(line.ipqs.ledger) == 1


def test_an_accounts_own_rules_decide_first(redis_url: str, broker_url: str, tmp_path: Path) -> None:
    """Results are given the verdicts of the account's rules, and the timeline says by how many."""
    rules = '{ kind = "email", column = "%s", equals = "%s", verdict = "unknown" }'
    both = ", ".join([rules % ("valid", "true"), rules % ("formatCheck", "true")])
    with running_line(tmp_path, redis_url, broker_url, account_lines=f"verdicts = [{both}]") as line:
        path = line.file("list.csv", "email\nann@example.com\n")
        upload_ids = [line.submit(path, account) for account in ("ipqs-main", "whoisxml-main")]
        line.finish(*upload_ids)
        for upload_id in upload_ids:
            result = line.client.result(upload_id)
            assert (result.verdicts.unknown, result.counts.matched) == (1, 1)
            assert told(line, upload_id, "collected")["account_rules"] == 2
        (connected,) = {line.plant.context.accounts["ipqs-main"]}
        plain = replace(connected, account=connected.account.model_copy(update={"verdicts": ()}))
        assert connected.reuse_key("email", 1, "digest") != plain.reuse_key("email", 1, "digest")
        assert connected.reuse_key("proxy", 1, "digest") == plain.reuse_key("proxy", 1, "digest")

"""The method that was asked for decides how a list is submitted, and everybody can see afterwards which it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from producers.errors import Rejected
from tests.builders.file_server import FileServer
from tests.builders.line import Line, running_line
from worker.actors import prepare, submit
from worker.actors.attempts import attempt_name
from worker.actors.names import manifest_name
from worker.core.states import PartState, UploadState
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.records import PartRecord
    from worker.providers.port import Submission, Submitted

VALUES = "one@example.com\ntwo@example.com\n"
UPLOAD = "crm-1"


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose steps run only when a test calls them."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line


def seen_by(line: Line, account: str, monkeypatch: pytest.MonkeyPatch) -> list[Submission]:
    """What is handed to the account's provider from now on; it goes on as ever."""
    provider = line.plant.context.accounts[account].provider
    send = provider.submit
    seen: list[Submission] = []

    def watched(submission: Submission) -> Submitted:
        seen.append(submission)
        return send(submission)

    monkeypatch.setattr(provider, "submit", watched, raising=False)
    return seen


def pending_part(line: Line, account: str = "ipqs-main", **wish: Any) -> PartRecord:
    """A part that is ready to be submitted, of a list without a header."""
    line.submit(line.file("list.csv", VALUES), account, upload_id=UPLOAD, options={"header": False}, **wish)
    prepare.run(line.plant.context, UPLOAD, line.upload(UPLOAD).epoch)
    return line.parts(UPLOAD)[0]


def found_at(line: Line, url: str, **fields: object) -> None:
    """Make the list one that was read from an address, at which the provider finds just what is to be sent."""
    store = line.plant.context.store
    key = store.key("upload", UPLOAD)
    record = json.loads(str(store.client.get(key)))
    store.client.set(key, json.dumps(record | {"source": {"remote_url": url}, "pullable": True} | fields))


def step(line: Line, part: PartRecord) -> PartRecord:
    """Run the submit step for a part and read the part again."""
    submit.run(line.plant.context, part.part_id, part.epoch)
    return line.parts(UPLOAD)[0]


@pytest.mark.parametrize(
    ("account", "asked", "used"),
    [
        ("ipqs-main", "auto", "form"),
        ("ipqs-main", "form", "form"),
        ("ipqs-main", "json", "json"),
        ("whoisxml-main", "auto", "json"),
        ("whoisxml-main", "json", "json"),
    ],
)
def test_the_provider_gets_the_list_by_the_method_asked_for(
    line: Line, monkeypatch: pytest.MonkeyPatch, account: str, asked: str, used: str
) -> None:
    """Each method reaches the provider, and stands in the part, the attempt's record and the timeline."""
    seen = seen_by(line, account, monkeypatch)
    part = step(line, pending_part(line, account, method=asked))
    assert [(submission.method, submission.url) for submission in seen] == [(used, None)]
    assert (part.state, part.method) == (PartState.SUBMITTED, used)
    context = line.plant.context
    assert json.loads(context.storage.read(attempt_name(part.token, 1), 10_000))["method"] == used
    (attempt,) = [entry for entry in context.store.timeline(UPLOAD) if entry["decision"] == "attempt"]
    assert attempt["details"]["method"] == used


def test_the_provider_pulls_a_list_from_its_address(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A list that holds just what is to be sent is pulled by the provider when asked to, for one charge."""
    seen = seen_by(line, "ipqs-main", monkeypatch)
    part = pending_part(line)
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "list.csv").write_text(VALUES)
    with FileServer(tmp_path / "remote") as server:
        url = server.url_of(tmp_path / "remote" / "list.csv").partition("?")[0]
        found_at(line, url, method="pull")
        part = step(line, part)
        assert (part.state, part.method) == (PartState.SUBMITTED, "pull")
        assert [(submission.method, submission.url) for submission in seen] == [("pull", url)]
        assert server.heard == ["/list.csv"]
    assert [charge.rows for charge in line.ipqs.ledger] == [2]


def test_a_list_that_could_be_pulled_is_sent_where_nothing_was_said(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being asked, the provider pulls nothing: the part's own values are sent."""
    seen = seen_by(line, "ipqs-main", monkeypatch)
    part = pending_part(line)
    found_at(line, "http://127.0.0.1:1/list.csv")
    assert step(line, part).state is PartState.SUBMITTED
    assert [(submission.method, submission.url) for submission in seen] == [("form", None)]


def test_a_pull_that_would_charge_for_other_values_fails_unspent(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked to be pulled by name, such a part fails with the reason, before an attempt and before any charge."""
    seen = seen_by(line, "ipqs-main", monkeypatch)
    part = pending_part(line)
    found_at(line, "http://127.0.0.1:1/list.csv", pullable=False, method="pull")
    failed = step(line, part)
    assert (failed.state, failed.reason, failed.attempts) == (PartState.FAILED, "method_unsupported", 0)
    assert "ipqs-main (ipqs)" in failed.message
    assert "can be pulled only where" in failed.message
    assert (seen, line.ipqs.ledger) == ([], [])
    assert not list(line.plant.context.storage.list("attempts"))


def test_a_pull_from_a_storage_without_links_is_rejected(line: Line) -> None:
    """A list without an address, in a storage that gives none either, is refused before there is an upload."""
    line.submit(line.file("list.csv", VALUES), "ipqs-main", upload_id=UPLOAD, method="pull")
    with pytest.raises(Rejected, match="the workers' storage gives no links") as caught:
        line.client.wait(UPLOAD, timeout_seconds=5)
    assert (caught.value.reason, line.plant.context.store.upload(UPLOAD)) == ("method_unsupported", None)


def test_the_manifest_tells_the_method(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The manifest names the method of each part, and a list by JSON comes back like any other."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", f"email\n{VALUES}"), "ipqs-main", method="json")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        manifest = Manifest.load(line.plant.context.storage.read(manifest_name(upload_id), 100_000))
        assert [part.method for part in manifest.parts] == ["json"]
        assert line.client.result(upload_id).counts.matched == 2


def test_the_method_is_no_part_of_what_is_asked(line: Line) -> None:
    """The same list by another method is the same upload, and is not paid for again."""
    path = line.file("list.csv", VALUES)
    assert line.submit(path, "ipqs-main", method="json") == line.submit(path, "ipqs-main", method="form")
    (upload_id,) = line.plant.context.store.upload_ids(most=10)
    assert line.upload(upload_id).method == "json"

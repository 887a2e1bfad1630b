"""`cancel` on a real Redis: what it says, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.records import a_running_upload, an_upload, stored
from worker.core.states import UploadState
from worker.core.upload import request_cancel

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import UploadRecord
    from worker.store.store import Store


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on that database."""
    return CommandLine(redis_url, tmp_path)


def test_cancel_says_what_it_does_and_asks(store: Store, command: CommandLine) -> None:
    """Before anything is done, its effect on the parts is told; a yes then requests the cancellation."""
    a_running_upload(store)
    result = command("cancel", "list-1", answer="y\n")
    assert result.exit_code == ExitCode.OK
    assert "1 not yet sent are dropped, 1 already sent (and paid) are still collected, 1 are done" in result.stderr
    assert "1 in quarantine still wait for a person" in result.stderr
    assert "is requested. Next (now)" in result.stdout
    upload = store.upload("list-1")
    assert upload is not None
    assert upload.cancel_requested
    assert store.timeline("list-1")[-1]["decision"] == "cancel_requested"


def test_giving_up_what_is_paid_is_told_with_its_price(store: Store, command: CommandLine) -> None:
    """Before a yes it says how many rows are paid for and never fetched; afterwards the record and the timeline do."""
    a_running_upload(store)
    result = command("cancel", "list-1", "--no-collect", answer="y\n")
    assert result.exit_code == ExitCode.OK
    assert "1 not yet sent are dropped, 1 already sent are dropped too (100 rows paid for and never fetched)" in (
        result.stderr
    )
    assert "1 in quarantine still wait for a person" in result.stderr
    assert "parts not yet submitted are dropped, and so are those already paid" in result.stdout
    upload = store.upload("list-1")
    assert upload is not None
    assert (upload.cancel_requested, upload.no_collect) == (True, True)
    assert store.timeline("list-1")[-1]["details"] == {"no_collect": True}
    assert "requested, without collecting what is paid" in command("show", "list-1").stdout
    assert "it is dropped, paid for and not collected" in command("why", "list-1").stdout


def test_giving_up_may_follow_a_cancellation_and_is_never_taken_back(store: Store, command: CommandLine) -> None:
    """A second cancellation may go further than the first one; one that goes less far changes nothing."""
    a_running_upload(store)
    first = command.parsed("cancel", "--yes", "--json", "list-1")
    further = command.parsed("cancel", "--yes", "--json", "--no-collect", "list-1")
    before = store.upload("list-1")
    less = command.parsed("cancel", "--yes", "--json", "list-1")
    told = [(each["outcome"], each["rows_not_collected"]) for each in (first, further, less)]
    assert told == [("requested", 0), ("requested", 100), ("already_requested", 100)]
    assert store.upload("list-1") == before
    assert before is not None
    assert before.no_collect


@pytest.mark.parametrize(("answer", "code"), [("n\n", ExitCode.FAILED), ("\n", ExitCode.FAILED), ("", ExitCode.USAGE)])
def test_cancel_without_a_yes_changes_nothing(store: Store, command: CommandLine, answer: str, code: ExitCode) -> None:
    """A no, no answer, and nobody to answer leave the upload as it is."""
    a_running_upload(store)
    assert command("cancel", "list-1", answer=answer).exit_code == code
    upload = store.upload("list-1")
    assert upload is not None
    assert not upload.cancel_requested


def test_cancelling_again_changes_nothing(store: Store, command: CommandLine) -> None:
    """A second cancellation writes nothing, and both end well."""
    a_running_upload(store)
    first = command.parsed("cancel", "--yes", "--json", "list-1")
    before = store.upload("list-1")
    second = command.parsed("cancel", "--yes", "--json", "list-1")
    assert (first["outcome"], second["outcome"]) == ("requested", "already_requested")
    assert store.upload("list-1") == before


@pytest.mark.parametrize(
    ("state", "outcome", "code"),
    [
        (UploadState.CANCELLED, "already_cancelled", ExitCode.OK),
        (UploadState.COMPLETED, "too_late", ExitCode.FAILED),
        (UploadState.FAILED, "too_late", ExitCode.FAILED),
    ],
)
def test_an_ended_upload_cannot_be_cancelled(
    store: Store, command: CommandLine, state: UploadState, outcome: str, code: ExitCode
) -> None:
    """An upload at its end stays as it is; only one that is cancelled already is what was asked for."""
    stored(store, an_upload(state=state, now=store.now()))
    before = store.upload("list-1")
    result = command("cancel", "--yes", "--json", "list-1")
    assert result.exit_code == code
    assert json.loads(result.stdout)["outcome"] == outcome
    assert store.upload("list-1") == before


def test_several_uploads_are_cancelled_each_for_itself(store: Store, command: CommandLine) -> None:
    """An unknown id does not keep the others from being cancelled, and is told with its exit code."""
    a_running_upload(store)
    result = command("cancel", "--yes", "list-2", "list-1")
    assert result.exit_code == ExitCode.FAILED
    assert "There is no upload list-2. Nearest: list-1." in result.stderr
    upload = store.upload("list-1")
    assert upload is not None
    assert upload.cancel_requested


def test_cancel_wins_against_a_concurrent_write(
    store: Store, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that moves on between reading and writing is read again, and what the other wrote is kept."""
    stored(store, an_upload(state=UploadState.PREPARING, now=store.now()))
    writes: list[int] = []

    def raced(upload: UploadRecord, now: float, *, no_collect: bool) -> Change:
        if len(writes) < 3:
            writes.append(upload.version)
            stored(store, upload.model_copy(update={"staged_rows": len(writes)}), decision="staging")
        return request_cancel(upload, now, no_collect=no_collect)

    monkeypatch.setattr("worker.cli.cancel.request_cancel", raced)
    assert command.parsed("cancel", "--yes", "--json", "list-1")["outcome"] == "requested"
    upload = store.upload("list-1")
    assert upload is not None
    assert (upload.cancel_requested, upload.staged_rows, len(writes)) == (True, 3, 3)


def test_cancel_gives_up_after_a_bounded_number_of_tries(
    store: Store, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that moves on at every try ends with exit code 1 and the advice to try again."""
    stored(store, an_upload(state=UploadState.PREPARING, now=store.now()))

    def raced(upload: UploadRecord, now: float, *, no_collect: bool) -> Change:
        stored(store, upload, decision="staging")
        return request_cancel(upload, now, no_collect=no_collect)

    monkeypatch.setattr("worker.cli.cancel.request_cancel", raced)
    result = command("cancel", "--yes", "list-1")
    assert result.exit_code == ExitCode.FAILED
    assert "try again" in result.stderr

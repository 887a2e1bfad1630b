"""What `ls`, `show`, `why` and `cancel` say of a purged upload, and of an intake that is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.settings import Settings
from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.ended import DAY_SECONDS, an_ended_upload
from tests.builders.stores import a_store
from worker.core.states import UploadState
from worker.intake.pressure import Pressure
from worker.retention.purging import purge_ended
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    """Yield a store with one completed and one failed upload that were purged."""
    store = a_store(redis_url)
    an_ended_upload(store, "crm-1")
    an_ended_upload(store, "crm-2", UploadState.FAILED)
    store.clock_offset_seconds = 31 * DAY_SECONDS
    assert purge_ended(store, Retention(store), Settings(redis_url="redis://localhost:1/0")) == {Purged.OK: 2}
    yield store
    store.client.close()


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on that database."""
    return CommandLine(redis_url, tmp_path)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("word", ["show", "why"])
def test_a_purged_upload_is_told_with_its_outcome_and_manifest(command: CommandLine, tmp_path: Path, word: str) -> None:
    """Both say that it was purged, how it ended, and where in storage its manifest is."""
    manifest = f"{(tmp_path / 'storage').as_uri()}/results/crm-1/manifest.json"
    told = command(word, "crm-1")
    assert told.exit_code == ExitCode.OK
    assert "purged/completed" in told.stdout
    assert manifest in told.stdout
    assert "if it had a result" in command(word, "crm-2").stdout
    parsed = command.parsed(word, "crm-1", "--json")
    assert parsed["finished_at"] > 0
    assert {name: parsed[name] for name in ("upload_id", "state", "manifest")} == {
        "upload_id": "crm-1",
        "state": "purged/completed",
        "manifest": manifest,
    }


@pytest.mark.usefixtures("store")
def test_ls_says_what_it_does_not_list(command: CommandLine) -> None:
    """Purged uploads are no lines of the list; their number is told beside it."""
    told = command("ls")
    assert "crm-1" not in told.stdout
    assert "2 purged uploads" in told.stderr
    assert command.parsed("ls", "--json") == []


@pytest.mark.usefixtures("store")
def test_a_purged_upload_cannot_be_cancelled(command: CommandLine) -> None:
    """There is nothing left to cancel, and the message says why."""
    told = command("cancel", "crm-1", "--yes")
    assert told.exit_code == ExitCode.FAILED
    assert "purged/completed" in told.stderr


def test_ls_says_that_intake_is_paused(store: Store, command: CommandLine) -> None:
    """Who wonders where a request is learns that it waits in the stream."""
    assert "Intake is paused" not in command("ls").stderr
    store.client.config_set("maxmemory", "1gb")
    try:
        assert Pressure(store, share=0.000_01).high()
    finally:
        store.client.config_set("maxmemory", 0)
    assert "Intake is paused" in command("ls").stderr

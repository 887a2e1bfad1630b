"""Uploads chosen by what they are: the same options in `ls`, `cancel` and `retry`, and nothing done before a yes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import everything
from worker.cli import cancel as cancel_command
from worker.cli.command_docs import JSON_DOCUMENTS
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from pathlib import Path

    from worker.cli.bulk import Outcome
    from worker.store.store import Store


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on that database."""
    return CommandLine(redis_url, tmp_path)


def a_mixture(store: Store) -> None:
    """Store six uploads that differ in everything that can be asked for."""
    now = store.now()
    mixture: list[tuple[UploadState, dict[str, object]]] = [
        (UploadState.RUNNING, {"label": "news-1", "producer": "crm", "parts_total": 2}),
        (UploadState.RUNNING, {"label": "news-2", "producer": "crm-test"}),
        (UploadState.ACCEPTED, {"account": "whoisxml-main", "provider": "whoisxml"}),
        (UploadState.PREPARING, {"kind": "proxy", "reason": "storage_unavailable"}),
        (UploadState.COMPLETED, {"label": "news-1"}),
        (UploadState.FAILED, {"created_at": now - 7_200, "reason": "producer_quota"}),
    ]
    for index, (state, fields) in enumerate(mixture):
        upload = an_upload(f"u{index}", state, **{"now": now, **fields})  # type: ignore[arg-type]  # fields of any kind
        parts = [
            a_part("u0", 0, PartState.COLLECTED, now=now, credits_committed=100),
            a_part("u0", 1, PartState.PENDING, now=now, credits_reserved=40),
        ]
        stored(store, upload, *(parts if index == 0 else []))


def cancelling(store: Store) -> set[str]:
    """The uploads whose cancellation was requested."""
    return {upload.upload_id for upload in store.uploads([f"u{n}" for n in range(6)]) if upload.cancel_requested}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--state", "running"], {"u0", "u1"}),
        (["--account", "whoisxml-main"], {"u2"}),
        (["--kind", "proxy"], {"u3"}),
        (["--producer", "crm"], {"u0"}),
        (["--producer", "crm*"], {"u0", "u1"}),
        (["--label", "news-?"], {"u0", "u1", "u4"}),
        (["--reason", "producer_quota"], {"u5"}),
        (["--older-than", "2h"], {"u5"}),
        (["--older-than", "119min"], {"u5"}),
        (["--older-than", "3h"], set()),
        (["--label", "news-1", "--state", "running"], {"u0"}),
        ([], {"u0", "u1", "u2", "u3", "u4", "u5"}),
    ],
)
def test_uploads_are_chosen_by_what_they_are(
    store: Store, command: CommandLine, options: list[str], chosen: set[str]
) -> None:
    """Every option leaves out what it should, and several have to fit together."""
    a_mixture(store)
    assert {each["upload_id"] for each in command.parsed("ls", "--json", *options)} == chosen


def test_without_a_yes_it_is_only_told_what_would_happen(store: Store, command: CommandLine) -> None:
    """How many uploads fit, what they have cost and have reserved; no key is written, and the end is a good one."""
    a_mixture(store)
    before = everything(store)
    for name in ("cancel", "retry"):
        assert command(name, "--all").exit_code == ExitCode.OK
    told = command("cancel", "--state", "running")
    assert "2 uploads: 2 would request" in told.stdout
    assert "100 credits spent, and 40 reserved" in told.stdout
    assert "--yes does it" in told.stderr
    assert "not be fetched" not in told.stdout
    giving_up = command("cancel", "--state", "running", "--no-collect").stdout
    assert "0 rows are paid for and would not be fetched" in giving_up
    assert "5 uploads: 4 nothing waits, 1 would submit" in command("retry", "--all").stdout
    nothing = command("cancel", "--label", "nothing")
    assert (nothing.stdout, nothing.stderr) == ("No upload fits.\n", "")
    assert everything(store) == before


def test_with_a_yes_it_is_done(store: Store, command: CommandLine) -> None:
    """Each upload that fits and can be cancelled is; the summary counts them; others are as they were."""
    a_mixture(store)
    assert "2 uploads: 2 requested" in command("cancel", "--label", "news-*", "--yes").stdout
    assert cancelling(store) == {"u0", "u1"}
    done = command("cancel", "--all", "--yes").stdout.strip()
    assert set(done.removeprefix("4 uploads: ").split(", ")) == {"2 already requested", "2 requested"}
    assert cancelling(store) == {"u0", "u1", "u2", "u3"}


@pytest.mark.parametrize("confirmed", [False, True])
def test_json_has_a_document_for_each_upload(store: Store, command: CommandLine, *, confirmed: bool) -> None:
    """One document a line, the same keys whether it is done or told, and nothing else on standard output."""
    a_mixture(store)
    result = command("cancel", "--state", "running", "--json", *(["--yes"] if confirmed else []))
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert {document["upload_id"] for document in documents} == {"u0", "u1"}
    for document in documents:
        keys = [
            "upload_id",
            "state",
            "outcome",
            "message",
            "credits_spent",
            "credits_reserved",
            "rows_not_collected",
            "code",
        ]
        assert list(document) == keys
        assert document["outcome"] == ("requested" if confirmed else "would_request")


@pytest.mark.parametrize("name", ["ls", "show", "why", "cancel", "retry"])
def test_documents_have_the_keys_that_are_documented(store: Store, command: CommandLine, name: str) -> None:
    """A program finds every key where `docs/commands.md` says, and no other."""
    a_mixture(store)
    documented = next(keys.split() for title, _, keys in JSON_DOCUMENTS if f"`{name}`" in title)
    asked = {"ls": ["--state", "failed"], "retry": ["--state", "failed"], "cancel": ["u1", "--yes"]}
    document = command.parsed(name, "--json", *asked.get(name, ["u1"]))
    found = document[0] if isinstance(document, list) else document
    # A retry that submits anew wakes nothing.
    assert set(found) == set(documented) - ({"parts_woken"} if name == "retry" else set())


def test_a_limit_bounds_what_is_done_and_says_so(store: Store, command: CommandLine) -> None:
    """No more than so many are acted on, and whoever asked is told that more fit."""
    a_mixture(store)
    result = command("cancel", "--state", "running", "--limit", "1", "--yes")
    assert len(cancelling(store)) == 1
    assert "More than 1 uploads fit" in result.stderr
    assert "More than" not in command("cancel", "--state", "running", "--limit", "2", "--yes").stderr


def test_a_retry_of_all_leaves_cancelled_and_completed_uploads_alone(store: Store, command: CommandLine) -> None:
    """What somebody cancelled is retried only when cancelled ones are asked for."""
    a_mixture(store)
    stored(store, an_upload("u6", UploadState.CANCELLED, now=store.now()))
    told = [json.loads(line) for line in command("retry", "--all", "--json").stdout.splitlines()]
    assert {document["upload_id"] for document in told} == {"u0", "u1", "u2", "u3", "u5"}
    named = command.parsed("retry", "--state", "cancelled", "--json")
    assert (named["upload_id"], named["outcome"]) == ("u6", "would_submit")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--all means every one"),
        (["u0", "--all"], "not both"),
        (["u0", "--state", "running"], "not both"),
        (["--older-than", "2"], "is not a time such as"),
        (["--older-than", "9999d"], "is not a time such as"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_what_cannot_be_meant_is_refused(
    store: Store, command: CommandLine, name: str, arguments: list[str], complaint: str
) -> None:
    """Neither everything by mistake, nor two ways to choose at once, nor a time without a unit."""
    a_mixture(store)
    result = command(name, *arguments, "--yes")
    assert result.exit_code == ExitCode.USAGE
    assert complaint in " ".join(result.stderr.split())
    assert cancelling(store) == set()


def test_ctrl_c_ends_between_two_uploads_and_tells_how_far_it_came(
    store: Store, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is done and told, the rest is untouched, and the exit code says that it was interrupted."""
    a_mixture(store)
    cancelled = cancel_command._cancelled

    def interrupted(store: Store, upload_id: str, *, no_collect: bool) -> Outcome:
        if cancelling(store):
            raise KeyboardInterrupt
        return cancelled(store, upload_id, no_collect=no_collect)

    monkeypatch.setattr(cancel_command, "_cancelled", interrupted)
    result = command("cancel", "--all", "--yes")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "1 upload: 1 requested" in result.stdout
    assert "Interrupted after 1 of 4 uploads." in result.stderr
    assert len(cancelling(store)) == 1


def test_a_terminal_shows_how_far_it_is(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Where standard error is a terminal, a bar counts the uploads; standard output has the summary only."""
    a_mixture(store)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "worker.cli.main", "cancel", "--all", "--yes"]
    environment = os.environ | {"BULKVERIFY_REDIS_URL": redis_url, "BULKVERIFY_HOME": str(tmp_path), "TERM": "xterm"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "4/4" in shown
    assert done.stdout.decode() == "4 uploads: 4 requested\n"

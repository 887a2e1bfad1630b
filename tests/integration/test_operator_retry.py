"""`retry` on a real Redis and on a running line: what goes on, what is submitted anew, and what it may cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from producers.client import Client
from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from producers.exit_codes import ExitCode
from producers.request import parse
from tests.builders.coherence import check_coherent
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from tests.builders.records import a_part, a_running_upload, an_upload, stored
from worker.core.change import Change
from worker.core.line import stand
from worker.core.part import hold
from worker.core.records import AccountRecord
from worker.core.states import PartState, UploadState
from worker.core.values import Pause
from worker.providers.sandbox.faults import Fault
from worker.store.lines import Lines

if TYPE_CHECKING:
    from pathlib import Path

    from producers.request import UploadRequest
    from worker.store.store import Store

EMAILS = "email\nann@example.com\nbob@example.com\n"


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on that database."""
    return CommandLine(redis_url, tmp_path)


def requests(store: Store) -> list[UploadRequest]:
    """The requests in the stream."""
    entries: Any = store.client.xrange(UPLOADS_STREAM)
    return [parse(fields[REQUEST_FIELD]) for _, fields in entries]


def a_held_upload(store: Store) -> None:
    """Store an upload of three parts that wait for credits, on an account that is paused for want of them."""
    now = store.now()
    parts = [
        a_part(index=index, state=PartState.HELD, now=now, due_at=now + 900, reason="out_of_credits")
        for index in range(3)
    ]
    stored(store, an_upload(state=UploadState.RUNNING, now=now, parts_total=3), *parts)
    pause = Pause(reason="out_of_credits", until=now + 900)
    account = AccountRecord(account="ipqs-main", provider="ipqs", spending_pause=pause)
    store.commit(Change("pause_account", "", "ipqs-main", accounts=(account,)))


def test_a_retry_wakes_what_waits_without_asking(store: Store, command: CommandLine) -> None:
    """Held parts and their account are due now; it costs nothing, so nobody is asked; the timeline has one entry."""
    a_held_upload(store)
    result = command("retry", "list-1")
    assert result.exit_code == ExitCode.OK, result.output
    assert "goes on at once, and nothing is paid for again: 3 parts are due now" in result.stdout
    assert all((part.due_at or 0) <= store.now() for part in store.parts(["list-1/0", "list-1/1", "list-1/2"]))
    assert not store.account("ipqs-main", "ipqs").spending_pause.reason
    assert [entry["decision"] for entry in store.timeline("list-1")] == ["prepared", "retry"]
    assert requests(store) == []
    check_coherent(store)
    assert command.parsed("retry", "list-1", "--json")["outcome"] == "nothing_waits"


def test_a_retry_leaves_parts_in_line_at_their_turns(store: Store, command: CommandLine) -> None:
    """Who was held by a pause and stands in line keeps its turn, and is called up now that the pause has ended."""
    a_held_upload(store)
    for part in store.parts(["list-1/0", "list-1/1"]):
        store.commit(stand(hold(part, store.now(), "out_of_credits", store.now() + 900)))
    told = command("retry", "list-1").stdout
    assert "1 parts are due now, 2 go on in their turn" in told
    assert Lines(store).standing("ipqs-main", ["list-1/0", "list-1/1", "list-1/2"]) == {"list-1/0", "list-1/1"}
    assert not store.account("ipqs-main", "ipqs").spending_pause.reason
    assert command.parsed("retry", "list-1", "--json")["outcome"] == "nothing_waits"
    check_coherent(store)


def test_a_retry_leaves_open_attempts_to_a_person(store: Store, command: CommandLine) -> None:
    """A part whose submission has no known outcome is as it was, and the command says that it needs somebody."""
    a_running_upload(store)
    before = store.part("list-1/3")
    result = command("retry", "list-1", "--yes", "--spend")
    assert result.exit_code == ExitCode.FAILED
    assert "1 of its parts wait for evidence or a person" in result.stderr
    assert store.part("list-1/3") == before
    assert requests(store) == []


def test_what_failed_is_submitted_anew_after_a_yes(store: Store, command: CommandLine) -> None:
    """The request is the one that failed, under an id of its own; the failed upload stays what it is."""
    upload = an_upload(
        state=UploadState.FAILED, now=store.now(), options={"column": "email", "screen": True}, label="news",
        producer="crm", method="json", segments=("clean",), result_place="rows", spreadsheet_safe=True,
    )  # fmt: skip
    stored(store, upload, decision="failed")
    before = store.upload("list-1")
    assert command("retry", "list-1", answer="n\n").exit_code == ExitCode.FAILED
    assert command("retry", "list-1", answer="").exit_code == ExitCode.USAGE
    assert requests(store) == []
    asked = command("retry", "list-1", answer="y\n")
    assert "as list-1.r1: all rows of its list to be paid for, 0 were paid for before" in asked.stderr
    (request,) = requests(store)
    assert request.model_dump(exclude_none=True, exclude_defaults=True) == {
        "version": 1,
        "upload_id": "list-1.r1",
        "account": "ipqs-main",
        "kind": "email",
        "source": {"path": "/srv/lists/list.csv"},
        "options": {"column": "email"},
        "method": "json",
        "segments": ["clean"],
        "result": "rows",
        "screen": True,
        "spreadsheet_safe": True,
        "label": "news",
        "producer": "crm",
    }
    assert store.upload("list-1") == before
    assert store.timeline("list-1")[-1]["details"] == {"upload_id": "list-1.r1"}


def test_rows_that_were_paid_for_are_paid_again_only_on_request(store: Store, command: CommandLine) -> None:
    """Without --spend the command says how many rows would be, and were, paid for; with it they are."""
    upload = an_upload(state=UploadState.FAILED, now=store.now(), parts_total=2, distinct=200)
    paid = a_part(state=PartState.COLLECTED, now=store.now(), credits_committed=100)
    stored(store, upload, paid, a_part(index=1, state=PartState.FAILED, now=store.now()))
    refused = command("retry", "list-1", "--yes", "--json")
    document = json.loads(refused.stdout)
    assert (refused.exit_code, document["outcome"]) == (ExitCode.FAILED, "needs_spend")
    assert (document["rows_most"], document["rows_paid_before"]) == (200, 100)
    assert "at most 200 rows to be paid for, 100 were paid for before. --spend" in document["message"]
    assert requests(store) == []
    done = command.parsed("retry", "list-1", "--yes", "--spend", "--json")
    assert (done["outcome"], done["new_upload_id"]) == ("submitted", "list-1.r1")
    assert len(requests(store)) == 1


def test_a_retry_that_is_repeated_is_one_upload(store: Store, command: CommandLine) -> None:
    """Before intake has read the request the same one is sent again; after that the follow-up is named."""
    failed = an_upload(state=UploadState.FAILED, now=store.now())
    stored(store, failed)
    command("retry", "list-1", "--yes")
    command("retry", "list-1", "--yes")
    first, second = requests(store)
    assert first == second
    stored(store, failed.model_copy(update={"upload_id": "list-1.r1", "state": UploadState.COMPLETED}))
    for upload_id in ("list-1", "list-1.r1"):
        assert command.parsed("retry", upload_id, "--yes", "--json")["outcome"] == "already_retried"


def a_failed_chain(store: Store) -> None:
    """Store a failed upload of 200 values and its two follow-ups, which failed too; each has paid for 100."""
    for upload_id in ("list-1", "list-1.r1", "list-1.r2"):
        upload = an_upload(upload_id, UploadState.FAILED, now=store.now(), parts_total=2, distinct=200)
        paid = a_part(upload_id, 0, PartState.COLLECTED, now=store.now(), credits_committed=100)
        stored(store, upload, paid, a_part(upload_id, 1, PartState.FAILED, now=store.now()))


def test_a_chain_of_follow_ups_counts_once(store: Store, command: CommandLine) -> None:
    """All of a chain fit, and it is told once: what it would cost, and what all of it have paid for."""
    a_failed_chain(store)
    told = command("retry", "--state", "failed", "--spend").stdout
    assert told.splitlines() == [
        "1 upload: 1 would submit",
        "To be paid for: 200 rows, and the lists that were never read. Paid before: 300.",
    ]
    document = command.parsed("retry", "--all", "--spend", "--json")
    assert (document["upload_id"], document["new_upload_id"]) == ("list-1", "list-1.r3")


@pytest.mark.parametrize("chosen", [["--state", "failed"], ["list-1.r1", "list-1", "list-1.r2"]])
def test_a_chain_is_paid_for_once_in_a_command(
    store: Store, command: CommandLine, monkeypatch: pytest.MonkeyPatch, chosen: list[str]
) -> None:
    """A follow-up that fails while the command still runs is not followed by another one of the same command."""
    a_failed_chain(store)
    submit = Client.submit_request

    def failing_at_once(client: Client, request: UploadRequest) -> str:
        upload_id = submit(client, request)
        stored(store, an_upload(upload_id, UploadState.FAILED, now=store.now(), parts_total=2, distinct=200))
        return upload_id

    monkeypatch.setattr(Client, "submit_request", failing_at_once)
    assert command("retry", *chosen, "--spend", "--yes").exit_code == ExitCode.OK
    assert [request.upload_id for request in requests(store)] == ["list-1.r3"]


def test_an_id_that_only_looks_like_a_follow_up_is_nobodys(store: Store, command: CommandLine) -> None:
    """An application's own upload of that name is neither taken for the retry nor written over."""
    stored(store, an_upload(state=UploadState.FAILED, now=store.now()))
    stored(store, an_upload("list-1.r1", UploadState.FAILED, now=store.now(), source={"path": "/srv/lists/b.csv"}))
    result = command("retry", "list-1", "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (ExitCode.FAILED, "id_taken")
    assert command.parsed("retry", "list-1.r1", "--yes", "--json")["new_upload_id"] == "list-1.r1.r1"


def test_an_unknown_upload_does_not_keep_the_others_from_their_retry(store: Store, command: CommandLine) -> None:
    """Each upload has its own outcome, and the worst of them is the exit code."""
    a_held_upload(store)
    result = command("retry", "nobody", "list-1", "--json")
    assert result.exit_code == ExitCode.FAILED
    assert [json.loads(line)["outcome"] for line in result.stdout.splitlines()] == ["unknown", "woken"]


def test_a_failed_list_comes_back_verified_and_paid_once(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A list that was over its producer's quota is retried when the limit is lifted, and charged one time."""
    with running_line(tmp_path, redis_url, broker_url, producer_rows_per_day_max=1) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main", upload_id="list")
        line.finish(upload_id)
        assert line.upload(upload_id).reason == "producer_quota"
        object.__setattr__(line.plant.context.settings, "producer_rows_per_day_max", 0)
        command = CommandLine(redis_url, tmp_path)
        chosen = ["retry", "--state", "failed", "--reason", "producer_*"]
        assert "1 upload: 1 would submit" in command(*chosen).stdout
        assert command(*chosen, "--yes").exit_code == ExitCode.OK
        line.intake.read()
        line.finish("list.r1")
        assert line.upload("list.r1").state is UploadState.COMPLETED, line.decisions("list.r1")
        assert line.upload(upload_id).state is UploadState.FAILED
        assert [charge.rows for charge in line.ipqs.ledger] == [2]
        assert "already retried" in command(*chosen, "--yes").stdout


def test_parts_that_wait_for_credits_go_on_when_they_are_retried(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """After credits were bought, a retry has the list submitted at once instead of after the pause, and once."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="no_credits"))
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        wait_until(lambda: any(part.state is PartState.HELD for part in line.parts(upload_id)), what="a held part")
        account = line.plant.context.store.account("ipqs-main", "ipqs")
        assert account.spending_pause.reason == "out_of_credits"
        assert account.spending_pause.until > line.plant.context.store.now() + 30
        assert CommandLine(redis_url, tmp_path)("retry", upload_id).exit_code == ExitCode.OK
        line.finish(upload_id)
        assert [charge.rows for charge in line.ipqs.ledger] == [2]

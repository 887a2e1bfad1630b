"""What an operator asks of uploads, on a real Redis: `ls`, `show`, `why`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.records import a_part, a_result, a_running_upload, an_attempt, an_upload, stored
from worker.core.change import Change, Quota
from worker.core.line import stand
from worker.core.part import hold
from worker.core.records import AccountRecord
from worker.core.states import PartState, UploadState
from worker.core.values import Lease, Pause, SegmentFile

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.store import Store


@pytest.fixture
def command(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on that database."""
    return CommandLine(redis_url, tmp_path)


def test_ls_lists_uploads_newest_first(store: Store, command: CommandLine) -> None:
    """Each upload has one line with what an operator looks for, and the newest is first."""
    now = store.now()
    stored(store, an_upload("older", now=now - 3 * 3600, state=UploadState.PREPARING, staged_rows=1_200))
    a_running_upload(store, "newer")
    lines = command("ls").stdout.splitlines()
    assert lines[0].split() == ["id", "account", "kind", "state", "rows", "progress", "age", "reason"]
    assert lines[1].split()[:5] == ["newer", "ipqs-main", "email", "attention", "420"]
    assert "37 %, 1 of 4 parts" in lines[1]
    assert "1,200 rows read" in lines[2]
    assert "3 h" in lines[2]


def test_ls_narrows_by_state_account_and_number(store: Store, command: CommandLine) -> None:
    """Options leave out what they should, and JSON holds what applications may read."""
    for number in range(3):
        stored(store, an_upload(f"a-{number}", now=store.now()))
    stored(store, an_upload("b", UploadState.COMPLETED, now=store.now(), account="whoisxml-main", result=a_result()))
    assert [each["upload_id"] for each in command.parsed("ls", "--state", "completed", "--json")] == ["b"]
    assert [each["upload_id"] for each in command.parsed("ls", "--account", "whoisxml-main", "--json")] == ["b"]
    assert [each["upload_id"] for each in command.parsed("ls", "--limit", "2", "--json")] == ["b", "a-2"]


def test_ls_of_nothing_is_no_error(command: CommandLine) -> None:
    """Without uploads, a person is told so, and a program gets an empty list."""
    assert command("ls").stderr == "No uploads.\n"
    assert command.parsed("ls", "--json") == []


@pytest.mark.parametrize("name", ["show", "why"])
def test_an_unknown_upload_is_a_document_for_programs(store: Store, command: CommandLine, name: str) -> None:
    """The same keys and words as of `cancel` and `retry`; people still read the message on standard error."""
    stored(store, an_upload(now=store.now()))
    done = command(name, "lst-1", "--json")
    assert done.exit_code == ExitCode.FAILED
    message = "There is no upload lst-1. Nearest: list-1."
    told = {"upload_id": "lst-1", "state": "", "outcome": "unknown", "message": message, "code": 1}
    assert json.loads(done.stdout) == told == json.loads(command("cancel", "lst-1", "--json").stdout)
    assert done.stderr == f"Error: {message}\n"


# show


def test_show_tells_everything_of_an_upload_and_its_parts(store: Store, command: CommandLine) -> None:
    """Counts, credits, remote jobs, reasons and times in words are shown."""
    a_running_upload(store)
    shown = command("show", "list-1")
    assert shown.exit_code == ExitCode.OK
    for text in ("420 (400 to verify, 20 folded, 0 empty)", "100 spent, 100 reserved", "news", "No answer came.", "77"):
        assert text in shown.stdout
    assert "in 89 s" in shown.stdout or "in 90 s" in shown.stdout


def test_show_tells_how_a_list_was_read_and_what_that_saved(store: Store, command: CommandLine) -> None:
    """The decisions about the file, screening, the result's form, and the credits saved with their reasons are told."""
    dialect = {"column_name": "email", "columns": ["email"], "header": True, "why": "delimiter ';'; header as asked"}
    counts = {"rows": 20, "distinct": 12, "folded": 5, "empty": 2, "withheld": 1, "parts_total": 2}
    form = {"options": {"screen": True, "column": 0}, "result_format": "csv", "spreadsheet_safe": True}
    upload = an_upload(state=UploadState.RUNNING, now=store.now()).model_copy(update={**counts, **form})
    reused = a_part(state=PartState.COLLECTED, rows=4).model_copy(update={"reused_from": "list-0/0"})
    stored(store, upload.model_copy(update={"dialect": dialect}), reused)
    lines = {" ".join(line.split()) for line in command("show", "list-1").stdout.splitlines()}
    assert "read as delimiter ';'; header as asked" in lines
    assert "options column 0" in lines
    assert "screened values that cannot be of the kind are withheld" in lines
    assert "result as csv, safe for spreadsheets" in lines
    assert "rows 20 (12 to verify, 5 folded, 2 empty, 1 withheld)" in lines
    assert "saved 10 credits (5 folded, 1 withheld, 4 reused)" in lines


def test_show_tells_where_the_result_is(store: Store, command: CommandLine) -> None:
    """The result's place, its counts and whether it is partial are shown."""
    result = a_result(100, missing=3)
    stored(store, an_upload("list-1", UploadState.FAILED, now=store.now(), result=result, finished_at=store.now()))
    shown = command("show", "list-1").stdout
    assert result.object in shown
    assert "3: the result is partial" in shown


def test_show_tells_of_segments_and_of_rows_in_redis(store: Store, command: CommandLine) -> None:
    """Segments are listed with their places, the empty ones as empty, and whether the result is in Redis."""
    clean = SegmentFile(segment="clean", part=0, object="results/list-1/segments/part-00000.clean.csv", url="file:///c")
    more = {"segments": (clean, SegmentFile(segment="bad", part=0)), "rows_in_redis": True, "rows_until": store.now()}
    result = a_result().model_copy(update=more)
    stored(store, an_upload("list-1", UploadState.COMPLETED, now=store.now(), result=result, method="json"))
    lines = {" ".join(line.split()) for line in command("show", "list-1").stdout.splitlines()}
    assert {"clean, part 0 file:///c", "bad, part 0 empty", "method json"} <= lines
    assert any(line.startswith("in Redis until ") for line in lines)
    large = result.model_copy(update={"rows_in_redis": False, "rows_until": None, "rows_reason": "too_large"})
    stored(store, an_upload("list-2", UploadState.COMPLETED, now=store.now(), result=large))
    assert "no: too large" in command("show", "list-2").stdout


def test_show_as_json_has_the_records(store: Store, command: CommandLine) -> None:
    """JSON holds the upload's and every part's record, and the store's time."""
    a_running_upload(store)
    document = command.parsed("show", "list-1", "--json")
    assert document["upload"]["state"] == "attention"
    assert [part["state"] for part in document["parts"]] == ["collected", "submitted", "pending", "quarantined"]
    assert document["now"] == pytest.approx(store.now(), abs=60)


@pytest.mark.parametrize("name", ["show", "why"])
def test_an_unknown_upload_is_an_error_with_the_nearest_ids(store: Store, command: CommandLine, name: str) -> None:
    """A mistyped id ends with exit code 1 and the ids that were perhaps meant."""
    a_running_upload(store, "crm-2026-11")
    result = command(name, "crm-2026-12")
    assert result.exit_code == ExitCode.FAILED
    assert "There is no upload crm-2026-12. Nearest: crm-2026-11." in result.stderr
    assert "bulkverify ls" in command(name, "zzz").stderr


def of_a_later_version(store: Store, record: str, state: str) -> None:
    """Make a record look as if a later version had written it, in a state that only that one knows."""
    key = store.key(*record.split(":"))
    known = json.loads(str(store.client.get(key)))
    store.client.set(key, json.dumps(known | {"schema_version": 2, "state": state}))


@pytest.mark.parametrize("record", ["upload:list-1", "part:list-1/2"])
@pytest.mark.parametrize("name", ["ls", "show", "why"])
def test_what_a_later_version_wrote_is_shown_by_its_words(
    store: Store, command: CommandLine, name: str, record: str
) -> None:
    """A state that this program does not know is shown as it stands, with what to do about it; nothing breaks."""
    a_running_upload(store)
    of_a_later_version(store, record, "parked")
    arguments = (name,) if name == "ls" else (name, "list-1")
    shown = command(*arguments)
    assert shown.exit_code == ExitCode.OK
    assert "parked" in shown.stdout or (name, record) == ("ls", "part:list-1/2")
    assert "Upgrade this program" in shown.stdout or name == "ls"
    assert "parked" in command(*arguments, "--json").stdout or name == "ls"


# why


def test_why_tells_what_happened_and_what_happens_next(store: Store, command: CommandLine) -> None:
    """The timeline is told in words, then the next step of everything that waits, those that need a person first."""
    a_running_upload(store)
    told = command("why", "list-1").stdout
    happened, _, follows = told.partition("What happens next")
    assert "the list was read and split into parts" in happened
    assert "rows 420" in happened
    assert "a person must decide: No answer came" in follows
    assert "known: attempt 1 may have been charged" in follows
    assert "the provider is asked about remote job 77" in follows
    assert follows.index("part 3") < follows.index("part 2") < follows.index("part 1")
    assert "part 0" not in follows


def test_why_tells_of_leases_and_pauses(store: Store, command: CommandLine) -> None:
    """A live lease names its owner, and a paused account its reason."""
    now = store.now()
    upload = an_upload(state=UploadState.RUNNING, now=now, parts_total=1)
    lease = Lease(owner="host-a:17", until=now + 300)
    stored(store, upload, a_part(state=PartState.INTENT, now=now, attempts=1, lease=lease, attempt=an_attempt(at=now)))
    pause = Pause(reason="throttled", until=now + 300)
    account = AccountRecord(account="ipqs-main", provider="ipqs", calls_pause=pause)
    store.commit(Change("pause_account", "", "ipqs-main", accounts=(account,)))
    told = command("why", "list-1").stdout
    assert "host-a:17 is submitting it (attempt 1)" in told
    assert "a free call whether calls for account ipqs-main may begin again: throttled" in told
    assert "in 4 min" in told


def test_why_asks_whether_anything_runs_when_something_is_overdue(store: Store, command: CommandLine) -> None:
    """What was due long ago is called overdue, with the likeliest remedy."""
    stored(store, an_upload(now=store.now() - 600))
    told = command("why", "list-1").stdout
    assert "overdue by 10 min" in told or "overdue by 9 min" in told
    assert "`bulkverify up` starts them" in told


def test_why_calls_nothing_overdue_that_waits_for_its_turn(store: Store, command: CommandLine) -> None:
    """A part in the line of an account whose pause was prolonged has no time of its own."""
    now = store.now()
    part = a_part(state=PartState.HELD, now=now - 600)
    upload = an_upload(state=UploadState.RUNNING, now=now, parts_total=1)
    stored(store, upload, part)
    store.commit(stand(hold(part.written(), now - 600, "out_of_credits", now - 300)))
    told = command("why", "list-1").stdout
    assert "it is submitted in its turn, when there is room on its account\n" in told
    assert "overdue" not in told


def test_why_does_not_repeat_itself_for_many_parts(store: Store, command: CommandLine) -> None:
    """Of many parts that wait for the same, a few are told and the rest is counted; JSON has all of them."""
    now = store.now()
    upload = an_upload(state=UploadState.RUNNING, now=now, parts_total=30)
    stored(store, upload, *(a_part(index=index, now=now) for index in range(30)))
    told = command("why", "list-1").stdout
    assert told.count("(pending)") == 5
    assert "… and 25 more that are pending" in told
    assert len(command.parsed("why", "list-1", "--json")["next"]) == 31


def test_why_tells_how_much_of_the_producers_day_is_used(
    store: Store, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a quota limits the upload's producer, its use is told; where none does, nothing is said of it."""
    stored(store, an_upload(producer="crm", now=store.now()))
    store.commit(Change("count", "", "ipqs-main", quota=Quota("crm", 1_200, None)))
    assert command.parsed("why", "list-1", "--json")["quota"] is None
    monkeypatch.setenv("BULKVERIFY_PRODUCER_ROWS_PER_DAY_OVERRIDES", "crm=5000")
    assert command.parsed("why", "list-1", "--json")["quota"] == {"used_rows": 1_200, "most_rows": 5_000}
    assert "1,200 of the 5,000 rows of its producer are used" in command("why", "list-1").stdout


def test_why_of_an_ended_upload_has_nothing_next(store: Store, command: CommandLine) -> None:
    """After the end, one line says that nothing follows, and where the result is."""
    stored(store, an_upload(state=UploadState.COMPLETED, now=store.now(), result=a_result()), decision="completed")
    (step,) = command.parsed("why", "list-1", "--json")["next"]
    assert step["when"] is None
    assert step["what"].startswith("nothing: it is completed; the result is file://")

"""`reuse`: verdicts that an account has are taken over where the request says so, visibly, and nothing is paid."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from config.verdict_rules import VerdictRule
from producers.contract import UPLOADS_STREAM
from producers.errors import Rejected
from tests.builders.coherence import check_coherent
from tests.builders.command_line import CommandLine
from tests.builders.ended import DAY_SECONDS
from tests.builders.line import Line, running_line
from worker.actors import prepare, submit
from worker.actors.attempts import attempt_name
from worker.actors.names import manifest_name, result_name, staging_folder, verdicts_name
from worker.core.change import Change
from worker.core.reuse import LOST
from worker.core.states import Lane, PartState, UploadState
from worker.retention.housekeeper import Housekeeper
from worker.retention.purging import purge_ended
from worker.rows.manifest import Manifest
from worker.store.retention import Purged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.records import PartRecord

LIST = "email\nann@example.com\nbob@example.com\nnonsense\n"
#: The same values in another file: other order, other columns, one twice, one spelled otherwise.
SAME = "name;email\nBob;bob@EXAMPLE.com\nNobody;\nAnn;ann@example.com\nNonsense;nonsense\nBob;bob@example.com\n"
MORE = LIST + "cleo@example.com\n"


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a running line whose records tell one story at the end."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        yield line
        check_coherent(line.plant.context.store)


def uploaded(line: Line, name: str, text: str, account: str = "ipqs-main", **wish: Any) -> str:
    """An upload that has reached its end."""
    upload_id = line.submit(line.file(f"{name}.csv", text), account, upload_id=name, **wish)
    line.finish(upload_id)
    return upload_id


def charges(line: Line) -> list[int]:
    """Rows of every charge of both providers."""
    return [charge.rows for charge in (*line.ipqs.ledger, *line.whoisxml.ledger)]


def verdicts(line: Line, upload_id: str) -> dict[str, tuple[str, str]]:
    """Verdict and time of each address of a result, by its lower case."""
    text = line.plant.context.storage.read(result_name(upload_id), 1_000_000).decode()
    rows = [row for row in csv.DictReader(io.StringIO(text), delimiter=line.delimiter(upload_id)) if row["email"]]
    return {row["email"].lower(): (row["bv_verdict"], row["bv_checked_at"]) for row in rows}


def manifest_of(line: Line, upload_id: str) -> Manifest:
    """The manifest of an upload."""
    return Manifest.load(line.plant.context.storage.read(manifest_name(upload_id), 1_000_000))


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
def test_the_same_values_are_not_paid_for_twice(line: Line, account: str) -> None:
    """No job is made for the second list: every row has its verdict and its time from the first, and all say so."""
    uploaded(line, "first", LIST, account)
    uploaded(line, "second", SAME, account, reuse=1)
    assert charges(line) == [3]
    assert verdicts(line, "second") == verdicts(line, "first")
    upload, (source,), (part,) = line.upload("second"), line.parts("first"), line.parts("second")
    assert (upload.state, part.state) == (UploadState.COMPLETED, PartState.COLLECTED)
    assert upload.result is not None
    assert (upload.result.counts.rows, upload.result.counts.missing, upload.result.counts.folded) == (5, 0, 1)
    assert (upload.result.credits, upload.result.reused_values) == (0, 3)
    assert (part.reused_from, part.verified_at, part.credits_committed) == ("first/0", source.verified_at, 0)
    entry = next(each for each in line.plant.context.store.timeline("second") if each["decision"] == "reuse")
    assert (entry["part"], entry["details"]["from"], entry["details"]["rows"]) == (0, "first/0", 3)
    assert "attempt" not in line.decisions("second")
    client: Any = line.plant.context.store.client
    ledger = client.hgetall(line.plant.context.store.key("ledger", account))
    assert (ledger["committed"], ledger["avoided"]) == ("3", "4")


def test_a_reuse_is_told_everywhere(line: Line, redis_url: str) -> None:
    """Manifest, event, client and commands say what was reused and from where."""
    uploaded(line, "first", LIST)
    uploaded(line, "second", SAME, reuse=1)
    manifest, command = manifest_of(line, "second"), CommandLine(redis_url, line.folder)
    assert (manifest.reused_values, manifest.credits, manifest.parts[0].reused_from) == (3, 0, "first/0")
    assert manifest.parts[0].finished_at == manifest_of(line, "first").parts[0].finished_at
    assert (manifest_of(line, "first").reused_values, manifest_of(line, "first").parts[0].reused_from) == (0, None)
    (event,) = [event for event in line.client.events("second") if event.event == "completed"]
    assert event.details["reused_values"] == 3
    assert line.client.result("second").reused_values == 3
    assert "reused from first/0, verified " in command("show", "second").stdout.replace("\n", " ")
    assert "verdicts of at most 1 hours ago" in command("show", "second").stdout
    assert "verdicts of an earlier verification were taken over" in command("why", "second").stdout
    assert command.parsed("show", "second", "--json")["parts"][0]["reused_from"] == "first/0"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        pytest.param(LIST, {}, id="no word"),
        pytest.param(LIST, {"reuse": 1e-6}, id="too old"),
        pytest.param(LIST, {"reuse": 1, "account": "whoisxml-main"}, id="another account"),
        pytest.param(LIST, {"reuse": 1, "kind": "leaked_email"}, id="another kind"),
        pytest.param(MORE, {"reuse": 1}, id="another value"),
        pytest.param(LIST, {"reuse": 1, "segments": ["clean"]}, id="segments that are not there"),
    ],
)
def test_what_is_not_the_same_is_paid_for(line: Line, text: str, wish: dict[str, Any]) -> None:
    """Without the word, and where anything else was asked, the list is sent like every other."""
    uploaded(line, "first", LIST)
    uploaded(line, "second", text, **wish)
    assert charges(line) == [3, text.count("\n") - 1]
    assert line.parts("second")[0].reused_from is None


def test_verdicts_whose_files_are_gone_are_paid_for(line: Line) -> None:
    """Storage that was cleaned has nothing to be taken over, whatever the records remember."""
    uploaded(line, "first", LIST)
    assert line.plant.context.storage.delete_prefix(staging_folder("first"))
    uploaded(line, "second", LIST, reuse=1)
    assert charges(line) == [3, 3]


def test_verdicts_that_are_damaged_are_paid_for(line: Line) -> None:
    """An object that is not what was recorded is not taken over: the part is held once, says so, and is sent."""
    uploaded(line, "first", LIST)
    with line.plant.context.storage.write(line.parts("first")[0].verdicts_object or "") as out:
        out.write(b"{}\n")
    uploaded(line, "second", LIST, reuse=1)
    assert charges(line) == [3, 3]
    holds = [each for each in line.plant.context.store.timeline("second") if each["decision"] == "hold"]
    assert [hold["reason"] for hold in holds] == [LOST]


def test_verdicts_are_handed_on_with_their_first_time(line: Line) -> None:
    """What was taken over can be taken over again, when the first upload is gone, as verdicts of the first time."""
    uploaded(line, "first", LIST)
    first = verdicts(line, "first")
    uploaded(line, "second", LIST, reuse=1)
    line.plant.context.storage.delete_prefix(staging_folder("first"))
    uploaded(line, "third", LIST, reuse=1)
    assert charges(line) == [3]
    assert line.parts("third")[0].reused_from == "first/0"
    assert verdicts(line, "third") == first


def test_segments_are_taken_over_too(line: Line) -> None:
    """Wanted files of the provider are copied beside the new result, the empty ones told as empty."""
    uploaded(line, "first", LIST, segments=["bad", "clean", "pristine"])
    uploaded(line, "second", LIST, segments=["bad", "clean"], reuse=1)
    assert charges(line) == [3]
    storage = line.plant.context.storage
    before, after = ({each.segment: each for each in line.parts(name)[0].segments} for name in ("first", "second"))
    assert after.keys() == {"bad", "clean"}
    for name, file in after.items():
        assert (file.sha256, file.size_bytes, file.empty) == (
            before[name].sha256,
            before[name].size_bytes,
            before[name].empty,
        )
        if file.object is not None:
            assert file.object.startswith("results/second/")
            assert storage.read(file.object, 1_000_000) == storage.read(before[name].object or "", 1_000_000)
    assert any(file.object for file in after.values())


def test_only_the_parts_that_differ_are_sent(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Of a list of several parts those are paid for that hold values of which there is no verdict."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=2) as line:
        uploaded(line, "first", "email\na@example.com\nb@example.com\nc@example.com\nd@example.com\n")
        uploaded(line, "second", "email\nb@example.com\na@example.com\nc@example.com\ne@example.com\n", reuse=1)
        assert charges(line) == [2, 2, 2]
        assert [part.reused_from for part in line.parts("second")] == ["first/0", None]
        summary = line.upload("second").result
        assert summary is not None
        assert (summary.reused_values, summary.credits, summary.counts.missing) == (2, 2, 0)
        check_coherent(line.plant.context.store)


def test_another_version_of_the_verification_is_another_question(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """An account that now asks for another version of the verification pays for it."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        uploaded(line, "first", LIST, "whoisxml-main")
        connected = line.plant.context.accounts["whoisxml-main"]
        key = connected.reuse_key("email", 3, line.parts("first")[0].digest)
        assert line.plant.context.store.reuse_offer("whoisxml-main", key) == "first/0"
        object.__setattr__(connected, "account", connected.account.model_copy(update={"verification_version": 2}))
        uploaded(line, "second", LIST, "whoisxml-main", reuse=1)
        assert charges(line) == [3, 3]


def test_rules_that_change_while_a_job_runs_leave_nothing_to_be_taken_over(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """Verdicts that other rules decided than those that were asked for answer neither of the two questions."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        line.submit(line.file("first.csv", LIST), "ipqs-main", upload_id="first")
        context = line.plant.context
        prepare.run(context, "first", line.upload("first").epoch)
        (part,) = line.parts("first")
        submit.run(context, part.part_id, part.epoch)
        connected = context.accounts["ipqs-main"]
        before = connected.account
        rule = VerdictRule(kind="email", column="valid", equals="true", verdict="bad")
        keys = [connected.reuse_key("email", 3, part.digest)]
        assert line.parts("first")[0].reuse_key == keys[0]
        object.__setattr__(connected, "account", before.model_copy(update={"verdicts": (rule,)}))
        keys.append(connected.reuse_key("email", 3, part.digest))
        line.start_worker()
        line.finish("first")
        assert [context.store.reuse_offer("ipqs-main", key) for key in keys] == [None, None]
        object.__setattr__(connected, "account", before)
        uploaded(line, "second", LIST, reuse=1)
        assert charges(line) == [3, 3]
        check_coherent(context.store)


def test_a_paused_account_takes_over_all_the_same(line: Line) -> None:
    """Nothing is called for, so nothing waits: not even for credits."""
    uploaded(line, "first", LIST)
    store = line.plant.context.store
    account = store.account("ipqs-main", "ipqs")
    paused = account.model_copy(update={"paused_until": store.now() + 600, "pause_reason": "out_of_credits"})
    store.commit(Change("pause", "", "ipqs-main", accounts=(paused,)))
    uploaded(line, "second", LIST, reuse=1)
    assert charges(line) == [3]


@pytest.fixture
def waiting(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[tuple[Line, PartRecord]]:
    """Yield a line that has stopped, and a part on it that is pending and could take over verdicts."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        uploaded(line, "first", LIST)
        assert line.worker is not None
        line.worker.stop(timeout=10_000)
        line.worker = None
        line.timekeeper.stop()
        line.timekeeper.join(10)
        upload_id = line.submit(line.file("second.csv", LIST), "ipqs-main", upload_id="second", reuse=1)
        prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
        (part,) = line.parts(upload_id)
        yield line, part
        check_coherent(line.plant.context.store)


def test_an_attempt_that_only_storage_remembers_goes_before(waiting: tuple[Line, PartRecord]) -> None:
    """A part that a forgotten attempt may have been paid for is looked for, not given the verdicts of another."""
    line, part = waiting
    assert line.plant.context.storage.create(attempt_name(part.token, 1), b"{}")
    submit.run(line.plant.context, part.part_id, part.epoch)
    (looked_for,) = line.parts("second")
    assert (looked_for.reused_from, looked_for.attempt is not None) == (None, True)
    assert looked_for.state is not PartState.COLLECTED
    assert charges(line) == [3]


def test_a_storage_that_refuses_is_waited_for(waiting: tuple[Line, PartRecord], tmp_path: Path) -> None:
    """Verdicts that are there and cannot be copied now are copied later: nothing is paid meanwhile."""
    line, part = waiting
    in_the_way = tmp_path / "storage" / verdicts_name("second", 0)
    in_the_way.mkdir()
    submit.run(line.plant.context, part.part_id, part.epoch)
    (held,) = line.parts("second")
    assert (held.state, held.lane, held.reason) == (PartState.HELD, Lane.SUBMIT, "storage_invalid_name")
    assert held.due_at is not None
    assert held.due_at > line.plant.context.store.now()
    in_the_way.rmdir()
    submit.run(line.plant.context, held.part_id, held.epoch)
    assert line.parts("second")[0].reused_from == "first/0"
    assert charges(line) == [3]


def test_a_step_that_is_done_twice_writes_once(waiting: tuple[Line, PartRecord]) -> None:
    """A doubled hint finds the part at its end, and what was avoided is counted once."""
    line, part = waiting
    for _ in range(2):
        submit.run(line.plant.context, part.part_id, part.epoch)
    assert line.decisions("second").count("reuse") == 1
    client: Any = line.plant.context.store.client
    assert client.hget(line.plant.context.store.key("ledger", "ipqs-main"), "avoided") == "3"


def test_the_word_makes_another_upload(line: Line) -> None:
    """A list with the word is not the upload without it: who did not ask for it never gets verdicts of another."""
    path = line.file("list.csv", LIST)
    ids = [line.submit(path, "ipqs-main", reuse=hours) for hours in (None, 24, 24, 48, None)]
    line.finish(*ids)
    assert ids[0] == ids[4]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3
    asked_again = line.submit(path, "ipqs-main", reuse=24, again="2026-12")
    line.finish(asked_again)
    assert asked_again not in ids
    assert line.parts(asked_again)[0].reused_from is not None


@pytest.mark.parametrize(("first", "second"), [(1, None), (None, 1), (1, 2)])
def test_under_one_id_another_reuse_is_a_conflict(line: Line, first: float | None, second: float | None) -> None:
    """An id of the application's own stands for one request, and how old verdicts may be is part of it."""
    uploaded(line, "mine", LIST, reuse=first)
    line.submit(line.file("mine.csv", LIST), "ipqs-main", upload_id="mine", reuse=second)
    with pytest.raises(Rejected) as caught:
        line.client.wait("mine", timeout_seconds=30)
    assert caught.value.reason == "conflict"
    assert charges(line) == [3]


def test_a_purged_upload_offers_nothing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With the record the offer goes, so that the index holds no more than there are parts."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        uploaded(line, "first", LIST)
        context = line.plant.context
        assert context.store.client.hlen(context.store.key("reuse", "ipqs-main")) == 1
        context.store.clock_offset_seconds += 31 * DAY_SECONDS
        assert purge_ended(context.store, Housekeeper(context).retention, line.settings) == {Purged.OK: 1}
        assert not context.store.client.exists(context.store.key("reuse", "ipqs-main"))
        uploaded(line, "second", LIST, reuse=8_760)
        assert charges(line) == [3, 3]


def test_a_purge_leaves_the_offer_of_another_part(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """What was taken over is offered by the later upload, whose files are there when the first one is gone."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        uploaded(line, "first", LIST)
        context = line.plant.context
        context.store.clock_offset_seconds += 29 * DAY_SECONDS
        uploaded(line, "second", LIST, reuse=8_760)
        context.store.clock_offset_seconds += 2 * DAY_SECONDS
        assert purge_ended(context.store, Housekeeper(context).retention, line.settings) == {Purged.OK: 1}
        uploaded(line, "third", LIST, reuse=8_760)
        assert charges(line) == [3]
        assert line.parts("third")[0].reused_from == "first/0"


def test_a_dry_run_tells_what_would_be_reused(line: Line, redis_url: str) -> None:
    """`--dry-run` counts what is there now, prices the rest, and leaves all of it where it is."""
    uploaded(line, "first", LIST)
    command = CommandLine(redis_url, line.folder)
    command.environment |= {
        "BULKVERIFY_ACCOUNTS_FILE": str(line.settings.accounts_file),
        "BULKVERIFY_STORAGE_URL": line.settings.storage_url,
        "BULKVERIFY_INPUT_ROOTS": str(line.folder),
    }
    path = str(line.file("second.csv", SAME))
    asked = ("upload", path, "--account", "ipqs-main", "--dry-run")
    told = command.parsed(*asked, "--reuse", "1", "--json")
    assert (told["reused_values"], told["reused_parts"], told["credits_max"]) == (3, 1, 0)
    assert "3 values of 1 parts" in command(*asked, "--reuse", "1").stdout
    unasked = command.parsed(*asked, "--json")
    assert (unasked["reused_values"], unasked["credits_max"]) == (0, 3)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "8761", "day"])
def test_hours_that_cannot_be_meant_send_nothing(line: Line, redis_url: str, hours: str) -> None:
    """The command refuses what is no age before it sends anything."""
    path = str(line.file("list.csv", LIST))
    done = CommandLine(redis_url, line.folder)("upload", path, "--account", "ipqs-main", "--reuse", hours)
    assert done.exit_code == 2, done.output
    assert not line.plant.context.store.client.xlen(UPLOADS_STREAM)

"""`bulkverify reconcile` on a real Redis and simulated providers: what it tells, what it writes, how it ends."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, running_line
from tests.builders.stepping_commands import SteppingCommands
from tests.builders.stores import everything
from tests.builders.swept import Swept, swept_account
from tests.builders.watched_redis import CLOCK_KEY
from tests.builders.wiped import Wiped
from worker.actors import reconcile
from worker.actors.drift import keep
from worker.actors.walk_turn import WalkTurn
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3_600.0
#: Seconds that a job takes which is to be under way for the whole test.
LONG_SECONDS = 10 * 86_400.0


@pytest.fixture(params=["ipqs-main", "whoisxml-main"])
def swept(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account of each provider, whose list has a job that is known to be ours, after its first sweep."""
    with swept_account(tmp_path, redis_url, str(request.param)) as swept:
        yield swept


@pytest.fixture
def command(swept: Swept) -> SteppingCommands:
    """Return the command line in the line's world."""
    return SteppingCommands(swept.line)


def a_late_end(swept: Swept) -> None:
    """A job that was done two hours ago, which nobody has looked at."""
    swept.sandbox.knobs.job_seconds = 60.0
    swept.ask("crm-1")
    swept.until("crm-1", PartState.SUBMITTED)
    swept.line.clock.advance(2 * HOUR)


def an_uncollected_result(swept: Swept) -> None:
    """A job that was done hours ago, whose download is put off for a week."""
    swept.sandbox.knobs.job_seconds = 60.0
    swept.ask("crm-1")
    swept.until("crm-1", PartState.SUBMITTED)
    swept.sweep(after_seconds=300.0)
    swept.put_off("crm-1")
    swept.line.clock.advance(2 * HOUR)


def jobs_under_way(swept: Swept, *upload_ids: str) -> None:
    """Lists whose jobs take days, made an hour ago."""
    swept.sandbox.knobs.job_seconds = LONG_SECONDS
    for upload_id in upload_ids:
        swept.ask(upload_id)
        swept.until(upload_id, PartState.SUBMITTED)
    swept.line.clock.advance(HOUR)


def written(swept: Swept) -> dict[str, bytes]:
    """Everything in Redis but the account's call rate, which every call takes from, and the test's clock."""
    kept = everything(swept.line.store).items()
    return {key: value for key, value in kept if "rate" not in key.split(":") and key != CLOCK_KEY}


def charged(swept: Swept) -> int:
    """Rows that were ever paid for."""
    return sum(charge.rows for charge in swept.sandbox.ledger)


def test_nothing_differs(swept: Swept, command: SteppingCommands) -> None:
    """Every account is compared in turn, what was seen of its list is told, and the end is 0."""
    told = command("reconcile", code=0).output
    assert "Account ipqs-main (ipqs)\n" in told
    assert "Account whoisxml-main (whoisxml)\n" in told
    assert "  list: complete and proven, " in told
    assert told.count("  No drift.\n") == 2
    assert told.endswith("Plan: 0 repairs, 0 for a person, 0 watched.\n")
    (one,) = command.parsed("reconcile", swept.account, "--apply", code=0)["accounts"]
    assert (one["account"], one["list"]["complete"], one["findings"]) == (swept.account, True, [])


def test_a_plan_tells_what_would_be_done_and_writes_nothing(swept: Swept, command: SteppingCommands) -> None:
    """Drift ends with 2; what a plan has said, an apply does, without spending, and then nothing is left to be done."""
    a_late_end(swept)
    before, paid = written(swept), charged(swept)
    told = command("reconcile", swept.account, code=2).output
    document = command.parsed("reconcile", swept.account, "--plan", code=2)
    assert written(swept) == before
    assert "  ~ part crm-1/0: fast-forward to finished\n      stale_local (info) for " in told
    assert told.endswith("Plan: 1 repair, 0 for a person, 0 watched.\n")
    (found,) = document["accounts"][0]["findings"]
    assert (found["class"], found["subject"], found["fate"]) == ("stale_local", "crm-1/0", "repair")
    assert (document["mode"], document["code"], found["believed"]) == ("plan", 2, True)
    assert swept.part("crm-1").state is PartState.SUBMITTED

    told = command("reconcile", swept.account, "--apply", code=0).output
    assert "  ~ part crm-1/0: fast-forward to finished\n" in told
    assert told.endswith("Applied: 1 repair, 0 for a person, 0 watched.\n")
    assert swept.part("crm-1").state is PartState.FINISHED
    swept.line.settle("crm-1")
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED
    assert charged(swept) == paid


def test_a_repair_is_planned_and_written(swept: Swept, command: SteppingCommands) -> None:
    """A download that was put off is due at once, which the timeline tells with the class."""
    an_uncollected_result(swept)
    assert "  ~ part crm-1/0: have it tried again at once\n" in command("reconcile", swept.account, code=2).output
    command("reconcile", swept.account, "--apply", code=0)
    (entry,) = [one for one in swept.line.store.timeline("crm-1") if "drift" in one.get("details", {})]
    assert entry["details"]["drift"] == "uncollected_result"
    swept.line.settle("crm-1")
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED


def test_an_apply_acts_on_what_is_there_then(swept: Swept, command: SteppingCommands) -> None:
    """What a plan has shown and somebody else has mended meanwhile is not touched."""
    an_uncollected_result(swept)
    assert "1 repair," in command("reconcile", swept.account, code=2).output
    command("retry", "crm-1", code=0)
    swept.line.settle("crm-1")
    before = swept.part("crm-1")
    assert "Applied: 0 repairs, " in command("reconcile", swept.account, "--apply", code=0).output
    assert swept.part("crm-1") == before


def test_a_part_that_moves_on_during_an_apply_is_told(
    swept: Swept, command: SteppingCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its repair was built on a record that has changed: nothing is written, and nothing is left to be done."""
    an_uncollected_result(swept)

    def keep_and_go_on(*given: object) -> None:
        keep(*given)  # type: ignore[arg-type]  # passed through
        SteppingCommands(swept.line)("retry", "crm-1", code=0)

    monkeypatch.setattr(reconcile, "keep", keep_and_go_on)
    told = command("reconcile", swept.account, "--apply", code=0).output
    assert "  = part crm-1/0: it had moved on meanwhile, and nothing was written\n" in told
    assert told.endswith("Applied: 0 repairs, 0 for a person, 0 watched, 1 moved on meanwhile.\n")


def test_what_one_sweep_cannot_prove_is_not_drift_yet(swept: Swept, command: SteppingCommands) -> None:
    """A job that the list does not show is nothing, then suspected by a plan, and believed at the second time."""
    jobs_under_way(swept, "crm-1")
    del swept.sandbox.jobs[int(swept.part("crm-1").remote_id or 0)]
    assert "  ? part crm-1/0: it is believed when 2 sweeps" in command("reconcile", swept.account, code=0).output
    command("reconcile", swept.account, "--apply", code=0)
    swept.line.clock.advance(60.0)
    told = command("reconcile", swept.account, code=2).output
    assert "  ! part crm-1/0: a person decides: ask the provider about the job, " in told
    assert told.endswith("Plan: 0 repairs, 1 for a person, 0 watched.\n")


def test_a_list_that_is_not_believed_repairs_nothing(swept: Swept, command: SteppingCommands) -> None:
    """Its account has drift whatever else is found, and what a person can do is told."""
    jobs_under_way(swept, "crm-1", "crm-2", "crm-3")
    for upload_id in ("crm-1", "crm-2", "crm-3"):
        del swept.sandbox.jobs[int(swept.part(upload_id).remote_id or 0)]
    for mode in ("--plan", "--apply"):
        told = command("reconcile", swept.account, mode, code=2).output
        assert "  The list leaves out so many live jobs that it is not believed: check the account's key" in told


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_a_job_that_redis_has_lost_is_imported(swept: Swept, command: SteppingCommands) -> None:
    """The plan names its part and changes nothing; the apply makes its upload again, and nothing is paid anew."""
    swept.sandbox.knobs.job_seconds = 60.0
    swept.ask("crm-1")
    swept.until("crm-1", PartState.SUBMITTED)
    remote_id, paid = swept.part("crm-1").remote_id, charged(swept)
    swept.line.redis.flushdb()
    swept.line.clock.publish()
    before = written(swept)
    told = command("reconcile", swept.account, code=2).output
    assert f"  + remote job {remote_id}: import it for part crm-1/0\n" in told
    assert written(swept) == before
    assert "  + remote job" in command("reconcile", swept.account, "--apply", code=0).output
    swept.line.settle("crm-1")
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED
    assert charged(swept) == paid


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_an_orphan_that_storage_does_not_know_is_for_a_person(swept: Swept, command: SteppingCommands) -> None:
    """Nothing is imported, before and after."""
    swept.stranger("a@example.org", name="bv-abcdefghijklmnop.lists.csv")
    for mode in ("--plan", "--apply"):
        told = command("reconcile", swept.account, mode, code=2)
        assert ": a person decides: storage does not know its upload" in told.output


# What cannot be found out


@pytest.mark.parametrize("mode", ["--plan", "--apply"])
def test_a_list_that_cannot_be_read_ends_with_an_error(swept: Swept, command: SteppingCommands, mode: str) -> None:
    """The other account is compared all the same, no key is told, and a plan makes no call for a paused account."""
    swept.sandbox.key = "another-key-than-the-account-has"
    result = command("reconcile", mode, code=1)
    assert f"not found out  {swept.account}: " in result.stderr
    assert "  No drift.\n" in result.stdout
    assert not {key for key in (IPQS_KEY, WHOISXML_KEY) if key in result.output}
    command("reconcile", swept.account, "--apply", code=1)
    calls = swept.sandbox.calls.total()
    result = command("reconcile", swept.account, code=1)
    assert "No call is made for the account now (credentials rejected); the next one is due in " in result.stderr
    assert swept.sandbox.calls.total() == calls


def test_one_walk_at_a_time(swept: Swept, command: SteppingCommands) -> None:
    """While the workers walk the list an apply waits for them; if they do not end, it does nothing, and says so."""
    context = swept.line.process.context
    turn = WalkTurn(context, swept.connected, context.store.now())
    assert turn.begin()
    before = written(swept)
    told = command("reconcile", swept.account, "--apply", "--wait", "1", code=1).stderr
    assert "Another process walks its list, and was waited for 1 s" in told
    assert written(swept) == before
    threading.Timer(1.0, turn.end).start()
    command("reconcile", swept.account, "--apply", code=0)


@pytest.mark.parametrize("mode", ["--plan", "--apply"])
def test_ctrl_c_leaves_nothing_behind(
    swept: Swept, command: SteppingCommands, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The turn to walk is given back, the end is 130, and the next command goes on."""

    def interrupted(_cursor: str | None = None) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(swept.connected.provider, "list_page", interrupted)
        result = command("reconcile", swept.account, mode, code=130)
    assert "Interrupted after 0 of 1 accounts." in result.stderr
    assert swept.line.store.account(swept.account, swept.account.partition("-")[0]).walk is None
    command("reconcile", swept.account, mode, code=0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nowhere",),
        ("ipqs-main", "--plan", "--apply"),
        ("--accept-ledger",),
        ("ipqs-main", "--apply", "--yes"),
        ("--nonsense",),
    ],
)
@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
@pytest.mark.usefixtures("swept")
def test_a_wrong_command_line_is_not_drift(command: SteppingCommands, arguments: tuple[str, ...]) -> None:
    """It ends with 1, since 2 says that there is drift."""
    command("reconcile", *arguments, code=1)


def test_a_command_of_its_own_beside_the_workers(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With accounts, storage and home from the environment; nothing but the document is on standard output."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        wiped = Wiped(line, "ipqs-main")
        wiped.advance("submitted")
        command = CommandLine(redis_url, tmp_path / "elsewhere")
        command.environment["BULKVERIFY_STORAGE_URL"] = line.settings.storage_url
        command.environment["BULKVERIFY_ACCOUNTS_FILE"] = str(line.settings.accounts_file)
        wait_until(lambda: all(job.finished(time.time()) for job in line.ipqs.jobs.values()), what="finished jobs")
        result = command("reconcile", "--plan", "--json")
        document = json.loads(result.stdout)
        assert (result.exit_code, result.stderr) == (0, "")
        assert [account["list"]["jobs"] for account in document["accounts"]] == [{"finished": 1}, {}]
        assert wiped.parts(PartState.FINISHED) == []
        result = command("reconcile", "--apply", "--json")
        assert (result.exit_code, result.stderr) == (0, "")
        assert [account["parts_moved"] for account in json.loads(result.stdout)["accounts"]] == [1, 0]
        assert len(wiped.parts(PartState.FINISHED)) == 1
        line.start_worker()
        line.finish("crm-1")
        wiped.check_paid_once()


def test_an_account_without_its_key_is_named(tmp_path: Path, redis_url: str) -> None:
    """Nobody can be asked then: the end is 1, and the message says what is missing."""
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[accounts.ipqs-main]\nprovider = "ipqs"\nkey_env = "NO_SUCH_KEY"\n')
    command = CommandLine(redis_url, tmp_path / "home")
    command.environment["BULKVERIFY_ACCOUNTS_FILE"] = str(accounts)
    result = command("reconcile")
    assert (result.exit_code, "NO_SUCH_KEY" in result.output) == (1, True)


def test_without_redis_nothing_is_compared(tmp_path: Path) -> None:
    """The end is 5, as of every command."""
    assert CommandLine("redis://127.0.0.1:1/0", tmp_path)("reconcile").exit_code == 5

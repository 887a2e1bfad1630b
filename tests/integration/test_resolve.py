"""`resolve` on a running line: a lost answer, a part in quarantine, and each way out of it, at both providers."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from producers.exit_codes import ExitCode
from tests.builders.coherence import check_coherent
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from tests.builders.records import a_part, a_running_upload, an_attempt, an_upload, stored
from tests.builders.stores import everything
from worker.actors import submit
from worker.actors.attempts import FOLLOWED, Outcome, outcome_name, outcome_of
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.part import hold, intent, quarantine, reserve
from worker.core.states import Lane, PartState, UploadState
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.providers.sandbox.faults import Fault
from worker.storage import StorageError, exists
from worker.store.errors import Stale
from worker.store.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.builders.line import Line
    from worker.core.records import PartRecord
    from worker.store.store import Store

ACCOUNTS = ["ipqs-main", "whoisxml-main"]
EMAILS = "email\nann@example.com\nbob@example.com\ncat@example.com\n"
#: Seconds for which a job is not in the list, so that no walk finds it by its token.
HIDDEN = {"list_delay_seconds": 3_600.0}
#: A submit is over soon, so that a person may decide.
QUICK = {"submit_deadline_seconds": 1.0, "lease_margin_seconds": 1.0}


def printed(output: str) -> dict[str, Any]:
    """The one JSON document among what the line's workers log in the same process meanwhile."""
    (document,) = [line for line in output.splitlines() if line.startswith("{")]
    parsed: dict[str, Any] = json.loads(document)
    return parsed


class Stopped:
    """A line with an upload whose only part is in quarantine, because the answer to its submission was lost."""

    def __init__(self, line: Line, account: str) -> None:
        """Submit the list and wait until its part has stopped."""
        self.line, self.account = line, account
        self.store, self.storage = line.plant.context.store, line.plant.context.storage
        self.sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
        self.sandbox.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        self.command = CommandLine(line.settings.redis_url or "", line.folder)
        self.upload_id = line.submit(line.file("list.csv", EMAILS), account, upload_id="one")
        wait_until(self._give_up_searching, what="quarantine")

    def _give_up_searching(self) -> bool:
        """Stop the part as a search does that comes to nothing; False while it is not being searched for."""
        for part in self.line.parts("one"):
            over = part.attempt is not None and part.attempt.over_at < self.store.now()
            if part.state is PartState.INTENT and part.reason and over:
                with contextlib.suppress(Stale):
                    self.line.plant.context.apply(quarantine(part, self.store.now(), "search_inconclusive", "Unread."))
                    self.line.plant.context.nudge("one")
                    return True
        return False

    @property
    def part(self) -> PartRecord:
        """The part as it is now."""
        return self.line.parts("one")[0]

    @property
    def job(self) -> str:
        """The job of the lost answer."""
        return str(self.sandbox.ledger[0].remote_id)

    @property
    def charges(self) -> list[int]:
        """The rows of each charge."""
        return [charge.rows for charge in self.sandbox.ledger]

    def resolve(self, *arguments: str, code: ExitCode = ExitCode.OK) -> dict[str, Any]:
        """Run the command on the part, and read its document."""
        result = self.command("resolve", "one/0", "--yes", "--json", *arguments)
        assert result.exit_code == code, result.output
        return printed(result.stdout)


@contextlib.contextmanager
def a_stopped_part(folder: Path, redis_url: str, broker_url: str, account: str = "whoisxml-main") -> Iterator[Stopped]:
    """A running line with a part in quarantine."""
    with running_line(folder, redis_url, broker_url, ipqs=HIDDEN, whoisxml=HIDDEN, **QUICK) as line:
        yield Stopped(line, account)


@pytest.fixture
def stopped(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Stopped]:
    """Yield a part in quarantine at the provider that shows no names."""
    with a_stopped_part(tmp_path, redis_url, broker_url) as stopped:
        yield stopped


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_job_of_a_lost_answer_is_adopted_and_paid_once(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """The job that a person names is looked at, polled and collected; repeating the command changes nothing."""
    with a_stopped_part(tmp_path, redis_url, broker_url, account) as stopped:
        assert stopped.resolve("--adopt", stopped.job)["outcome"] == "adopted"
        stopped.line.finish("one")
        assert stopped.line.upload("one").state is UploadState.COMPLETED
        assert (stopped.charges, stopped.part.credits_committed, stopped.part.credits_reserved) == ([3], 3, 0)
        assert [found.how for found in stopped.part.evidence] == ["operator"]
        assert outcome_of(stopped.storage, stopped.part.token, 1) == Outcome(remote_id=stopped.job)
        before = stopped.part
        assert stopped.resolve("--adopt", stopped.job)["outcome"] == "already_adopted"
        assert stopped.part == before
        check_coherent(stopped.store)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_resubmission_is_paid_as_often_as_was_said(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """It takes the exact number of rows; the list is then charged a second time, under the next attempt's number."""
    with a_stopped_part(tmp_path, redis_url, broker_url, account) as stopped:
        before = stopped.part
        for said in ([], ["--yes-spend", "2"], ["--yes-spend", "4"]):
            refused = stopped.resolve("--resubmit", *said, code=ExitCode.USAGE)
            assert (refused["outcome"], refused["rows_most"]) == ("wrong_spend", 3)
            assert "it takes --yes-spend 3" in refused["message"]
        assert stopped.part == before
        assert stopped.resolve("--resubmit", "--yes-spend", "3")["outcome"] == "resubmitted"
        stopped.line.finish("one")
        assert stopped.line.upload("one").state is UploadState.COMPLETED
        assert (stopped.charges, stopped.part.attempts, stopped.part.credits_committed) == ([3, 3], 2, 3)
        assert outcome_of(stopped.storage, before.token, 1) == Outcome(unspent=FOLLOWED)
        assert [name for name in stopped.storage.list("attempts") if name.endswith("/1.json")]
        assert stopped.resolve("--resubmit", "--yes-spend", "3")["outcome"] == "already_resubmitted"
        assert stopped.charges == [3, 3]
        check_coherent(stopped.store)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_part_that_is_given_up_fails_and_the_upload_is_delivered(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """Its reservation is released, what it may have cost is in the timeline, and every row comes back."""
    with a_stopped_part(tmp_path, redis_url, broker_url, account) as stopped:
        assert stopped.resolve("--fail")["outcome"] == "given_up"
        stopped.line.finish("one")
        upload = stopped.line.upload("one")
        assert (upload.state, upload.reason, stopped.part.reason) == (UploadState.FAILED, "parts_failed", "given_up")
        assert upload.result is not None
        assert (upload.result.counts.rows, upload.result.counts.missing) == (3, 3)
        assert (stopped.charges, stopped.part.credits_reserved, stopped.part.credits_committed) == ([3], 0, 0)
        (entry,) = [each for each in stopped.store.timeline("one") if each["decision"] == "give_up"]
        assert entry["details"]["rows_maybe_paid"] == 3
        assert stopped.resolve("--fail")["outcome"] == "already_given_up"
        retried = stopped.command("retry", "one", "--yes", "--json")
        assert printed(retried.stdout)["rows_paid_before"] == 3
        check_coherent(stopped.store)


def test_the_job_of_another_part_is_refused_with_its_name(stopped: Stopped) -> None:
    """Not even --unchecked takes a job from the part that it belongs to."""
    scope = stopped.part.remote_scope
    stopped.store.client.hset(f"bulkverify:remote:{scope}", stopped.job, "other/0")
    for more in ([], ["--unchecked"]):
        refused = stopped.resolve("--adopt", stopped.job, *more, code=ExitCode.FAILED)
        assert refused["outcome"] == "taken"
        assert "belongs to part other/0" in refused["message"]
    assert stopped.part.state is PartState.QUARANTINED


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_job_that_the_provider_does_not_know_is_refused(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """Such a job becomes the part's only with --unchecked."""
    with a_stopped_part(tmp_path, redis_url, broker_url, account) as stopped:
        assert stopped.resolve("--adopt", "999999999", code=ExitCode.FAILED)["outcome"] == "unknown_job"
        assert stopped.part.state is PartState.QUARANTINED
        assert stopped.resolve("--adopt", "999999999", "--unchecked")["outcome"] == "adopted"
        assert (stopped.part.state, stopped.part.remote_id) == (PartState.SUBMITTED, "999999999")


def test_a_job_with_other_rows_is_refused(stopped: Stopped) -> None:
    """A job whose rows are known is the part's only if they are as many."""
    values = stopped.line.file("values.csv", "dan@example.com\n")
    provider = stopped.line.plant.context.accounts["whoisxml-main"].provider
    other = provider.submit(Submission(values, 1, Kind.EMAIL, "by-hand", 5.0, SubmitMethod.JSON))
    refused = stopped.resolve("--adopt", other.remote_id, code=ExitCode.FAILED)
    assert refused["outcome"] == "other_rows"
    assert "has 1 rows and the part 3" in refused["message"]
    assert stopped.part.state is PartState.QUARANTINED


def test_a_job_that_cannot_be_looked_at_is_refused(stopped: Stopped) -> None:
    """Without an account in the accounts file there is nobody to ask, and --unchecked is needed."""
    stopped.command.environment["BULKVERIFY_ACCOUNTS_FILE"] = str(stopped.line.folder / "none.toml")
    refused = stopped.resolve("--adopt", stopped.job, code=ExitCode.FAILED)
    assert refused["outcome"] == "not_looked_at"
    assert stopped.resolve("--adopt", stopped.job, "--unchecked")["outcome"] == "adopted"
    stopped.line.finish("one")
    assert stopped.line.upload("one").state is UploadState.COMPLETED


@pytest.mark.parametrize(
    ("decision", "word", "counted"),
    [
        (["--resubmit", "--yes-spend", "3"], "duplicate_remote", {"reserved": 6, "committed": 3, "wasted": 3}),
        (["--fail"], "charged_late", {"reserved": 6, "committed": 3}),
    ],
    ids=["resubmitted", "failed"],
)
def test_an_answer_that_comes_after_all_is_evidence_of_a_charge(
    stopped: Stopped, decision: list[str], word: str, counted: dict[str, int]
) -> None:
    """The late job is never used: it changes nothing of the outcome, and is wasted only if there was another charge."""
    job = stopped.job
    stopped.resolve(*decision)
    stopped.line.finish("one")
    state, remote_id = stopped.part.state, stopped.part.remote_id
    submit.learn(stopped.line.plant.context, "one/0", job, "late_answer")
    assert (stopped.part.state, stopped.part.remote_id) == (state, remote_id)
    assert stopped.part.evidence[-1].remote_id == job
    ledger: Any = stopped.store.client.hgetall("bulkverify:ledger:whoisxml-main")
    assert {entry: int(ledger.get(entry, 0)) for entry in counted} == counted
    assert ("wasted" in ledger) is ("wasted" in counted)
    assert word in stopped.line.decisions("one")
    check_coherent(stopped.store)


@pytest.mark.parametrize("way", ["adopt", "resubmit"])
def test_a_command_that_was_cut_off_is_finished_by_the_next(
    stopped: Stopped, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """With the store written and the attempt not closed, the same command closes it, and nothing is paid again."""

    def cut_off(*_arguments: object) -> None:
        raise StorageError("The disk is full.")

    decision = ["--adopt", stopped.job] if way == "adopt" else ["--resubmit", "--yes-spend", "3"]
    token = stopped.part.token
    with monkeypatch.context() as patched:
        patched.setattr("worker.cli.resolving.close_attempt", cut_off)
        patched.setattr("worker.cli.resolving.close_followed", cut_off)
        failed = stopped.resolve(*decision, code=ExitCode.FAILED)
    assert "Give the command again" in failed["message"]
    assert not exists(stopped.storage, outcome_name(token, 1))
    stopped.resolve(*decision)
    assert outcome_of(stopped.storage, token, 1) is not None
    stopped.line.finish("one")
    assert stopped.line.upload("one").state is UploadState.COMPLETED
    assert stopped.charges == ([3] if way == "adopt" else [3, 3])


def test_a_store_that_forgets_a_resubmission_finds_its_job_and_pays_nothing(stopped: Stopped) -> None:
    """With all records gone the closed attempt is passed over, and the next one's job is adopted from storage."""
    stopped.resolve("--resubmit", "--yes-spend", "3")
    stopped.line.finish("one")
    stopped.store.client.flushdb()
    stopped.line.intake.prepare()
    stopped.line.submit(stopped.line.folder / "list.csv", "whoisxml-main", upload_id="one")
    stopped.line.finish("one")
    assert stopped.line.upload("one").state is UploadState.COMPLETED
    assert stopped.charges == [3, 3]


def test_a_list_that_waited_for_the_part_goes_on(stopped: Stopped) -> None:
    """Where one attempt blocks its account, giving it up lets the next list be submitted."""
    second = stopped.line.submit(stopped.line.file("second.csv", "email\ndan@example.com\n"), "whoisxml-main")
    wait_until(
        lambda: [part.reason for part in stopped.line.parts(second)] == ["limit_intents"], what="a part that waits"
    )
    assert (stopped.line.parts(second)[0].due_at or 0) > stopped.store.now() + 5
    assert "before a person decides on part one/0" in " ".join(stopped.command("why", second).stdout.split())
    stopped.resolve("--fail")
    stopped.line.finish(second, seconds=30)
    assert stopped.line.upload(second).state is UploadState.COMPLETED


def test_what_is_known_is_shown_before_anybody_decides(stopped: Stopped) -> None:
    """Attempt, process, outcome, commands and, if asked for, jobs are shown; a no, or no answer, changes nothing."""
    before = stopped.part
    told = stopped.command("resolve", "one").stdout
    assert "3 may have been paid for" in told
    assert stopped.line.plant.context.process in told
    assert "its outcome is not known" in told
    for command in ("--adopt REMOTE_ID", "--resubmit --yes-spend 3", "--fail"):
        assert f"bulkverify resolve one/0 {command}" in told
        assert f"bulkverify resolve one/0 {command}" in stopped.command("why", "one").stdout
    assert stopped.command("resolve", "one", "--fail", answer="n\n").exit_code == ExitCode.FAILED
    assert stopped.command("resolve", "one", "--fail", answer="").exit_code == ExitCode.USAGE
    assert stopped.part == before
    check_the_list(stopped)


def check_the_list(stopped: Stopped) -> None:
    """With --list, the jobs that a search would consider, which may appear late, are named with their rows."""
    object.__setattr__(stopped.line.whoisxml.knobs, "list_delay_seconds", 0.0)
    settings = stopped.line.settings
    late_seconds = settings.settle_unnamed_seconds + settings.clock_skew_seconds
    object.__setattr__(stopped.line.whoisxml.knobs, "clock_skew_seconds", late_seconds)
    shown = stopped.command("resolve", "one", "--list", "--json")
    listed = printed(shown.stdout)["evidence"]["listed"]
    assert [(job["remote_id"], job["rows"]) for job in listed["jobs"]] == [(stopped.job, 3)]
    assert listed["incomplete"] == ""
    assert f"listed job {stopped.job}" in stopped.command("resolve", "one", "--list").stdout


#: Arguments, and what the command says about them.
MISUSED = (
    (["list-1", "--adopt", "1", "--fail"], "Decide for one of"),
    (["list-1", "--yes-spend", "3"], "--yes-spend belongs to --resubmit"),
    (["list-1", "--fail", "--unchecked"], "--unchecked belongs to --adopt"),
    (["list-1/3", "--adopt", "x1"], "it is a whole number"),
    (["list-1/7", "--fail"], "has 4 parts, counted from 0"),
    (["../list-1", "--fail"], "is no upload id"),
    (["list-1", "--adopt", "78"], "2 parts are in quarantine: name the one"),
)


def two_in_quarantine(store: Store) -> None:
    """Store an upload of four parts, two of which are in quarantine and may have been paid for."""
    a_running_upload(store)
    part = store.part("list-1/2")
    assert part is not None
    reserved = reserve(part, "gone", store.now(), 0.0, active_max=9, intents_max=None)
    store.commit(reserved)
    begun = intent(reserved.parts[0].written(), an_attempt(at=store.now()), store.now())
    store.commit(begun)
    store.commit(quarantine(begun.parts[0].written(), store.now(), "outcome_unknown", "No answer."))


def test_what_cannot_be_meant_is_refused(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Nothing happens, and the message says what to write instead."""
    two_in_quarantine(store)
    before, command = everything(store), CommandLine(redis_url, tmp_path)
    for arguments, told in MISUSED:
        result = command("resolve", "--yes", *arguments)
        assert (result.exit_code, told in result.output) == (ExitCode.USAGE, True), result.output
    assert everything(store) == before


def test_all_parts_in_quarantine_are_resolved_together(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Resubmitting takes the sum of their rows; the other parts stay as they are, and the command may be repeated."""
    two_in_quarantine(store)
    others, command = list(store.parts(["list-1/0", "list-1/1"])), CommandLine(redis_url, tmp_path)
    refused = command("resolve", "list-1", "--resubmit", "--yes-spend", "100", "--yes")
    assert (refused.exit_code, "it takes --yes-spend 200" in refused.stderr) == (ExitCode.USAGE, True)
    done = command("resolve", "list-1", "--resubmit", "--yes-spend", "200", "--yes")
    assert done.exit_code == ExitCode.OK, done.output
    assert [part.state for part in store.parts(["list-1/2", "list-1/3"])] == [PartState.PENDING] * 2
    assert list(store.parts(["list-1/0", "list-1/1"])) == others
    again = command("resolve", "list-1", "--resubmit", "--yes-spend", "200", "--yes")
    assert (again.exit_code, again.stdout) == (ExitCode.OK, "No part of upload list-1 is in quarantine.\n")


def test_the_place_of_a_resolved_part_is_given_away_by_turns(store: Store, redis_url: str, tmp_path: Path) -> None:
    """Parts that stand in line for a place stay there, in their order, and are called up."""
    two_in_quarantine(store)
    part = a_part("other", 0, PartState.HELD, now=store.now())
    stored(store, an_upload("other", UploadState.RUNNING, now=store.now(), parts_total=1), part)
    store.commit(stand(hold(part.written(), store.now(), "limit_active", store.now() + LINE_LOOK_SECONDS)))
    (waiting,) = store.parts(["other/0"])
    assert CommandLine(redis_url, tmp_path)("resolve", "list-1/2", "--fail", "--yes").exit_code == ExitCode.OK
    assert list(store.parts(["other/0"])) == [waiting]
    assert Lines(store).hold("ipqs-main", Lane.SUBMIT, "other/0")

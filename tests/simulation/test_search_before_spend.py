"""A submit without an answer, to its end: the job is found, or proven absent, and nothing is paid twice on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.builders.effects import Crashed, Effect, Fate
from tests.builders.stepping import Stepping, stepping
from worker.actors.attempts import attempt_name
from worker.actors.declare import STEPS
from worker.actors.walk import walk
from worker.core.states import Lane, PartState, UploadState
from worker.core.sweep import Sweep
from worker.providers.sandbox.ipqs_types import TYPES
from worker.providers.sandbox.values import spool_values
from worker.providers.sandbox.whoisxml_results import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.core.records import PartRecord
    from worker.providers.port import ListPage

EARLIER, UPLOAD = "crm-0", "crm-1"
VALUES = ("ann@example.com", "bob@example.com", "cyd@example.com")
#: Jobs of somebody else that fill more than one page of a list.
STRANGERS = 60


class FirstSubmit:
    """A watcher that gives the first submit its fate, and notes when each of them began."""

    def __init__(self, line: Stepping, fate: Fate) -> None:
        self._line = line
        self._fate = fate
        self.submits_at: list[float] = []

    def __call__(self, effect: Effect) -> Fate:
        """The fate of an effect."""
        if str(effect) != "http submit":
            return Fate.PERFORM
        self.submits_at.append(self._line.clock.now())
        return self._fate if len(self.submits_at) == 1 else Fate.PERFORM


@pytest.fixture(params=["ipqs-main", "whoisxml-main"])
def account(request: pytest.FixtureRequest) -> str:
    """Return an account of each provider: one shows names, the other does not."""
    return str(request.param)


@pytest.fixture
def line(tmp_path: Path, redis_url: str, account: str) -> Iterator[Stepping]:
    """Yield a line that has completed a list: its provider's list has a job that is known to be ours."""
    with stepping(tmp_path, redis_url, ipqs={"job_seconds": 8.0}, whoisxml={"job_seconds": 8.0}) as line:
        ask(line, account, EARLIER, ["first@example.com"])
        line.settle(EARLIER)
        yield line


def ask(line: Stepping, account: str, upload_id: str, values: Sequence[str] = VALUES) -> None:
    """Submit a list as a producer does."""
    path = line.folder / f"{upload_id}.csv"
    path.write_text("\n".join(values) + "\n")
    line.client.submit(path, account=account, kind="email", upload_id=upload_id, options={"header": False})


def charges(line: Stepping) -> int:
    """How often the list in question was paid for."""
    ledger = [charge.rows for sandbox in (line.ipqs, line.whoisxml) for charge in sandbox.ledger]
    return ledger.count(len(VALUES))


def part_of(line: Stepping) -> PartRecord:
    """The part in question."""
    (part,) = line.parts(UPLOAD)
    return part


def verified_rows(line: Stepping) -> int:
    """How many rows of the list in question have a verdict."""
    result = line.upload(UPLOAD).result
    return 0 if result is None else result.counts.matched


def stranger(line: Stepping, account: str, values: Sequence[str]) -> None:
    """A job that somebody else makes on the account at this moment."""
    sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
    word = partial(TYPES["email"].judge, 0) if account == "ipqs-main" else partial(judge, 0, 0.0)
    spool = spool_values(values, sandbox.folder, word, deduplicate=False)
    assert sandbox.accept(spool, name="theirs.csv", type_word="email") is not None


def crash(line: Stepping, watcher: FirstSubmit) -> None:
    """Step until the process dies at its first submit, and begin another process."""
    line.process.effects.watcher = watcher
    with pytest.raises(Crashed):
        line.settle(UPLOAD)
    line.restart()
    line.process.effects.watcher = watcher


@pytest.mark.parametrize("fate", [Fate.LOSE_REPLY, Fate.CRASH_AFTER])
def test_a_job_whose_answer_was_lost_is_found_and_not_paid_again(line: Stepping, account: str, fate: Fate) -> None:
    """Whether the worker lives on or dies with the answer: one charge, one submit, and every row."""
    watcher = FirstSubmit(line, fate)
    ask(line, account, UPLOAD)
    if fate is Fate.CRASH_AFTER:
        crash(line, watcher)
    line.process.effects.watcher = watcher
    line.settle(UPLOAD)
    assert (charges(line), len(watcher.submits_at)) == (1, 1)
    assert (line.upload(UPLOAD).state, verified_rows(line)) == (UploadState.COMPLETED, len(VALUES))


def test_a_request_that_never_left_is_sent_again_once_its_job_must_have_appeared(line: Stepping, account: str) -> None:
    """The worker dies right before the call: the next submit waits for the lease, the settle time and two walks."""
    watcher = FirstSubmit(line, Fate.CRASH_BEFORE)
    ask(line, account, UPLOAD)
    crash(line, watcher)
    line.settle(UPLOAD)
    assert (charges(line), len(watcher.submits_at)) == (1, 2)
    settings = line.settings
    settle_seconds = settings.settle_seconds if account == "ipqs-main" else settings.settle_unnamed_seconds
    first, second = watcher.submits_at
    assert second - first > settings.submit_deadline_seconds + settings.lease_margin_seconds + settle_seconds
    assert verified_rows(line) == len(VALUES)


def test_nothing_follows_an_attempt_that_a_living_process_may_still_be_sending(line: Stepping, account: str) -> None:
    """As long as its lock is held no walk proves the job absent; once it is free two more walks do."""
    watcher = FirstSubmit(line, Fate.CRASH_BEFORE)
    ask(line, account, UPLOAD)
    crash(line, watcher)
    until = line.clock.now() + line.settings.settle_unnamed_seconds + 3_600.0
    with line.process.context.spending.held(attempt_name(part_of(line).token, 1)):
        while line.clock.now() < until:
            line.step()
        assert part_of(line).state is PartState.INTENT
        assert len(watcher.submits_at) == 1
    line.settle(UPLOAD)
    assert (charges(line), verified_rows(line)) == (1, len(VALUES))


@pytest.mark.parametrize("account", ["whoisxml-main"], indirect=True)
def test_a_strangers_job_of_that_time_is_given_up_for_the_parts_own(line: Stepping, account: str) -> None:
    """Without names one of two equally long lists is taken; its values are not the part's, and the other one is."""
    ask(line, account, UPLOAD)
    while not (line.store.upload(UPLOAD) and line.parts(UPLOAD)):
        line.step()
    stranger(line, account, ["x@example.org", "y@example.org", "z@example.org"])
    line.process.effects.watcher = watcher = FirstSubmit(line, Fate.LOSE_REPLY)
    line.settle(UPLOAD)
    assert "disown" in [entry["decision"] for entry in line.store.timeline(UPLOAD)]
    assert (line.upload(UPLOAD).state, verified_rows(line)) == (UploadState.COMPLETED, len(VALUES))
    assert len(watcher.submits_at) == 1


@pytest.mark.parametrize("account", ["whoisxml-main"], indirect=True)
def test_a_job_that_is_given_up_under_a_walk_is_not_taken_for_certain(line: Stepping, account: str) -> None:
    """Between the reading of its owner and that of the owner's record, the values were found to be a stranger's."""
    ask(line, account, UPLOAD)
    while not (line.store.upload(UPLOAD) and line.parts(UPLOAD)):
        line.step()
    stranger(line, account, ["x@example.org", "y@example.org", "z@example.org"])
    line.process.effects.watcher = FirstSubmit(line, Fate.LOSE_REPLY)
    while part_of(line).state is not PartState.FINISHED:
        line.step()
    taken = part_of(line)
    walking = line.start()

    seen: list[str] = []

    def given_up(effect: Effect) -> Fate:
        seen.append(str(effect))
        # The owner of the second job in the list; the first one is of the earlier upload.
        if seen[-1] == "redis GET part" and seen.count("redis GET part") == 2:
            STEPS[Lane.COLLECT](line.process.context, taken.part_id, taken.epoch)
        return Fate.PERFORM

    walking.effects.watcher = given_up
    walk(walking.context, walking.context.accounts[account], Sweep(began_at=line.clock.now()))
    assert taken.provisional
    assert (part_of(line).state, part_of(line).remote_id) == (PartState.INTENT, None)
    walking.end()
    line.settle(UPLOAD)
    assert (line.upload(UPLOAD).state, verified_rows(line)) == (UploadState.COMPLETED, len(VALUES))


@pytest.mark.parametrize("account", ["whoisxml-main"], indirect=True)
def test_a_job_found_by_its_time_may_answer_to_its_id_later_than_it_is_listed(line: Stepping, account: str) -> None:
    """Nobody is asked about it while its values may still come."""
    line.whoisxml.knobs.job_status_delay_seconds = 1_200.0
    line.process.effects.watcher = FirstSubmit(line, Fate.LOSE_REPLY)
    ask(line, account, UPLOAD)
    line.settle(UPLOAD)
    assert "adopt_by_time" in [entry["decision"] for entry in line.store.timeline(UPLOAD)]
    assert (line.upload(UPLOAD).state, verified_rows(line)) == (UploadState.COMPLETED, len(VALUES))
    assert charges(line) == 1


@pytest.mark.parametrize("account", ["ipqs-main"], indirect=True)
def test_a_walk_that_ends_at_the_watermark_is_incomplete(line: Stepping, account: str) -> None:
    """It has not read the pages below, and says so; a walk without a watermark reads them all."""
    for number in range(STRANGERS):
        stranger(line, account, [f"{number}@example.org"])
    context = line.process.context
    connected = context.accounts[account]
    short, whole = Sweep(began_at=line.clock.now()), Sweep(began_at=line.clock.now())
    assert not walk(context, connected, short, until=max(line.ipqs.jobs)).complete
    assert walk(context, connected, whole).complete
    assert (short.complete, whole.complete) == (False, True)
    assert (short.pages, whole.pages) == (1, 3)


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"], indirect=True)
def test_a_job_that_is_added_does_not_hide_that_another_has_slipped(
    line: Stepping, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of the second page is deleted before the third is read, and one is added that moves none: incomplete."""
    for number in range(2 * STRANGERS):
        stranger(line, account, [f"{number}@example.org"])
    connected = line.process.context.accounts[account]
    sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
    ask_page, asked = connected.provider.list_page, list[str | None]()

    def shifting(cursor: str | None = None) -> ListPage:
        is_third = cursor not in asked and len(set(asked)) == 2
        asked.append(cursor)
        if is_third:
            del sandbox.jobs[sorted(sandbox.jobs)[STRANGERS]]
        if is_third and not connected.provider.capabilities.list_newest_first:
            stranger(line, account, ["new@example.org"])
        page = ask_page(cursor)
        if is_third and connected.provider.capabilities.list_newest_first:
            stranger(line, account, ["new@example.org"])
        return page

    monkeypatch.setattr(connected.provider, "list_page", shifting)
    shifted, whole = Sweep(began_at=line.clock.now()), Sweep(began_at=line.clock.now())
    walk(line.process.context, connected, shifted)
    walk(line.process.context, connected, whole)
    assert (shifted.complete, whole.complete, len(set(asked))) == (False, True, 3)

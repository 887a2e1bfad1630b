"""The harness of the simulations: effects are seen, lost, doubled and cut off as it says, and time is virtual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.effects import Crashed, Effect, EffectKind, Fate
from tests.builders.stepping import Stepping, stepping
from worker.actors.attempts import attempt_name, outcome_of
from worker.core.states import Lane, PartState, UploadState
from worker.storage import StorageUnavailable, exists, open_storage
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = "ann@example.com\nbob@example.com\ncyd@example.com\n"


class Fates:
    """A watcher that gives one fate to the first effect of a name, and notes every effect."""

    def __init__(self, name: str, fate: Fate) -> None:
        self._fates = {name: fate}
        self.seen: list[Effect] = []

    def __call__(self, effect: Effect) -> Fate:
        """The fate of an effect."""
        self.seen.append(effect)
        return self._fates.pop(str(effect), Fate.PERFORM)


@pytest.fixture
def line(tmp_path: Path, redis_url: str) -> Iterator[Stepping]:
    """Yield a line that has been asked for a list of three parts."""
    with stepping(tmp_path, redis_url, max_part_rows=1) as line:
        ask(line, "ipqs-main")
        yield line


def ask(line: Stepping, account: str) -> None:
    """Submit the list as a producer does."""
    (line.folder / "list.csv").write_text(VALUES)
    line.client.submit(line.folder / "list.csv", account=account, kind="email", upload_id="crm-1")


def crash(line: Stepping, name: str, fate: Fate) -> None:
    """Step until the process dies at its first effect of that name."""
    line.process.effects.watcher = Fates(name, fate)
    with pytest.raises(Crashed):
        line.settle("crm-1")


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
def test_a_list_goes_through_the_line_step_by_step(tmp_path: Path, redis_url: str, account: str) -> None:
    """Without faults an upload is completed, each part is charged once, and hours pass in no time."""
    with stepping(tmp_path, redis_url, max_part_rows=1, ipqs={"job_seconds": 9_000}) as line:
        began = line.clock.now()
        ask(line, account)
        line.settle("crm-1")
        assert line.upload("crm-1").state is UploadState.COMPLETED
        ledger = line.ipqs.ledger if account == "ipqs-main" else line.whoisxml.ledger
        assert [charge.rows for charge in ledger] == [1, 1, 1]
        assert line.clock.now() - began >= (9_000 if account == "ipqs-main" else 600)


def test_every_kind_of_effect_is_seen_once_and_in_its_order(line: Stepping) -> None:
    """The attempt is seen in storage, then in the store, then at the provider, and its outcome after that."""
    line.process.effects.watcher = watcher = Fates("", Fate.PERFORM)
    line.settle("crm-1")
    assert [effect.number for effect in watcher.seen] == [*range(1, len(watcher.seen) + 1)]
    assert {effect.kind for effect in watcher.seen} == set(EffectKind)
    names = [str(effect) for effect in watcher.seen]
    protocol = [
        "redis take_token",
        "file create attempts/1.json: link",
        "redis commit attempt",
        "http submit",
        "file create attempts/1.outcome.json: link",
        "redis commit submitted",
    ]
    assert [name for name in names if name in protocol][:6] == protocol
    assert names.count("http submit") == line.ipqs.calls["submit"] == 3


def test_a_process_that_crashes_before_an_effect_has_no_further_ones(line: Stepping) -> None:
    """Nothing is charged, and a dead process cannot even read any more; another one finds what it left."""
    crash(line, "http submit", Fate.CRASH_BEFORE)
    assert not line.ipqs.ledger
    context = line.process.context
    for touch in (context.store.now, lambda: exists(context.storage, "x"), lambda: context.nudge("crm-1")):
        with pytest.raises(Crashed):
            touch()
    assert line.restart().context.store.now() == line.clock.now()


def test_a_process_that_crashes_after_an_effect_never_learns_of_it(line: Stepping) -> None:
    """The provider has charged, and neither storage nor store know more than that an attempt was made."""
    crash(line, "http submit", Fate.CRASH_AFTER)
    assert len(line.ipqs.ledger) == 1
    (part,) = [part for part in line.parts("crm-1") if part.state is PartState.INTENT]
    storage = open_storage(line.settings.storage_url)
    assert exists(storage, attempt_name(part.token, 1))
    assert outcome_of(storage, part.token, 1) is None


def test_a_crash_leaves_unfinished_objects_behind(line: Stepping) -> None:
    """What `finally` would clean up stays, as after a kill."""
    crash(line, "file create attempts/1.json: link", Fate.CRASH_BEFORE)
    assert len([*(line.folder / "storage" / ".unfinished").iterdir()]) == 1


def test_a_submit_whose_answer_is_lost_was_charged_and_its_outcome_is_unknown(line: Stepping) -> None:
    """The adapter says what it says when the connection ends without an answer."""
    line.process.effects.watcher = watcher = Fates("http submit", Fate.LOSE_REPLY)
    while "http submit" not in map(str, watcher.seen):
        line.step()
    assert len(line.ipqs.ledger) == 1
    (part,) = [part for part in line.parts("crm-1") if part.attempts]
    assert part.attempt is not None
    assert part.reason == "outcome_unknown"


def test_a_lost_reply_is_the_error_of_its_layer(line: Stepping) -> None:
    """Whoever asked learns of it as of any outage, and the process lives on."""
    context = line.process.context
    line.process.effects.watcher = Fates("redis TIME", Fate.LOSE_REPLY)
    with pytest.raises(StoreUnavailable):
        context.store.now()
    line.process.effects.watcher = Fates("file create a/b: link", Fate.LOSE_REPLY)
    with pytest.raises(StorageUnavailable):
        context.storage.create("a/b", b"x")
    assert context.storage.read("a/b", 10) == b"x"


@pytest.mark.parametrize(("fate", "messages"), [(Fate.PERFORM, 1), (Fate.LOSE_REPLY, 0), (Fate.DOUBLE, 2)])
def test_a_message_is_sent_once_twice_or_not_at_all(line: Stepping, fate: Fate, messages: int) -> None:
    """Its sender knows of none of it."""
    line.process.effects.watcher = Fates("message submit", fate)
    line.process.context.hints.send(Lane.SUBMIT, "crm-1/0", 0, 0.0)
    assert [message.item for message in line.messages.waiting] == ["crm-1/0"] * messages


def test_several_processes_live_side_by_side(line: Stepping) -> None:
    """What one dies of does not touch another one."""
    other = line.start(Fates("redis TIME", Fate.CRASH_BEFORE))
    with pytest.raises(Crashed):
        other.context.store.now()
    line.settle("crm-1")
    assert line.upload("crm-1").state is UploadState.COMPLETED
    other.end()


def test_a_request_that_was_taken_and_not_answered_grows_old_with_virtual_time(line: Stepping) -> None:
    """The next process takes it over once it has been left alone for as long as the program waits for that."""
    crash(line, "redis commit accept", Fate.CRASH_BEFORE)
    line.restart()
    line.settle("crm-1")
    assert line.upload("crm-1").state is UploadState.COMPLETED

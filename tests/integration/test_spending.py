"""Locks of attempts in flight, held and lost by real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from worker import spending
from worker.spending import NotLocked, Spending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTEMPT = "attempts/bv-abcdefghijklmnop/1.json"

#: A process that holds the lock of an attempt until its standard input ends.
HOLDER = """
import pathlib, sys
from worker.spending import Spending
with Spending(pathlib.Path(sys.argv[1])).held(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def a_holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the attempt's lock until the end of the block."""
    command = [sys.executable, "-c", HOLDER, str(folder), ATTEMPT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def is_stopped(process: subprocess.Popen[str]) -> bool:
    """Whether the kernel has frozen the process."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - no file of ours
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_an_attempt_is_held_as_long_as_it_is_made(tmp_path: Path) -> None:
    """In its own process too an attempt is in flight within the block, and neither before nor after it."""
    here = Spending(tmp_path / "locks")
    assert not here.is_held(ATTEMPT)
    with here.held(ATTEMPT):
        assert here.is_held(ATTEMPT)
        assert Spending(tmp_path / "locks").is_held(ATTEMPT)
        assert not here.is_held("attempts/bv-abcdefghijklmnop/2.json")
    assert not here.is_held(ATTEMPT)
    assert not list((tmp_path / "locks").iterdir())


def test_an_attempt_that_ends_badly_is_over_all_the_same(tmp_path: Path) -> None:
    """A request that raises is no longer under way."""
    here = Spending(tmp_path)
    with pytest.raises(ConnectionError), here.held(ATTEMPT):
        raise ConnectionError
    assert not here.is_held(ATTEMPT)


def test_a_frozen_process_still_holds_its_attempt_and_a_killed_one_does_not(tmp_path: Path) -> None:
    """A stopped process may go on sending at any time; a dead one never does, and leaves nothing behind."""
    here = Spending(tmp_path)
    with a_holder(tmp_path) as process:
        assert here.is_held(ATTEMPT)
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: is_stopped(process), what="the process stopped")
        assert here.is_held(ATTEMPT)
        assert len(list(tmp_path.iterdir())) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert not here.is_held(ATTEMPT)
        assert not list(tmp_path.iterdir())


def test_a_start_removes_what_the_dead_left_and_nothing_of_the_living(tmp_path: Path) -> None:
    """The folder never grows beyond the attempts in flight and those of the last crash."""
    with a_holder(tmp_path) as killed:
        killed.kill()
        killed.wait(10)
    assert len(list(tmp_path.iterdir())) == 1
    Spending(tmp_path)
    assert not list(tmp_path.iterdir())
    with a_holder(tmp_path):
        assert Spending(tmp_path).is_held(ATTEMPT)
        assert len(list(tmp_path.iterdir())) == 1


def test_one_attempt_is_made_by_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot have the lock is told in a bounded time, and sends nothing."""
    monkeypatch.setattr(spending, "LOCK_TRIES", 3)
    with (
        a_holder(tmp_path),
        pytest.raises(NotLocked, match="another process holds it"),
        Spending(tmp_path).held(ATTEMPT),
    ):
        pytest.fail("two hold one attempt")


def test_a_folder_that_cannot_be_used_sends_nothing_and_proves_nothing(tmp_path: Path) -> None:
    """Without its folder no attempt may be made; where nobody can look, an attempt may be in flight."""
    here = Spending(tmp_path / "locks")
    (tmp_path / "locks").rmdir()
    with pytest.raises(NotLocked, match="cannot be locked"), here.held(ATTEMPT):
        pytest.fail("nothing is locked")
    (tmp_path / "locks").write_text("no folder")
    assert here.is_held(ATTEMPT)


def test_looking_never_takes_an_attempt_away_from_its_maker(tmp_path: Path) -> None:
    """However often others look and sweep, each attempt gets its lock, and is seen held from beginning to end."""
    here, done = Spending(tmp_path), threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not done.is_set():
                here.is_held(ATTEMPT)
                Spending(tmp_path)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    with ExitStack() as stack:
        watchers = [threading.Thread(target=look) for _ in range(3)]
        for watcher in watchers:
            watcher.start()
            stack.callback(watcher.join)
        stack.callback(done.set)
        for _ in range(200):
            with here.held(ATTEMPT):
                assert Spending(tmp_path).is_held(ATTEMPT)
    assert not failures
    assert not here.is_held(ATTEMPT)

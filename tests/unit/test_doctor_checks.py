"""What `bulkverify doctor` says of what it looks at itself, and how the checks are told and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import pytest

from config.settings import Settings
from tests.builders.line import accounts_file
from worker.cli.doctor.command import EXIT_FOUND, exit_code, lines
from worker.cli.doctor.configuration import configuration_checks
from worker.cli.doctor.exporter import Page, exporter_checks, page_checks
from worker.cli.doctor.server import clock_check, version_check
from worker.cli.doctor.storage import Room, room_check, storage_checks
from worker.cli.health.check import Check, State, ok, problem, unknown, warning
from worker.storage.errors import StorageUnavailable
from worker.storage.local import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

GIBIBYTE = 2**30


@pytest.mark.parametrize(
    ("version", "state"),
    [("7.0.15", State.OK), ("8.2.1", State.OK), ("6.2.7", State.PROBLEM), ("", State.UNKNOWN)],
)
def test_the_version_of_redis(version: str, state: State) -> None:
    """Redis 7.0 has every command that is used; a server that tells none may or may not."""
    assert version_check(version).state is state


@pytest.mark.parametrize(("apart_seconds", "state"), [(4, State.OK), (-60, State.WARNING), (600, State.PROBLEM)])
def test_the_clock_of_this_machine(apart_seconds: float, state: State) -> None:
    """A few seconds are nothing; minutes have signed requests refused."""
    assert clock_check(here=1_800_000_000.0, there=1_800_000_000.0 + apart_seconds).state is state


@pytest.mark.parametrize(
    ("free_bytes", "total_bytes", "state"),
    [
        (100 * GIBIBYTE, 1000 * GIBIBYTE, State.OK),
        # Little of a large disk is much, and most of a small one is enough.
        (3 * GIBIBYTE, 1000 * GIBIBYTE, State.OK),
        (1 * GIBIBYTE, 2 * GIBIBYTE, State.OK),
        (1 * GIBIBYTE, 100 * GIBIBYTE, State.WARNING),
        (GIBIBYTE // 8, 100 * GIBIBYTE, State.PROBLEM),
    ],
)
def test_the_room_on_a_disk(free_bytes: int, total_bytes: int, state: State, tmp_path: Path) -> None:
    """Both the bytes and their share of the disk have to be small."""
    check = room_check("home", tmp_path, Room(free_bytes, total_bytes))
    assert check.state is state
    assert str(tmp_path) in check.text


def test_a_folder_that_keeps_what_it_is_given_is_well(tmp_path: Path) -> None:
    """An object is made, read and deleted, and nothing of it is left."""
    storage = LocalStorage(tmp_path / "storage")
    states = {check.name: check.state for check in storage_checks(storage, tmp_path)}
    assert states.pop("room_home") is not State.UNKNOWN
    assert states.pop("room_storage") is not State.UNKNOWN
    assert states == {"usable": State.OK, "created_once": State.OK}
    assert list(storage.list()) == []


class Refusing(LocalStorage):
    """A storage that takes nothing."""

    def create(self, name: str, data: bytes) -> bool:
        """Refuse."""
        raise StorageUnavailable(f"storage could not create {name!r} of {len(data)} bytes: Permission denied (EACCES)")


class Forgetting(LocalStorage):
    """A storage that takes everything as new."""

    def create(self, name: str, data: bytes) -> bool:
        """Write over what is there."""
        self.delete(name)
        return super().create(name, data)


class Changing(LocalStorage):
    """A storage that gives back something else."""

    def open(self, name: str) -> BinaryIO:
        """Give back the object, without its first byte."""
        file = super().open(name)
        file.read(1)
        return file

    def read(self, name: str, bytes_max: int) -> bytes:
        """Give back the object, without its first byte."""
        return super().read(name, bytes_max)[1:]


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Refusing, "Permission denied"), (Forgetting, "not made once"), (Changing, "read as it was written")],
)
def test_a_storage_that_does_not_keep_its_promises_is_a_problem(
    kind: type[LocalStorage], words: str, tmp_path: Path
) -> None:
    """What cannot be written, is made twice or comes back otherwise is told."""
    (found,) = [check for check in storage_checks(kind(tmp_path / "storage"), tmp_path) if check.name == "usable"]
    assert found.state is State.PROBLEM
    assert words in found.text


def test_a_configuration_that_can_be_used_is_well(tmp_path: Path) -> None:
    """Settings and accounts are counted; keys that others can read are a warning, as of `config check`."""
    environment = {"BULKVERIFY_HOME": str(tmp_path)}
    accounts_file(tmp_path, "http://127.0.0.1:1")
    (found,) = configuration_checks(environment, providers=False)
    assert (found.state, found.name) == (State.OK, "usable")
    asked = [check.text for check in configuration_checks(environment, providers=True)]
    assert all("cannot be asked for its credits" in text for text in asked)
    (tmp_path / "ipqs.key").chmod(0o644)
    caution, _ = configuration_checks(environment, providers=False)
    assert caution.state is State.WARNING
    assert "can be read by others" in caution.text
    (tmp_path / "accounts.toml").write_text("[accounts.main]\n", encoding="utf-8")
    faults = list(configuration_checks(environment, providers=False))
    assert {check.state for check in faults} == {State.PROBLEM}
    assert all(check.remedy for check in faults)


@pytest.mark.parametrize(
    ("ready", "metrics", "states"),
    [
        (Page(200, "ok"), Page(200, 'bulkverify_redis_up{database="state"} 1.0\n'), [State.OK, State.OK]),
        (
            Page(503, "no answer from the databases: state"),
            Page(200, 'bulkverify_redis_up{database="state"} 0.0\n'),
            [State.PROBLEM, State.PROBLEM],
        ),
        (Page(200, "ok"), Page(200, "another_metric 1\n"), [State.OK, State.PROBLEM]),
        (Page(404, "no"), Page(404, "no"), [State.PROBLEM, State.PROBLEM]),
    ],
)
def test_the_answers_of_an_exporter(ready: Page, metrics: Page, states: list[State]) -> None:
    """Ready and with our metrics is well; a database that is away, or another program at that port, is not."""
    assert [check.state for check in page_checks("http://127.0.0.1:9464", ready, metrics)] == states


def test_a_port_that_nobody_knows_cannot_be_asked(tmp_path: Path) -> None:
    """With the port 0 the exporter takes any, so that nothing is known of it."""
    (found,) = exporter_checks(Settings(home=tmp_path, metrics_port=0))
    assert found.state is State.UNKNOWN


WELL = ok("redis", "memory", "100 MiB used")
UNSEEN = unknown("storage", "usable", "not looked at", "Ask again.")
ODD = warning("work", "stuck", "upload a is preparing for 2 h", "`bulkverify why a` tells why.")
BAD = problem("redis", "durability", "appendonly is off", "Set it.")


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([WELL], 0),
        ([WELL, UNSEEN], 1),
        ([WELL, UNSEEN, ODD], EXIT_FOUND),
        ([BAD], EXIT_FOUND),
    ],
)
def test_what_is_found_decides_the_exit_code(checks: list[Check], code: int) -> None:
    """All is well: 0; something could not be seen: 1; anything is not right: 2."""
    assert exit_code(checks) == code


def test_checks_are_told_by_area() -> None:
    """Each area once, in the order in which it first came; remedies below; at the end how many there are."""
    assert list(lines([WELL, ODD, BAD])) == [
        "\x1b[1mRedis\x1b[0m",
        "  \x1b[32mok       \x1b[0m100 MiB used",
        "  \x1b[31mproblem  \x1b[0mappendonly is off",
        "           Set it.",
        "\x1b[1mWork\x1b[0m",
        "  \x1b[33mwarning  \x1b[0mupload a is preparing for 2 h",
        "           `bulkverify why a` tells why.",
        "",
        "1 problem, 1 warning, 1 ok.",
    ]

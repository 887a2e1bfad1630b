"""`bulkverify doctor` at a line that works, and at what breaks it: real Redis, storage, exporter and providers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import redis

from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, running_line
from tests.builders.records import a_part, a_result, a_running_upload, an_attempt, an_upload, stored
from tests.builders.stores import everything
from worker.cli.doctor.records import record_checks
from worker.cli.doctor.storage import attempt_checks
from worker.cli.health.check import State
from worker.core.states import PartState, UploadState
from worker.exporter.server import Exporter
from worker.host.embedded import EmbeddedServer
from worker.storage.local import LocalStorage
from worker.store.pulse import Pulse, Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.builders.line import Line
    from worker.store.store import Store


class Patient:
    """A line with all its processes' pulses, its exporter, and the doctor."""

    def __init__(self, line: Line, redis_url: str, broker_url: str) -> None:
        self.line = line
        self.store = line.plant.context.store
        settings = line.settings.model_copy(update={"metrics_port": 0, "reconcile_period_seconds": 86_400.0})
        settings.metrics_dir.mkdir(exist_ok=True)
        self.exporter = Exporter(settings, {"ipqs-main": "ipqs", "whoisxml-main": "whoisxml"})
        self.command = CommandLine(redis_url, line.folder)
        self.command.environment |= {
            "BULKVERIFY_BROKER_URL": broker_url,
            "BULKVERIFY_ACCOUNTS_FILE": str(line.settings.accounts_file),
            "BULKVERIFY_INPUT_ROOTS": str(line.folder),
        }

    def beat(self) -> None:
        """Be heard in every role."""
        for role in Role:
            Pulse(self.store, role, f"{role}-1").beat()

    def start_exporter(self) -> None:
        """Serve metrics at any free port, of which the doctor is told."""
        self.exporter.start()
        self.command.environment["BULKVERIFY_METRICS_PORT"] = str(self.exporter.address[1])

    def doctor(self, *arguments: str, code: int) -> Result:
        """Ask the doctor; no key is ever in the answer."""
        result = self.command("doctor", *arguments)
        assert result.exit_code == code, result.output
        assert IPQS_KEY not in result.output
        assert WHOISXML_KEY not in result.output
        return result

    def document(self, *arguments: str, code: int) -> dict[str, Any]:
        """The same for programs."""
        document: dict[str, Any] = self.command.document(self.doctor("--json", *arguments, code=code))
        assert document["code"] == code
        assert document["ok"] == (code == 0)
        return document

    def found(self, *arguments: str, code: int = 2) -> dict[str, str]:
        """What is not well: the state of each check by area and name."""
        checks = self.document(*arguments, code=code)["checks"]
        return {f"{check['area']}/{check['name']}": check["state"] for check in checks if check["state"] != State.OK}


@pytest.fixture
def patient(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Patient]:
    """Yield a line that has delivered a list at each provider, and is heard."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        patient = Patient(line, redis_url, broker_url)
        lists = [
            line.submit(line.file(f"{account}.csv", "email\na@example.com\nb@example.com\n"), account)
            for account in ("ipqs-main", "whoisxml-main")
        ]
        line.finish(*lists)
        swept = lambda: all(  # noqa: E731 - said once
            patient.store.client.hget(patient.store.key("sweep", account), "complete_at")
            for account in ("ipqs-main", "whoisxml-main")
        )
        wait_until(swept, seconds=30, what="both lists were seen whole")
        patient.beat()
        patient.start_exporter()
        try:
            yield patient
        finally:
            patient.exporter.stop()


def test_a_line_that_works_is_well(patient: Patient) -> None:
    """Every area is looked at and nothing is found; the end is 0, nothing is changed, and no call costs anything."""
    document = patient.document(code=0)
    assert document["counts"]["problem"] == document["counts"]["warning"] == document["counts"]["unknown"] == 0
    areas = {check["area"] for check in document["checks"]}
    assert areas == {
        *("configuration", "redis", "clocks", "processes", "accounts"),
        *("work", "drift", "records", "storage", "exporter"),
    }
    told = patient.doctor(code=0).output
    assert "appendonly" not in told
    assert "4 of 4 uploads and parts were looked at\n" in told
    assert told.endswith(" ok.\n")


def test_providers_are_called_only_when_that_is_asked_for(patient: Patient) -> None:
    """With leave, credits and clocks are told, and nothing is charged."""
    before = patient.line.ipqs.knobs.credits
    told = patient.doctor("--providers", code=0).output
    assert "ipqs-main: the provider answers, and tells " in told
    assert "tells no time" in told or " and Redis are 0 s apart" in told
    assert patient.line.ipqs.knobs.credits == before
    assert "the provider answers" not in patient.doctor(code=0).output


def test_what_is_wrong_in_several_places_is_all_told(patient: Patient) -> None:
    """A part in quarantine, an exporter that has gone, a role that is not heard and a lost result: all at once."""
    store = patient.store
    a_running_upload(store, "stopped")
    store.client.delete(store.key("alive", Role.INTAKE))
    patient.exporter.stop()
    (manifest, *_) = [name for name in patient.line.plant.context.storage.list("results") if name.endswith(".json")]
    patient.line.plant.context.storage.delete(manifest)
    found = patient.found()
    assert found["work/quarantine"] == State.WARNING
    assert found["processes/intake"] == State.PROBLEM
    assert found["exporter/answers"] == State.WARNING
    assert found["storage/results"] == State.PROBLEM
    told = patient.doctor(code=2).output
    assert "part stopped/3 waits for a person: No answer came" in told
    assert "`bulkverify why stopped` shows what is known; then perhaps `bulkverify resolve stopped/3 --adopt" in told
    assert " problem" in told.splitlines()[-1]


def test_without_redis_the_rest_is_looked_at_all_the_same(patient: Patient) -> None:
    """That it does not answer is a problem; what is read from it is not known; storage and configuration are told."""
    patient.command.environment["BULKVERIFY_REDIS_URL"] = "redis://127.0.0.1:1/0"
    patient.command.environment["BULKVERIFY_BROKER_URL"] = "redis://127.0.0.1:1/1"
    found = patient.found()
    assert found["redis/reachable"] == State.PROBLEM
    assert {name for name, state in found.items() if state == State.UNKNOWN} == {
        f"{area}/not_checked" for area in ("processes", "accounts", "work", "drift", "records")
    }


def test_settings_that_cannot_be_used_come_first(patient: Patient) -> None:
    """A setting that is wrong is told with its remedy, and nothing else is looked at."""
    patient.command.environment["BULKVERIFY_POLL_EPSILON"] = "many"
    checks = patient.document(code=2)["checks"]
    assert {check["area"] for check in checks} == {"configuration"}
    assert any("BULKVERIFY_POLL_EPSILON" in check["text"] for check in checks)


def test_a_wrong_option_is_no_finding(patient: Patient) -> None:
    """A mistake on the command line ends with 1: 2 means that something was found."""
    assert patient.command("doctor", "--limit", "0").exit_code == 1


def test_an_unsafe_server_is_a_problem(tmp_path: Path) -> None:
    """Without an append-only file, and with keys that may be thrown away, the doctor says so and what to set."""
    with EmbeddedServer(tmp_path / "home") as server:
        command = CommandLine(server.url(), tmp_path)
        command.environment["BULKVERIFY_BROKER_URL"] = server.url(1)
        with redis.Redis.from_url(server.url()) as client:
            client.config_set("appendonly", "no")
            client.config_set("maxmemory-policy", "allkeys-lru")
        result = command("doctor", "--json")
    states = {check["name"]: check["state"] for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 2
    assert (states["durability"], states["eviction"]) == (State.PROBLEM, State.PROBLEM)


def test_an_attempt_without_its_record_is_a_problem(store: Store, tmp_path: Path) -> None:
    """Whoever has an attempt open without its record in storage could pay twice once Redis is lost."""
    now = store.now()
    part = a_part("crm", 0, PartState.INTENT, now=now, attempts=1, attempt=an_attempt(at=now), credits_reserved=100)
    stored(store, an_upload("crm", UploadState.RUNNING, now=now, parts_total=1), part)
    storage = LocalStorage(tmp_path / "storage")
    missing, _ = attempt_checks(store, storage, ["ipqs-main"])
    assert (missing.state, missing.name) == (State.PROBLEM, "attempts")
    assert missing.text.startswith("part crm/0 has an attempt open, and attempts/")
    storage.create(an_attempt().object, b"{}")
    (well,) = attempt_checks(store, storage, ["ipqs-main"])
    assert (well.state, well.text) == (State.OK, "1 records of open attempts were looked for")


# What must be true of the records


def texts(store: Store, most: int = 1_000) -> list[str]:
    """What is not well among the records."""
    return [check.text for check in record_checks(store, ["ipqs-main"], most) if check.state is not State.OK]


def a_line_of_records(store: Store) -> None:
    """An upload with a submitted part, and one at its end."""
    now = store.now()
    part = a_part("crm", 0, PartState.SUBMITTED, now=now, remote_id="77", credits_committed=0)
    stored(store, an_upload("crm", UploadState.RUNNING, now=now, parts_total=1), part)
    store.client.hset(store.key("remote", "ipqs-main"), "77", "crm/0")
    stored(store, an_upload("old", UploadState.COMPLETED, now=now, result=a_result()))


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda store: None, ""),
        (lambda store: store.client.zrem(store.key("due", "ipqs-main", "poll"), "crm/0"), "nobody will look at it"),
        (lambda store: store.client.zadd(store.key("due", "ipqs-main", "submit"), {"crm/0": 1}), "waits in submit"),
        (lambda store: store.client.srem(store.key("active", "ipqs-main"), "crm/0"), "is not counted as a job"),
        (lambda store: store.client.sadd(store.key("intents", "ipqs-main"), "crm/0"), "counted as an open attempt"),
        (lambda store: store.client.hset(store.key("ledger", "ipqs-main"), "reserved", 5), "5 credits are reserved"),
    ],
)  # fmt: skip
def test_damage_to_what_stands_beside_a_record_is_seen(store: Store, damage: Any, fault: str) -> None:
    """Each kind of damage is one sentence, and without any there is none; looking changes nothing."""
    a_line_of_records(store)
    damage(store)
    before = everything(store)
    found = texts(store)
    assert everything(store) == before
    assert len(found) == bool(fault), found
    assert not fault or fault in found[0]


def test_workers_may_go_on_meanwhile(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Looked at again and again while lists go through all states, no record is ever taken for an incoherent one."""
    addresses = "".join(f"reader{number}@example.com\n" for number in range(60))
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=10) as line:
        store = line.plant.context.store
        lists = [
            line.submit(line.file(f"{number}.csv", f"email\nlist{number}@example.com\n{addresses}"), account)
            for number, account in enumerate(["ipqs-main", "whoisxml-main"] * 2)
        ]
        looks = 0
        while not all(line.upload(upload_id).terminal for upload_id in lists):
            assert texts(store) == []
            looks += 1
        assert looks > 1
        assert texts(store) == []


def test_a_record_that_cannot_be_read_is_seen(store: Store) -> None:
    """It is named; what its account's parts hold is not known then, and that is told."""
    a_line_of_records(store)
    store.client.set(store.key("part", "crm/0"), "{")
    unreadable, ledger = texts(store)
    assert unreadable.startswith("part crm/0 cannot be read: A record (part) is damaged")
    assert ledger == "ipqs-main: what its parts hold cannot be added up, because a record among them is damaged"


def test_a_remote_job_of_two_parts_is_seen(store: Store) -> None:
    """The part whose claim it is not is named."""
    a_line_of_records(store)
    store.client.hset(store.key("remote", "ipqs-main"), "77", "other/0")
    assert texts(store) == ["crm/0 has remote job 77, which belongs to part other/0"]


def test_no_more_records_are_looked_at_than_asked_for(store: Store) -> None:
    """As many of each state, the oldest of those under way first; how many there are in all is told."""
    now = store.now()
    for number in range(8):
        stored(store, an_upload(f"a-{number}", UploadState.ACCEPTED, now=now + number))
    stored(store, an_upload("b", UploadState.COMPLETED, now=now, result=a_result()))
    store.client.zrem(store.key("due", "ipqs-main", "prepare"), "a-0", "a-7")
    checks = list(record_checks(store, [], 4))
    assert [check.text for check in checks] == [
        "a-0 is accepted, and nobody will look at it",
        "3 of 9 uploads and parts were looked at, the oldest of each state; --limit looks at more",
    ]


def test_a_damaged_installation_is_told_within_bounds(store: Store) -> None:
    """Of many faults the first are told one by one, and of the others how many there are."""
    for number in range(30):
        stored(store, an_upload(f"a-{number}", UploadState.ACCEPTED, now=store.now()))
    store.client.delete(store.key("due", "ipqs-main", "prepare"))
    found = texts(store)
    assert len(found) == 21
    assert found[-1] == "10 more records are not as they must be"

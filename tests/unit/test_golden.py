"""Golden files: what every version of the program has stored is read by this one, means the same, and is not lost."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest

from producers.contract import EventWord
from producers.identity import derive_upload_id, request_digest
from producers.records import event_from, rejection_from, status_from
from producers.request import parse
from tests.builders.golden import GOLDEN, SHAPES, main
from tests.builders.shapes import breaks, shape_of
from worker.actors.attempts import Outcome, outcome_name, outcome_of
from worker.actors.kept import collected_name, kept_collected, kept_name, kept_upload
from worker.actors.names import kept_index, sent_values
from worker.broker.newer import for_newer
from worker.core.change import Change
from worker.core.records import AccountRecord, PartRecord, UploadRecord
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.core.states import PART_LANES, UPLOAD_LANES, Lane, PartState, UploadState
from worker.core.token import part_token, remote_name
from worker.rows.dialect import Dialect, Options
from worker.rows.manifest import Manifest
from worker.storage import open_storage
from worker.store.commit import encode
from worker.store.reading import read_record

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.records import Record

#: Every schema version that was ever written.
VERSIONS = sorted(path.name for path in GOLDEN.iterdir())
#: Shapes of records by the name of their file.
RECORDS: dict[str, type[Record]] = {"upload": UploadRecord, "part": PartRecord, "account": AccountRecord}


def golden(version: str, name: str) -> dict[str, Any]:
    """The cases in one file."""
    cases: dict[str, Any] = json.loads((GOLDEN / version / f"{name}.json").read_text())
    return cases


def cases(*names: str) -> list[Any]:
    """Every case of some files in every version, as parameters."""
    return [
        pytest.param(version, name, case, id=f"{version}-{name}-{case}")
        for version in VERSIONS
        for name in names
        for case in golden(version, name)
    ]


def read(name: str, fields: dict[str, Any]) -> Any:
    """A record as the store reads it."""
    record = read_record(RECORDS[name], json.dumps(fields))
    assert record is not None
    return record


def holds(found: Any, known: Any) -> bool:
    """Whether JSON has everything that was known, on every level; fields may have come."""
    match known:
        case dict():
            return isinstance(found, dict) and all(name in found and holds(found[name], known[name]) for name in known)
        case list():
            return isinstance(found, list) and len(found) == len(known) and all(map(holds, found, known))
        case _:
            return bool(found == known)


def written_back(name: str, record: Any) -> dict[str, Any]:
    """The record as the store writes it."""
    change: dict[str, Any] = {f"{name}s": (record,)}
    payload = json.loads(
        encode(Change("golden", "", "", **change), "nonce", timeline_max=1, events_max=1, rejected_max=1)
    )
    document: dict[str, Any] = json.loads(payload["records"][0]["doc"])
    return document


def test_the_present_version_has_golden_files() -> None:
    """A version that is written has its files; `make golden` makes them for a new one, and never changes any."""
    assert [f"v{number}" for number in range(1, SCHEMA_VERSION + 1)] == VERSIONS
    assert main() == 1


@pytest.mark.parametrize(("version", "name", "case"), cases("upload", "part", "account"))
def test_a_record_is_read_and_nothing_of_it_is_lost(version: str, name: str, case: str) -> None:
    """A stored record is written back with every field that it had; only its version and its nonce move on."""
    fields = upgraded(name, golden(version, name)[case])
    back = written_back(name, read(name, fields))
    assert back.pop("version") == fields.pop("version") + 1
    assert back.pop("txn") != fields.pop("txn")
    assert back == fields


@pytest.mark.parametrize(("version", "name", "case"), cases("upload", "part", "account"))
def test_fields_of_a_newer_program_survive_an_older_one(version: str, name: str, case: str) -> None:
    """A field that nobody here knows is written back as it was, on every level of the record."""
    fields = golden(version, name)[case]
    expected = {}
    for inner, value in fields.items():
        if isinstance(value, dict) and inner in {"lease", "attempt", "result"}:
            value["later"] = expected[inner] = [1, {"of": None}]
    record = read(name, fields | {"later": {"deep": [1.5, "x"]}})
    back = written_back(name, record.model_copy(update={"reason": "changed"}) if name != "account" else record)
    assert back["later"] == {"deep": [1.5, "x"]}
    assert {inner: back[inner]["later"] for inner in expected} == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_uploads_mean_what_they_meant(version: str) -> None:
    """State, lane, counts, lease, result and how the input is read are what they were."""
    uploads = {case: read("upload", fields) for case, fields in golden(version, "upload").items()}
    for state, upload in uploads.items():
        assert upload.state is UploadState(state)
        assert upload.lane is (UPLOAD_LANES.get(upload.state) if state != "attention" else None)
        assert (upload.account, upload.kind, upload.label) == ("ipqs-main", "email", "news")
        assert (upload.method, upload.segments, upload.result_place) == ("json", ("clean",), "storage")
        Options.model_validate(upload.options)
        assert status_from(upload.upload_id, upload.model_dump_json(), {"collected": "1"}).state == state
    assert uploads["preparing"].lease.owner == "worker-1:4242:a1b2c3"
    assert uploads["running"].cancel_requested
    assert Dialect.model_validate(uploads["running"].dialect).column_name == "email"
    counts = uploads["completed"].result.counts
    assert (counts.matched, counts.missing, uploads["completed"].result.credits) == (100, 0, 100)
    assert uploads["failed"].result.counts.missing == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_mean_what_they_meant(version: str) -> None:
    """What was spent, what may have been, and which job is whose are what they were."""
    parts = {case: read("part", fields) for case, fields in golden(version, "part").items()}
    for state, part in parts.items():
        assert part.state is PartState(state)
        assert part.lane is PART_LANES.get(part.state)
        assert (part.part_id, part.rows) == (f"in-{state}/0", 100)
        assert re.fullmatch("bv-[a-z2-7]{16}", part.token)
    for state in ("intent", "quarantined"):
        assert (parts[state].attempt.number, parts[state].credits_reserved, parts[state].remote_id) == (1, 100, None)
    for state in ("submitted", "finished", "collected"):
        assert (parts[state].remote_id, parts[state].credits_committed) == ("77", 100)
        assert [known.remote_id for known in parts[state].evidence] == ["77"]
        assert parts[state].remote_scope == "ipqs-main@a1b2c3d4"


@pytest.mark.parametrize("version", VERSIONS)
def test_records_that_tell_only_what_is_unusual_are_read(version: str) -> None:
    """Where the usual was left out, it is meant."""
    fields = golden(version, "part")["submitted"]
    values_object = fields.pop("values_object")
    assert sent_values(read("part", fields | {"upload_id": "list-1"})) == "uploads/list-1/parts/00000/values.csv"
    assert sent_values(read("part", fields | {"values_object": values_object})) == values_object
    running = golden(version, "upload")["running"]
    dialect = running["dialect"]
    running.pop("index_object", None)
    assert kept_index(read("upload", running)) == f"uploads/{running['upload_id']}/rows.index"
    left = {name: dialect[name] for name in ("header", "column_name", "columns")}
    assert Dialect.model_validate(left) == Dialect.model_validate(dialect | {"why": ""})


@pytest.mark.parametrize("version", VERSIONS)
def test_accounts_mean_what_they_meant(version: str) -> None:
    """Pauses, balances and whether tokens are echoed are what they were."""
    well, paused = (read("account", golden(version, "account")[case]) for case in ("well", "paused"))
    assert (well.echo_proven, well.credits_balance, well.calls_pause.reason) == (True, 5_000, "")
    assert (paused.calls_pause.reason, paused.calls_pause.failures) == ("throttled", 2)
    probe = paused.spending_pause.probe
    assert (paused.spending_pause.reason, probe.owner) == ("out_of_credits", "worker-1:4242:a1b2c3")


@pytest.mark.parametrize("version", VERSIONS)
def test_outcomes_of_attempts_mean_what_they_meant(version: str, tmp_path: Path) -> None:
    """Storage still says what became of an attempt, and the attempt still says whose it is."""
    storage = open_storage(tmp_path.as_uri())
    for number, case in enumerate(("accepted", "unspent")):
        storage.create(outcome_name("bv-token", number), json.dumps(golden(version, "outcome")[case]).encode())
    assert outcome_of(storage, "bv-token", 0) == Outcome(remote_id="77")
    assert outcome_of(storage, "bv-token", 1) == Outcome(unspent="throttled")
    attempt = upgraded("attempt", golden(version, "attempt")["opened"])
    assert {"upload_id", "part", "account", "token", "attempt", "rows", "digest", "at", "over_at"} <= attempt.keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_kept_of_an_upload_means_what_it_meant(version: str, tmp_path: Path) -> None:
    """From storage an upload, its parts and the verdicts of one are made again as they were."""
    storage = open_storage(tmp_path.as_uri())
    known = golden(version, "kept")
    upload_id, collected = known["upload"]["upload"]["upload_id"], known["collected"]
    storage.create(kept_name(upload_id), json.dumps(known["upload"]).encode())
    kept = kept_upload(storage, upload_id)
    assert kept is not None
    assert (kept.upload.upload_id, kept.upload.version, [part.index for part in kept.parts]) == (upload_id, 0, [0])
    assert kept.parts[0].state is PartState.PENDING
    born = kept.parts[0].model_copy(update={"index": collected["index"], "token": collected["token"]})
    storage.create(collected_name(born.upload_id, born.index), json.dumps(collected).encode())
    assert kept_collected(storage, born) is None
    storage.create(collected["verdicts_object"], b"")
    part = kept_collected(storage, born)
    assert part is not None
    assert (part.state, part.verdicts_digest) == (PartState.COLLECTED, collected["verdicts_digest"])


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_read(version: str) -> None:
    """A result of any version has its manifest, and nothing of that is lost."""
    document = golden(version, "manifest")["completed"]
    manifest = Manifest.load(json.dumps(document).encode())
    assert (manifest.counts.matched, manifest.credits, manifest.parts[0].remote_id) == (100, 100, "77")
    assert holds(json.loads(manifest.dump()), document)


@pytest.mark.parametrize(("version", "name", "case"), cases("message"))
def test_messages_are_run(version: str, name: str, case: str) -> None:
    """A message of any version is one for an actor of this program, about an item and its epoch."""
    message = dramatiq.Message.decode(json.dumps(golden(version, name)[case]).encode())
    assert for_newer(dramatiq.MessageProxy(message), set(Lane)) is None
    item, epoch = message.args
    assert (type(item), epoch, message.queue_name) == (str, 3, case)


@pytest.mark.parametrize("version", VERSIONS)
def test_events_and_rejections_are_read(version: str) -> None:
    """Applications read every entry of the streams, and each carries the version of the contract."""
    for word, fields in golden(version, "event").items():
        event = event_from("1-0", fields)
        assert (event.event, event.upload_id, event.details["entry"]) == (EventWord(word), "list-1", "1-0")
        assert fields["v"] == "1"
    rejection = golden(version, "rejected")["conflict"]
    assert rejection_from(rejection).remedy == "Use another id."
    assert rejection["v"] == "1"


@pytest.mark.parametrize(("version", "name", "case"), cases("request"))
def test_a_request_is_the_same_upload_for_ever(version: str, name: str, case: str) -> None:
    """A request that is sent again after an upgrade has the same digest and derived id, so nothing is paid twice."""
    known = golden(version, name)[case]
    request = parse(known["text"])
    assert request_digest(request) == known["digest"]
    assert derive_upload_id(request, known["content"]) == known["id"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_part_has_the_same_token_for_ever(version: str) -> None:
    """A job that was submitted before an upgrade is recognised after it."""
    known = golden(version, "token")
    token = part_token(**known["of"])
    assert (token, remote_name(token, "news")) == (known["token"], known["remote_name"])


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_changes_only_with_the_schema_version(name: str) -> None:
    """Fields with defaults may come; for everything else SCHEMA_VERSION is raised and a migration written."""
    assert breaks(golden(f"v{SCHEMA_VERSION}", "shapes")[name], shape_of(SHAPES[name])) == []

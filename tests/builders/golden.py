"""What this version of the program stores, written by the program itself: `make golden`.

Everything goes through the code that stores it, into a real Redis and a real storage folder, and is read back from
there as it lies. The files are committed and never change: they prove that later versions read what this one wrote.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from producers.contract import EVENTS_STREAM, REJECTED_STREAM, EventWord
from producers.identity import derive_upload_id, request_digest
from producers.request import from_fields, to_json
from tests.builders.golden_cases import FINGERPRINTED, PROCESS, accounts, manifest, parts, uploads
from tests.builders.line import Line, running_line
from tests.builders.records import NOW
from tests.builders.shapes import shape_of
from worker.actors.attempts import Outcome, attempt_name, close_attempt, open_attempt, outcome_name
from worker.actors.kept import Kept, collected_name, keep_collected, keep_upload, kept_name
from worker.core.change import Change, Event
from worker.core.records import AccountRecord, PartRecord, UploadRecord
from worker.core.schema import SCHEMA_VERSION
from worker.core.states import Lane
from worker.core.token import part_token, remote_name
from worker.host.embedded import EmbeddedServer
from worker.rows.dialect import Dialect, Options
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from pydantic import BaseModel

#: One folder for each schema version.
GOLDEN = Path(__file__).parents[1] / "golden"
#: The shapes whose fields are compared with those of earlier versions.
SHAPES: dict[str, type[BaseModel]] = {
    "upload": UploadRecord,
    "part": PartRecord,
    "account": AccountRecord,
    "manifest": Manifest,
    "dialect": Dialect,
    "options": Options,
}
#: Requests of every source, and with every option of what is wanted.
REQUESTS: tuple[dict[str, Any], ...] = (
    {"source": {"path": "/srv/lists/list.csv"}, "options": {"column": "email", "header": True}, "label": "news"},
    {"source": {"path": "/srv/lists/list.csv"}, "upload_id": "crm-2026-11", "producer": "crm"},
    {"source": {"rows": ["one@example.com", "two@example.com"]}, "result": "rows"},
    {"source": {"url": "file:///srv/lists/list.csv"}, "segments": ["clean"], "again": "2026-12"},
    {"source": {"remote_url": "https://lists.example.com/list.csv"}, "method": "pull"},
)


def documents(folder: Path, redis_url: str, broker_url: str) -> dict[str, Any]:
    """Every file of this version by its name, read back from where the program stored it."""
    with running_line(folder, redis_url, broker_url, start=False) as line:
        attempt, outcome = _attempts(line)
        return {
            "upload": _stored(line, "upload", uploads()),
            "part": _stored(line, "part", parts()),
            "account": _stored(line, "account", accounts()),
            "attempt": attempt,
            "outcome": outcome,
            "kept": _kept(line),
            "manifest": {"completed": json.loads(manifest().dump())},
            "message": _messages(line),
            "event": _events(line),
            "rejected": _rejected(line),
            "request": _requests(),
            "token": _token(),
            "shapes": {name: shape_of(shape) for name, shape in SHAPES.items()},
        }


def _stored(line: Line, kind: str, records: dict[str, Any]) -> dict[str, Any]:
    store = line.plant.context.store
    record_id = {"upload": "upload_id", "part": "part_id", "account": "account"}[kind]
    found = {}
    for name, record in records.items():
        written: dict[str, Any] = {f"{kind}s": (record,)}
        store.commit(Change("golden", "", record.account, **written))
        found[name] = json.loads(str(store.client.get(store.key(kind, getattr(record, record_id)))))
    return found


def _attempts(line: Line) -> tuple[dict[str, Any], dict[str, Any]]:
    context = replace(line.plant.context, process=PROCESS)
    part = parts()["pending"]
    attempt, _ = open_attempt(context, part, NOW, NOW + 900)
    close_attempt(context.storage, part.token, attempt.number, Outcome(remote_id="77"))
    close_attempt(context.storage, part.token, attempt.number + 1, Outcome(unspent="throttled"))

    def read(name: str) -> Any:
        return json.loads(context.storage.read(name, 64_000))

    return (
        {"opened": read(attempt_name(part.token, 1))},
        {"accepted": read(outcome_name(part.token, 1)), "unspent": read(outcome_name(part.token, 2))},
    )


def _kept(line: Line) -> dict[str, Any]:
    storage, collected = line.plant.context.storage, parts()["collected"]
    upload = uploads()["running"]
    keep_upload(storage, Kept(upload, (parts()["pending"],)))
    keep_collected(storage, collected)

    def read(name: str) -> Any:
        return json.loads(storage.read(name, 64_000))

    return {
        "upload": read(kept_name(upload.upload_id)),
        "collected": read(collected_name(collected.upload_id, collected.index)),
    }


def _messages(line: Line) -> dict[str, Any]:
    client: Any = line.plant.broker.client
    found = {}
    for lane in Lane:
        item = "ipqs-main" if lane in {Lane.POLL, Lane.RECONCILE} else "list-1/0"
        line.plant.context.hints.send(lane, item, 3, 0.0)
        (found[str(lane)],) = map(json.loads, client.hgetall(f"dramatiq:{lane}.msgs").values())
    return found


def _events(line: Line) -> dict[str, Any]:
    store: Any = line.plant.context.store
    details = {"entry": "1-0", "duplicate": False, "reason": "parts_failed", "result": "file:///srv/result.csv"}
    events = tuple(Event(str(word), "list-1", details) for word in EventWord)
    store.commit(Change("golden", "", "ipqs-main", events=events))
    return {fields["event"]: fields for _, fields in store.client.xrange(EVENTS_STREAM)}


def _rejected(line: Line) -> dict[str, Any]:
    store: Any = line.plant.context.store
    told = {"entry": "1-0", "reason": "conflict", "message": "It is another one.", "remedy": "Use another id."}
    store.commit(Change("golden", "", "", rejected=told | {"upload_id": "list-1", "request": "{}"}))
    return {fields["reason"]: fields for _, fields in store.client.xrange(REJECTED_STREAM)}


def _requests() -> dict[str, Any]:
    found = {}
    for fields in REQUESTS:
        request = from_fields({"version": 1, "account": "ipqs-main", "kind": "email"} | fields)
        content = "c" * 64
        identity = {"digest": request_digest(request), "content": content, "id": derive_upload_id(request, content)}
        name = next(name for name in fields["source"] if name) + ("_named" if "upload_id" in fields else "")
        found[name] = {"text": to_json(request)} | identity
    return found


def _token() -> dict[str, Any]:
    token = part_token(index=7, **FINGERPRINTED)
    return {"of": FINGERPRINTED | {"index": 7}, "token": token, "remote_name": remote_name(token, "news")}


def main() -> int:
    """Write the files of this schema version; what is there is never changed."""
    target = GOLDEN / f"v{SCHEMA_VERSION}"
    if target.exists():
        remedy = "Raise worker.core.schema.SCHEMA_VERSION for another shape."
        sys.stderr.write(f"{target} is there already and stays as it is. {remedy}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "home") as server:
        written = documents(Path(folder), server.url(0), server.url(1))
    target.mkdir(parents=True)
    for name, document in written.items():
        (target / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{len(written)} files are in {target}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

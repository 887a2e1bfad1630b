"""Bad input of every sort is told what is wrong with it and what to do, and leaves everything else alone."""

from __future__ import annotations

import json
import logging.handlers
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from producers.contract import EVENTS_STREAM, REJECTED_STREAM, UPLOADS_STREAM
from tests.builders.bad_files import BAD_FILES, BAD_PATHS, LIMITS
from tests.builders.bad_input import REASONS, BadInput, Ground
from tests.builders.bad_places import BAD_REMOTES, BAD_URLS, a_ground, pull_hosts_of
from tests.builders.bad_requests import BAD_FIELDS, BAD_SOURCES, GREEDY, NO_REQUESTS, PURGED, SECRET, entry_fields
from tests.builders.coherence import check_coherent
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, Line, running_line
from tests.builders.stores import a_store
from worker.core.states import UploadState
from worker.retention.purging import purge_ended
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from worker.core.records import UploadRecord
    from worker.host.embedded import EmbeddedServer

TABLE = [
    row
    for row in (*NO_REQUESTS, *BAD_FIELDS, *BAD_SOURCES, *BAD_PATHS, *BAD_URLS, *BAD_REMOTES, *BAD_FILES)
    if not (row.superuser_may and os.geteuid() == 0)
]

#: A label that spreadsheets, shells and people may take for something else; it is text on one line.
HARMLESS_LABEL = "=cmd|'/c calc'!A1; $(reboot) `id` ../../ \"%s\" \N{PILE OF POO}"

#: Most characters of a message and its remedy.
TOLD_CHARACTERS_MAX = 4_000

#: Days after which the records of an upload that has ended are surely purged.
LONG_DAYS = 400

#: Rows of the table after which a good request follows.
ROWS_BETWEEN_GOOD = 4

#: What only the inside of a program says.
INSIDE = re.compile(
    r"Traceback|Errno|\b[A-Z]\w*(?:Error|Exception)\b|<class|object at 0x|pydantic|codec can't|\bNone\b"
)

#: Databases of the shared server that no other test uses.
STATE_DB, BROKER_DB = 4, 5


@dataclass
class Aftermath:
    """What was told after the whole table had been sent, with good requests before, between and after its rows."""

    #: Reason and text (message and remedy) by the name of the row.
    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Fields of the rejections, and details of their events, by the name of the row.
    rejected: dict[str, dict[str, str]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Records and results of the good requests.
    good: list[UploadRecord] = field(default_factory=list)
    results: set[str] = field(default_factory=set)
    unanswered: int = -1
    logs: str = ""
    rows_paid: int = -1


@pytest.fixture(scope="module")
def aftermath(redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Send everything through one line, and look when everything has come to its end."""
    folder = tmp_path_factory.mktemp("line")
    heard = logging.handlers.BufferingHandler(1_000_000)
    logging.getLogger().addHandler(heard)
    urls = [redis_server.url(STATE_DB), redis_server.url(BROKER_DB)]
    found = Aftermath()
    with capture_logs() as logs, a_ground(folder) as ground:
        settings: dict[str, Any] = {
            "ipqs": {"job_seconds": 0.02},
            "input_roots": (ground.inside,),
            "pull_hosts": pull_hosts_of(ground),
            "producer_rows_per_day_overrides": {GREEDY: 1},
            **LIMITS,
        }
        with running_line(folder, *urls, **settings) as line:
            _purge_one(line, ground, urls[0])
            _send_all(line, ground, found)
    logging.getLogger().removeHandler(heard)
    found.logs = repr(logs) + "".join(heard.format(record) for record in heard.buffer)
    return found


def _purge_one(line: Line, ground: Ground, redis_url: str) -> None:
    """Leave the tombstone of an upload that failed long ago, unpaid."""
    line.submit(ground.file("purged.csv", "email\n"), "ipqs-main", upload_id=PURGED)
    line.finish(PURGED)
    later = a_store(redis_url, clock_offset_seconds=LONG_DAYS * 86_400.0)
    assert purge_ended(later, Retention(later), line.settings) == {Purged.OK: 1}
    later.client.close()


def _send_all(line: Line, ground: Ground, found: Aftermath) -> None:
    client: Any = line.plant.context.store.client
    entries: dict[str, str] = {}
    good: list[str] = []
    for number, row in enumerate(TABLE):
        if number % ROWS_BETWEEN_GOOD == 0:
            good.append(_send_good(client, ground, number))
        entries[client.xadd(UPLOADS_STREAM, entry_fields(row.send(ground)))] = row.name
    good.append(_send_good(client, ground, len(TABLE)))
    while line.intake.read():
        pass
    pending = client.xpending(UPLOADS_STREAM, "intake")
    found.unanswered = client.xlen(UPLOADS_STREAM) + pending["pending"]
    _hear_rejections(client, entries, found)
    _hear_failures(line, client, entries, found)
    line.finish(*good, seconds=60.0)
    found.good = [line.upload(upload_id) for upload_id in good]
    found.results = {_result(line, upload_id) for upload_id in good}
    found.rows_paid = sum(charge.rows for charge in line.ipqs.ledger)
    check_coherent(line.plant.context.store)


def _send_good(client: Any, ground: Ground, number: int) -> str:
    path = ground.file(f"good-{number}.csv", f"email\nann{number}@example.com\n")
    request = ground.request(upload_id=f"good-{number}", source={"path": str(path)}, label=HARMLESS_LABEL)
    client.xadd(UPLOADS_STREAM, {"request": request})
    return f"good-{number}"


def _hear_rejections(client: Any, entries: dict[str, str], found: Aftermath) -> None:
    for _, fields in client.xrange(REJECTED_STREAM):
        name = entries[fields["entry"]]
        found.rejected[name] = fields
        found.told[name] = (fields["reason"], f"{fields['message']} {fields['remedy']}")
    for _, fields in client.xrange(EVENTS_STREAM):
        if fields["event"] == "rejected":
            details = json.loads(fields["details"])
            found.events[entries[details["entry"]]] = details


def _hear_failures(line: Line, client: Any, entries: dict[str, str], found: Aftermath) -> None:
    accepted = [fields for _, fields in client.xrange(EVENTS_STREAM) if fields["event"] == "accepted"]
    for fields in accepted:
        name = entries.get(json.loads(fields["details"])["entry"])
        if name is not None:
            line.finish(fields["upload_id"], seconds=60.0)
            upload = line.upload(fields["upload_id"])
            assert upload.state is UploadState.FAILED, name
            found.told[name] = (upload.reason, upload.message)


def _result(line: Line, upload_id: str) -> str:
    path = line.client.result(upload_id).path
    assert path is not None
    return path.read_text().splitlines()[1].partition(",")[0]


def test_the_table_is_long() -> None:
    """There are more than two hundred bad inputs, each with a name of its own, and every reason occurs."""
    assert len({row.name for row in TABLE}) == len(TABLE) > 200
    assert {row.reason for row in TABLE} == REASONS


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name.replace(" ", "-"))
def test_a_bad_input_is_told(row: BadInput, aftermath: Aftermath) -> None:
    """Reason, input and remedy are told in words of our own, within bounds, harmless to a terminal, and once."""
    reason, text = aftermath.told[row.name]
    assert reason == row.reason, text
    for words in row.told:
        assert words in text
    assert not INSIDE.search(text), text
    assert text.isprintable(), ascii(text)
    assert len(text) <= TOLD_CHARACTERS_MAX
    if row.name in aftermath.rejected:
        rejected = aftermath.rejected[row.name]
        assert rejected["remedy"].endswith(".")
        told = {name: rejected[name] for name in ("entry", "reason", "message", "remedy")}
        assert aftermath.events[row.name] == told
        for secret in (SECRET, IPQS_KEY, WHOISXML_KEY):
            assert secret not in repr(rejected)


def test_good_uploads_among_bad_ones_complete_untouched(aftermath: Aftermath) -> None:
    """Each good request in the batch is done: one row in, one row back, one row paid, and nothing for the others."""
    assert {upload.state for upload in aftermath.good} == {UploadState.COMPLETED}
    assert {upload.label for upload in aftermath.good} == {HARMLESS_LABEL}
    assert {upload.crashes for upload in aftermath.good} == {0}
    assert aftermath.results == {f"ann{upload.upload_id[5:]}@example.com" for upload in aftermath.good}
    assert aftermath.rows_paid == len(aftermath.good) > len(TABLE) // ROWS_BETWEEN_GOOD


def test_nothing_waits_for_an_answer(aftermath: Aftermath) -> None:
    """Every entry of the stream is answered and gone."""
    assert aftermath.unanswered == 0


def test_nobody_was_surprised(aftermath: Aftermath) -> None:
    """No bad input leaves a traceback, a crash or a secret in the log."""
    assert "good-0" in aftermath.logs
    for words in ("Traceback", "exc_info", "intake_crashed", "step_crashed", SECRET, IPQS_KEY, WHOISXML_KEY):
        assert words not in aftermath.logs

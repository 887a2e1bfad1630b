"""No key, no password, no download link and no `status_url` is in anything that an installation writes or prints."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import redis

from producers.client import Client
from producers.contract import REJECTED_STREAM, REQUEST_FIELD, UPLOADS_STREAM
from producers.exit_codes import ExitCode
from tests.builders.canary_cases import CASES, Case, faults, shown, submit
from tests.builders.canary_mistakes import LOOKS, PURGED, Command, giveaways, mistakes
from tests.builders.canary_nursery import PROGRAM, ROOT, Nursery
from tests.builders.canary_requests import mistaken_requests
from tests.builders.canary_sinks import READERS, Reading, fetched
from tests.builders.canary_site import PLAIN_IPQS, Canarium, a_canarium
from tests.builders.deadline import wait_until
from tests.builders.installation import PROCESSES, Installation, Records
from tests.builders.server_process import a_server, free_port
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

KEYS = PLAIN_IPQS
#: Seconds that every case gets to happen; they run at the same time.
CASES_SECONDS = 60.0
#: A server whose file, once rewritten, is commands and no image of its memory, which would be compressed.
PLAIN_LOG = "aof-use-rdb-preamble no\n"
TOMBSTONE_DAYS = 400.0
#: The submit that is on its way when everything is told to stop.
LAST = Case("on-its-way", "outcome_unknown", faults(("submit", "answer_hang")), key_in="path")


def test_no_secret_is_in_any_sink_after_every_way_to_fail(tmp_path: Path) -> None:
    """Every error path, every command and a stop in the middle of a submit: every sink is read, and nothing is found.

    The same sinks are read once more with a secret put into each, and every one of them is found.
    """
    port, password = free_port(), quote(KEYS.password, safe="")
    urls = [f"redis://:{password}@127.0.0.1:{port}/{number}" for number in (0, 1)]
    server = a_server(
        tmp_path / "redis", f"port {port}\nrequirepass {KEYS.password}\n{PLAIN_LOG}", f"redis://127.0.0.1:{port}/0"
    )
    with Nursery() as nursery, server, a_canarium(tmp_path / "site", KEYS, [*CASES, LAST]) as site:
        installation = an_installation(tmp_path, site, *urls)
        try:
            outputs = everything_happens(nursery, installation, site, mistakes(KEYS, tmp_path / "mistakes", urls[0]))
            before = written_by_redis(tmp_path, site)
            outputs |= secrets_are_submitted(nursery, installation, site)
            submit_last(installation, site)
            assert installation.stop() == 0
        finally:
            installation.clean_up()
        outputs["up"] = (installation.folder / "up.log").read_text()
        assert before.hits == []
        forget_requests(urls[0])
        found = everything_read(tmp_path, site, urls, outputs)
        assert found.hits == []
        assert_read_whole(found)

        for number, url in enumerate(urls):
            with redis.Redis.from_url(url) as client:
                client.hset("planted", mapping={"here": (KEYS.ipqs, KEYS.password)[number]})
        (installation.home / "planted").write_text(KEYS.whoisxml)
        with (installation.folder / "up.log").open("a") as log:
            log.write(f"download={site.tokens()[0]}\n")
        again = everything_read(tmp_path, site, urls, outputs | {"planted": KEYS.ipqs})
        assert {(hit.sink, hit.secret) for hit in again.hits if hit.form in {"plain", "beginning"}} >= {
            ("records", "IPQS key"),
            ("messages", "Redis password"),
            ("file", "WhoisXML key"),
            ("file", "link token"),
            ("output", "IPQS key"),
        }


def an_installation(folder: Path, site: Canarium, redis_url: str, broker_url: str) -> Installation:
    """An installation with the providers of `site`, one of whose results cannot be stored."""
    installation = Installation(
        folder / "installation",
        redis_url=redis_url,
        broker_url=broker_url,
        accounts_file=site.accounts_file,
        log_level="debug",
        reconcile_period_seconds=1,
        pull_hosts=site.lists.place,
        producer_rows_per_day_max=100_000,
        submit_deadline_seconds=6,
    )
    installation.environment |= site.environment | {"PYTHONPATH": str(ROOT)}
    in_the_way = installation.home / "storage" / "uploads" / "storage-in-the-way"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where a folder should be")
    return installation


def everything_happens(
    nursery: Nursery, installation: Installation, site: Canarium, wrong_commands: tuple[Command, ...]
) -> dict[str, str]:
    """Run every case and every command; what the commands printed and the exporter served, by name."""
    launcher = shlex.join([sys.executable, "-m", "tests.builders.canary_launcher", "collect crashes"])
    procfile = installation.folder / "Procfile"
    procfile.write_text("".join(f"{name}: {launcher} run {name}\n" for name in sorted(PROCESSES)))
    installation.start("--procfile", procfile)
    with Client(installation.redis_url, producer="test") as client:
        for case in CASES:
            submit(client, site, case, installation.lists)
    outputs: dict[str, str] = {}
    with installation.records() as records:
        for case in CASES:
            wait_until(lambda: shown(records.store, site, case), seconds=CASES_SECONDS, what=case.name)  # noqa: B023 - called at once
        for upload_id in PURGED:
            wait_until(lambda: purged(records, upload_id), what=f"the end of {upload_id}")  # noqa: B023 - called at once
    outputs |= dict(said(nursery, installation, command) for command in LOOKS + wrong_commands)
    port = [entry["port"] for entry in installation.log() if entry["event"] == "exporter_started"][-1]
    for upload_id in PURGED:
        assert "purged" in outputs[name_of(Command(("show", upload_id)))]
    outputs["metrics page"] = fetched(f"http://127.0.0.1:{port}/metrics")
    return outputs


def purged(records: Records, upload_id: str) -> bool:
    """Purge an upload, if it has ended and nobody writes its record meanwhile."""
    upload = records.upload(upload_id)
    if upload is None or not upload.terminal:
        return False
    return Retention(records.store).purge(upload, TOMBSTONE_DAYS) is Purged.OK


def secrets_are_submitted(nursery: Nursery, installation: Installation, site: Canarium) -> dict[str, str]:
    """Producers put secrets into requests; what the commands among them printed, once every request was answered."""
    with redis.Redis.from_url(installation.redis_url, decode_responses=True) as client:
        before = client.xlen(REJECTED_STREAM)
        for mistake in mistaken_requests(site).values():
            client.xadd(UPLOADS_STREAM, {REQUEST_FIELD: mistake.text})
        outputs = dict(said(nursery, installation, command) for command in giveaways(KEYS))
        answered = before + len(mistaken_requests(site)) + len(giveaways(KEYS))
        wait_until(lambda: client.xlen(REJECTED_STREAM) == answered, what="an answer to every request")
        assert client.xlen(UPLOADS_STREAM) == 0
    return outputs


def submit_last(installation: Installation, site: Canarium) -> None:
    """Return while a submit waits for its answer."""
    with Client(installation.redis_url, producer="test") as client:
        submit(client, site, LAST, installation.lists)
    wait_until(lambda: bool(site.sandboxes[LAST.name].ledger), what="a submit on its way")


def forget_requests(redis_url: str) -> None:
    """Have the server write its file anew from what it holds: in the old one are the requests, as they were sent."""
    with redis.Redis.from_url(redis_url) as client:
        assert set(client.info("keyspace")) == {"db0", "db1"}
        client.bgrewriteaof()

        def rewritten() -> bool:
            told = client.info("persistence")
            return not told["aof_rewrite_in_progress"] and not told["aof_rewrite_scheduled"]

        wait_until(rewritten, what="the end of the rewrite")


def name_of(command: Command) -> str:
    """What a command is called among the outputs."""
    return f"{command.arguments} {command.settings}"


def said(nursery: Nursery, installation: Installation, command: Command) -> tuple[str, str]:
    """A command's name, and all that it printed."""
    settings = {f"BULKVERIFY_{name.upper()}": str(value) for name, value in command.settings.items()}
    environment = installation.environment | settings
    done = nursery.run(
        PROGRAM, *command.arguments, environment=environment, folder=installation.folder, given=command.given
    )
    name = name_of(command)
    assert done.stdout + done.stderr, f"{name} printed nothing"
    assert (command in LOOKS) <= (done.code != ExitCode.USAGE), done.stderr
    return name, done.stdout + done.stderr


def everything_read(folder: Path, site: Canarium, urls: list[str], outputs: dict[str, str]) -> Reading:
    """Read every sink. Only two files may hold a secret: the key's own, and the server's configuration."""
    reading = Reading(site.canaries()).outputs(outputs)
    reading.look("elsewhere", "the wrong server", site.heard_elsewhere())
    reading.files(folder / "installation")
    reading.files(folder / "site", by_design=[site.key_file])
    written_by_redis(folder, site, reading)
    return reading.database(urls[0], "records").database(urls[1], "messages")


def written_by_redis(folder: Path, site: Canarium, reading: Reading | None = None) -> Reading:
    """Read the server's log, and the file of every command that changed something, since that was last rewritten."""
    reading = reading or Reading(site.canaries())
    return reading.files(folder / "redis", by_design=[folder / "redis" / "redis.conf"])


def assert_read_whole(found: Reading) -> None:
    """Nothing was found where there was something to be found: every sink had content, of every type it can have."""
    kinds = {place.split()[1] for place in found.places if place.startswith("records: ")}
    assert kinds >= set(READERS) - {"set"}, kinds
    for place in (
        "records: stream bulkverify:uploads",
        "records: stream bulkverify:events",
        "records: string bulkverify:schema",
        "records: string bulkverify:result:rows",
        *(f"records: string bulkverify:upload:{upload_id}" for upload_id in PURGED),
        "output: up",
        "output: metrics page",
        "elsewhere: the wrong server",
    ):
        assert found.places[place], place
    names = [place for place, size in found.places.items() if size]
    for part in (
        "records: hash bulkverify:quota:",
        "file: home/storage/results/segments-cut/segments/",
        "file: copied.csv",
        "file: home/storage/attempts/",
        "file: home/storage/results/good/",
        ".aof",
        "file: home/metrics",
    ):
        assert any(part in name for name in names), f"{part} is not among {names}"

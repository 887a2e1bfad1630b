"""A whole line in one test process: real Redis, both simulated providers over real HTTP, real dramatiq workers."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dramatiq

from config.settings import Settings
from producers.client import Client
from tests.builders.deadline import wait_until
from worker.actors import poll
from worker.intake.stream import Intake
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox
from worker.rows.dialect import Dialect
from worker.rows.result_text import result_delimiter
from worker.timekeeper import Timekeeper
from worker.wiring import Plant, assemble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.context import Context
    from worker.core.records import PartRecord, UploadRecord

IPQS_KEY = "Ipqs0Canary1Key2Of3ThirtyTwo4Chr"
WHOISXML_KEY = "at_canary1whoisxml2key3chars4xyz"

#: Settings under which a test waits for milliseconds where production waits for seconds.
QUICK: dict[str, Any] = {
    "poll_floor_seconds": 0.05,
    "poll_cap_seconds": 1.0,
    "poll_slack_seconds": 0.02,
    "submit_deadline_seconds": 5.0,
    "lease_margin_seconds": 1.0,
    "redis_timeout_seconds": 1.0,
    "work_lease_seconds": 3.0,
    "timekeeper_period_seconds": 0.02,
    "rearm_grace_seconds": 0.5,
    "rearm_period_seconds": 1.0,
    "safety_look_seconds": 2.0,
    "second_download_seconds": 0.5,
    "log_level": "info",
}


@dataclass
class Line:
    """One running line and the ways to look into it."""

    folder: Path
    settings: Settings
    plant: Plant
    intake: Intake
    timekeeper: Timekeeper
    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox
    server: SandboxServer
    client: Client
    worker: dramatiq.Worker | None = field(default=None)

    def delimiter(self, upload_id: str) -> str:
        """What separates the cells of an upload's result: what does so in its list."""
        return result_delimiter(Dialect.model_validate(self.upload(upload_id).dialect))

    def start_worker(self) -> None:
        """Start dramatiq's threads for every queue."""
        self.worker = dramatiq.Worker(self.plant.broker, worker_threads=4, worker_timeout=20)
        self.worker.start()
        self.timekeeper.start()

    def file(self, name: str, text: str) -> Path:
        """An input file in the folder that may be read."""
        path = self.folder / name
        path.write_text(text)
        return path

    def submit(self, path: Path, account: str, **more: Any) -> str:
        """Submit as a producer does, and let intake answer."""
        upload_id = self.client.submit(path, account=account, kind=more.pop("kind", "email"), **more)
        self.intake.read()
        return upload_id

    def upload(self, upload_id: str) -> UploadRecord:
        """The upload's record."""
        record = self.plant.context.store.upload(upload_id)
        assert record is not None, f"no upload {upload_id}"
        return record

    def parts(self, upload_id: str) -> list[PartRecord]:
        """The upload's parts."""
        return list(self.plant.context.store.parts_of(self.upload(upload_id)))

    def finish(self, *upload_ids: str, seconds: float = 60.0) -> None:
        """Wait until the uploads have reached their end."""
        for upload_id in upload_ids:
            self._wait_for_end(upload_id, seconds)

    def _wait_for_end(self, upload_id: str, seconds: float) -> None:
        wait_until(lambda: self.upload(upload_id).terminal, seconds=seconds, what=f"{upload_id} at its end")

    def decisions(self, upload_id: str) -> list[str]:
        """The decisions in the upload's timeline."""
        return [entry["decision"] for entry in self.plant.context.store.timeline(upload_id)]


@contextlib.contextmanager
def running_line(folder: Path, redis_url: str, broker_url: str, **overrides: Any) -> Iterator[Line]:
    """A line whose workers run until the end of the block; `ipqs` and `whoisxml` among the overrides are knobs.

    `account_lines`: more lines for each account in the accounts file.
    """
    ipqs_knobs = IpqsKnobs.from_mapping({"job_seconds": 0.2} | overrides.pop("ipqs", {}))
    whoisxml_knobs = WhoisXmlKnobs.from_mapping({"job_seconds": 0.2} | overrides.pop("whoisxml", {}))
    start = overrides.pop("start", True)
    part_rows = overrides.pop("max_part_rows", None)
    account_lines = overrides.pop("account_lines", f"max_part_rows = {part_rows}" if part_rows else "")
    ipqs = IpqsSandbox(key=IPQS_KEY, clock=Clock(), folder=folder / "ipqs", knobs=ipqs_knobs)
    whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=Clock(), folder=folder / "whoisxml", knobs=whoisxml_knobs)
    with SandboxServer(ipqs, whoisxml) as server:
        settings = Settings.model_validate(
            QUICK
            | {
                "home": folder,
                "redis_url": redis_url,
                "broker_url": broker_url,
                "storage_url": (folder / "storage").as_uri(),
                "input_roots": (folder,),
                "accounts_file": accounts_file(folder, server.base_url, more=account_lines),
            }
            | overrides
        )
        plant = assemble(settings)
        intake = Intake(plant.context)
        intake.prepare()
        line = Line(
            folder=folder,
            settings=settings,
            plant=plant,
            intake=intake,
            timekeeper=Timekeeper(plant.context, plant.broker),
            ipqs=ipqs,
            whoisxml=whoisxml,
            server=server,
            client=Client(redis_url, producer="test"),
        )
        if start:
            line.start_worker()
        try:
            yield line
        finally:
            line.timekeeper.stop()
            # Nobody may be reading from Redis any more when its connections are closed.
            if line.timekeeper.is_alive():
                line.timekeeper.join(10)
            if line.worker is not None:
                line.worker.stop(timeout=10_000)
            line.client.close()
            plant.close()


def poll_now(context: Context, account: str) -> None:
    """Have an account polled now, whatever message of it is live."""
    context.store.client.delete(context.store.key("poll", account))
    planned = context.store.offer_poll(account, None, 0.0)
    assert planned is not None
    poll.run(context, account, planned[0])


def accounts_file(folder: Path, base_url: str, *, more: str = "") -> Path:
    """An accounts file whose two accounts are the simulated providers at `base_url`."""
    for name, key in (("ipqs.key", IPQS_KEY), ("whoisxml.key", WHOISXML_KEY)):
        path = folder / name
        path.write_text(key)
        path.chmod(0o600)
    path = folder / "accounts.toml"
    path.write_text(
        f"""
[accounts.ipqs-main]
provider = "ipqs"
key_file = {json.dumps(str(folder / "ipqs.key"))}
base_url = "{base_url}/ipqs/api"
download_hosts = ["127.0.0.1"]
requests_per_second = 200
{more}
[accounts.whoisxml-main]
provider = "whoisxml"
key_file = {json.dumps(str(folder / "whoisxml.key"))}
base_url = "{base_url}/whoisxml/api/bevService"
balance_url = "{base_url}/whoisxml/user-service/account-balance"
requests_per_second = 200
{more}"""
    )
    return path

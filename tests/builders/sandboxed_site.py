"""An installation with accounts at simulated providers that do well and that do not."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producers.client import Client
from tests.builders.chaos.redis_server import BROKER_DB, STATE_DB, ChaosRedis
from tests.builders.installation import Installation, Records, running_installation
from tests.builders.line import IPQS_KEY, WHOISXML_KEY
from tests.builders.server_process import free_port
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Rows that each of the accounts that do well may submit on a day.
BUDGET_ROWS = 10
#: Seconds that a job takes, unless a test says otherwise.
JOB_SECONDS = 0.2
#: Settings under which everything that an alert looks at moves within seconds.
SETTINGS: dict[str, object] = {
    "reconcile_period_seconds": 1.0,
    "settle_seconds": 1.0,
    "settle_unnamed_seconds": 1.0,
    "drift_late_seconds": 1.0,
    "drift_uncollected_seconds": 1.0,
    "heartbeat_timeout_seconds": 8.0,
    "poll_cap_seconds": 0.5,
}


@dataclass(frozen=True)
class Sandboxes:
    """One address with both providers."""

    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox
    server: SandboxServer

    def accounts(self, folder: Path, word: str, *lines: str) -> str:
        """Lines of an accounts file: `WORD-ipqs` and `WORD-whoisxml`, both with these lines."""
        url = self.server.base_url
        ipqs = (f'base_url = "{url}/ipqs/api"', 'download_hosts = ["127.0.0.1"]')
        service, balance = f"{url}/whoisxml/api/bevService", f"{url}/whoisxml/user-service/account-balance"
        whoisxml = (f'base_url = "{service}"', f'balance_url = "{balance}"')
        return an_account(folder, f"{word}-ipqs", IPQS_KEY, *ipqs, *lines) + an_account(
            folder, f"{word}-whoisxml", WHOISXML_KEY, *whoisxml, *lines
        )


@dataclass(frozen=True)
class SandboxedSite:
    """Everything that runs."""

    folder: Path
    #: The providers of the accounts `calm-…`, which do well, and of `rough-…`, with which a test does what it likes.
    calm: Sandboxes
    rough: Sandboxes
    #: Those of the accounts `doubt-…`, which submit row by row, and spend nothing anew before a person was asked.
    doubt: Sandboxes
    redis: ChaosRedis
    installation: Installation
    records: Records
    #: Of the exporter, on this machine.
    metrics_port: int

    def submit(self, upload_id: str, account: str, *rows: str) -> str:
        """Submit a list of addresses, as an application does; without rows, one of one row."""
        path = self.installation.list_file(f"{upload_id}.txt", *(rows or (f"{upload_id}@example.com",)))
        with Client(self.installation.redis_url, producer="test") as client:
            return client.submit(path, account=account, kind="email", upload_id=upload_id, options={"header": False})

    def submit_gone(self, upload_id: str, account: str, name: str) -> None:
        """Ask for a list in a file of that name, which is gone when the request is read."""
        path = self.installation.list_file(name, "somebody@example.com")
        with self.frozen("intake"), Client(self.installation.redis_url, producer="test") as client:
            client.submit(path, account=account, kind="email", upload_id=upload_id)
            path.unlink()

    @contextmanager
    def frozen(self, *processes: str) -> Iterator[None]:
        """Processes that do nothing until the end of the block, or until somebody restarts them."""
        pids = [self.installation.pid(process) for process in processes]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def an_account(folder: Path, name: str, key: str, *lines: str) -> str:
    """Lines of an accounts file, with the key in a file; the name ends with the provider."""
    path = folder / f"{name}.key"
    path.write_text(key)
    path.chmod(0o600)
    told = (f"provider = {json.dumps(name.rpartition('-')[2])}", f"key_file = {json.dumps(str(path))}")
    return "\n".join([f"[accounts.{name}]", *told, "requests_per_second = 200", *lines, ""])


@contextmanager
def running_sandboxes(folder: Path) -> Iterator[Sandboxes]:
    """Both providers on one address until the end of the block, in real time."""
    pace = {"job_seconds": JOB_SECONDS}
    ipqs = IpqsSandbox(key=IPQS_KEY, clock=Clock(), folder=folder / "ipqs", knobs=IpqsKnobs.from_mapping(pace))
    whoisxml = WhoisXmlSandbox(
        key=WHOISXML_KEY, clock=Clock(), folder=folder / "whoisxml", knobs=WhoisXmlKnobs.from_mapping(pace)
    )
    with SandboxServer(ipqs, whoisxml) as server:
        yield Sandboxes(ipqs, whoisxml, server)


@contextmanager
def a_sandboxed_site(folder: Path) -> Iterator[SandboxedSite]:
    """All of it, running until the end of the block."""
    redis, port = ChaosRedis(folder / "redis"), free_port()
    with ExitStack() as until_end:
        redis.start()
        until_end.callback(redis.kill)
        words = ("calm", "rough", "doubt")
        calm, rough, doubt = (until_end.enter_context(running_sandboxes(folder / word)) for word in words)
        accounts = folder / "accounts.toml"
        budget = f"rows_per_day_max = {BUDGET_ROWS}"
        accounts.write_text(
            calm.accounts(folder, "calm", budget)
            + rough.accounts(folder, "rough")
            + doubt.accounts(folder, "doubt", 'when_absent = "ask"', "max_part_rows = 1")
        )
        installation = until_end.enter_context(
            running_installation(
                folder / "installation",
                accounts_file=accounts,
                redis_url=redis.url(STATE_DB),
                broker_url=redis.url(BROKER_DB),
                metrics_port=port,
                **SETTINGS,
            )
        )
        records = until_end.enter_context(installation.records())
        yield SandboxedSite(folder, calm, rough, doubt, redis, installation, records, port)

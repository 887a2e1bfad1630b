"""Both simulated providers in the test process, where their ledgers can be read, on a clock that only the test moves.

A job ends when the test says so, and not before.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.builders.line import IPQS_KEY, WHOISXML_KEY
from worker.providers.sandbox.clock import ManualClock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds of the providers' time that a job takes.
JOB_SECONDS = 600.0


@dataclass(frozen=True)
class Providers:
    """Both simulated providers on one address."""

    clock: ManualClock
    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox
    server: SandboxServer

    def finish_jobs(self) -> None:
        """Let every job that was accepted so far end."""
        self.clock.advance(JOB_SECONDS)

    @property
    def charges(self) -> list[tuple[str, str, int]]:
        """(provider, remote id, credits) of everything that was ever charged, sorted."""
        ledgers = (("ipqs", self.ipqs.ledger), ("whoisxml", self.whoisxml.ledger))
        return sorted((name, str(charge.remote_id), charge.rows) for name, ledger in ledgers for charge in ledger)


@contextmanager
def running_providers(
    folder: Path, *, ipqs_key: str = IPQS_KEY, whoisxml_key: str = WHOISXML_KEY
) -> Iterator[Providers]:
    """Serve both providers on a free port of this machine until the end of the block."""
    clock = ManualClock(time.time())
    pace = {"job_seconds": JOB_SECONDS}
    ipqs = IpqsSandbox(key=ipqs_key, clock=clock, folder=folder / "ipqs", knobs=IpqsKnobs.from_mapping(pace))
    whoisxml = WhoisXmlSandbox(
        key=whoisxml_key, clock=clock, folder=folder / "whoisxml", knobs=WhoisXmlKnobs.from_mapping(pace)
    )
    with SandboxServer(ipqs, whoisxml) as server:
        yield Providers(clock, ipqs, whoisxml, server)

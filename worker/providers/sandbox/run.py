"""Both simulated providers as one program: what the `sandbox` command and the demo run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def serve(
    host: str,
    port: int,
    *,
    ipqs_key: str,
    whoisxml_key: str,
    on_ready: Callable[[SandboxServer], None],
    queue_seconds: float = 1.0,
    seconds_per_job: float = 3.0,
    seconds_per_row: float = 0.00005,
    seed: int = 0,
    folder: Path | None = None,
    ipqs_knobs: Mapping[str, object] | None = None,
    whoisxml_knobs: Mapping[str, object] | None = None,
) -> None:
    """Serve both providers until `request_stop` is called on the server that `on_ready` was given.

    A job waits `queue_seconds`, then takes `seconds_per_job` plus `seconds_per_row` for each row. Jobs live in `folder`
    (default: a temporary one) and are gone afterwards. `port` 0 takes a free one. Further knobs go by name. Raises
    `OSError` when the address cannot be taken, `ValueError` for a bad knob. An exception in the calling thread, such
    as `KeyboardInterrupt`, stops the server as well.
    """
    pace = {"queue_seconds": queue_seconds, "job_seconds": seconds_per_job, "row_seconds": seconds_per_row}
    with tempfile.TemporaryDirectory(prefix="bulkverify-sandbox-", dir=folder) as scratch:
        clock = Clock()
        ipqs = IpqsSandbox(
            key=ipqs_key,
            clock=clock,
            seed=seed,
            folder=Path(scratch, "ipqs"),
            knobs=IpqsKnobs.from_mapping({**pace, **(ipqs_knobs or {})}),
        )
        whoisxml = WhoisXmlSandbox(
            key=whoisxml_key,
            clock=clock,
            seed=seed,
            folder=Path(scratch, "whoisxml"),
            knobs=WhoisXmlKnobs.from_mapping({**pace, **(whoisxml_knobs or {})}),
        )
        with SandboxServer(ipqs, whoisxml, host, port) as server:
            on_ready(server)
            server.wait()

"""What the demo runs on: the simulated providers and a whole installation, as processes of their own in one folder."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import urlopen

from producers.exit_codes import ExitCode
from worker.cli.demo.lists import IPQS, WHOISXML
from worker.cli.demo.places import Places, places
from worker.cli.failures import Failure
from worker.host.embedded import socket_path
from worker.host.tether import TetheredProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

#: The keys that the simulated providers accept. They open nothing else.
IPQS_KEY = "DemoKeyOfTheSimulatedIPQS0000000"
WHOISXML_KEY = "at_demokeyofsimulatedwhoisxml00"
#: A file that says that a folder is a demo's, and may be emptied.
MARKER = ".bulkverify-demo"
#: Seconds that the processes get to start, and to stop.
START_SECONDS = 30.0
STOP_SECONDS = 40.0
#: Seconds between two looks whether something has started.
LOOK_SECONDS = 0.05
#: How the simulated providers pace a job: seconds in all, and for each row.
PACE = ("--seconds-queued", "1", "--seconds-per-job", "4", "--seconds-per-row", "0.0002")
#: What the demo sets otherwise than production: it watches jobs of seconds, not of hours.
PACED_SETTINGS = {
    "BULKVERIFY_POLL_FLOOR_SECONDS": "1",
    "BULKVERIFY_POLL_SLACK_SECONDS": "0.5",
    "BULKVERIFY_RECONCILE_PERIOD_SECONDS": "10",
    "BULKVERIFY_METRICS_PORT": "0",
    "BULKVERIFY_LOG_FORMAT": "json",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A running demo."""

    folder: Path
    home: Path
    places: Places
    providers_url: str

    def provider_state(self) -> dict[str, dict[str, object]]:
        """What each simulated provider counted: calls by operation, charges, jobs."""
        with urlopen(f"{self.providers_url}/_sandbox/state", timeout=START_SECONDS) as answer:  # noqa: S310 - loopback
            state: dict[str, dict[str, object]] = json.load(answer)
            return state


@contextmanager
def running_stage(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Empty `folder` and start everything in it; stop everything when the block ends.

    `settings`: variables of the environment besides the demo's own, or in their place.
    """
    _empty(folder)
    home = folder / "home"
    home.mkdir()
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    _write_accounts(home / "accounts.toml", url)
    with places(folder, home / "storage") as lists:
        environment = _environment(home, lists) | dict(settings or {})
        with (
            _process(folder, "providers", ["sandbox", "--port", str(port), *PACE, *_keys()], environment) as providers,
            _process(folder, "bulkverify", ["up"], environment) as installation,
        ):
            _wait_for(lambda: _listens_tcp(port), providers, folder / "providers.log")
            _wait_for(lambda: _listens_unix(str(socket_path(home))), installation, folder / "bulkverify.log")
            yield Stage(folder, home, lists, url)


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            message = f"{folder} is not empty and not a demo's folder. Name another one with --folder."
            raise Failure(message, ExitCode.USAGE)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _environment(home: Path, lists: Places) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    own = {
        "BULKVERIFY_HOME": str(home),
        "BULKVERIFY_INPUT_ROOTS": str(lists.folder),
        "BULKVERIFY_PULL_HOSTS": lists.host,
    }
    return inherited | PACED_SETTINGS | own


def _keys() -> list[str]:
    return ["--ipqs-key", IPQS_KEY, "--whoisxml-key", WHOISXML_KEY]


def _write_accounts(path: Path, url: str) -> None:
    for name, key in (("ipqs.key", IPQS_KEY), ("whoisxml.key", WHOISXML_KEY)):
        key_file = path.parent / name
        key_file.touch(mode=0o600)
        key_file.write_text(key)
    path.write_text(
        f"""\
[accounts.{IPQS}]
provider = "ipqs"
key_file = {json.dumps(str(path.parent / "ipqs.key"))}
base_url = "{url}/ipqs/api"
requests_per_second = 20

[accounts.{WHOISXML}]
provider = "whoisxml"
key_file = {json.dumps(str(path.parent / "whoisxml.key"))}
base_url = "{url}/whoisxml/api/bevService"
requests_per_second = 20
"""
    )


@contextmanager
def _process(folder: Path, name: str, arguments: list[str], environment: dict[str, str]) -> Iterator[TetheredProcess]:
    """Run one bulkverify command that Ctrl-C does not reach, and that ends with the demo even if that is killed."""
    command = [sys.executable, "-m", "worker.cli.main", *arguments]
    with (folder / f"{name}.log").open("wb") as log:
        process = TetheredProcess(command, environment=environment, output=log)
    try:
        yield process
    finally:
        process.terminate()
        if process.wait(STOP_SECONDS) is None:
            process.kill()
        process.terminate_leftovers()


def _wait_for(ready: Callable[[], bool], process: TetheredProcess, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.exit_code() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2_000:]
            raise Failure(f"A process of the demo did not start; its log {log} ends with:\n{tail}", ExitCode.FAILED)
        time.sleep(LOOK_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens_tcp(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listens_unix(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0

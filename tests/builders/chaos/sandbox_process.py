"""`bulkverify sandbox` as a process of its own, which outlives whatever happens to the installation."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self
from urllib.request import Request, urlopen

from tests.builders.deadline import wait_until
from tests.builders.installation import PROGRAM, START_SECONDS, STOP_SECONDS
from tests.builders.line import IPQS_KEY, WHOISXML_KEY

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

#: Seconds that a simulated job takes.
JOB_SECONDS = 0.3
#: Seconds for an answer of the simulators' control address.
CONTROL_SECONDS = 10.0


class SandboxProcess:
    """Both simulated providers; their ledgers are read, and their faults set, over their control address."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._printed = folder / "accounts.json"
        keys = ("--ipqs-key", IPQS_KEY, "--whoisxml-key", WHOISXML_KEY)
        pace = ("--seconds-queued", "0", "--seconds-per-job", str(JOB_SECONDS), "--seconds-per-row", "0")
        with self._printed.open("w", encoding="utf-8") as out, (folder / "sandbox.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, "sandbox", "--json", *keys, *pace],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )

    def __enter__(self) -> Self:
        wait_until(self._printed_all, seconds=START_SECONDS, what="the simulated providers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    @property
    def base_url(self) -> str:
        """Where both providers listen."""
        accounts = json.loads(self._printed.read_text(encoding="utf-8"))["accounts"]
        return str(accounts["sandbox-ipqs"]["base_url"]).removesuffix("/ipqs/api")

    def charges(self, provider: str) -> dict[str, int]:
        """Everything that was ever charged: rows by remote id."""
        return {str(charge["remote_id"]): charge["rows"] for charge in self._control("state")[provider]["charges"]}

    def break_next(self, provider: str, operation: str, kind: str, **more: object) -> None:
        """Queue a fault for the next call of an operation; see `worker.providers.sandbox.faults`."""
        fault = {"operation": operation, "kind": kind, **more}
        self._control("knobs", {provider: {"faults": [fault]}})

    def faults_left(self, provider: str) -> int:
        """Queued faults that no call has met yet."""
        return len(self._control("knobs")[provider]["faults"])

    def set_knobs(self, provider: str, **knobs: object) -> None:
        """Change what goes for the provider as a whole; see `worker.providers.sandbox.knobs`."""
        self._control("knobs", {provider: knobs})

    def job(self, provider: str, remote_id: str) -> dict[str, Any]:
        """What the provider itself knows of a job; empty where it has none of that id."""
        found: dict[str, Any] = self._control("jobs")[provider].get(remote_id, {})
        return found

    def change_job(self, provider: str, remote_id: str, **fields: object) -> None:
        """Change one job; see `worker.providers.sandbox.tampering`."""
        self._control("jobs", {provider: {remote_id: fields}})

    def others(self, provider: str, **more: object) -> list[str]:
        """Add jobs that somebody else makes; their ids."""
        return [str(remote_id) for remote_id in self._control("others", {provider: more})[provider]]

    def credits(self, provider: str) -> int:
        """Credits with which the account has begun."""
        return int(self._control("knobs")[provider]["credits"])

    def _control(self, what: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
        body = None if changes is None else json.dumps(changes).encode()
        with urlopen(Request(f"{self.base_url}/_sandbox/{what}", data=body), timeout=CONTROL_SECONDS) as answer:
            document: dict[str, Any] = json.load(answer)
            return document

    def _printed_all(self) -> bool:
        try:
            return "accounts" in json.loads(self._printed.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            return False

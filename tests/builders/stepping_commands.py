"""The program's commands inside the world of a line that moves by steps: at its time, and with its accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog
from click.testing import CliRunner, Result

from worker.cli.door import Door
from worker.cli.main import bulkverify
from worker.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings
    from tests.builders.stepping import Stepping
    from worker.context import Connected
    from worker.metrics import Metrics
    from worker.storage import Storage
    from worker.store.store import Store


class SteppingDoor(Door):
    """Opens the line's own store, storage and accounts, which stay open."""

    def __init__(self, line: Stepping) -> None:
        super().__init__()
        self._line = line

    def settings(self) -> Settings:
        """Those of the line."""
        return self._line.settings

    def server_settings(self) -> Settings:
        """Those of the line."""
        return self._line.settings

    def store(self) -> Store:
        """The store as it is, at the line's time."""
        return self._line.store

    def storage(self) -> Storage:
        """The storage, watched by nobody."""
        return open_storage(self._line.settings.storage_url)

    def accounts(self, metrics: Metrics) -> Mapping[str, Connected]:
        """Those of the line's process, whose waits for a token turn the clock."""
        return self._line.process.context.accounts


class SteppingCommands:
    """Runs `bulkverify` with arguments; `answer` is what a person types."""

    def __init__(self, line: Stepping) -> None:
        self._door = SteppingDoor(line)

    def __call__(self, *arguments: str, code: int, answer: str | None = None) -> Result:
        """Run a command to its end, which must be that exit code."""
        # A command configures its log unless its process has, as a test that captured logs leaves it.
        structlog.reset_defaults()
        result = CliRunner().invoke(bulkverify, arguments, input=answer, obj=self._door)
        assert result.exit_code == code, result.output
        return result

    def parsed(self, *arguments: str, code: int) -> Any:
        """Run a command with `--json`, which must end with that exit code; the document on its standard output."""
        return json.loads(self(*arguments, "--json", code=code).stdout)

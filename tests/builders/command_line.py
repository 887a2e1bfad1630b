"""The program's commands, run inside the test on a given state database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from worker.cli.main import bulkverify

if TYPE_CHECKING:
    from pathlib import Path


class CommandLine:
    """Runs `bulkverify` with arguments; `answer` is what a person types, or a program prints."""

    def __init__(self, redis_url: str, home: Path) -> None:
        """An empty `redis_url` means the private server of `home`."""
        self.environment = {"BULKVERIFY_REDIS_URL": redis_url, "BULKVERIFY_HOME": str(home)}

    def __call__(self, *arguments: str, answer: str | bytes | None = None) -> Result:
        """Run a command to its end."""
        return CliRunner().invoke(bulkverify, arguments, input=answer, env=self.environment)

    def parsed(self, *arguments: str) -> Any:
        """Run a command that ends well, and read the JSON document that is all of its standard output."""
        result = self(*arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

"""The program's commands, run inside the test on a given state database."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from worker.cli.main import bulkverify

if TYPE_CHECKING:
    from pathlib import Path


#: How the lines of the log begin.
_LOGGED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \[")


class CommandLine:
    """Runs `bulkverify` with arguments; `answer` is what a person types, or a program prints."""

    def __init__(self, redis_url: str, home: Path) -> None:
        """An empty `redis_url` means the private server of `home`."""
        self.environment = {"BULKVERIFY_REDIS_URL": redis_url, "BULKVERIFY_HOME": str(home)}

    def __call__(self, *arguments: str, answer: str | bytes | None = None) -> Result:
        """Run a command to its end."""
        return CliRunner().invoke(bulkverify, arguments, input=answer, env=self.environment)

    def parsed(self, *arguments: str) -> Any:
        """Run a command that ends well, and read the JSON document that is all of its standard output.

        What workers in the same process log at that moment is none of it.
        """
        result = self(*arguments)
        assert result.exit_code == 0, result.output
        return self.document(result)

    @staticmethod
    def document(result: Result) -> Any:
        """The JSON document that is all of a command's standard output."""
        return json.loads("\n".join(line for line in result.stdout.splitlines() if not _LOGGED.match(line)))

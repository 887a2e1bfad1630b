"""The exit codes of commands that compare: 0 no drift, 2 drift, 1 when that could not be found out."""

from __future__ import annotations

from typing import Any

import click

from producers.exit_codes import ExitCode
from worker.cli.failures import Failure, failure_of

#: Exit code when there is drift.
EXIT_DRIFT = 2


class ComparingCommand(click.Command):
    """A command whose errors all end with 1, where others say 2: that one means drift here."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:  # noqa: ANN401 - click's signature
        """Read the command line."""
        try:
            return super().make_context(*args, **options)
        except click.ClickException as error:
            raise _never_drift(error) from None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _never_drift(error) from None
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            raise _never_drift(failure) from None


def _never_drift(error: click.ClickException) -> click.ClickException:
    if error.exit_code != EXIT_DRIFT:
        return error
    if isinstance(error, click.UsageError):
        # It prints the usage, too.
        error.exit_code = int(ExitCode.FAILED)  # type: ignore[misc]  # click declares it for the class, reads it from the instance
        return error
    return Failure(error.message, ExitCode.FAILED)

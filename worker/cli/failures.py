"""How each known error ends a command: one message with its remedy, and its exit code.

Errors are found by the name of their class, so that a command that fails early has not imported what it never used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from config.redaction import redactor
from producers.exit_codes import ExitCode
from worker.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ending(NamedTuple):
    """What an error means at the command line."""

    exit_code: ExitCode
    #: What to do, where the error's own message does not say it.
    remedy: str = ""
    #: What happened, where the error's own message is a library's and must not be shown.
    instead: str = ""


_REDIS_REMEDY = "Check BULKVERIFY_REDIS_URL and that the server runs."
_REDIS_REFUSED = "Redis refused a command ({name})."

#: The root of each error tree, and the members of it that end differently. The nearest class of an error counts.
ENDINGS: Mapping[str, Ending] = {
    "config.errors.ConfigError": Ending(ExitCode.USAGE),
    "producers.errors.ProducerError": Ending(ExitCode.FAILED),
    "producers.errors.NotConfigured": Ending(ExitCode.USAGE),
    "producers.errors.RequestInvalid": Ending(ExitCode.USAGE),
    "producers.errors.SourceUnusable": Ending(ExitCode.USAGE),
    "producers.errors.Unavailable": Ending(ExitCode.UNAVAILABLE),
    "producers.errors.WaitTimeout": Ending(ExitCode.NOT_FINISHED),
    "producers.errors.NoResult": Ending(ExitCode.NOT_FINISHED),
    "producers.errors.UploadFailed": Ending(ExitCode.FAILED),
    "worker.host.embedded.EmbeddedServerError": Ending(ExitCode.UNAVAILABLE),
    "worker.store.errors.StoreError": Ending(ExitCode.FAILED),
    "worker.store.errors.StoreUnavailable": Ending(ExitCode.UNAVAILABLE, _REDIS_REMEDY),
    "worker.store.errors.StoreUnsafe": Ending(ExitCode.UNAVAILABLE),
    "worker.store.errors.Unreadable": Ending(ExitCode.USAGE),
    "worker.storage.errors.StorageError": Ending(ExitCode.FAILED),
    "worker.storage.errors.InvalidUrl": Ending(ExitCode.USAGE),
    "worker.storage.errors.InvalidCredentials": Ending(ExitCode.USAGE),
    "worker.rows.errors.RowsError": Ending(ExitCode.FAILED),
    "worker.rows.errors.InputError": Ending(ExitCode.USAGE),
    "worker.providers.errors.ProviderError": Ending(ExitCode.FAILED),
    "redis.exceptions.RedisError": Ending(ExitCode.UNAVAILABLE, _REDIS_REMEDY, _REDIS_REFUSED),
}


class Failure(click.ClickException):
    """A command's end with a message on standard error and an exit code of the documented table."""

    def __init__(self, message: str, exit_code: int) -> None:
        """`message` is complete: it holds the remedy. It is redacted here, whoever wrote it."""
        super().__init__(redactor.redact(message, sink="command"))
        self.exit_code = int(exit_code)  # type: ignore[misc]  # click declares it for the class, reads it from the instance


def failure_of(error: Exception) -> Failure | None:
    """The end that an expected error leads to; `None` for an error that nobody expects."""
    if isinstance(error, CommandError):
        return Failure(str(error), error.exit_code)
    for cls in type(error).__mro__:
        ending = ENDINGS.get(f"{cls.__module__}.{cls.__qualname__}")
        if ending is not None:
            happened = ending.instead.format(name=type(error).__name__) or str(error)
            return Failure(f"{happened} {ending.remedy}".rstrip(), ending.exit_code)
    return None

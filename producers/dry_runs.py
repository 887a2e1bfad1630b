"""What `bulkverify upload --dry-run` needs of the command line that holds it: somebody who can judge as workers do.

An installation of nothing but this package cannot: accounts, limits and the reading of lists are the workers'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from producers.display import Display
    from producers.exit_codes import ExitCode
    from producers.request import UploadRequest


class Printable(Protocol):
    """What a command says of one upload."""

    @property
    def code(self) -> ExitCode:
        """What it means to the script that called."""

    def as_json(self) -> str:
        """One line of JSON."""

    def as_text(self) -> str:
        """Words for people."""


@runtime_checkable
class DryRuns(Protocol):
    """A door through which lists are tried out: a door as in `producers.parameters`, and this besides."""

    def dry_run(
        self, requests: Mapping[str, UploadRequest], display: Display, tell: Callable[[Printable], None]
    ) -> None:
        """Find out what would become of the requests, by the names of their lists; `tell` is told one after the other.

        Nothing is submitted, written or spent. Raises `RequestInvalid` for a request that is too large.
        """

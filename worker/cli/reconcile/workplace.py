"""Where a command sweeps: the context of a working process that sends no messages and notes what it writes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.logs import only_warnings
from worker.cli.errors import UnknownAccount
from worker.context import Context
from worker.leaving import Leaving
from worker.metrics import Metrics
from worker.rows.errors import ScratchFailed
from worker.spending import FOLDER, Spending
from worker.store.errors import Stale, Taken
from worker.store.reading import require_readable
from worker.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from worker.cli.door import Door
    from worker.context import Connected
    from worker.core.change import Change
    from worker.core.states import Lane
    from worker.store.commit import Written


class NoHints:
    """Sends nothing; implements `worker.context.Hints`. What is due is found by the timekeepers of the workers."""

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Leave it to the timekeepers."""


@dataclass(frozen=True)
class Workplace(Context):
    """The context of one command."""

    #: What was written, and what was not because its records had moved on.
    written: list[Change] = field(default_factory=list)
    moved_on: list[Change] = field(default_factory=list)

    def chosen(self, name: str | None) -> list[Connected]:
        """The account of that name, or all. Raises `UnknownAccount`."""
        if name is None:
            return list(self.accounts.values())
        if name not in self.accounts:
            raise UnknownAccount(name, list(self.accounts))
        return [self.accounts[name]]

    def apply(self, change: Change) -> Written:
        """Carry out a decision, and note what became of it. Raises as `Context.apply` does."""
        try:
            written = super().apply(change)
        except (Stale, Taken):
            self.moved_on.append(change)
            raise
        self.written.append(change)
        return written

    def hint_poll(self, account: str, wanted_at: float | None) -> None:
        """Nothing: a poll message that is armed here would never be sent."""

    def wake_next(self, account: str) -> None:
        """Nothing: parts that are called up here would never be told so."""

    def wake_budgeted(self, account: str) -> None:
        """Nothing: the next sweep of the workers does."""


@contextmanager
def opened(door: Door) -> Iterator[Workplace]:
    """The workplace of a command, whose parts log warnings to standard error until the end of the block.

    Raises as `Door.accounts` and `Door.storage` do, `ScratchFailed` where the home folder cannot be used, and
    `StoreUnavailable`, or `Later` when a later version of the program wrote there.
    """
    settings, store = door.server_settings(), door.store()
    require_readable(store.schema_version())
    metrics = Metrics()
    accounts, storage = door.accounts(metrics), door.storage()
    with ExitStack() as opened_here:
        opened_here.enter_context(only_warnings())
        workspace, spending = _home_of(settings)
        opened_here.callback(workspace.close)
        yield Workplace(
            settings=settings,
            store=store,
            storage=storage,
            workspace=workspace,
            spending=spending,
            accounts=accounts,
            hints=NoHints(),
            metrics=metrics,
            leaving=Leaving(metrics),
        )


def _home_of(settings: Settings) -> tuple[Workspace, Spending]:
    try:
        return Workspace(settings.home), Spending(settings.home / FOLDER)
    except OSError as error:
        raise ScratchFailed(
            f"The folder {settings.home} cannot be used for intermediate files ({error.strerror}); check its "
            "permissions and free space, or see BULKVERIFY_HOME."
        ) from None

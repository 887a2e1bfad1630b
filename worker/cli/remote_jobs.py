"""Looking at a provider from a command: one job that a person names, or the list in which they look for it.

Only reads, and only through the account's rate gate; whatever keeps a command from looking is told as a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from worker.core.account import waiting
from worker.core.resolve import Job
from worker.core.search import Unproven, is_possible
from worker.core.token import matching, token_in

if TYPE_CHECKING:
    from worker.cli.door import Door
    from worker.context import Connected
    from worker.core.records import PartRecord
    from worker.providers.port import Observation

#: Pages of a list that one command reads at most.
PAGES_MAX = 40
#: Jobs that are told of at most.
JOBS_TOLD_MAX = 20


@dataclass(slots=True)
class Listed:
    """Jobs in a provider's list that belong to no part and may be the one that is looked for."""

    jobs: list[Observation] = field(default_factory=list)
    #: Why the list was not read to its end, as a sentence; empty when it was.
    incomplete: str = ""


class RemoteJobs:
    """What the providers say of jobs, asked when it is first wanted."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def look(self, part: PartRecord, remote_id: str) -> Job:
        """What the provider says of a job that is said to be the part's."""
        from worker.providers.errors import ProviderError  # noqa: PLC0415 - slow to import; the help does without it

        connected = self._connected(part)
        if isinstance(connected, str):
            return Job(unseen=connected)
        try:
            seen = connected.provider.observe([remote_id]).get(remote_id)
        except ProviderError as error:
            return Job(unseen=str(error), service=connected.service)
        if seen is None:
            return Job(service=connected.service)
        return Job(known=True, rows=seen.total_rows, token=token_in(seen.name), service=connected.service)

    def candidates(self, part: PartRecord) -> Listed:
        """Jobs that a search considers: with the part's token in their name, or where names do not tell by time."""
        from worker.providers.errors import ProviderError  # noqa: PLC0415 - as above

        connected, listed = self._connected(part), Listed()
        if isinstance(connected, str):
            listed.incomplete = connected
            return listed
        cursor: str | None = None
        try:
            for _ in range(PAGES_MAX):
                page = connected.provider.list_page(cursor)
                listed.jobs += [job for job in page.jobs if self._may_be(part, job, connected)]
                cursor = page.next_cursor
                if cursor is None:
                    return listed
        except ProviderError as error:
            listed.incomplete = str(error)
        else:
            listed.incomplete = f"The list has more than the {PAGES_MAX} pages that were read."
        return listed

    def _may_be(self, part: PartRecord, job: Observation, connected: Connected) -> bool:
        from worker.actors.unresolved import search_rules  # noqa: PLC0415 - as above

        store = self._door.store()
        if store.part_of_remote(connected.remote_scope, job.remote_id) is not None:
            return False
        if matching(job.name, [part.token]) is not None:
            return True
        if token_in(job.name) is not None or connected.is_named(store.account(part.account, part.provider)):
            return False
        unproven = Unproven(job.remote_id, job.kind, job.total_rows, job.started_at)
        purged = store.was_purged(connected.remote_scope, job.remote_id)
        return not purged and is_possible(part, unproven, search_rules(self._door.server_settings()))

    def _connected(self, part: PartRecord) -> Connected | str:
        """The part's account, or why it is not asked."""
        if isinstance(self._accounts, str):
            return self._accounts
        connected = self._accounts.get(part.account)
        if connected is None:
            return f"Account {part.account} is not in the accounts file here."
        if part.service not in {"", connected.service}:
            return f"Account {part.account} speaks to another service than when the part was submitted."
        store = self._door.store()
        account = store.account(part.account, part.provider)
        # When the time of a pause is over, a person's one look does no harm, and leaves the probe to the workers.
        pause = waiting(account, store.now(), spends=False)
        if pause is not None:
            return f"No call is made for account {part.account} now ({pause.reason.replace('_', ' ')})."
        return connected

    @cached_property
    def _accounts(self) -> dict[str, Connected] | str:
        """All accounts by name, or why there are none."""
        from config.errors import ConfigError  # noqa: PLC0415 - as above
        from worker.metrics import Metrics  # noqa: PLC0415 - as above

        try:
            return dict(self._door.accounts(Metrics()))
        except ConfigError:
            return "The accounts cannot be used here: `bulkverify config check` tells why."

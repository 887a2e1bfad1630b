"""What the store can answer besides success.

    StoreError
    ├── StoreUnavailable   Redis cannot be reached or does not answer in time; what was asked may have happened
    ├── StoreUnsafe        Redis runs with settings under which records could be lost
    ├── Stale              the record moved on since it was read; nothing was written
    ├── Taken              the remote id belongs to another part; nothing was written
    ├── Full               a limit of the account is reached; nothing was written
    ├── OverDay            the rows do not fit into the day; nothing was written
    │   ├── OverQuota      … that the producer may have verified
    │   └── OverBudget     … that the account may submit
    └── Unreadable         a record is damaged; it is left as it is
        └── Later          a record was written by a later version of the program; it is left to a newer process

`Stale`, `Taken`, `Full` and `OverDay` are answers, not failures: the caller decides anew on what is there now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoreError(Exception):
    """The state database did not do what was asked."""


class StoreUnavailable(StoreError):
    """Redis cannot be reached, or did not answer in time. Check BULKVERIFY_REDIS_URL and that the server runs."""


class StoreUnsafe(StoreError):
    """Redis runs with settings under which records could be lost."""


class Stale(StoreError):
    """The record moved on since it was read; nothing was written."""


class Taken(StoreError):
    """The remote id belongs to another part; nothing was written."""

    def __init__(self, remote_id: str, part_id: str) -> None:
        """`part_id` is the part that has the remote id."""
        super().__init__(f"The remote id {remote_id} belongs to part {part_id}; nothing was written.")
        self.remote_id = remote_id
        self.part_id = part_id


class Full(StoreError):
    """A limit of the account is reached; nothing was written."""

    def __init__(self, guard: str) -> None:
        """`guard` names the limit."""
        super().__init__(f"The account's limit of {guard} is reached; nothing was written.")
        self.guard = guard


class OverDay(StoreError):
    """The rows do not fit into the day; nothing was written."""

    #: Whose day it is.
    whose: ClassVar[str]

    def __init__(self, used_rows: int, resets_at: float) -> None:
        """`used_rows` count for the day already; the next one begins at `resets_at`, epoch seconds."""
        super().__init__(f"The {self.whose} has {used_rows:,} rows today, and these are too many; nothing was written.")
        self.used_rows = used_rows
        self.resets_at = resets_at


class OverQuota(OverDay):
    """The rows do not fit into what the producer may have verified today; nothing was written."""

    whose = "producer"


class OverBudget(OverDay):
    """The rows do not fit into what may be submitted for the account today; nothing was written."""

    whose = "account"


class Unreadable(StoreError):
    """A record is damaged: restore it."""

    #: Why it is left alone, in a bounded word.
    reason: ClassVar[str] = "damaged"

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None) -> None:
        """`fields` of the record as they stand there, where that can be told; for people to see."""
        super().__init__(message)
        self.fields: Mapping[str, Any] = fields or {}

    @property
    def state(self) -> str:
        """The word for the record's state, known here or not."""
        return str(self.fields.get("state", "")) or "unreadable"


class Later(Unreadable):
    """A record was written by a later version of the program: upgrade this process."""

    reason = "later"

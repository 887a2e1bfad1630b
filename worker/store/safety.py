"""Whether the server keeps what it is given, as it says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The only `maxmemory-policy` under which no record is thrown away.
KEEPS_ALL = "noeviction"
#: What `INFO` says of the last time that something was written to disk.
WRITES = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")


class Safety(NamedTuple):
    """How the server handles records. A server that does not show a setting is taken to have the safe one."""

    #: Whether every write goes to an append-only file.
    append_only: bool
    #: Whether what was last written to disk arrived there.
    writes_arrive: bool
    #: `maxmemory-policy`.
    policy: str
    #: Keys thrown away for want of memory since the server started.
    evicted_keys: int

    @property
    def keeps_all(self) -> bool:
        """Whether no record is thrown away when memory runs out."""
        return self.policy == KEEPS_ALL

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self:
        """What the sections `memory`, `persistence` and `stats` of `INFO` tell."""
        return cls(
            append_only=bool(info.get("aof_enabled")),
            writes_arrive=all(info.get(name, "ok") == "ok" for name in WRITES),
            policy=str(info.get("maxmemory_policy", KEEPS_ALL)),
            evicted_keys=int(info.get("evicted_keys", 0)),
        )

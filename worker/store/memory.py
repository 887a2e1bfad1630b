"""How full the server is, as it says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Memory(NamedTuple):
    """The server's memory."""

    used_bytes: int
    #: `maxmemory`; 0 when there is no limit.
    limit_bytes: int

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self:
        """What the section `memory` of `INFO` tells."""
        return cls(int(info["used_memory"]), int(info.get("maxmemory", 0)))

    def reaches(self, share: float, more_bytes: int = 0) -> bool:
        """Whether, with so many bytes more, that share of the limit is used; never where there is no limit."""
        return self.limit_bytes > 0 and self.used_bytes + more_bytes >= self.limit_bytes * share

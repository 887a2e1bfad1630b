"""What the keys of the state database weigh, by family."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.store.keys import KEY_PREFIX

if TYPE_CHECKING:
    import redis

#: Families of which every upload has keys of its own, and of which so many in a hundred are weighed.
OWN_FAMILIES = frozenset({"upload", "parts of upload", "part", "timeline"})
SAMPLED_PERCENT = 5
#: Keys that one SCAN looks at, and one pipeline weighs.
SCAN_KEYS = 2_000


@dataclass(slots=True)
class Family:
    """Keys that begin with the same word."""

    keys: int = 0
    weighed: int = 0
    weighed_bytes: int = 0

    @property
    def total_bytes(self) -> float:
        """Bytes of all keys, as `MEMORY USAGE` tells: key and value, with what the allocator adds."""
        return self.weighed_bytes * self.keys / self.weighed if self.weighed else 0.0


def families(client: redis.Redis) -> dict[str, Family]:
    """Every family, the heaviest first. Keys of single uploads are sampled; indexes are weighed whole."""
    found: defaultdict[str, Family] = defaultdict(Family)
    server: Any = client
    cursor = None
    while cursor != 0:
        cursor, keys = server.scan(cursor or 0, match=f"{KEY_PREFIX}*", count=SCAN_KEYS)
        chosen = []
        for key in keys:
            family = found[_family(key)]
            family.keys += 1
            if _family(key) not in OWN_FAMILIES or family.keys % (100 // SAMPLED_PERCENT) == 1:
                chosen.append((family, key))
        pipeline = server.pipeline(transaction=False)
        for _, key in chosen:
            pipeline.memory_usage(key, samples=0)
        for (family, _), weight in zip(chosen, pipeline.execute(), strict=True):
            family.weighed += 1
            family.weighed_bytes += weight or 0
    return dict(sorted(found.items(), key=lambda item: -item[1].total_bytes))


def _family(key: str) -> str:
    word = key.removeprefix(KEY_PREFIX).partition(":")[0]
    return "parts of upload" if word == "upload" and key.endswith(":parts") else word

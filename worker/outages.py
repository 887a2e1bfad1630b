"""When Redis cannot do now what it may do later."""

from __future__ import annotations

import redis

#: What a server answers, or fails to, that is gone, slow, loading, full, or a replica just now.
OUTAGES = (redis.ConnectionError, redis.TimeoutError, redis.OutOfMemoryError, redis.ReadOnlyError)

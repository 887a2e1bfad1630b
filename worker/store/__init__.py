"""All state in Redis: records, indexes, leases, limits. Every write is one Lua call with a version check."""

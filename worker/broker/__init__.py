"""Messages: dramatiq on Redis, with delayed ones in a sorted set. They are hints, and losing all of them costs time."""

"""What every test has: the shared fixtures, and no deadline on generated examples, because machines are shared."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.builders.redis_server"]

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

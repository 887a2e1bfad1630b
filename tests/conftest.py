"""What every test has: the shared fixtures, and how long generated examples are looked for.

`make fuzz` looks for longer, and each time for others: FUZZ_EXAMPLES holds the number of examples of each fuzzer.
"""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["tests.builders.redis_server"]

# No deadline on an example, because machines are shared.
settings.register_profile("shared-machine", deadline=None)
# In CI the same examples every time: what fails there fails everywhere.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "shared-machine")

"""What every test has: the shared fixtures, and how long generated examples are looked for.

`make fuzz` looks for longer, and each time for others: FUZZ_EXAMPLES holds the number of examples of each fuzzer.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

pytest_plugins = ["tests.builders.redis_server", "tests.builders.s3_server", "tests.builders.figures"]

# No deadline on an example, because machines are shared.
settings.register_profile("shared-machine", deadline=None)
# In CI the same examples every time: what fails there fails everywhere.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "shared-machine")

# A shell that runs the tests in the background has Ctrl-C ignored, and every process below them would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

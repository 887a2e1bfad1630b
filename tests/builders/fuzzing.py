"""How many examples a fuzzer looks at: few in the ordinary tests, as many as wanted in `make fuzz`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

#: Environment variable with the number of examples of each fuzzer, for longer runs.
EXAMPLES_VARIABLE = "FUZZ_EXAMPLES"


def fuzzing(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Settings of a fuzzer that looks at so many examples unless the environment asks for another number.

    A server or a folder may serve all examples of one test: what an example leaves behind is part of the next one.
    """
    wanted = int(os.environ.get(EXAMPLES_VARIABLE) or examples)
    return settings(max_examples=wanted, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)

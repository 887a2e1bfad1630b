"""The processes that make up a running installation, and the Procfile format that names them.

`PROCESSES` is what an installed package knows; the repository's `Procfile` says the same to tools such as honcho, and a
test keeps the two equal.
"""

from __future__ import annotations

import re
import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Processes: TypeAlias = "Mapping[str, Sequence[str]]"

#: Name of each process, and its command.
PROCESSES: Final[Processes] = MappingProxyType(
    {name: ("bulkverify", "run", name) for name in ("intake", "worker", "poller", "exporter")}
)
#: Most processes that may run under one name.
SCALE_MAX: Final = 64

_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>\S.*)")


class ProcfileError(ValueError):
    """The Procfile or the wanted numbers of processes cannot be understood."""


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """Return each process's command, in the order of the lines `name: command`; blank lines and `#` lines are skipped.

    Commands are split into words as a shell does, but no shell runs them: no variables, no `&&`.
    Raises `ProcfileError` with the number of the line that is wrong.
    """
    processes: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ProcfileError(f"Line {number} is not `name: command`: {line.strip()!r}.")
        name = found["name"]
        if name in processes:
            raise ProcfileError(f"Line {number} names the process {name!r} a second time.")
        try:
            processes[name] = tuple(shlex.split(found["command"]))
        except ValueError as error:
            raise ProcfileError(f"Line {number} has an unfinished quotation or escape: {error}.") from None
    if not processes:
        raise ProcfileError("It names no process; a line looks like `worker: bulkverify run worker`.")
    return processes


def scaled(processes: Processes, numbers: Mapping[str, int]) -> dict[str, Sequence[str]]:
    """Return the processes to run, named `worker.1`, `worker.2`, …: one of each, or as many as `numbers` says.

    Raises `ProcfileError` for a name that is not in `processes` or a number outside 0 to `SCALE_MAX`.
    """
    for name, number in numbers.items():
        if name not in processes:
            raise ProcfileError(f"There is no process {name!r}; there are {', '.join(processes)}.")
        if not 0 <= number <= SCALE_MAX:
            raise ProcfileError(f"{number} processes of {name!r}: the number must be 0 to {SCALE_MAX}.")
    return {
        f"{name}.{index}": command
        for name, command in processes.items()
        for index in range(1, numbers.get(name, 1) + 1)
    }

"""Runs commands and scenes in processes of their own that cost no start: each is a fork of one that has loaded it all.

`python -m tests.builders.canary_nursery` reads one job a line, as JSON, and answers with one line of JSON, the exit
code. A job runs as a process of its own does: with its own environment, folder, streams and state.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

#: Where `tests` can be imported from.
ROOT = Path(__file__).parents[2]
#: Seconds that a job may take.
JOB_SECONDS = 100.0
#: What jobs run: `main` of a module, with the job's arguments as those of its command line.
PROGRAM = "worker.cli.main"
SCENE = "tests.builders.canary_scene"
PATCHED = "tests.builders.canary_launcher"


@dataclass(frozen=True)
class Done:
    """What a job has printed, and its exit code."""

    stdout: str
    stderr: str
    code: int


class Nursery:
    """A context: one process that forks. One job at a time; a job that takes too long ends with the nursery."""

    def __enter__(self) -> Self:
        self._scratch = TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.builders.canary_nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._scratch.cleanup()

    def run(self, module: str, *arguments: str, environment: Mapping[str, str], folder: Path, given: str = "") -> Done:
        """Run `main` of `module` in `folder`, with `given` on standard input, to its end."""
        streams = [Path(self._scratch.name) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(given)
        job = {
            "module": module,
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "streams": [str(path) for path in streams],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], JOB_SECONDS)[0], f"{arguments} did not end"
        code = json.loads(self._process.stdout.readline())
        return Done(streams[1].read_text(), streams[2].read_text(), code)


def _load() -> None:
    """Import everything that a job can need, so that no job does."""
    for package in ("worker", "producers", "config"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            importlib.import_module(module.name)
    for name in (SCENE, PATCHED):
        importlib.import_module(name)


def _become(job: Mapping[str, Any]) -> None:
    """Turn this process, a fork, into one that was started for the job."""
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    for number, path in enumerate(job["streams"]):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY), number)
    sys.argv = [job["module"], *job["arguments"]]


def _run(job: Mapping[str, Any]) -> int:
    try:
        _become(job)
        importlib.import_module(job["module"]).main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the end of a process: what Python itself would print
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Fork for each job until there are none any more."""
    _load()
    # What is loaded is not looked through for garbage by every fork, which would copy all of it.
    gc.freeze()
    for line in iter(sys.stdin.buffer.readline, b""):
        child = os.fork()
        if not child:
            code = _run(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

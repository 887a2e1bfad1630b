"""Plays scenes and commands in processes of their own, and searches everything that they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.builders.canary_scene import TOLD
from tests.builders.canary_sinks import Reading
from tests.builders.canary_site import KEY_VARIABLE, Keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Where `tests` can be imported from.
ROOT = Path(__file__).parents[2]
#: Seconds that a scene may take in all.
PROCESS_SECONDS = 100.0


def with_password(url: str, password: str) -> str:
    """The URL of a test's own server with a password, which that server, having none, does not look at."""
    return f"{url.replace('unix://', 'unix://default@')}&password={quote(password, safe='')}"


def played(
    folder: Path,
    urls: tuple[str, str],
    keys: Keys,
    *,
    patches: Sequence[str] = (),
    cases: Mapping[str, str],
    acts: Sequence[str] = (),
) -> Reading:
    """What is found after a scene. `cases` may name other words by which they are seen to have happened."""
    redis_url, broker_url = (with_password(url, keys.password) for url in urls)
    scene = {
        "folder": str(folder),
        "redis_url": redis_url,
        "broker_url": broker_url,
        "keys": asdict(keys),
        "patches": [*patches],
        "cases": dict(cases),
        "acts": [*acts],
    }
    environment = os.environ | {KEY_VARIABLE: keys.whoisxml, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.builders.canary_scene", json.dumps(scene)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    told = json.loads((folder / TOLD).read_text())
    (folder / TOLD).unlink()
    reading = Reading(keys.canaries().with_tokens(told["tokens"]))
    reading.look("elsewhere", "the wrong server", told["heard_elsewhere"])
    reading.outputs({"stdout": done.stdout, "stderr": done.stderr})
    reading.files(folder, by_design=[folder / "site" / "ipqs.key"])
    return reading.database(urls[0], "records").database(urls[1], "messages")


def launched(environment: Mapping[str, str], folder: Path, patch: str, *arguments: str) -> dict[str, str]:
    """What a command prints that runs with a part of the program exchanged, by stream; files are for the test."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.builders.canary_launcher", patch, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment),
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    return {"stdout": done.stdout, "stderr": done.stderr, "exit code": str(done.returncode)}

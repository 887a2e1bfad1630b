"""Plays scenes and commands in processes of their own, and searches everything that they leave behind."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from tests.builders.canary_nursery import PATCHED, SCENE
from tests.builders.canary_scene import TOLD
from tests.builders.canary_sinks import Reading
from tests.builders.canary_site import KEY_VARIABLE, Keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.builders.canary_nursery import Nursery


def with_password(url: str, password: str) -> str:
    """The URL of a test's own server with a password, which that server, having none, does not look at."""
    return f"{url.replace('unix://', 'unix://default@')}&password={quote(password, safe='')}"


def played(
    nursery: Nursery,
    folder: Path,
    urls: tuple[str, str],
    keys: Keys,
    *,
    patches: Sequence[str] = (),
    cases: Mapping[str, str],
    acts: Sequence[str] = (),
    log_format: Literal["json", "console"] = "json",
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
        "log_format": log_format,
    }
    environment = os.environ | {KEY_VARIABLE: keys.whoisxml}
    done = nursery.run(SCENE, json.dumps(scene), environment=environment, folder=folder)
    assert done.code == 0, done.stderr[-4_000:]
    told = json.loads((folder / TOLD).read_text())
    (folder / TOLD).unlink()
    reading = Reading(keys.canaries().with_tokens(told["tokens"]))
    reading.look("elsewhere", "the wrong server", told["heard_elsewhere"])
    reading.outputs({"stdout": done.stdout, "stderr": done.stderr})
    reading.files(folder, by_design=[folder / "site" / "ipqs.key"])
    return reading.database(urls[0], "records").database(urls[1], "messages")


def launched(
    nursery: Nursery, environment: Mapping[str, str], folder: Path, patch: str, *arguments: str
) -> dict[str, str]:
    """What a command prints that runs with a part of the program exchanged, by stream; files are for the test."""
    done = nursery.run(PATCHED, patch, *arguments, environment=os.environ | dict(environment), folder=folder)
    return {"stdout": done.stdout, "stderr": done.stderr, "exit code": str(done.code)}

"""What the processes of one machine share: a Redis server, a folder for metrics, and the environment that says so."""

from __future__ import annotations

import contextlib
import os
import sysconfig
from typing import TYPE_CHECKING

from config.environment import variable_of
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from config.settings import Settings


@contextlib.contextmanager
def process_environment(settings: Settings, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the environment for the processes: `environ`, and what they have to agree on.

    Where no Redis URL is set, a private server runs for as long as the context does. The folder of the metrics is
    emptied, because the figures of processes that are gone would be added to the new ones' for ever.
    Raises `EmbeddedServerError`.

    Known limitation: two installations that run at the same time on one host need a METRICS_DIR each.
    """
    with contextlib.ExitStack() as stack:
        shared = {
            variable_of("log_format"): settings.log_format,
            # prometheus_client decides at its first import, so this is set before any process starts.
            "PROMETHEUS_MULTIPROC_DIR": str(emptied_metrics_folder(settings.metrics_dir)),
            # A pipe would otherwise hold a process's lines back until it ends.
            "PYTHONUNBUFFERED": "1",
            # The command is found beside the interpreter that runs us, whether its folder is on the PATH or not.
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), environ.get("PATH", os.defpath)]),
        }
        if settings.redis_url is None:
            server = stack.enter_context(EmbeddedServer(settings.home))
            shared[variable_of("redis_url")] = server.url()
        yield {**environ, **shared}


def emptied_metrics_folder(folder: Path) -> Path:
    """Create `folder` if it is absent and remove the metrics of earlier processes from it, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    # What is left of folding the files of ended processes is named like those files.
    for file in folder.glob("*.db*"):
        file.unlink()
    return folder

"""A real S3 server for tests: SeaweedFS with its data in a folder of its own, on free loopback ports.

Where `TEST_S3_ENDPOINT` has the address of another one, that is used in its place; it has to take the same keys.
"""

from __future__ import annotations

import json
import os
import sysconfig
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from obstore import sign
from obstore.store import S3Store

from tests.builders.deadline import wait_until
from tests.builders.server_process import ServerEnded, free_port
from worker.host.tether import TetheredProcess
from worker.storage import CloudOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_KEY = "S3Canary1Access2"
SECRET_KEY = "S3Canary1Secret2Key3Of4Forty5Characters6"
#: The variable that has the address of another server to be tried.
OTHER_ENDPOINT = "TEST_S3_ENDPOINT"
#: The variables that a process needs to use the server.
S3_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
#: Seconds that the server may take to answer; on a machine that has other work it needs some.
START_SECONDS = 60.0
#: Everything that the server can do besides S3, and that it is not to do.
_NOTHING_ELSE = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-master.telemetry=false")


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    endpoint: str

    def options(self, spool_folder: Path) -> CloudOptions:
        """How to speak to it; failures are told soon."""
        return CloudOptions(
            endpoint=self.endpoint,
            connect_seconds=2.0,
            timeout_seconds=20.0,
            retry_seconds=2.0,
            spool_folder=spool_folder,
        )

    def new_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket-{os.getpid()}-{next(_numbers)}"
        store = S3Store(
            name,
            config={
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
                "endpoint": self.endpoint,
                "region": "us-east-1",
            },
        )
        answer = requests.put(sign(store, "PUT", "", timedelta(seconds=60)), timeout=10)
        assert answer.ok, answer.text
        return name

    def settings(self, folder: str = "line") -> dict[str, str]:
        """The settings of a line whose storage is a folder of a new bucket."""
        return {"storage_url": f"s3://{self.new_bucket()}/{folder}", "storage_endpoint": self.endpoint}


_numbers = count()


@contextmanager
def an_s3_server(folder: Path) -> Iterator[S3Server]:
    """A server that keeps its data in `folder` and ends with the block. Raises `ServerEnded`."""
    identity = {"name": "test", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]}
    keys, log = folder / "s3.json", folder / "server.log"
    keys.write_text(json.dumps({"identities": [identity | {"actions": ["Admin"]}]}))
    ports = {
        name: free_port()
        for part in ("master", "volume", "filer", "s3")
        for name in (f"{part}.port", f"{part}.port.grpc")
    }
    command = [
        str(Path(sysconfig.get_path("scripts"), "weed")),
        "-logtostderr=true",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-filer",
        "-s3",
        f"-s3.config={keys}",
        "-s3.autoCreateBucket=false",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        "-master.volumeSizeLimitMB=64",
        "-master.electionTimeout=1s",
        "-volume.max=0",
        *_NOTHING_ELSE,
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with log.open("wb") as output:
        process = TetheredProcess(command, environment={"HOME": str(folder)}, folder=folder, output=output)
    server = S3Server(f"http://127.0.0.1:{ports['s3.port']}")

    def started() -> bool:
        if process.exit_code() is not None:
            raise ServerEnded(log.read_text(errors="replace")[-4000:])
        return _answers(server.endpoint)

    try:
        wait_until(started, seconds=START_SECONDS, what="an answer of the S3 server")
        yield server
    finally:
        # Its data is thrown away, so it need not end in order, which takes it seconds.
        process.kill()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Yield a running server that this test process shares with nobody, or the one that is to be tried."""
    if OTHER_ENDPOINT in os.environ:
        yield S3Server(os.environ[OTHER_ENDPOINT])
        return
    with an_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Return the server, with the variables that hold its keys set."""
    for name, value in S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return s3_server


def _answers(endpoint: str) -> bool:
    try:
        requests.get(endpoint, timeout=2)
    except requests.RequestException:
        return False
    return True

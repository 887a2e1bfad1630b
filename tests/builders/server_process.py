"""A Redis-protocol server with a configuration of the test's own, on a loopback port."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
from typing import TYPE_CHECKING

import redis

from tests.builders.deadline import wait_until
from worker.host.embedded import find_server_binary
from worker.host.tether import TetheredProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What stands for a password in the shipped file of users.
PLACEHOLDER = "0" * 64


class ServerEnded(Exception):
    """The server ended instead of answering; the text is its log."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def a_server(folder: Path, configuration: str, probe_url: str) -> Iterator[None]:
    """A server that runs with `configuration` until the end of the block. Raises `ServerEnded`.

    It keeps what it is given, as the program demands. `probe_url`: it has started once that is answered, whatever.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "redis.conf", folder / "server.log"
    file.write_text(f'bind 127.0.0.1\nsave ""\nappendonly yes\nmaxmemory-policy noeviction\n{configuration}')
    with log.open("wb") as output:
        command = [str(find_server_binary()), str(file)]
        process = TetheredProcess(command, environment={"LC_ALL": "C"}, folder=folder, output=output)

    def started() -> bool:
        if process.exit_code() is not None:
            raise ServerEnded(log.read_text(errors="replace"))
        return _answers(probe_url)

    try:
        wait_until(started, what="an answer of the server")
        yield
    finally:
        process.terminate()
        process.wait(10)
        process.kill()


def with_password(users: str, user: str, password: str) -> str:
    """The text of a file of users, in which `user` has got a password."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    text, replaced = re.subn(rf"(?m)^(user {user} on #){PLACEHOLDER} ", rf"\g<1>{digest} ", users)
    assert replaced == 1, f"the file has no placeholder for the password of {user}"
    return text


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, retry=None, socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False

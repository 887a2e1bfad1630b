"""The client of an object store, made when it is first needed, and never carried over a fork."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from typing import TYPE_CHECKING, TypedDict, cast

from config.endpoints import is_private_line
from worker.storage.credentials import credentials
from worker.storage.errors import InvalidUrl, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore.store import (
        AzureConfig,
        AzureStore,
        BackoffConfig,
        ClientConfig,
        GCSConfig,
        GCSStore,
        RetryConfig,
        S3Config,
        S3Store,
    )

    from config.settings import Settings
    from config.storage_urls import Place

    ObjectStore = AzureStore | GCSStore | S3Store

    class _Shared(TypedDict):
        client_options: ClientConfig
        retry_config: RetryConfig


#: Seconds of the first and of the longest pause between two tries of one request.
_BACKOFF_SECONDS = (0.1, 5.0)
#: Tries of one request, at most; the time they take is a setting.
_RETRIES_MAX = 8


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """How to speak to an object store; the defaults are those of the settings."""

    endpoint: str | None = None
    region: str | None = None
    allow_http: bool = False
    connect_seconds: float = 5.0
    timeout_seconds: float = 60.0
    retry_seconds: float = 30.0
    #: Where objects are put together before they are sent.
    spool_folder: Path = field(default_factory=lambda: Path(gettempdir()))

    @classmethod
    def of(cls, settings: Settings) -> CloudOptions:
        """The options that the settings ask for."""
        return cls(
            endpoint=settings.storage_endpoint,
            region=settings.storage_region,
            allow_http=settings.storage_allow_http,
            connect_seconds=settings.storage_connect_seconds,
            timeout_seconds=settings.storage_timeout_seconds,
            retry_seconds=settings.storage_retry_seconds,
            spool_folder=settings.home / "spool",
        )


class CloudClient:
    """The client for one place. Safe to use from several threads; after a fork, only where it was not used before.

    Known limitation: the library's threads do not survive a fork and it would wait for them for ever, so a process
    whose parent has used any client is refused at once. Start such processes anew (`spawn`), or fork before the first
    use.
    """

    def __init__(self, place: Place, options: CloudOptions) -> None:
        self.place = place
        self._options = options
        self._lock = Lock()
        self._store: ObjectStore | None = None
        _check_line(options)

    def store(self) -> ObjectStore:
        """The library's store. Raises `InvalidUrl`, `InvalidCredentials`, or `StorageUnavailable` after a fork."""
        if _used.forked:
            raise StorageUnavailable(
                "storage cannot be used by this process, because it was forked by one that had used it; start worker "
                "processes with spawn or exec, or fork before storage is first used"
            )
        with self._lock:
            if self._store is None:
                self._store = _opened(self.place, self._options)
                _used.here = True
            return self._store


class _Used:
    """Whether this process, or the one that forked it, has used the library."""

    def __init__(self) -> None:
        self.here = self.forked = False
        os.register_at_fork(after_in_child=self._in_child)

    def _in_child(self) -> None:
        self.forked = self.forked or self.here


_used = _Used()


def _check_line(options: CloudOptions) -> None:
    endpoint = options.endpoint
    if endpoint is not None and not options.allow_http and not is_private_line(endpoint):
        raise InvalidUrl(
            "BULKVERIFY_STORAGE_ENDPOINT begins with http://, so that everybody on the way could read lists; use "
            "https://, or set BULKVERIFY_STORAGE_ALLOW_HTTP=true where the network is your own"
        )


def _opened(place: Place, options: CloudOptions) -> ObjectStore:
    """A new client, which has not spoken to the store yet."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - local storage and most commands need no client

    given = credentials(place.scheme, os.environ)
    try:
        return _of_scheme(place, options, given)
    except (BaseError, ValueError, TypeError):
        # Their texts repeat what they were given.
        kind = {"s3": "AWS_*", "az": "AZURE_*", "gs": "GOOGLE_*"}[place.scheme]
        raise InvalidUrl(
            f"BULKVERIFY_STORAGE_URL cannot be opened with the present BULKVERIFY_STORAGE_* settings and {kind} "
            "variables; check the names and forms of both"
        ) from None


def _of_scheme(place: Place, options: CloudOptions, given: Mapping[str, str]) -> ObjectStore:
    from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 - as above

    config = dict(given) if options.endpoint is None else {**given, "endpoint": options.endpoint}
    shared: _Shared = {"client_options": _client_options(options), "retry_config": _retries(options)}
    if place.scheme == "az":
        return AzureStore(place.bucket, config=cast("AzureConfig", config), **shared)
    if place.scheme == "gs":
        return GCSStore(place.bucket, config=cast("GCSConfig", given), **shared)
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return S3Store(place.bucket, config=cast("S3Config", config | {"region": region}), **shared)


def _client_options(options: CloudOptions) -> ClientConfig:
    return {
        # Whether that may be was checked when the client was made.
        "allow_http": options.endpoint is not None and options.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=options.connect_seconds),
        "timeout": timedelta(seconds=options.timeout_seconds),
    }


def _retries(options: CloudOptions) -> RetryConfig:
    first, longest = _BACKOFF_SECONDS
    backoff: BackoffConfig = {
        "init_backoff": timedelta(seconds=first),
        "max_backoff": timedelta(seconds=longest),
        "base": 2,
    }
    return {
        "max_retries": _RETRIES_MAX,
        "retry_timeout": timedelta(seconds=options.retry_seconds),
        "backoff": backoff,
    }

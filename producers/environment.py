"""The client's methods as functions, on one client for the server that the environment names."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from producers.client import URL_VARIABLE, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from producers.records import Event, Status
    from producers.request import RowOptions
    from producers.results import Result


def submit(
    path: str | os.PathLike[str] | None = None,
    *,
    account: str,
    kind: str,
    rows: Sequence[str] | None = None,
    url: str | None = None,
    remote_url: str | None = None,
    upload_id: str | None = None,
    options: RowOptions | Mapping[str, object] | None = None,
    method: str = "auto",
    segments: Sequence[str] = (),
    result: str = "storage",
    label: str = "",
    again: str | None = None,
) -> str:
    """`Client.submit`."""
    return _client().submit(
        path,
        account=account,
        kind=kind,
        rows=rows,
        url=url,
        remote_url=remote_url,
        upload_id=upload_id,
        options=options,
        method=method,
        segments=segments,
        result=result,
        label=label,
        again=again,
    )


def status(upload_id: str) -> Status | None:
    """`Client.status`."""
    return _client().status(upload_id)


def wait(
    upload_id: str, *, timeout_seconds: float | None = None, on_status: Callable[[Status], None] | None = None
) -> Status:
    """`Client.wait`."""
    return _client().wait(upload_id, timeout_seconds=timeout_seconds, on_status=on_status)


def events(
    upload_id: str | None = None, *, since: str = "0", follow: bool = False, timeout_seconds: float | None = None
) -> Iterator[Event]:
    """`Client.events`."""
    return _client().events(upload_id, since=since, follow=follow, timeout_seconds=timeout_seconds)


def result(upload_id: str) -> Result:
    """`Client.result`."""
    return _client().result(upload_id)


def _client() -> Client:
    return _client_of(os.environ.get(URL_VARIABLE))


@cache
def _client_of(url: str | None) -> Client:
    return Client(url)

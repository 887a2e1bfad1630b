"""The client's methods as functions, on one client for the server that the environment names."""

from __future__ import annotations

import os
from functools import cache, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from producers.client import URL_VARIABLE, Client

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def _on_the_client(method: Callable[Concatenate[Client, P], T]) -> Callable[P, T]:
    """A method of the client as a function, which looks up the server at every call."""

    @wraps(method)
    def function(*args: P.args, **kwargs: P.kwargs) -> T:
        return method(_client_of(os.environ.get(URL_VARIABLE)), *args, **kwargs)

    return function


@cache
def _client_of(url: str | None) -> Client:
    return Client(url)


submit = _on_the_client(Client.submit)
status = _on_the_client(Client.status)
wait = _on_the_client(Client.wait)
events = _on_the_client(Client.events)
result = _on_the_client(Client.result)

"""What a feeding application needs and nothing more: the request contract, a client, and the commands that use it.

    import producers

    upload_id = producers.submit("/srv/lists/newsletter.csv", account="ipqs-main", kind="email")
    producers.wait(upload_id)
    print(producers.result(upload_id).path)

These functions use one client per process, for the server that `BULKVERIFY_REDIS_URL` names; `producers.client.Client`
is for everything else. `producers.request` needs only pydantic, `producers.client` also redis: an application imports
them without pulling in the worker. Never imports `worker`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from producers.client import Client
    from producers.environment import events, result, status, submit, wait
    from producers.errors import ProducerError

__all__ = ["Client", "ProducerError", "events", "result", "status", "submit", "wait"]

#: Where each public name lives; it is imported when it is first used.
_HOMES = {
    "Client": "producers.client",
    "ProducerError": "producers.errors",
    **dict.fromkeys(("events", "result", "status", "submit", "wait"), "producers.environment"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type is the home module's
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

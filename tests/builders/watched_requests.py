"""An object store under a watcher: each request of the client to the store is an effect."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.builders.effects import EffectKind
from worker.storage.cloud import CloudStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.builders.effects import Effects


class _WatchedStore:
    """The client's own store; whatever it is asked to do is seen."""

    def __init__(self, store: object, effects: Effects) -> None:
        self._store = store
        self._effects = effects

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._store, name)

        def watched(*args: Any, **options: Any) -> Any:
            return self._effects.perform(EffectKind.HTTP, name, lambda: call(*args, **options), ConnectionResetError)

        return watched


@contextmanager
def watched_requests(effects: Effects) -> Iterator[None]:
    """Watch every request that a `CloudStorage` of this process makes."""
    own = CloudStorage._store.fget  # type: ignore[attr-defined]  # the property itself, not its value
    watched = property(lambda storage: _WatchedStore(own(storage), effects))
    with mock.patch.object(CloudStorage, "_store", watched):
        yield

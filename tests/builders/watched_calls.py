"""Calls of a provider, and messages, under a watcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from tests.builders.effects import EffectKind, Fate
from worker.providers.errors import OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders.effects import Effects
    from worker.context import Hints
    from worker.core.states import Lane
    from worker.providers.answer import Answer
    from worker.providers.body import Body
    from worker.providers.call import Call
    from worker.providers.port import Provider


def watch_calls(provider: Provider, effects: Effects) -> None:
    """Make an effect of every HTTP call of an adapter.

    A reading call whose reply is lost fails as when the connection breaks; a submit ends with the same error that
    its connection raises for a request that was sent whole and never answered.
    """
    adapter: Any = provider
    _replace(adapter._reads, "_send", lambda send: _watched_read(send, effects))
    _replace(adapter._posts, "post", lambda post: _watched_submit(post, effects))


def _replace(owner: object, name: str, watched: Callable[[Any], object]) -> None:
    """Put a watched method in the place of one object's own."""
    vars(owner)[name] = watched(getattr(owner, name))


def _watched_read(send: Callable[[Call], requests.Response], effects: Effects) -> Callable[[Call], requests.Response]:
    def watched(call: Call) -> requests.Response:
        fate = effects.begin(EffectKind.HTTP, call.operation)
        response = send(call)
        if fate in {Fate.LOSE_REPLY, Fate.CRASH_AFTER}:
            # The provider has sent all of it: a link that works once is used up.
            with response:
                assert response.content is not None
        effects.end(fate)
        if fate is Fate.LOSE_REPLY:
            raise requests.ConnectionError("the connection was lost before the reply came")
        return response

    return watched


def _watched_submit(post: Callable[..., Answer], effects: Effects) -> Callable[[Call, Body, float], Answer]:
    def watched(call: Call, body: Body, deadline: float) -> Answer:
        def lost() -> BaseException:
            return OutcomeUnknown(f"{call.subject}: everything was sent, but the answer was lost on its way")

        return effects.perform(EffectKind.HTTP, call.operation, lambda: post(call, body, deadline), lost)

    return watched


class WatchedHints:
    """The messages of one process. Implements `worker.context.Hints`."""

    def __init__(self, inner: Hints, effects: Effects) -> None:
        self._inner = inner
        self._effects = effects

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Send a message once, twice or not at all."""
        fate = self._effects.begin(EffectKind.MESSAGE, str(lane))
        for _ in range({Fate.LOSE_REPLY: 0, Fate.DOUBLE: 2}.get(fate, 1)):
            self._inner.send(lane, item, epoch, delay_seconds)
        self._effects.end(fate)

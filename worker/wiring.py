"""Putting one process together: settings in, a context with its broker and actors out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.accounts import load_accounts
from config.redaction import redactor
from worker.actors.declare import declare
from worker.broker.hints import BrokerHints
from worker.broker.sorted_set import SortedSetBroker
from worker.broker.watch import MessageIds, Watch
from worker.context import Connected, Context, process_name
from worker.gate import StoreGate
from worker.host.embedded import server_url
from worker.leaving import Leaving
from worker.metrics import Metrics
from worker.provider_calls import ProviderCalls
from worker.providers.registry import build
from worker.spending import FOLDER, Spending
from worker.storage import CloudOptions, open_storage, require_exclusive_creation
from worker.store.client import connect, require_safe
from worker.store.reading import require_readable
from worker.store.store import Limits, Store
from worker.tracing.opening import open_spans
from worker.tracing.spans import Spans
from worker.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Plant:
    """What runs in one process."""

    context: Context
    broker: SortedSetBroker

    def close(self) -> None:
        """Close the connections to both databases, and remove the intermediate files."""
        self.broker.close()
        self.broker.client.close()
        self.context.store.client.close()
        self.context.workspace.close()
        self.context.spans.close()


def on_a_server(settings: Settings) -> Settings:
    """The settings with a Redis URL: the private server of this installation's home when none was given."""
    if settings.redis_url is not None:
        return settings
    return settings.on_server(server_url(settings.home))


def open_store(settings: Settings) -> Store:
    """The state database. Raises `StoreUnavailable`, `StoreUnsafe`, or `Later` when a later version wrote there."""
    settings = on_a_server(settings)
    client = connect(settings.redis_url or "", settings.redis_timeout_seconds)
    require_safe(client)
    limits = Limits(settings.timeline_entries_max, settings.events_entries_max, settings.rejected_entries_max)
    store = Store(client, limits)
    require_readable(store.schema_version())
    return store


def open_broker(settings: Settings, metrics: Metrics, leaving: Leaving) -> SortedSetBroker:
    """The broker's database; nothing is asked of it yet."""
    settings = on_a_server(settings)
    client = redis.Redis.from_url(
        settings.broker_url or "",
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return SortedSetBroker(
        client,
        [Watch(metrics), MessageIds()],
        leaving,
        on_unreadable=metrics.message_unreadable,
        heartbeat_timeout_milliseconds=int(settings.heartbeat_timeout_seconds * 1000),
    )


def connect_accounts(
    settings: Settings, store: Store, metrics: Metrics, spans: Spans | None = None
) -> Mapping[str, Connected]:
    """Every configured account with its provider's adapter. Raises `AccountsInvalid`."""
    connected = {}
    for name, account in load_accounts(settings.accounts_file).items():

        def waited(seconds: float, provider: str = account.provider, name: str = name) -> None:
            metrics.rate_waited(provider, name, seconds)

        gate = StoreGate(store, name, account.requests_per_second, waited)
        counting = metrics.reporter(account.provider, name)
        calls = ProviderCalls(account.provider, name, counting, spans or Spans())
        connected[name] = Connected(account, build(account, gate, calls), gate)
    return connected


def assemble(settings: Settings) -> Plant:
    """Everything a working process needs, with its actors declared."""
    settings = on_a_server(settings)
    process = process_name()
    spans = open_spans(settings, process)
    metrics = Metrics()
    redactor.on_redaction(metrics.redacted)
    store = open_store(settings)
    leaving = Leaving(metrics)
    broker = open_broker(settings, metrics, leaving)
    storage = open_storage(settings.storage_url, CloudOptions.of(settings))
    require_exclusive_creation(storage)
    context = Context(
        settings=settings,
        store=store,
        storage=storage,
        workspace=Workspace(settings.home),
        spending=Spending(settings.home / FOLDER),
        accounts=connect_accounts(settings, store, metrics, spans),
        hints=BrokerHints(broker),
        metrics=metrics,
        leaving=leaving,
        spans=spans,
        process=process,
    )
    declare(broker, context)
    return Plant(context, broker)

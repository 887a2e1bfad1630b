"""Fixtures: a real private Redis for each test process, and empty databases for each test.

Loaded as a plugin by `tests/conftest.py`. A test that stops, kills or starves a server builds its own with
`EmbeddedServer(tmp_path)` and leaves the shared one alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import redis

from tests.builders.stores import a_store
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.store.store import Store

#: Logical database of the records.
STATE_DB: Final = 0
#: Logical database of dramatiq's keys.
BROKER_DB: Final = 1


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Yield a running server that this test process shares with nobody."""
    with EmbeddedServer(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedServer) -> str:
    """Return the URL of an empty state database."""
    return _emptied(redis_server.url(STATE_DB))


@pytest.fixture
def broker_url(redis_server: EmbeddedServer) -> str:
    """Return the URL of an empty broker database."""
    return _emptied(redis_server.url(BROKER_DB))


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    """Yield the store of the empty state database."""
    store = a_store(redis_url)
    yield store
    store.client.close()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """Yield a client of the empty state database that answers in text."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def _emptied(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url

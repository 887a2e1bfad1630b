"""Redis URLs in the settings: what they may be, the database of the queues, and passwords that nobody sees."""

from __future__ import annotations

import pytest
from redis import ConnectionPool

from config import redis_urls
from config.errors import SettingsInvalid
from config.redaction import redactor
from config.settings import Settings


def load(redis_url: str, broker_url: str = "") -> Settings:
    """The settings with these URLs and nothing else set."""
    return Settings.load({"BULKVERIFY_REDIS_URL": redis_url, "BULKVERIFY_BROKER_URL": broker_url})


def fault_of(variable: str, redis_url: str, broker_url: str = "") -> str:
    """What is wrong with the one variable that has a problem."""
    with pytest.raises(SettingsInvalid) as raised:
        load(redis_url, broker_url)
    (problem,) = raised.value.problems
    assert problem.subject == f"BULKVERIFY_{variable}"
    return problem.fault


def test_a_redis_password_is_in_no_repr() -> None:
    """Settings may be logged by accident."""
    settings = load("redis://user:CANARY77@host/1")
    assert "CANARY77" not in repr(settings)
    assert "CANARY77" not in str(settings)


def test_loading_makes_redis_passwords_known_to_the_redactor() -> None:
    """From the first moment on, the password is masked wherever it turns up."""
    load("redis://user:p%40ss-CANARY-1@host/1")
    assert redactor.redact("AUTH p@ss-CANARY-1 failed") == "AUTH [redacted] failed"
    Settings().on_server("unix:///run/x.sock?password=CANARY-password-2")
    assert redactor.redact("CANARY-password-2") == "[redacted]"


def as_redis_py_reads(url: str) -> dict[str, object]:
    """Where redis-py would connect to."""
    read = ConnectionPool.from_url(url).connection_kwargs
    return {name: read.get(name) for name in ("host", "port", "path", "db", "username", "password", "ssl_cert_reqs")}


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://host", "redis://host/1"),
        ("redis://host/", "redis://host/1"),
        ("redis://user:p%40w@host:6380/3", "redis://user:p%40w@host:6380/4"),
        ("rediss://host/0?ssl_cert_reqs=required", "rediss://host/1?ssl_cert_reqs=required"),
        ("redis://host/7?db=2", "redis://host/7?db=3"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=1"),
        ("unix://user@/run/redis.sock?db=4&password=x", "unix://user@/run/redis.sock?password=x&db=5"),
    ],
)
def test_the_broker_uses_the_next_database_of_the_same_server(url: str, broker: str) -> None:
    """The default of BROKER_URL is what redis-py reads as the same server and the database after."""
    assert load(url).broker_url == broker
    one, other = (as_redis_py_reads(each) for each in (url, broker))
    assert other == one | {"db": int(str(one["db"] or 0)) + 1}


def test_a_broker_url_of_ones_own_is_kept() -> None:
    """BROKER_URL may name another server."""
    assert load("redis://one", "redis://two").broker_url == "redis://two"


@pytest.mark.parametrize(
    ("state", "broker"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("redis://host/2", "redis://:pw@host?db=2"),
        ("unix:///s.sock", "unix:///s.sock?db=0"),
    ],
)
def test_records_and_queues_never_share_a_database(state: str, broker: str) -> None:
    """Flushing the queues must never flush the records."""
    assert "names the database of BULKVERIFY_REDIS_URL" in fault_of("BROKER_URL", state, broker)


def test_a_broker_url_needs_a_redis_url() -> None:
    """The private server has its own queues; a queue elsewhere would outlive its records."""
    assert fault_of("BROKER_URL", "", "redis://x") == "is set without BULKVERIFY_REDIS_URL"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("localhost:6379", "does not begin with"),
        ("redis://", "names no host"),
        ("redis://host:port", "is not a URL"),
        ("redis://[::1", "is not a URL"),
        ("redis://host/one", "database that is not a number"),
        ("redis://host?db=", "database that is not a number"),
        ("unix://", "names no socket file"),
    ],
)
def test_a_redis_url_that_redis_py_would_misread_is_refused(url: str, fault: str) -> None:
    """A bad database name would silently become database 0."""
    assert fault in fault_of("REDIS_URL", url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host/1", "redis://user:[redacted]@host/1"),
        ("redis://:secret@host", "redis://:[redacted]@host"),
        ("unix:///run/s.sock?db=1&password=secret", "unix:///run/s.sock?db=1&password=[redacted]"),
        ("redis://host/1", "redis://host/1"),
    ],
)
def test_a_shown_redis_url_has_no_password(url: str, shown: str) -> None:
    """`config check` prints where records are, not how to get in."""
    assert redis_urls.masked(url) == shown


def test_on_server_moves_redis_and_broker_and_nothing_else() -> None:
    """The private server's address reaches every process through the same settings."""
    settings = Settings(crashes_max=3).on_server("unix:///run/private.sock")
    assert settings.broker_url == "unix:///run/private.sock?db=1"
    assert settings.crashes_max == 3


def test_passwords_are_found_wherever_a_url_may_have_them() -> None:
    """As written and decoded, in the user part and in the query."""
    assert redis_urls.passwords("redis://u:a%40b@h?password=c") == ("c", "a%40b", "a@b")

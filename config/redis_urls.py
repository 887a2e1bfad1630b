"""Redis URLs: what they may look like, which logical database they name, and the next one on the same server.

The database is the path of `redis://` and `rediss://` URLs (`redis://host:6379/3`) and the `db` parameter of `unix://`
URLs (`unix:///run/redis.sock?db=3`). As redis-py reads them, a `db` parameter wins over a path everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from config.secret_forms import MASK

if TYPE_CHECKING:
    from urllib.parse import SplitResult

#: Schemes that are understood: TCP, TCP with TLS, a socket file.
SCHEMES = ("redis", "rediss", "unix")


def checked(url: str) -> str:
    """`url` itself; raises `ValueError` (which does not repeat it) when it does not name a server and a database."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is the check: a port that is no number raises
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("does not begin with redis://, rediss:// or unix://")
    if parts.scheme == "unix" and len(parts.path) < len("/s"):
        raise ValueError("names no socket file")
    if parts.scheme != "unix" and not parts.hostname:
        raise ValueError("names no host")
    if not _database_text(url).isdecimal():
        raise ValueError("names a database that is not a number")
    return url


def database(url: str) -> int:
    """The logical database that a checked `url` names; 0 when it names none."""
    return int(_database_text(url))


def next_database(url: str) -> str:
    """The same server's next logical database.

    `redis://host/3` gives `redis://host/4`, and `unix:///run/redis.sock` gives `unix:///run/redis.sock?db=1`.
    """
    parts = urlsplit(url)
    number = str(database(url) + 1)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if parts.scheme == "unix" or any(name == "db" for name, _ in query):
        others = [(name, value) for name, value in query if name != "db"]
        return _joined(parts._replace(query=urlencode([*others, ("db", number)])))
    return _joined(parts._replace(path=f"/{number}"))


def same_database(one: str, other: str) -> bool:
    """Whether two checked URLs name the same database of the same server, as far as their text can tell."""
    return _server(one) == _server(other) and database(one) == database(other)


def passwords(url: str) -> tuple[str, ...]:
    """Every password in `url`, as written and decoded: what must not be shown."""
    parts = urlsplit(url)
    found = [value for name, value in parse_qsl(parts.query) if name == "password"]
    if parts.password:
        found += [parts.password, unquote(parts.password)]
    return tuple(dict.fromkeys(found))


def masked(url: str) -> str:
    """`url` with every password masked, ready to be shown."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.password:
        credentials, _, host = netloc.rpartition("@")
        netloc = f"{credentials.partition(':')[0]}:{MASK}@{host}"
    query = [(name, MASK if name == "password" else value) for name, value in parse_qsl(parts.query)]
    return _joined(parts._replace(netloc=netloc, query=urlencode(query, safe="[]/")))


def _database_text(url: str) -> str:
    parts = urlsplit(url)
    given = [value for name, value in parse_qsl(parts.query, keep_blank_values=True) if name == "db"]
    if given:
        return given[0]
    return "0" if parts.scheme == "unix" else parts.path.strip("/") or "0"


def _joined(parts: SplitResult) -> str:
    # `urlunsplit` writes `unix:/path`, which redis-py does not recognise.
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _server(url: str) -> tuple[object, ...]:
    parts = urlsplit(url)
    return (parts.path,) if parts.scheme == "unix" else (parts.hostname, parts.port or 6379)

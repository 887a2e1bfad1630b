"""A list that IPQualityScore is to fetch itself: one GET to the link it was given, bounded in size and time.

Only hosts that the knobs allow are asked, by default this machine: the simulator never needs the internet, and cannot
be made to look around in a network.
"""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from worker.providers.sandbox.wire import CHUNK_BYTES

if TYPE_CHECKING:
    from worker.providers.sandbox.knobs import IpqsKnobs

#: Seconds that a pull takes at most, from its begin to its last byte.
PULL_SECONDS_MAX = 30.0
#: Seconds to wait for a connection, and for each piece of the answer.
WAIT_SECONDS = 5.0
#: Bytes of a pulled file at most.
PULL_BYTES_MAX = 256 * 1024 * 1024
#: How the simulated provider names itself to the server that has the list.
AGENT = "IPQualityScore-sandbox"


class PullFailed(ValueError):
    """The list could not be fetched. The message is for the client; it never repeats the link, which may be secret."""


def pull(url: str, file: IO[bytes], knobs: IpqsKnobs) -> None:
    """Write what is behind `url` into `file`. Raises `PullFailed`."""
    if knobs.pull_fails or _host(url) not in knobs.pull_hosts:
        raise PullFailed("The file could not be retrieved from the URL.")
    try:
        _fetch(url, file)
    except (requests.RequestException, HTTPError):
        raise PullFailed("The server of the URL did not give the file.") from None


def _host(url: str) -> str | None:
    """The host of a link that the simulator can follow; documented are http, https and ftp."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


def _fetch(url: str, file: IO[bytes]) -> None:
    ends_at, size_bytes = time.monotonic() + PULL_SECONDS_MAX, 0
    with requests.Session() as session:
        # A proxy from the environment would see a link that may be secret.
        session.trust_env = False
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        with session.get(url, headers=headers, timeout=WAIT_SECONDS, allow_redirects=False, stream=True) as answer:
            if answer.status_code != requests.codes.ok or "html" in answer.headers.get("content-type", "").lower():
                raise PullFailed("The URL does not lead to the file itself.")
            # One read of the socket at a time, so that the deadline is seen even when the file drips.
            while piece := answer.raw.read1(CHUNK_BYTES, decode_content=True):
                size_bytes += file.write(piece)
                if size_bytes > PULL_BYTES_MAX or time.monotonic() > ends_at:
                    raise PullFailed("The file of the URL is too large or comes too slowly.")

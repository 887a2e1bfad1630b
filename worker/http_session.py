"""HTTP sessions that add nothing to a request and follow nothing in an answer."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter


class _Session(requests.Session):
    """A session that does not even look where a redirect leads: the library would read its whole body to prepare."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere."""
        del resp
        return None


def plain_session(*, connections: int) -> requests.Session:
    """A session that keeps at most so many idle connections to a host.

    No cookie is kept, nothing is taken from the environment or `.netrc`, and nothing is sent twice.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session

"""Which simulated provider a URL belongs to: by path on the loopback server, by host name without sockets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from worker.providers.sandbox.wire import Request, Response, html_response

if TYPE_CHECKING:
    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

#: Path before IPQS's own `/api/…`.
IPQS_PREFIX = "/ipqs"
#: Path before the `/download` of one-shot links.
DOWNLOADS_PREFIX = "/ipqs-downloads"
#: Path before WhoisXML's own `/api/…` and `/user-service/…`.
WHOISXML_PREFIX = "/whoisxml"

_IPQS_API_HOSTS = frozenset({"www.ipqualityscore.com", "ipqualityscore.com"})
_DOWNLOAD_HOSTS = frozenset({"downloads.ipqualityscore.com"})
_WHOISXML_API_HOSTS = frozenset({"emailverification.whoisxmlapi.com"})
_BALANCE_HOSTS = frozenset({"user.whoisxmlapi.com"})


@dataclass(frozen=True, slots=True)
class Router:
    """Both providers behind one `handle`."""

    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox

    def handle(self, request: Request) -> Response:
        """The answer of the provider that the request's host or path names, 404 if neither does."""
        host = request.headers.get("host", "").partition(":")[0]
        if host in _IPQS_API_HOSTS:
            return self._ipqs(request, "/api/")
        if host in _DOWNLOAD_HOSTS:
            return self._ipqs(request, "/download")
        if host in _WHOISXML_API_HOSTS:
            return self._whoisxml(request, "/api/")
        if host in _BALANCE_HOSTS:
            return self._whoisxml(request, "/user-service/")
        for prefix, part, answer in (
            (IPQS_PREFIX, "/api/", self._ipqs),
            (DOWNLOADS_PREFIX, "/download", self._ipqs),
            (WHOISXML_PREFIX, "/", self._whoisxml),
        ):
            if request.path.startswith(prefix + "/"):
                return answer(replace(request, path=request.path.removeprefix(prefix)), part)
        return html_response(404, "Not Found")

    def _ipqs(self, request: Request, part: str) -> Response:
        return self.ipqs.handle(request) if request.path.startswith(part) else html_response(404, "Not Found")

    def _whoisxml(self, request: Request, part: str) -> Response:
        return self.whoisxml.handle(request) if request.path.startswith(part) else html_response(404, "Not Found")

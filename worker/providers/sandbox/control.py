"""The part of the server that no provider has: state, knobs, single jobs, jobs of others. For loopback use only."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from worker.providers.sandbox.tampering import add_others, change_jobs, jobs_told
from worker.providers.sandbox.wire import Request, Response, html_response, json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.tampering import Provider
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

#: Where the control paths begin.
CONTROL_PREFIX = "/_sandbox/"
#: Bytes of a request to change knobs at most.
BODY_BYTES_MAX = 64 * 1024


class Control:
    """Tells the state of both providers and sets their knobs; its own calls are not counted."""

    def __init__(self, ipqs: IpqsSandbox, whoisxml: WhoisXmlSandbox) -> None:
        self._providers: dict[str, Provider] = {"ipqs": ipqs, "whoisxml": whoisxml}

    def handle(self, request: Request) -> Response:
        """`GET state`, `GET knobs`, `GET jobs`, each by provider; `POST` with an object for some of the providers.

        `knobs` takes ``{"ipqs": {knob: value}}``, `jobs` ``{"ipqs": {id: {field: value}}}``, and `others`, which is
        answered with the ids of the new jobs, ``{"ipqs": {"jobs": 2}}``; see `tampering` for the last two.
        """
        word = request.path.removeprefix(CONTROL_PREFIX)
        if request.method == "GET" and word in _TELLING:
            return _json(200, {name: _TELLING[word](provider) for name, provider in self._providers.items()})
        if request.method == "POST" and word in _ACTING:
            return self._act(request, _ACTING[word])
        return html_response(404, "Not Found")

    def _act(self, request: Request, act: Callable[[Provider, dict[str, object]], object]) -> Response:
        """Do something to each provider that the request names; what came of it, by provider."""
        done: dict[str, object] = {}
        try:
            for name, wanted in _changes(request).items():
                if name not in self._providers or not isinstance(wanted, dict):
                    return _json(400, {"error": f"send an object for some of: {', '.join(self._providers)}"})
                done[name] = act(self._providers[name], wanted)
        except ValueError as problem:
            return _json(400, {"error": str(problem)})
        return _json(200, done)


def _set_knobs(provider: Provider, changes: dict[str, object]) -> dict[str, object]:
    provider.knobs.update(changes)
    return asdict(provider.knobs)


#: What can be asked of each provider, and what can be done to it, by the last word of the path.
_TELLING: dict[str, Callable[[Provider], object]] = {
    "state": lambda provider: provider.state(),
    "knobs": lambda provider: asdict(provider.knobs),
    "jobs": jobs_told,
}
_ACTING: dict[str, Callable[[Provider, dict[str, object]], object]] = {
    "knobs": _set_knobs,
    "jobs": change_jobs,
    "others": add_others,
}


def _changes(request: Request) -> dict[str, object]:
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > BODY_BYTES_MAX:
        raise ValueError(f"send Content-Length, at most {BODY_BYTES_MAX} bytes")
    document = json.loads(request.body.read(int(length)))
    if not isinstance(document, dict):
        raise ValueError("send a JSON object")  # noqa: TRY004 the caller answers to values
    return document


def _json(status: int, document: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json_bytes(document))

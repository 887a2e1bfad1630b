"""The part of the server that no provider has: `/_sandbox/state` and `/_sandbox/knobs`. For loopback use only."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from worker.providers.sandbox.wire import Request, Response, html_response, json_bytes

if TYPE_CHECKING:
    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

#: Where the control paths begin.
CONTROL_PREFIX = "/_sandbox/"
#: Bytes of a request to change knobs at most.
BODY_BYTES_MAX = 64 * 1024


class Control:
    """Tells the state of both providers and sets their knobs; its own calls are not counted."""

    def __init__(self, ipqs: IpqsSandbox, whoisxml: WhoisXmlSandbox) -> None:
        self._providers: dict[str, IpqsSandbox | WhoisXmlSandbox] = {"ipqs": ipqs, "whoisxml": whoisxml}

    def handle(self, request: Request) -> Response:
        """`GET state`; `GET knobs`; `POST knobs` with ``{"ipqs": {knob: value}, "whoisxml": {…}}``."""
        match request.method, request.path.removeprefix(CONTROL_PREFIX):
            case "GET", "state":
                return _json(200, {name: provider.state() for name, provider in self._providers.items()})
            case "GET", "knobs":
                return _json(200, self._knobs())
            case "POST", "knobs":
                return self._set_knobs(request)
            case _:
                return html_response(404, "Not Found")

    def _set_knobs(self, request: Request) -> Response:
        try:
            for name, changes in _changes(request).items():
                if name not in self._providers or not isinstance(changes, dict):
                    return _json(400, {"error": f"send an object of knobs for some of: {', '.join(self._providers)}"})
                self._providers[name].knobs.update(changes)
        except ValueError as problem:
            return _json(400, {"error": str(problem)})
        return _json(200, self._knobs())

    def _knobs(self) -> dict[str, object]:
        return {name: asdict(provider.knobs) for name, provider in self._providers.items()}


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

"""Answers that repeat the request that they refuse, address, key and all: what careless servers and gateways do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from worker.providers.sandbox.wire import Response, json_bytes

if TYPE_CHECKING:
    from worker.providers.sandbox.wire import Request


def echoing(answer: Response, request: Request) -> Response:
    """A web page with the request in it, or a refusal whose words hold it; any other answer as it is."""
    if not isinstance(answer.body, bytes) or answer.headers.get("content-encoding"):
        return answer
    query = f"?{urlencode(request.query)}" if request.query else ""
    heard = f"{request.method} {quote(request.path)}{query} {dict(request.headers)}"
    if "html" in answer.headers.get("content-type", ""):
        return replace(answer, body=answer.body + f"<pre>{heard}</pre>\n".encode())
    document = json.loads(answer.body) if answer.body.startswith(b"{") else {}
    if document.get("success") is False:
        return replace(answer, body=json_bytes(document | {"message": f"{document['message']} ({heard})"}))
    return answer

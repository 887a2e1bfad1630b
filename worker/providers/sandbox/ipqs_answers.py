"""IPQualityScore's answers: the envelope, exact texts where they are known and texts made up elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.providers.sandbox.brotli import stored
from worker.providers.sandbox.wire import Response, json_bytes, stringly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.providers.sandbox.knobs import IpqsKnobs

#: Texts seen on the single-lookup endpoints; documented for none of the CSV endpoints.
BAD_KEY = "Invalid or unauthorized key. Please check the API key and try again."
NO_CREDITS = (
    "You have insufficient credits to make this query. Please contact IPQualityScore support if this error persists."
)
QUOTA = "You have exceeded your request quota of {quota} per day. Please upgrade to increase your request quota."

#: Texts made up: the documentation says that an error is answered, not in which words.
UNKNOWN_JOB = "No CSV with this ID was found."
BAD_TYPE = "The type is not one of: {types}."
BAD_PAGE = "The page must be a number from 1 to {pages}."
BAD_PARAMETER = "Unknown parameter: {names}."
NO_ROWS = "The uploaded list has no rows."
JSON_ONLY = "This simulator answers in JSON only."

#: What the samples of the documentation have in `api_version`.
API_VERSION = 1


def envelope(
    fields: Mapping[str, object], request_id: str, knobs: IpqsKnobs, *, versioned: bool = True
) -> dict[str, object]:
    """A successful answer around `fields`."""
    document: dict[str, object] = {"message": "Success", "success": True, **fields}
    if not knobs.bare_envelope:
        document["request_id"] = request_id
        if versioned:
            document["api_version"] = API_VERSION
    return document


def refusal_document(message: str, request_id: str) -> dict[str, object]:
    """An error: sent with HTTP status 200."""
    return {"success": False, "message": message, "request_id": request_id}


def json_response(document: Mapping[str, object], knobs: IpqsKnobs, accept_encoding: str = "") -> Response:
    """JSON with the headers that the documentation's samples show."""
    body = json_bytes(stringly(dict(document)) if knobs.stringly else document)
    headers = {
        "content-type": "application/json; charset=UTF-8",
        "transfer-encoding": "chunked",
        "x-powered-by": "IPQualityScore",
    }
    if knobs.brotli and "br" in (coding.partition(";")[0].strip() for coding in accept_encoding.split(",")):
        headers["content-encoding"] = "br"
        body = stored(body)
    return Response(200, headers, body)

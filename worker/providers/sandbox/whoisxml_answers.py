"""WhoisXML's answers: one key `response` around everything, and the exact texts where they are known."""

from __future__ import annotations

from worker.providers.sandbox.wire import Response, json_bytes

#: Exact texts (documented, the third seen in the official client's tests).
UNAUTHORIZED = "Authorisation or authentication failed"
NO_BALANCE = "Insufficient balance"
DENIED = "Access denied"
BAD_FORMAT = "The format field should have one of the following values: {values}."

#: Texts made up in the manner of the one above.
BAD_FIELD = "The {name} field is not expected."
BAD_VALUE = "The {name} field should be {expected}."
UNKNOWN_JOB = "The id field should be the id of one of your requests."
NOT_SIMULATED = "This simulator answers in JSON only."


class Refuse(Exception):
    """The request is answered with a 4xx status and what is wrong."""

    def __init__(self, status: int, *, error: str = "", errors: list[str] | None = None) -> None:
        super().__init__(error or "; ".join(errors or ()))
        self.status = status
        self.document: dict[str, object] = {"errors": errors} if errors else {"error": error}


def response_json(status: int, content: object) -> Response:
    """`content` under the key `response`."""
    return plain_json(status, {"response": content})


def plain_json(status: int, document: object) -> Response:
    """`document` as it is."""
    return Response(status, {"content-type": "application/json"}, json_bytes(document))

"""Reading the bodies of requests to WhoisXML: JSON, known fields only, each of the documented type and range."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from worker.providers.sandbox.whoisxml_answers import BAD_FIELD, BAD_FORMAT, BAD_VALUE, NOT_SIMULATED, Refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.providers.sandbox.wire import Request

#: Bytes of a body at most: it is held in memory.
BODY_BYTES_MAX = 32 * 1024 * 1024
#: Values in one job at most (documented).
EMAILS_MAX = 50_000
#: Ids in one status call at most. Not documented; a limit all the same.
IDS_MAX = 50_000
#: Jobs on a page, least and most (documented).
PAGE_JOBS = (10, 50)

#: `csv` is only for results: the documented sample of the error for create leaves it out.
_FORMATS = {"completed": ("json", "xml", "csv"), "failed": ("json", "xml", "csv")}


#: Values of fields that may be left out (documented).
DEFAULTS: dict[str, object] = {"version": 3, "page": 1, "perPage": 10, "onlyIds": True, "sort": "desc"}


def _is_integer(value: object, least: int, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


def _is_list_of(kind: type, value: object, most: int) -> bool:
    return isinstance(value, list) and 0 < len(value) <= most and all(type(item) is kind for item in value)


_ID_RULE = {"id": ("an integer", lambda value: _is_integer(value, 1))}
#: What each field of an operation should be, in words and as a check.
_RULES: dict[str, dict[str, tuple[str, Callable[[object], bool]]]] = {
    "submit": {
        "emails": (f"an array of 1 to {EMAILS_MAX} strings", lambda value: _is_list_of(str, value, EMAILS_MAX)),
        "version": ("2 or 3", lambda value: _is_integer(value, 2, 3)),
    },
    "status": {"ids": ("an array of integers", lambda value: _is_list_of(int, value, IDS_MAX))},
    "list": {
        "page": ("an integer from 1", lambda value: _is_integer(value, 1)),
        "perPage": ("an integer from {} to {}".format(*PAGE_JOBS), lambda value: _is_integer(value, *PAGE_JOBS)),
        "onlyIds": ("a boolean", lambda value: isinstance(value, bool)),
        "sort": ("asc or desc", lambda value: value in ("asc", "desc")),
    },
    "completed": _ID_RULE,
    "failed": _ID_RULE,
}


def read_body(request: Request) -> dict[str, object]:
    """The JSON object in the body. Raises `Refuse` and `BodyCut`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refuse(400, errors=["The Content-Type should be application/json."])
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise Refuse(411, error="Length Required")
    if int(length) > BODY_BYTES_MAX:
        raise Refuse(413, error="Payload Too Large")
    try:
        document = json.loads(request.body.read(int(length)))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refuse(400, errors=["The body should be a JSON object."])
    return document


def check_fields(operation: str, document: Mapping[str, object]) -> None:
    """Raises `Refuse` with everything that is wrong with the fields of an operation."""
    errors = [
        BAD_FIELD.format(name=name) for name in sorted(set(document) - set(_RULES[operation]) - {"apiKey", "format"})
    ]
    formats = _FORMATS.get(operation, ("json", "xml"))
    if (wanted := document.get("format", "json")) not in formats:
        errors.append(BAD_FORMAT.format(values=", ".join(formats)))
    elif wanted != "json":
        errors.append(NOT_SIMULATED)
    for name, (expected, holds) in _RULES[operation].items():
        if not holds(document.get(name, DEFAULTS.get(name))):
            errors.append(BAD_VALUE.format(name=name, expected=expected))
    if errors:
        raise Refuse(400, errors=errors)


def page_fields(document: Mapping[str, object]) -> tuple[int, int, bool, bool]:
    """`page`, `perPage`, `onlyIds` and whether `sort` is ascending, of a checked body."""
    page, per_page, only_ids, sort = (
        document.get(name, DEFAULTS[name]) for name in ("page", "perPage", "onlyIds", "sort")
    )
    return _integer(page), _integer(per_page), only_ids is True, sort == "asc"


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0

"""All problems of a refused request in one bounded, readable line: each with the path of the field it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: Problems that are named; the rest is counted.
PROBLEMS_NAMED_MAX = 20
#: Characters of a field's path that are shown: an unknown field's name is whatever the producer sent.
PATH_SHOWN_CHARS_MAX = 80

#: What a text must look like that does not match its field's pattern, by the field's name.
_FORMS = {
    "upload_id": "must be 1 to 100 of A-Z a-z 0-9 . _ -, and begin with a letter or digit",
    "account": "must be 1 to 40 of A-Z a-z 0-9 _ -",
    "path": "must be an absolute path, beginning with /",
    "rows": "must be text on one line, without a NUL character",
    "url": "must be a URL in ASCII characters, such as file:///srv/storage/inputs/list.csv",
    "remote_url": "must be a URL in ASCII characters that begins with https:// or http://",
    "again": "must be 1 to 40 of A-Z a-z 0-9 . _ -",
    "delimiter": "must be one ASCII character other than a quote or a line end",
    "encoding": "is not the name of a text encoding",
    "label": "must be text on one line, without control characters",
    "producer": "must be text on one line, without control characters",
    "correlation_id": "must be 1 to 100 of A-Z a-z 0-9 . _ : @ / = + -, and begin with a letter or digit",
    "traceparent": "must be a trace as W3C Trace Context writes it: 00-, 32 and 16 digits of 0-9 a-f, and flags",
    "tracestate": "must be printable ASCII characters",
}

#: Faults in our own words, by the validator's name for them.
_FAULTS = {
    "extra_forbidden": "is not a field of the contract",
    "missing": "is missing",
    "model_type": "must be a JSON object",
    "string_unicode": "should be text, without halves of surrogate pairs",
    "string_too_long": "should have at most {max_length:,} characters",
    "string_too_short": "should not be empty",
    "too_long": "should have at most {max_length:,} entries",
    "too_short": "should not be empty",
}

#: Steps that pydantic adds to the path of a value that may have one of several types.
_UNION_STEPS = frozenset({"constrained-str", "constrained-int", "str", "int"})


def problems_of(error: ValidationError) -> str:
    """Every problem, by field: `account: is missing; kind: should be 'email' or 'proxy'`."""
    by_field: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        by_field.setdefault(_path_of(detail), []).append(_fault_of(detail))
    named = [f"{path}: {' or '.join(faults)}" for path, faults in by_field.items()]
    more = len(named) - PROBLEMS_NAMED_MAX
    return "; ".join(named[:PROBLEMS_NAMED_MAX]) + (f"; and {more:,} more" if more > 0 else "")


def _path_of(detail: ErrorDetails) -> str:
    steps = [str(step) for step in detail["loc"]]
    if len(steps) > 1 and steps[-1] in _UNION_STEPS:
        steps.pop()
    path = ".".join(steps) or "(the request)"
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in path)
    return shown if len(shown) <= PATH_SHOWN_CHARS_MAX else shown[:PATH_SHOWN_CHARS_MAX] + "…"


def _fault_of(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _FAULTS:
        return _FAULTS[kind].format(**detail.get("ctx", {}))
    if kind == "string_pattern_mismatch":
        return _FORMS[next(step for step in reversed(detail["loc"]) if isinstance(step, str) and step in _FORMS)]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"].replace("Input should", "should", 1)

"""How a configurable field is described once, and what its documentation and its error texts make of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True)
class Doc:
    """What a person needs to know of one field: its meaning, unit and an example."""

    meaning: str
    #: The unit or shape of the value: `seconds`, `bytes`, `rows`, `URL`, `folder`, …
    unit: str
    #: Left empty where the default is as good an example.
    example: str = ""
    #: What the default is, in words, where it is computed.
    default: str = ""


def doc_of(field: FieldInfo) -> Doc:
    """The `Doc` that annotates a field; every configurable field has one."""
    return next(item for item in field.metadata if isinstance(item, Doc))


def example_of(field: FieldInfo) -> str:
    """A value the field accepts, as a person would write it."""
    return doc_of(field).example or default_of(field)


def default_of(field: FieldInfo) -> str:
    """The default of a field: its value, or words where it is computed."""
    default = field.default
    return doc_of(field).default or (f"{default:g}" if isinstance(default, float) else str(default))


def bounds_of(field: FieldInfo) -> str:
    """The bounds of a field in words, or the empty string: `above 0, at most 600`, `one of console, json`."""
    words = []
    for item in field.metadata:
        match item:
            case Gt(gt=limit):
                words.append(f"above {limit:,}")
            case Ge(ge=limit):
                words.append(f"at least {limit:,}")
            case Le(le=limit):
                words.append(f"at most {limit:,}")
            case _:
                continue
    choices = _choices(field.annotation)
    if choices:
        words.append("one of " + ", ".join(choices))
    return ", ".join(words)


def expectation_of(field: FieldInfo) -> str:
    """What a value must be, in words: `seconds, above 0, at most 600`."""
    return ", ".join(word for word in (doc_of(field).unit, bounds_of(field)) if word)


#: What is wrong, in this project's words, by how pydantic's error type begins. No value in it: that may be secret.
_FAULTS = {
    "int_": "is not a whole number",
    "float_": "is not a number",
    "finite_number": "is not a number",
    "bool_": "is neither true nor false",
    "literal_error": "is none of the possible words",
    "missing": "is missing",
    "string_pattern_mismatch": "has characters or a length that are not allowed",
    "too_short": "names nothing",
    "too_long": "has too many entries",
}


def fault_of(error: ErrorDetails) -> str:
    """What is wrong with a value; of the value itself only a number is repeated."""
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind.startswith(("greater_than", "less_than")):
        return f"is {error['input']}, which is out of bounds"
    return next((fault for start, fault in _FAULTS.items() if kind.startswith(start)), "has the wrong type")


def is_consequence(error: ErrorDetails) -> bool:
    """Whether an error only says that another field's error kept this field's default from being computed."""
    return error["type"] == "default_factory_not_called"


def _choices(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 - any type annotation
    return tuple(str(word) for word in get_args(annotation)) if get_origin(annotation) is Literal else ()

"""Shapes of stored things as JSON Schemas, and whether one may follow another without a new schema version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel


def shape_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model without its words for people."""
    schema: dict[str, Any] = _bare(model.model_json_schema())
    return schema


def _bare(schema: Any) -> Any:
    match schema:
        case dict():
            words = {name for name in ("title", "description") if isinstance(schema.get(name), str)}
            return {name: _bare(value) for name, value in schema.items() if name not in words}
        case list():
            return [_bare(each) for each in schema]
        case _:
            return schema


def breaks(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Why `now` may not follow `before` under the same schema version; empty when it may.

    A field with a default may be added to a shape that keeps fields it does not know. Nothing else may change.
    """
    found = list(_of_one("", before, now))
    shapes = now.get("$defs", {})
    for name, shape in before.get("$defs", {}).items():
        found += [f"{name} is gone"] if name not in shapes else _of_one(f"{name}.", shape, shapes[name])
    return found


def _of_one(where: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    fields, fields_now = before.get("properties", {}), now.get("properties", {})
    for name, field in fields.items():
        if name not in fields_now:
            yield f"{where}{name} is gone"
        elif fields_now[name] != field:
            yield f"{where}{name} is {fields_now[name]} instead of {field}"
    added = fields_now.keys() - fields.keys()
    for name in sorted(added & set(now.get("required", ()))):
        yield f"{where}{name} is new and has no default"
    for name in sorted(added) if not now.get("additionalProperties", False) else ():
        yield f"{where}{name} is new in a shape that does not keep what it does not know"
    for name in sorted(set(now.get("required", ())) & fields.keys() - set(before.get("required", ()))):
        yield f"{where}{name} has no default any more"
    rest = ("enum", "type", "additionalProperties")
    for name in rest:
        if before.get(name) != now.get(name):
            yield f"{where}{name} is {now.get(name)} instead of {before.get(name)}"

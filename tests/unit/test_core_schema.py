"""Schema versions: what is older is migrated step by step, what is later is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.shapes import breaks
from worker.core import schema
from worker.core.errors import LaterSchema
from worker.core.schema import SCHEMA_VERSION, upgraded


@pytest.fixture
def third_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this the program of version 3: a part's `size` became `rows`, and then an account its own `region`."""
    migrations: dict[tuple[str, int], Any] = {
        ("part", 1): lambda fields: (
            {name: value for name, value in fields.items() if name != "size"} | {"rows": fields["size"]}
        ),
        ("part", 2): lambda fields: fields | {"region": "eu"},
    }
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(schema, "MIGRATIONS", migrations)


def test_fields_of_the_present_version_are_taken_as_they_are() -> None:
    """Nothing is changed, and what carries no version is of the first one."""
    assert upgraded("part", {"rows": 1, "schema_version": SCHEMA_VERSION}) == {"rows": 1, "schema_version": 1}
    assert upgraded("outcome", {"remote_id": "7"}) == {"remote_id": "7", "schema_version": 1}


@pytest.mark.usefixtures("third_version")
def test_older_fields_go_through_every_version_in_between() -> None:
    """Each migration sees what the one before has made; the fields that it was given stay as they were."""
    first = {"size": 7, "kept": True, "schema_version": 1}
    assert upgraded("part", first) == {"rows": 7, "kept": True, "region": "eu", "schema_version": 3}
    assert upgraded("part", {"rows": 7, "schema_version": 2}) == {"rows": 7, "region": "eu", "schema_version": 3}
    assert first == {"size": 7, "kept": True, "schema_version": 1}


@pytest.mark.usefixtures("third_version")
def test_a_kind_without_a_migration_has_the_same_shape() -> None:
    """Only the number moves on."""
    assert upgraded("account", {"account": "main", "schema_version": 1}) == {"account": "main", "schema_version": 3}


def test_a_later_version_is_refused_with_what_to_do() -> None:
    """The error names the kind and both versions."""
    with pytest.raises(LaterSchema, match=r"This part has schema version 2; this program reads up to 1\. Upgrade"):
        upgraded("part", {"schema_version": 2})


SHAPE: dict[str, Any] = {
    "additionalProperties": True,
    "properties": {"a": {"type": "integer"}, "b": {"default": 1, "type": "integer"}},
    "required": ["a"],
    "type": "object",
    "$defs": {"State": {"enum": ["on", "off"], "type": "string"}},
}


def reshaped(**changes: Any) -> dict[str, Any]:
    """The shape with changes."""
    return SHAPE | changes


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (reshaped(properties={"a": SHAPE["properties"]["a"]}), "b is gone"),
        (reshaped(properties=SHAPE["properties"] | {"a": {"type": "string"}}), "a is {'type': 'string'} instead of"),
        (reshaped(properties=SHAPE["properties"] | {"c": {}}, required=["a", "c"]), "c is new and has no default"),
        (
            reshaped(properties=SHAPE["properties"] | {"c": {"default": 1}}, additionalProperties=False),
            "c is new in a shape that does not keep what it does not know",
        ),
        (reshaped(required=["a", "b"]), "b has no default any more"),
        (reshaped(**{"$defs": {}}), "State is gone"),
        (reshaped(**{"$defs": {"State": {"enum": ["on", "off", "parked"], "type": "string"}}}), "State.enum is"),
    ],
)
def test_a_change_that_needs_a_new_version_is_found(now: dict[str, Any], why: str) -> None:
    """What is gone, changed, needed, or would be lost by an older program is named."""
    assert any(found.startswith(why) for found in breaks(SHAPE, now))


def test_a_field_with_a_default_needs_no_new_version() -> None:
    """A shape that keeps what it does not know may grow."""
    assert breaks(SHAPE, SHAPE) == []
    assert breaks(SHAPE, reshaped(properties=SHAPE["properties"] | {"c": {"default": 1, "type": "integer"}})) == []

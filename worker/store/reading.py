"""From the text of a key to a record of this program's version, by the rules of `worker.core.schema`."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import ValidationError

from worker.core.errors import LaterSchema
from worker.core.records import Record
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.store.errors import Later, Unreadable

R = TypeVar("R", bound=Record)


def read_record(shape: type[R], raw: str | None) -> R | None:
    """The record in the text of its key, as this program's version shapes it. Raises `Unreadable` or `Later`."""
    if raw is None:
        return None
    fields: Any = None
    try:
        fields = json.loads(raw)
        return shape.model_validate(upgraded(shape.record_kind, fields))
    except LaterSchema as later:
        fault: Unreadable = Later(str(later), fields)
    except ValidationError as error:
        fault = _damaged(shape, f"{error.error_count()} of its fields are missing or wrong")
    except (ValueError, TypeError, RecursionError):
        fault = _damaged(shape, "it is no JSON object")
    raise fault


def _damaged(shape: type[Record], fault: str) -> Unreadable:
    return Unreadable(f"A record ({shape.record_kind}) is damaged: {fault}. Restore it from a backup.")


def require_readable(version: int) -> None:
    """Raise `Later` when `version`, the store's, is later than this program's: who starts can read all of it."""
    if version > SCHEMA_VERSION:
        raise Later(
            f"The records in Redis were written by a later version of bulkverify (schema version {version}; this "
            f"program reads up to {SCHEMA_VERSION}). Start that version; docs/production.md tells how to go back."
        )

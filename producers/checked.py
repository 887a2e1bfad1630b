"""The base of everything that a request is made of: read strictly, never changed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator


class Checked(BaseModel):
    """A frozen part of the request: exact types, no unknown fields, null read as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data

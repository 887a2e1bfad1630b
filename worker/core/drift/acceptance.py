"""An acceptance: a person has looked into a difference of credits, and they are compared anew from then on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

from worker.core.change import Entry
from worker.core.schema import SCHEMA_VERSION, upgraded

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Most characters of the name of whoever accepted.
BY_CHARACTERS_MAX = 120


class Acceptance(BaseModel):
    """Who accepted what and when. Unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: int = SCHEMA_VERSION
    #: By the store's clock, epoch seconds; and when the reading was made that was compared with, `None` without one.
    at: float
    since: float | None = None
    #: User and host.
    by: str
    #: Credits that the provider took meanwhile, `None` where that cannot be told, and that the ledger says were spent.
    taken: int | None = None
    spent: int = 0
    #: Credits that were reserved by the ledger, and by the parts: the ledger was corrected to these.
    reserved: int = 0
    reserved_by_parts: int = 0

    @property
    def corrections(self) -> Mapping[Entry, int]:
        """What makes the ledger's reservations those of the parts; its entries only grow."""
        more = self.reserved - self.reserved_by_parts
        return {Entry.RELEASED: more} if more > 0 else {Entry.RESERVED: -more} if more < 0 else {}

    def dump(self) -> str:
        """The text that is kept."""
        return self.model_dump_json()

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        """Read what `dump` wrote. Raises `LaterSchema`, and `ValueError` where the text is damaged."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("an acceptance is a JSON object; the text is damaged")  # noqa: TRY004 - damage, like any other
        return cls.model_validate(upgraded("acceptance", fields))

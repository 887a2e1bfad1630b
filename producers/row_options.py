"""How the file of a request is to be read, where that should not be found out."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import Field, field_validator

from producers.checked import Checked
from producers.contract import COLUMN_CHARS_MAX, COLUMN_POSITION_MAX


class RowOptions(Checked):
    """How the file is to be read where it should not be found out: a field that is absent is detected."""

    column: Annotated[
        Annotated[str, Field(min_length=1, max_length=COLUMN_CHARS_MAX)]
        | Annotated[int, Field(ge=0, le=COLUMN_POSITION_MAX)]
        | None,
        Field(
            description="The column that holds the values: its name in the header, or its position counted from 0.",
            examples=["email", 0],
        ),
    ] = None
    header: Annotated[
        bool | None, Field(description="Whether the first row holds the columns' names.", examples=[True])
    ] = None
    delimiter: Annotated[
        str | None,
        Field(
            description="The character between two cells: one ASCII character other than a quote or a line end.",
            pattern=r"^[\t\x20\x21\x23-\x7e]$",
            examples=[",", ";", "\t"],
        ),
    ] = None
    encoding: Annotated[
        str | None,
        Field(
            description="The file's character encoding, by a name that Python knows.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
            examples=["utf-8", "cp1252"],
        ),
    ] = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        if encoding is None:
            return None
        try:
            "a".encode(encoding)
        except (LookupError, UnicodeError):
            raise ValueError("is not the name of a text encoding") from None
        return codecs.lookup(encoding).name

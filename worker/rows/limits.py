"""How large an input may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input may measure at most; beyond it, staging refuses the whole input and says where."""

    input_bytes_max: int = 2 * 1024**3
    input_rows_max: int = 20_000_000
    columns_max: int = 1_000
    #: Bytes of one cell in UTF-8; the csv module itself stops at 131,072 characters.
    cell_bytes_max: int = 64 * 1024
    #: Characters of one row, delimiters and quotes included: what staging and delivery hold in memory.
    row_characters_max: int = 1024 * 1024

"""Values that another program prints, as the rows of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.contract import INLINE_ROWS_MAX, REQUEST_BYTES_MAX
from producers.errors import SourceUnusable

if TYPE_CHECKING:
    from typing import BinaryIO

#: What stands for standard input in place of a file's name.
STANDARD_INPUT = "-"

_TO_A_FILE = "Put the values into a file and name the file."


def rows_of(stream: BinaryIO) -> list[str]:
    """The lines of a stream, without their ends; an empty line is a row without a value. Raises `SourceUnusable`.

    It is read to its end, or until it is longer than any request.
    """
    raw = stream.read(REQUEST_BYTES_MAX + 1)
    if len(raw) > REQUEST_BYTES_MAX:
        raise SourceUnusable(
            f"Standard input has more than {REQUEST_BYTES_MAX:,} bytes, the most for one request.", remedy=_TO_A_FILE
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceUnusable(
            f"Line {line} of standard input is not UTF-8.", remedy="Put it into a file, and name its --encoding."
        ) from None
    rows = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if not any(rows):
        raise SourceUnusable("There is nothing on standard input.", remedy="Print one value a line.")
    if len(rows) > INLINE_ROWS_MAX:
        raise SourceUnusable(
            f"Standard input has {len(rows):,} lines; at most {INLINE_ROWS_MAX:,} go into one request.",
            remedy=_TO_A_FILE,
        )
    return rows

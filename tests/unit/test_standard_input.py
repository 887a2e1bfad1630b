"""Values on standard input: one a line, and refused with what to do where they do not fit into a request."""

from __future__ import annotations

import io

import pytest

from producers.contract import INLINE_ROWS_MAX, REQUEST_BYTES_MAX
from producers.errors import SourceUnusable
from producers.standard_input import rows_of


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\n\nb\n\n", ["a", "", "b", ""]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        (" ü,1 \n".encode(), [" ü,1 "]),
    ],
)
def test_a_line_is_a_row(raw: bytes, rows: list[str]) -> None:
    """Lines are rows whatever their ends, empty ones too, and what ends the last line begins no row."""
    assert rows_of(io.BytesIO(raw)) == rows


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "There is nothing on standard input. Print one value a line."),
        (b"\n\r\n\n", "There is nothing"),
        (b"a\n" * (INLINE_ROWS_MAX + 1), "5,001 lines; at most 5,000 go into one request. Put the values into a file"),
        (b"x" * (REQUEST_BYTES_MAX + 1), "more than 262,144 bytes, the most for one request. Put the values into"),
        (b"a\nb\xff\n", "Line 2 of standard input is not UTF-8."),
    ],
)
def test_what_makes_no_request_is_refused(raw: bytes, said: str) -> None:
    """Nothing, too much and what is no text are refused with the remedy."""
    with pytest.raises(SourceUnusable) as caught:
        rows_of(io.BytesIO(raw))
    assert said in str(caught.value)

"""Streamed request bodies."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multipart import MultipartParser  # type: ignore[import-untyped] # its annotations lack the marker file

from worker.providers.body import BATCH_ROWS, CHUNK_BYTES, FormFields, FormFile, JsonValues
from worker.providers.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

#: Values as they can be staged: any text that a CSV cell can hold on one line.
VALUES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one file at a time."""
    return tmp_path_factory.mktemp("bodies")


def staged(folder: Path, values: list[str]) -> Path:
    """A file of one cell per line."""
    path = folder / "values.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([value] for value in values)
    return path


@given(values=VALUES)
def test_json_has_every_value_and_the_declared_length(folder: Path, values: list[str]) -> None:
    """The body is one JSON object with the fields and all values, exactly as long as it says, every time it is read."""
    form = JsonValues({"apiKey": 'k"', "version": 3}, "emails", staged(folder, values))
    once, again = b"".join(form), b"".join(form)
    assert once == again
    assert json.loads(once) == {"apiKey": 'k"', "version": 3, "emails": values}
    assert (len(form), form.rows) == (len(once), len(values))


@given(values=VALUES)
def test_json_may_have_a_row_of_one_cell_for_each_value(folder: Path, values: list[str]) -> None:
    """Rows are arrays of one string, also across batches and beside no other field, of the declared length."""
    form = JsonValues({}, "input", staged(folder, values * 3), cells=True)
    content = b"".join(form)
    assert json.loads(content) == {"input": [[value] for value in values * 3]}
    assert (len(form), form.rows) == (len(content), 3 * len(values))


def test_json_is_made_in_batches(folder: Path) -> None:
    """A long list is encoded some values at a time."""
    rows = 2 * BATCH_ROWS + 1
    form = JsonValues({}, "emails", staged(folder, [f"{number}@example.com" for number in range(rows)]))
    assert len(list(form)) == 5
    assert form.rows == rows


@pytest.mark.parametrize("line", ["a,b", "", '"a","b"'])
def test_a_line_that_is_not_one_cell_is_refused(folder: Path, line: str) -> None:
    """Two cells or none in a line are told with the line's number."""
    path = folder / "values.csv"
    path.write_text(f"a@example.com\n{line}\n", encoding="utf-8")
    with pytest.raises(Refused, match="line 2"):
        JsonValues({}, "emails", path)


@given(content=st.binary(max_size=2_000))
def test_a_form_is_one_file_of_the_declared_length(folder: Path, content: bytes) -> None:
    """The form wraps the file's bytes as they are, exactly as long as it says, every time it is read."""
    path = folder / "content.bin"
    path.write_bytes(content)
    form = FormFile(path, "values.csv")
    once = b"".join(form)
    boundary = form.content_type.partition("boundary=")[2].encode()
    head, _, rest = once.partition(b"\r\n\r\n")
    assert once == b"".join(form)
    assert len(form) == len(once)
    assert rest == content + b"\r\n--" + boundary + b"--\r\n"
    assert head.splitlines()[0] == b"--" + boundary
    assert b'name="file"; filename="values.csv"' in head


@given(key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_a_form_has_its_fields_before_the_file(folder: Path, key: str) -> None:
    """Text fields are parts of their own, read back by a server as they were given."""
    path = folder / "content.bin"
    path.write_bytes(b"a@example.com\n")
    form = FormFile(path, "values.csv", {"key": key})
    content = b"".join(form)
    parts = MultipartParser(io.BytesIO(content), form.content_type.partition("boundary=")[2], len(content)).parts()
    assert len(form) == len(content)
    assert [(part.name, part.filename, part.raw) for part in parts] == [
        ("key", None, key.encode()),
        ("file", "values.csv", b"a@example.com\n"),
    ]


@given(fields=st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=40)))
def test_form_fields_are_read_back_as_they_were_given(fields: dict[str, str]) -> None:
    """Whatever characters a link has, it arrives as it is, and the length is declared."""
    form = FormFields(fields)
    (content,) = form
    assert dict(parse_qsl(content.decode("ascii"), keep_blank_values=True)) == fields
    assert len(form) == len(content)


def test_a_form_is_read_in_chunks(folder: Path) -> None:
    """No piece of a form is larger than what a send timeout covers."""
    path = folder / "content.bin"
    path.write_bytes(bytes(3 * CHUNK_BYTES + 1))
    assert max(map(len, FormFile(path, "values.csv"))) == CHUNK_BYTES


def test_a_form_whose_file_shrinks_ends_short(folder: Path) -> None:
    """The end of the form is missing then, so that it cannot pass for complete."""
    path = folder / "content.bin"
    path.write_bytes(b"x" * 100)
    form = FormFile(path, "values.csv")
    path.write_bytes(b"x" * 50)
    assert len(b"".join(form)) < len(form)


def test_the_key_is_in_no_repr(folder: Path) -> None:
    """A body does not show its fields."""
    form = JsonValues({"apiKey": "s3cret"}, "emails", staged(folder, ["a"]))
    assert "s3cret" not in repr(form) + repr(FormFields({"key": "s3cret"}))

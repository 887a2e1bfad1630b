"""IPQualityScore's upload: a form with one file, JSON rows, or the URL of a file. Memory does not grow with a file."""

from __future__ import annotations

import csv
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header  # type: ignore[import-untyped] # its annotations lack the marker file

from worker.providers.sandbox.ipqs_pull import PullFailed, pull
from worker.providers.sandbox.wire import CHUNK_BYTES, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.providers.sandbox.knobs import IpqsKnobs

#: Bytes of a JSON body at most: it is held in memory.
JSON_BYTES_MAX = 32 * 1024 * 1024
#: Bytes of a form's file at most.
FILE_BYTES_MAX = 2 * 1024 * 1024 * 1024
#: Bytes of a form's other fields at most, each.
FIELD_BYTES_MAX = 4 * 1024
#: Parts of a form at most.
FORM_PARTS_MAX = 8
#: Parameters of an upload, wherever they are given.
PARAMETERS = frozenset({"key", "type", "file_name"})
#: Further parameters of an upload that is pulled, of which one is given: the link to the file (documented).
LINK_PARAMETERS = frozenset({"url", "input"})
#: Bytes of a body that has nothing but parameters at most.
PARAMETERS_BYTES_MAX = 16 * 1024


class BadUpload(ValueError):
    """The request's body is not an upload. The message is for the client."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What the body of an upload says. `values` can be read once, while the body's file is there."""

    values: Iterable[str]
    parameters: dict[str, str] = field(default_factory=dict)


@contextmanager
def read_upload(request: Request, folder: Path, knobs: IpqsKnobs) -> Iterator[Upload]:
    """The request's body; a file is kept in `folder` within the context, a list's URL is followed by reading values.

    Raises `BadUpload`, also while the values are read, and `BodyCut`.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    link = LINK_PARAMETERS & set(request.query)
    if request.method == "GET" or link or content_type == "application/x-www-form-urlencoded":
        with tempfile.TemporaryFile(dir=folder) as file:
            yield _pulled(request, file, knobs)
        return
    length = request.headers.get("content-length", "")
    if not length.isdigit() or length == "0":
        raise BadUpload("The Content-Length header is required and must not be 0.")
    if content_type == "application/json":
        yield _json_rows(request, int(length))
    elif content_type == "multipart/form-data" and options.get("boundary"):
        with tempfile.TemporaryFile(dir=folder) as file:
            yield _form(request, options["boundary"], int(length), file)
    else:
        raise BadUpload(
            "The Content-Type must be multipart/form-data or application/json, unless the URL of the file is given."
        )


def without_header(values: Iterable[str], column: str) -> Iterator[str]:
    """The values, but for a first one that names the column."""
    for position, value in enumerate(values):
        if position or value.strip().lower() != column:
            yield value


def _pulled(request: Request, file: IO[bytes], knobs: IpqsKnobs) -> Upload:
    """Parameters of a list's URL may be in query and body alike; nothing is fetched before the first value is read."""
    fields = _parameters(request)
    links = [fields.pop(name, request.query.get(name)) for name in sorted(LINK_PARAMETERS)]
    given = [link for link in links if link]
    if len(given) != 1:
        raise BadUpload("Exactly one of url and input must name the file.")
    return Upload(_pulled_cells(given[0], file, knobs), fields)


def _parameters(request: Request) -> dict[str, str]:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > PARAMETERS_BYTES_MAX:
        raise BadUpload(f"Parameters have a Content-Length of at most {PARAMETERS_BYTES_MAX} bytes.")
    fields = dict(parse_qsl(request.body.read(int(length)).decode(errors="replace"), keep_blank_values=True))
    if not set(fields) <= PARAMETERS | LINK_PARAMETERS:
        raise BadUpload("The body has a parameter other than url, input, key, type and file_name.")
    return fields


def _pulled_cells(url: str, file: IO[bytes], knobs: IpqsKnobs) -> Iterator[str]:
    try:
        pull(url, file, knobs)
    except PullFailed as failed:
        raise BadUpload(str(failed)) from None
    file.seek(0)
    yield from _cells(file)


def _json_rows(request: Request, length_bytes: int) -> Upload:
    if length_bytes > JSON_BYTES_MAX:
        raise BadUpload(f"A JSON body has at most {JSON_BYTES_MAX} bytes here; upload a file.")
    try:
        document = json.loads(request.body.read(length_bytes))
    except ValueError:
        raise BadUpload("The body is not JSON.") from None
    if not isinstance(document, dict) or not set(document) <= PARAMETERS | {"input"}:
        raise BadUpload("The body must be an object with input and nothing beyond file_name, key and type.")
    rows = document.pop("input", None)
    if not isinstance(rows, list) or not all(map(_is_one_cell, rows)):
        raise BadUpload("input must be an array of arrays with one string each.")
    if not all(isinstance(value, str) for value in document.values()):
        raise BadUpload("file_name, key and type must be strings.")
    return Upload([row[0] for row in rows], document)


def _is_one_cell(row: object) -> bool:
    return isinstance(row, list) and len(row) == 1 and isinstance(row[0], str)


def _form(request: Request, boundary: str, length_bytes: int, file: IO[bytes]) -> Upload:
    fields: dict[str, bytearray] = {}
    files = 0
    target: bytearray | IO[bytes] = file
    parser = PushMultipartParser(
        boundary,
        content_length=length_bytes,
        max_segment_count=FORM_PARTS_MAX,
        max_segment_size=FILE_BYTES_MAX,
        strict=True,
    )
    try:
        with parser:
            for event in parser.parse_blocking(request.body.read, CHUNK_BYTES):
                if isinstance(event, MultipartSegment):
                    files += event.filename is not None
                    target = file if event.filename is not None else fields.setdefault(event.name, bytearray())
                elif isinstance(target, bytearray):
                    target += event or b""
                    _check_size(target)
                elif event:
                    target.write(event)
    except MultipartError as problem:
        raise BadUpload(f"The form cannot be read: {problem}.") from None
    if files != 1:
        raise BadUpload(f"The form must have exactly one file, not {files}.")
    if not set(fields) <= PARAMETERS:
        raise BadUpload("The form has a field other than key, type and file_name.")
    file.seek(0)
    return Upload(_cells(file), {name: value.decode(errors="replace") for name, value in fields.items()})


def _check_size(value: bytearray) -> None:
    if len(value) > FIELD_BYTES_MAX:
        raise BadUpload(f"A form field has more than {FIELD_BYTES_MAX} bytes.")


def _cells(file: IO[bytes]) -> Iterator[str]:
    """The cells of a single-column CSV file. Raises `BadUpload`."""
    lines = (line.decode("utf-8") for line in file)
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if len(row) == 1:
                yield row[0]
            elif row:
                raise BadUpload(f"Line {reader.line_num} has {len(row)} columns; one is expected.")
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadUpload(f"The file cannot be read at line {reader.line_num + 1}: {problem}.") from None

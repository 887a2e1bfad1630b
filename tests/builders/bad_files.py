"""The table of bad files: paths that lead nowhere, and contents that are no list."""

from __future__ import annotations

import gzip
import io
import os
import socket
import zipfile
from typing import TYPE_CHECKING

from tests.builders.bad_input import Ground, bad_file, bad_path

if TYPE_CHECKING:
    from pathlib import Path

#: Limits of the line that the table is sent through: as small as the files below are over them.
LIMITS = {"input_bytes_max": 20_000, "input_rows_max": 50, "columns_max": 8, "cell_bytes_max": 500}


def _link(ground: Ground, name: str, target: Path | str) -> Path:
    link = ground.inside / name
    link.symlink_to(target)
    return link


def _loop(ground: Ground) -> Path:
    _link(ground, "loop-a.csv", "loop-b.csv")
    return _link(ground, "loop-b.csv", "loop-a.csv")


def _pipe(ground: Ground) -> Path:
    os.mkfifo(ground.inside / "pipe.csv")
    return ground.inside / "pipe.csv"


def _socket(ground: Ground) -> Path:
    path = ground.inside / "socket.csv"
    here = os.open(ground.inside, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # The path of a socket is short; that of a test's folder may not be.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/socket.csv" if os.path.exists("/proc/self/fd") else str(path))  # noqa: PTH110 - a name, not a place
    finally:
        os.close(here)
    return path


def _forbidden(ground: Ground) -> Path:
    path = ground.file("forbidden.csv", "email\nann@example.com\n")
    path.chmod(0)
    return path


def _empty(ground: Ground) -> Path:
    return ground.file("nothing.csv", "")


_ROOTS = "not inside a folder that may be read"
_INPUT_ROOTS = "BULKVERIFY_INPUT_ROOTS"

BAD_PATHS = (
    bad_path("a path outside the roots", lambda g: g.outside / "secret.csv", "outside_roots", _ROOTS, _INPUT_ROOTS),
    bad_path("a path to nothing outside", lambda g: g.outside / "gone.csv", "outside_roots", _ROOTS, _INPUT_ROOTS),
    bad_path("a path that leads up", lambda g: f"{g.inside}/../outside/secret.csv", "outside_roots", _INPUT_ROOTS),
    bad_path(
        "a link out of the roots", lambda g: _link(g, "out.csv", "../outside/secret.csv"), "outside_roots", _ROOTS
    ),
    bad_path("a folder's link out", lambda g: _link(g, "out", "../outside") / "secret.csv", "outside_roots", _ROOTS),
    bad_path("a device", lambda g: _link(g, "null.csv", "/dev/null"), "outside_roots", "null.csv", _INPUT_ROOTS),
    bad_path("the root folder", lambda _: "/", "outside_roots", "'/'", _INPUT_ROOTS),
    bad_path("links in a circle", _loop, "unreadable", "loop-b.csv", "Check the path"),
    bad_path("a folder", lambda g: g.inside, "unreadable", "is not a plain file", "name a text file"),
    bad_path("a pipe", _pipe, "unreadable", "pipe.csv", "is not a plain file", "name a text file"),
    bad_path("a socket", _socket, "unreadable", "socket.csv", "cannot be read", "Check the path"),
    bad_path("a path through a file", lambda g: g.file("f", "x") / "a.csv", "unreadable", "f/a.csv", "Check the path"),
    bad_path("a missing file", lambda g: g.inside / "gone.csv", "not_found", "gone.csv", "the same path"),
    bad_path("a trailing space", lambda g: f"{g.inside}/good.csv ", "not_found", "good.csv '", "the same path"),
    bad_path("a hostile path", lambda g: f"{g.inside}/\x1b[2J\n\u202e$(x).csv", "not_found", "\\x1b[2J\\n\\u202e$(x)"),
    bad_path("a long name", lambda g: g.inside / ("x" * 300), "unreadable", "xxx", "Check the path"),
    bad_path("a deep path", lambda g: f"{g.inside}/{'d/' * 1_500}a.csv", "not_found", "…", "d/a.csv"),
    bad_path("an empty file", _empty, "empty", "nothing.csv", "is empty", "name a file with something"),
    bad_path("a file without permission", _forbidden, "unreadable", "forbidden.csv", "permissions", superuser_may=True),
)


def _workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


_LIST = "email\nann@example.com\nbob@example.com\n"
_GZIP = gzip.compress(_LIST.encode())
_UTF8 = "name,email\nZoë,zoe@example.com\n"
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_ENCODING = "options.encoding"

BAD_FILES = (
    bad_file("latin one", _UTF8.encode("latin-1"), "encoding", "latin-one.csv: line 2 is not valid utf-8", _ENCODING),
    bad_file("mixed encodings", _UTF8.encode() + b"Zo\xeb,z@example.com\n", "encoding", "line 3", _ENCODING),
    bad_file("a cut character", _UTF8.encode() + "Zoë".encode()[:-1], "encoding", "line 3", "save it as UTF-8"),
    bad_file("surrogates", b"email\n\xed\xa0\x80@example.com\n", "encoding", "line 2", _ENCODING),
    bad_file("no utf sixteen mark", _LIST.encode("utf-16-le"), "binary", "line 1 holds a NUL", "utf-16-le"),
    bad_file(
        "utf eight declared utf sixteen",
        _LIST,
        "encoding",
        "leave it out if the file is UTF-8",
        _ENCODING,
        options={"encoding": "utf-16"},
    ),
    bad_file(
        "utf eight declared utf thirty two", _LIST, "encoding", "leave it out", options={"encoding": "utf-32"}
    ),
    bad_file("utf eight declared ascii", _UTF8, "encoding", "line 2 is not valid ascii", options={"encoding": "ascii"}),
    bad_file("declared utf seven", _LIST, "encoding", "'utf-7'", "use utf-8", options={"encoding": "utf-7"}),
    bad_file("declared idna", _LIST, "encoding", "'idna'", "use utf-8", options={"encoding": "idna"}),
    bad_file("two files in one", b"\xef\xbb\xbf".join([b"", _LIST.encode(), _LIST.encode()]), "encoding", "line 4"),
    bad_file("nul characters", "email\nann\0@example.com\n", "binary", "line 2 holds a NUL character", "remove it"),
    bad_file("a workbook", _workbook(), "binary", "an Excel workbook", "save the sheet as CSV"),
    bad_file("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1", "binary", "an old Excel workbook", "save the sheet"),
    bad_file("a picture", _PNG, "binary", "a picture", "write the list as text"),
    bad_file("gzip twice", gzip.compress(_GZIP), "binary", "compressed with gzip twice", "compress it once"),
    bad_file("cut gzip", _GZIP[:-9], "compression", "cut-gzip.csv is compressed", "is cut off", "compress the list"),
    bad_file("damaged gzip", _GZIP[:-8] + bytes(8), "compression", "damaged", "compress the list again"),
    bad_file("gzip and more", _GZIP + b"email\n", "compression", "to its end", "is not gzip", "send it as it is"),
    bad_file("a gzip bomb", gzip.compress(bytes(1_000_000)), "too_large", "decompressed", "20,000 bytes", "split it"),
    bad_file("a document in gzip", gzip.compress(b"%PDF-1.7"), "binary", "a PDF document", "export the list as CSV"),
    bad_file("a document", b"%PDF-1.7\n%\xe2\xe3", "binary", "a PDF document", "export the list as CSV"),
    bad_file("random bytes", bytes(range(128, 256)) * 4, "encoding", "line 1", _ENCODING),
    bad_file("only a header", "email\n", "empty", "'email'", "0 rows", "check the file"),
    bad_file("only blanks", "  \n\t\n   \n", "empty", "no email to verify", "check the file"),
    bad_file("only line ends", "\r\n" * 9, "empty", "no email to verify", "check the file"),
    bad_file("only a byte order mark", b"\xef\xbb\xbf", "empty", "no email to verify", "check the file"),
    bad_file("only line breaks in cells", 'email\n"a\nb"\n', "empty", "no email to verify", "check the file"),
    bad_file("an empty column", "id,email\n1,\n2,\n", "empty", "'email'", "2 rows", "options.column"),
    bad_file("another delimiter", "id,email\n1,a@example.com\n", "column_not_found", "'email'", "position",
             options={"column": "email", "delimiter": ";"}),
    bad_file("no clear delimiter", "a b,c;d\ne,f;g\n", "delimiter", "cannot tell", "options.delimiter"),
    bad_file("an open quote", 'email\nann@example.com\n"bob@example.com\n', "quote", "line 3", "close the quote"),
    bad_file("no such column", "id,email\n1,a@example.com\n", "column_not_found", "'mail'", "'email' (position 1)",
             options={"column": "mail"}),
    bad_file("no such position", "id,email\n1,a@example.com\n", "column_not_found", "options.column is 9",
             options={"column": 9}),
    bad_file("two columns of a name", "email,email\na@x.example,b@x.example\n", "column_unclear", "options.column",
             options={"column": "email"}),
    bad_file("two columns of values", "a@x.example,b@x.example\n" * 2, "column_unclear", "(position 1)", "options"),
    bad_file("no column of values", "id,word\n1,b\n2,c\n", "column_not_found", "no column looks like email", "options"),
    bad_file("hostile columns", "\x1b[2J,\u202e\n1,b\n", "column_not_found", "\\x1b[2J", "\\u202e",
             options={"header": True}),
    bad_file("long columns", ",".join("\U000e0001" * 30 for _ in range(8)), "column_not_found", "options.column is 'x'",
             options={"header": True, "column": "x"}),
    bad_file("a header of values", "ann@example.com\nbob@example.com\n", "header", "options.header is true", "false",
             options={"header": True}),
    bad_file("many bytes", _LIST + "x" * 20_000, "too_large", "many-bytes.csv", "20,000 bytes", "split it"),
    bad_file("a row too many", "email\n" + "a@example.com\n" * 51, "too_many_rows", "50 rows", "split it"),
    bad_file("many columns", ",".join("abcdefghi") + "\n" + "1,2,3,4,5,6,7,8,a@x.example\n", "too_many_columns",
             "line 1 has 9 cells", "drop columns"),
    bad_file("a large cell", f"email,note\na@x.example,{'x' * 501}\n", "cell_too_large", "line 2", "501", "shorten it"),
    bad_file("ips as email", "".join(f"192.0.2.{n}\n" for n in range(40)), "wrong_kind", "of the 40 values looked at",
             "0 look like email", "most look like proxy", "Give the kind", "options.column to 0"),
    bad_file("names as email", "Ann Lee\nBob Ray\n", "wrong_kind", "2 values", "no kind that has", "options.column"),
    bad_file("a header of another kind", "email\na@x.example\nb@x.example\n", "wrong_kind", "0 look like phone",
             "most look like email", "Give the kind", kind="phone"),
    bad_file("ips that are words", "ip\n\n", "empty", "no proxy to verify", kind="proxy"),
)  # fmt: skip

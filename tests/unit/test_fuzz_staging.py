"""Whatever bytes a list is made of, staging refuses them in words or accounts for every row."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from producers.inline_rows import rows_as_file
from tests.builders.fuzzing import fuzzing
from worker.providers.port import Kind
from worker.rows.csv_rows import CsvRows
from worker.rows.dialect import Dialect, Options, plain_values
from worker.rows.errors import InputError, NoValues
from worker.rows.limits import Limits
from worker.rows.pullable import has_same_lines, pull_obstacles
from worker.rows.staging import Staged, stage
from worker.rows.values import fold_key

#: Small limits, so that made-up files reach them.
LIMITS = Limits(input_bytes_max=2_000, input_rows_max=30, columns_max=6, cell_bytes_max=200, row_characters_max=400)
#: Most characters of a refusal.
MESSAGE_CHARACTERS_MAX = 3_000

_PIECES = st.one_of(
    st.sampled_from(["email", "ann@example.com", "bob@example.com", "203.0.113.7", "::1", "https://x.example/a,b"]),
    st.sampled_from(["Zoë", "\ufeff", "\0", "\x85", "\u2028", "\x1b[2J", "\u202e", "x" * 250, "+1 202 555 0143"]),
    st.sampled_from([",", ";", "|", '"', '""', " ", "\t"]),
    st.sampled_from(["\n", "\n", "\r\n", "\r"]),
)
_CODECS = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7"]

CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.tuples(st.lists(_PIECES, max_size=40), st.sampled_from(_CODECS)).map(
        lambda made: "".join(made[0]).encode(made[1], "replace")
    ),
    st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"\xff\xfe", b"", b'"', b"\n" * 40, b"a," * 900]),
    st.lists(st.binary(max_size=12), max_size=30).map(b"\n".join),
)
OPTIONS = st.builds(
    Options,
    column=st.sampled_from([None, None, None, "email", "x", 0, 1, 5, 9_999, -1]),
    header=st.sampled_from([None, None, True, False]),
    delimiter=st.sampled_from([None, None, None, ",", ";", "\t", "a"]),
    encoding=st.sampled_from([None, None, None, "utf-8", "ascii", "utf-16", "utf-32", "utf-16-le", "cp1252", "hz"])
    | st.sampled_from(["iso2022_jp", "utf-7", "idna", "undefined", "utf_8_sig", "big5", "cp037"]),
)


#: What the contract lets stand in a row.
ROWS = st.one_of(
    st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=12),
    st.sampled_from(["ann@example.com", "ann@EXAMPLE.com", "203.0.113.7", "", " ", '"', ",", "\ufeffa", "\x85"]),
)


def staged_of(path: Path, kind: Kind, options: Options, rows_per_part: int, dialect: Dialect | None = None) -> Staged:
    """What staging makes of a file, beside which its parts lie then. Raises `InputError`."""
    return stage(
        path,
        path.parent,
        kind=kind,
        options=options,
        limits=LIMITS,
        rows_per_part=rows_per_part,
        on_progress=lambda _: None,
        dialect=dialect,
    )


def sent_of(staged: Staged) -> list[list[str]]:
    """Every line that is to be sent, as its cells."""
    return [row for part in staged.parts for row in csv.reader(io.StringIO(part.path.read_text(), newline=""))]


@fuzzing(400)
@given(content=CONTENTS, kind=st.sampled_from(Kind), options=OPTIONS, rows_per_part=st.integers(1, 9))
@example(content=b"email\na@x.example\n", kind=Kind.EMAIL, options=Options(encoding="utf-16"), rows_per_part=1)
@example(content=b"email\na@x.example\n", kind=Kind.EMAIL, options=Options(encoding="utf-32"), rows_per_part=1)
def test_any_file_is_refused_in_words_or_accounted_for(
    content: bytes, kind: Kind, options: Options, rows_per_part: int
) -> None:
    """Every row is empty, withheld, folded or sent once, in parts that hold it; else the file is named."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        try:
            staged = staged_of(path, kind, options, rows_per_part)
        except InputError as error:
            refused = str(error)
        else:
            check_conserved(path, kind, staged)
            check_pullable(path, staged)
            return
    assert "list.csv" in refused
    assert refused.isprintable(), ascii(refused)
    assert len(refused) <= MESSAGE_CHARACTERS_MAX


def check_pullable(path: Path, staged: Staged) -> None:
    """Fail unless a list counts as one that a provider may fetch exactly if its lines are the values to be sent."""
    first = staged.parts[0].path
    possible = not pull_obstacles(staged, same_lines=has_same_lines(path, first))
    found = path.read_bytes().replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    assert not possible or len(staged.parts) == 1
    assert not possible or found == first.read_bytes().removesuffix(b"\n").split(b"\n")


@fuzzing(150)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=20),
    kind=st.sampled_from([kind for kind in Kind if not kind.secret]),
    rows_per_part=st.integers(1, 9),
)
@example(rows=["email", "<!doctype html>", "PK\x03\x04"], kind=Kind.LEAKED_USERNAME, rows_per_part=9)
def test_any_rows_of_a_request_are_accounted_for(rows: list[str], kind: Kind, rows_per_part: int) -> None:
    """Rows are never refused for what they look like: each is empty, withheld, folded or sent, and none else is."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(rows_as_file(rows))
        try:
            staged = staged_of(path, kind, Options(), rows_per_part, plain_values(kind))
        except NoValues:
            assert not any(row.strip() and row.isprintable() for row in rows)
            return
        assert staged.rows == len(rows)
        check_conserved(path, kind, staged)
        assert {value for (value,) in sent_of(staged)} <= {row.strip() for row in rows}


def check_conserved(path: Path, kind: Kind, staged: Staged) -> None:
    """Fail unless rows and parts are those of the file, read once more and counted one by one."""
    assert staged.rows == staged.empty + staged.withheld + staged.folded + staged.distinct
    sent = sent_of(staged)
    assert all(len(row) == 1 for row in sent)
    keys = [fold_key(kind, row[0]) for row in sent]
    assert len(set(keys)) == len(keys) == staged.distinct == sum(part.rows for part in staged.parts) > 0
    text = io.StringIO(path.read_bytes().decode(staged.dialect.encoding), newline="")
    rows = list(CsvRows(text, staged.dialect.delimiter, path.name, LIMITS.row_characters_max))
    assert len(rows) == staged.rows + staged.dialect.header

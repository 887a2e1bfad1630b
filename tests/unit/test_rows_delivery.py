"""Delivery: verdicts joined back to every row."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core.rows import RowCounts, RowState
from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows import raw_rows, verdict_lines
from worker.rows.added_columns import added_columns
from worker.rows.collected import CollectedPart, SentPart, write_verdicts
from worker.rows.delivery import USUAL_FORM, Delivered, StagedInput, deliver
from worker.rows.dialect import Options
from worker.rows.errors import CollectedUnreadable, InputChanged, RowIndexDamaged
from worker.rows.index import IndexWriter
from worker.rows.limits import Limits
from worker.rows.result_form import ResultForm
from worker.rows.result_text import result_delimiter
from worker.rows.staging import Staged, stage
from worker.rows.values import fold_key, row_value
from worker.rows.verdict_lines import OPEN_FILES_MAX
from worker.rows.verdict_rests import KEPT_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


OK, BAD, RISKY = VerdictWord.OK, VerdictWord.BAD, VerdictWord.RISKY


def nobody(_rows: int) -> None:
    """Progress that nobody wants to know."""


class Delivery:
    """One list on its way through staging and delivery in a folder."""

    def __init__(
        self,
        folder: Path,
        content: str | bytes,
        *,
        kind: Kind = Kind.EMAIL,
        options: Options | None = None,
        rows_per_part: int = 5_000,
    ) -> None:
        self.folder = folder
        self.kind = kind
        self.path = folder / "list.csv"
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.staged: Staged = stage(
            self.path,
            folder,
            kind=kind,
            options=options or Options(),
            limits=Limits(),
            rows_per_part=rows_per_part,
            on_progress=nobody,
        )
        self.out = io.BytesIO()

    @property
    def staged_input(self) -> StagedInput:
        """What staging found out."""
        return StagedInput(self.path, self.staged.index, self.staged.dialect, self.kind, self.staged.input_sha256)

    def collected(self, index: int, verdicts: Sequence[Verdict]) -> CollectedPart:
        """A part's verdicts, checked on a day of March."""
        path = self.folder / f"part-{index}.jsonl"
        with path.open("wb") as file:
            write_verdicts(verdicts, self.kind, file)
        return CollectedPart(path, self.staged.parts[index].path, f"2026-03-{index + 1:02d}T00:00:00Z")

    def deliver(
        self,
        *parts: Sequence[Verdict],
        on_progress: Callable[[int], None] = nobody,
        form: ResultForm = USUAL_FORM,
    ) -> Delivered:
        """Deliver with the verdicts of the first parts; the others were not collected."""
        sent = [
            SentPart(
                part.index,
                part.rows,
                self.collected(part.index, parts[part.index]) if part.index < len(parts) else None,
            )
            for part in self.staged.parts
        ]
        return deliver(
            self.staged_input,
            sent,
            self.out,
            folder=self.folder,
            provider="ipqs",
            limits=Limits(),
            on_progress=on_progress,
            form=form,
        )

    @property
    def text(self) -> str:
        """The result as it is."""
        return self.out.getvalue().decode()

    @property
    def result(self) -> list[list[str]]:
        """The rows of the result, its header first."""
        delimiter = result_delimiter(self.staged.dialect)
        return list(csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter))


def verdict(value: str, word: VerdictWord = OK, **columns: str) -> Verdict:
    """A verdict on a value."""
    return Verdict(value, word, columns)


def test_every_row_comes_back_in_order_with_its_verdict(tmp_path: Path) -> None:
    """All five ends of a row: matched, folded, empty, withheld, missing; original cells as they were."""
    delivery = Delivery(
        tmp_path,
        'n,Email,note\n1, a@x.example ,"x, ""y"""\n\n2,b@x.example\n'
        '3,a@X.EXAMPLE,"l1\r\nl2"\n4,"c\nd",\n5,e@x.example,z\n',
        rows_per_part=1,
    )
    delivered = delivery.deliver([verdict("a@x.example", score="1", sex="f")], [verdict("b@x.example", BAD, score="9")])
    first, second = ["ipqs", "2026-03-01T00:00:00Z"], ["ipqs", "2026-03-02T00:00:00Z"]
    assert delivery.result == [
        ["n", "Email", "note", "bv_row", "bv_verdict", "bv_provider", "bv_checked_at", "score", "sex"],
        ["1", " a@x.example ", 'x, "y"', "matched", "ok", *first, "1", "f"],
        ["", "", "", "empty", "", "", "", "", ""],
        ["2", "b@x.example", "", "matched", "bad", *second, "9", ""],
        ["3", "a@X.EXAMPLE", "l1\r\nl2", "folded", "ok", *first, "1", "f"],
        ["4", "c\nd", "", "withheld", "", "", "", "", ""],
        ["5", "e@x.example", "z", "missing", "", "", "", "", ""],
    ]
    assert delivered.counts == RowCounts(rows=6, matched=2, folded=1, empty=1, withheld=1, missing=1)
    assert delivered.verdicts == {"ok": 2, "bad": 1}
    assert list(delivered.columns) == delivery.result[0]


def test_the_result_is_measured(tmp_path: Path) -> None:
    """Size and digest are those of the bytes written."""
    delivery = Delivery(tmp_path, "a@x.example\r\n")
    delivered = delivery.deliver([verdict("a@x.example")])
    content = delivery.out.getvalue()
    assert (delivered.bytes, delivered.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_an_input_without_header_gets_one(tmp_path: Path) -> None:
    """Columns are numbered, and the value column is named after the kind."""
    delivery = Delivery(tmp_path, "1;192.0.2.1;x\n2;192.0.2.2;y\n", kind=Kind.PROXY)
    delivery.deliver([])
    assert delivery.result[0][:4] == ["column_1", "proxy", "column_3", "bv_row"]
    assert [row[:3] for row in delivery.result[1:]] == [["1", "192.0.2.1", "x"], ["2", "192.0.2.2", "y"]]


def test_a_provider_may_change_case(tmp_path: Path) -> None:
    """Lower-cased answers find their values, each value's first row counting as matched."""
    delivery = Delivery(tmp_path, "Jo@x.example\njo@x.example\nAL@x.example\nJo@x.example\n")
    delivered = delivery.deliver([verdict("jo@x.example"), verdict("jo@x.example"), verdict("al@x.example", BAD)])
    assert [row[1:3] for row in delivery.result[1:]] == [
        ["matched", "ok"],
        ["matched", "ok"],
        ["matched", "bad"],
        ["folded", "ok"],
    ]
    assert delivered.extra_verdicts == 0


def test_a_verdict_on_one_value_is_not_given_to_another(tmp_path: Path) -> None:
    """Of two values that differ in case only, the one that the provider left out has no verdict."""
    delivery = Delivery(tmp_path, "JO@x.example\njo@x.example\n")
    delivered = delivery.deliver([verdict("jo@x.example")])
    assert [row[1] for row in delivery.result[1:]] == ["missing", "matched"]
    assert delivered.counts.partial


def test_an_ambiguous_case_is_missing_rather_than_guessed(tmp_path: Path) -> None:
    """Of two verdicts that differ in case only, neither is taken for a third spelling."""
    delivery = Delivery(tmp_path, "jo@x.example\nJO@x.example\nJo@x.example\n")
    delivered = delivery.deliver([verdict("jo@x.example"), verdict("JO@x.example", BAD)])
    assert [row[1:3] for row in delivery.result[1:]] == [["matched", "ok"], ["matched", "bad"], ["missing", ""]]
    assert delivered.counts.partial


def test_a_value_that_folds_stays_folded_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the very first row with a value is matched, however far apart its rows are; progress is told by blocks."""
    monkeypatch.setattr(raw_rows, "BLOCK_BYTES", 15 * 1_000)
    rows = 2_003
    delivery = Delivery(tmp_path, "same@x.example\n" * rows)
    told: list[int] = []
    delivered = delivery.deliver([verdict("same@x.example")], on_progress=told.append)
    assert delivered.counts == RowCounts(rows=rows, matched=1, folded=rows - 1, empty=0, withheld=0, missing=0)
    assert told == [1_000, 2_000, rows]


def test_duplicate_and_extra_verdicts_are_counted_not_written(tmp_path: Path) -> None:
    """The first of several verdicts on a value counts; values that were never sent get no row."""
    delivery = Delivery(tmp_path, "a@x.example\n")
    delivered = delivery.deliver([verdict("a@x.example"), verdict("z@x.example"), verdict("a@x.example", BAD)])
    assert [row[:3] for row in delivery.result[1:]] == [["a@x.example", "matched", "ok"]]
    assert (delivered.extra_verdicts, delivered.duplicate_verdicts) == (1, 1)


def test_columns_may_differ_between_verdicts(tmp_path: Path) -> None:
    """A column that only some verdicts bring, in whatever order, is blank for the others."""
    delivery = Delivery(tmp_path, "a@x.example\nb@x.example\nc@x.example\n", rows_per_part=2)
    delivery.deliver(
        [verdict("a@x.example", p="1", q="2"), verdict("b@x.example", q="3", p="4")], [verdict("c@x.example", r="5")]
    )
    assert [row[5:] for row in delivery.result] == [["p", "q", "r"], ["1", "2", ""], ["4", "3", ""], ["", "", "5"]]


@pytest.mark.parametrize("length", [1, KEPT_BYTES_MAX])
def test_verdicts_that_say_the_same_keep_their_own_state_and_day(tmp_path: Path, length: int) -> None:
    """What is made once for many verdicts, or each time for long ones, has each row's state and its part's day."""
    delivery = Delivery(tmp_path, "a@x.example\nb@x.example\na@x.example\nc@x.example\n", rows_per_part=2)
    said = "," * length
    delivery.deliver([verdict("a@x.example", q=said), verdict("b@x.example", q=said)], [verdict("c@x.example", q=said)])
    first, second = "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"
    assert [row[1:] for row in delivery.result[1:]] == [
        ["matched", "ok", "ipqs", first, said],
        ["matched", "ok", "ipqs", first, said],
        ["folded", "ok", "ipqs", first, said],
        ["matched", "ok", "ipqs", second, said],
    ]


def test_twins_with_answers_in_conflict_are_missing(tmp_path: Path) -> None:
    """Two values that differ in case, answered twice in small letters, differently and in another order."""
    delivery = Delivery(tmp_path, "Jo@x.example\njo@x.example\nal@x.example\n")
    answers = [verdict("al@x.example"), verdict("jo@x.example"), verdict("jo@x.example", BAD)]
    delivered = delivery.deliver(answers)
    assert [row[1:3] for row in delivery.result[1:]] == [["missing", ""], ["missing", ""], ["matched", "ok"]]
    assert delivered.counts.missing == 2
    assert delivered.verdicts == {"ok": 1}


@pytest.mark.parametrize(
    ("columns", "own", "expected"),
    [
        (["email"], ["valid"], ["bv_row", "bv_verdict", "bv_provider", "bv_checked_at", "valid"]),
        (["Valid"], ["valid"], ["bv_row", "bv_verdict", "bv_provider", "bv_checked_at", "ipqs_valid"]),
        (["valid", "ipqs_valid"], ["valid"], ["bv_row", "bv_verdict", "bv_provider", "bv_checked_at", "ipqs_valid_2"]),
        (["BV_ROW"], ["x"], ["bv_row_2", "bv_verdict_2", "bv_provider_2", "bv_checked_at_2", "x"]),
        (["bv_row", "bv_row_2"], [], ["bv_row_3", "bv_verdict_3", "bv_provider_3", "bv_checked_at_3"]),
        (
            [],
            ["bv_row", "A", "a"],
            ["bv_row", "bv_verdict", "bv_provider", "bv_checked_at", "ipqs_bv_row", "A", "ipqs_a"],
        ),
    ],
)
def test_added_names_give_way(columns: list[str], own: list[str], expected: list[str]) -> None:
    """The input's names stay; ours and the provider's move aside by one rule."""
    assert list(added_columns(columns, "ipqs", own)) == expected


def test_a_result_can_be_verified_again(tmp_path: Path) -> None:
    """A result is an input like any other, and keeps its first verdicts beside the second."""
    first = Delivery(tmp_path, "email\na@x.example\n")
    first.deliver([verdict("a@x.example", BAD, score="1")])
    second = Delivery(tmp_path, first.out.getvalue().decode())
    second.deliver([verdict("a@x.example", OK, score="2")])
    row = dict(zip(*second.result, strict=True))
    assert (row["bv_verdict"], row["score"], row["bv_verdict_2"], row["ipqs_score"]) == ("bad", "1", "ok", "2")


@pytest.mark.parametrize("change", ["email\na@x.example\nb@x.example\n", "email\na@x.example,1,2,3\n"])
def test_another_input_than_the_staged_one_is_refused(tmp_path: Path, change: str) -> None:
    """Verdicts are never joined to a file that changed after it was staged."""
    delivery = Delivery(tmp_path, "email\na@x.example\n")
    delivery.path.write_text(change)
    with pytest.raises(InputChanged, match=r"list\.csv is not the file that was staged"):
        delivery.deliver([verdict("a@x.example")])


def test_damaged_verdicts_name_their_file(tmp_path: Path) -> None:
    """A part's verdicts that cannot be read stop delivery."""
    delivery = Delivery(tmp_path, "a@x.example\n")
    gone = [SentPart(3, 1, CollectedPart(tmp_path / "gone.jsonl", delivery.staged.parts[0].path, ""))]
    with pytest.raises(CollectedUnreadable, match=r"gone\.jsonl, the verdicts of part 3, cannot be read"):
        deliver(
            delivery.staged_input,
            gone,
            delivery.out,
            folder=tmp_path,
            provider="ipqs",
            limits=Limits(),
            on_progress=nobody,
        )


def test_a_verdict_on_a_password_is_for_that_password_only(tmp_path: Path) -> None:
    """In another case or with other white space a password is another one: its row stays without a verdict, visibly."""
    delivery = Delivery(tmp_path, "password\nSecret\n secret2\nSecret\n", kind=Kind.LEAKED_PASSWORD)
    delivered = delivery.deliver([verdict("secret", BAD), verdict("secret2", BAD)])
    assert [row[1] for row in delivery.result[1:]] == ["missing"] * 3
    assert delivered.extra_verdicts == 2
    again = Delivery(tmp_path, "password\nSecret\n secret2\nSecret\n", kind=Kind.LEAKED_PASSWORD)
    again.deliver([verdict("Secret", BAD), verdict(" secret2", OK)])
    assert [row[:3] for row in again.result[1:]] == [
        ["Secret", "matched", "bad"],
        [" secret2", "matched", "ok"],
        ["Secret", "folded", "bad"],
    ]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
EMAILS = st.sampled_from(["a@x.example", " A@X.example", "a@X.EXAMPLE ", 'q"q,@x.example', "", "  ", "é@x.example"])
ROW: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]), st.tuples(CELLS, EMAILS | CELLS).map(list), st.tuples(CELLS, EMAILS, CELLS, CELLS).map(list)
)


def expected_states(values: Sequence[str], verdicts: Mapping[str, VerdictWord]) -> list[str]:
    """What becomes of each row, worked out in memory in the plainest way."""
    states = []
    seen = set()
    for cell in values:
        value, state = row_value(Kind.EMAIL, cell)
        key = fold_key(Kind.EMAIL, value)
        if state is None:
            state = RowState.MISSING if key not in verdicts else RowState.FOLDED if key in seen else RowState.MATCHED
            seen.add(key)
        states.append(state.value)
    return states


@settings(max_examples=150)
@given(rows=st.lists(ROW, min_size=1, max_size=20), run_bytes=st.sampled_from([1, 200, 10_000]), data=st.data())
def test_whatever_the_table_and_verdicts_nothing_is_lost(
    rows: list[list[str]], run_bytes: int, data: st.DataObject
) -> None:
    """Any cells, ragged and blank rows, verdicts for any of the values: order, cells and counts are exact."""
    rows = [*rows, ["", "last@x.example"]]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    values = [row[1] if row else "" for row in rows]
    sendable = [
        fold_key(Kind.EMAIL, value)
        for value, state in (row_value(Kind.EMAIL, cell) for cell in values)
        if state is None
    ]
    # Verdicts whose keys differ in case only belong to another test.
    keys = {
        key.casefold(): key for key in sendable if all(o == key for o in sendable if o.casefold() == key.casefold())
    }
    words = data.draw(st.fixed_dictionaries({}, optional={key: st.sampled_from(VerdictWord) for key in keys.values()}))
    options = Options(column=1, header=False, delimiter=",", encoding="utf-8")
    with TemporaryDirectory() as folder, patch.object(verdict_lines, "RUN_BYTES", run_bytes):
        delivery = Delivery(Path(folder), text.getvalue(), options=options)
        # A provider answers in any order.
        words = dict(data.draw(st.permutations(list(words.items()))))
        delivered = delivery.deliver([verdict(key, word) for key, word in words.items()])
    result = delivery.result[1:]
    width = max(map(len, rows))
    assert [row[:width] for row in result] == [row + [""] * (width - len(row)) for row in rows]
    assert [row[width] for row in result] == expected_states(values, words)
    assert delivered.counts.conserved
    assert delivered.extra_verdicts == 0


#: A row's characters, as programs and people write them: quotes where needed, where not, and within text.
RAW_CELLS = st.sampled_from(["a", '"b"', '"c;d"', '"e""f"', '"g\nh"', '"i\r\nj"', "", " k ", 'l"m', '"n"o', "ü", "=1"])
RAW_ROWS = st.tuples(
    st.lists(RAW_CELLS, max_size=3).map(";".join),
    st.sampled_from(["a@x.example", '"a@X.example"', " b@x.example ", "c@x.example", "", '" "']),
    st.sampled_from(["", ";", ';"x"', ";;"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
).map(lambda row: (f"{row[0]};{row[1]}{row[2]}", row[3]))


@settings(max_examples=200)
@given(
    rows=st.lists(RAW_ROWS, min_size=1, max_size=12),
    ends=st.booleans(),
    mark=st.booleans(),
    column=st.integers(0, 3),
    block_bytes=st.sampled_from([1, 16, 4096]),
)
def test_a_result_without_its_added_cells_is_the_input(
    *, rows: list[tuple[str, str]], ends: bool, mark: bool, column: int, block_bytes: int
) -> None:
    """Taken from each line, what was added leaves the bytes of the input, whatever its quotes and line breaks."""
    rows = [*rows, ("x;y;z;last@x.example", "\n" if ends else "")]
    content = "\ufeff" * mark + "".join(row + line_break for row, line_break in rows)
    options = Options(column=column, header=False, delimiter=";", encoding="utf-8")
    with TemporaryDirectory() as folder, patch.object(raw_rows, "BLOCK_BYTES", block_bytes):
        delivery = Delivery(Path(folder), content, options=options)
        delivery.deliver([verdict("a@x.example", score="1;2")])
    rest = delivery.text.split(rows[0][1], 1)[1]
    for row, line_break in rows:
        assert rest.startswith(row)
        # What is added holds no line break here.
        added, found, rest = re.split(r"(\r\n|\r|\n)", rest.removeprefix(row), maxsplit=1)
        assert re.fullmatch(r';+(matched|folded);ok;ipqs;[^;]+;"1;2"|;+(empty|withheld|missing);;;;', added)
        assert found == (line_break or "\n")
    assert rest == ""
    assert {len(row) for row in delivery.result} == {len(delivery.staged.dialect.columns) + 5}


def test_each_row_keeps_its_characters(tmp_path: Path) -> None:
    """Quotes that need not be, spaces, line breaks and the delimiter stay; short rows are filled up to the columns."""
    delivery = Delivery(
        tmp_path, '"n" ;"email";"x"\r\n\r\n1;"a@x.example" ; y"z\n"2";b@x.example\r\n3; c@x.example;"l\nm"'
    )
    delivery.deliver([verdict("b@x.example", BAD, score="9;8")])
    assert delivery.text == (
        '"n" ;"email";"x";bv_row;bv_verdict;bv_provider;bv_checked_at;score\r\n'
        ";;;empty;;;;\r\n"
        '1;"a@x.example" ; y"z;missing;;;;\n'
        '"2";b@x.example;;matched;bad;ipqs;2026-03-01T00:00:00Z;"9;8"\r\n'
        '3; c@x.example;"l\nm";missing;;;;\n'
    )


def test_an_input_in_another_encoding_comes_back_in_utf_8(tmp_path: Path) -> None:
    """Characters are the same; a byte order mark is gone."""
    delivery = Delivery(tmp_path, "email,né\r\na@x.example,ü\r\n".encode("utf-16"))
    delivery.deliver([verdict("a@x.example")])
    assert [line.split(",bv_row")[0].split(",matched")[0] for line in delivery.text.splitlines()] == [
        "email,né",
        "a@x.example,ü",
    ]


def test_whole_lines_become_cells(tmp_path: Path) -> None:
    """Where whole lines are values, one that holds a comma or a quote is quoted, unless it is already."""
    content = 'https://a.example/x,y\nhttps://b.example/"z"\n"https://c.example/,"\nhttps://d.example/\n'
    delivery = Delivery(tmp_path, content, kind=Kind.URL, options=Options(header=False))
    assert delivery.staged.dialect.delimiter is None
    delivery.deliver([])
    assert delivery.text.splitlines()[1:] == [
        '"https://a.example/x,y",missing,,,',
        '"https://b.example/""z""",missing,,,',
        '"https://c.example/,",missing,,,',
        "https://d.example/,missing,,,",
    ]


def test_a_delimiter_that_is_a_letter_leaves_all_cells_readable(tmp_path: Path) -> None:
    """What is added is quoted where it holds the delimiter, whatever that is."""
    options = Options(delimiter="a", header=False, column=1)
    delivery = Delivery(tmp_path, "1ab@x.exemple\n2a\n", options=options)
    delivery.deliver([verdict("b@x.exemple", BAD)])
    assert [row[2:4] for row in delivery.result[1:]] == [["matched", "bad"], ["empty", ""]]


def test_json_lines_have_an_object_for_each_row(tmp_path: Path) -> None:
    """Text under the name of every column; a name that comes twice takes a suffix; all rows have all columns."""
    delivery = Delivery(tmp_path, 'x,email,x\n"1,",a@x.example,2\n\n3,b@x.example\n')
    delivered = delivery.deliver([verdict("a@x.example", score='"9"')], form=ResultForm(format="jsonl"))
    rows = [json.loads(line) for line in delivery.text.splitlines()]
    assert [list(row) for row in rows] == [list(delivered.columns)] * 3
    assert rows[0] == {
        "x": "1,",
        "email": "a@x.example",
        "x_2": "2",
        "bv_row": "matched",
        "bv_verdict": "ok",
        "bv_provider": "ipqs",
        "bv_checked_at": "2026-03-01T00:00:00Z",
        "score": '"9"',
    }
    assert [(row["x"], row["x_2"], row["bv_row"]) for row in rows[1:]] == [("", "", "empty"), ("3", "", "missing")]
    assert delivered.bytes == len(delivery.out.getvalue())


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", " =1", '""" =1"', "\N{FULLWIDTH EQUALS SIGN}1"])
def test_a_spreadsheet_runs_no_cell_of_a_safe_result(tmp_path: Path, cell: str) -> None:
    """A cell that could be a formula gets an apostrophe, the input's, the header's and the provider's alike."""
    delivery = Delivery(tmp_path, f"email,{cell}\na@x.example,{cell}\n", options=Options(header=True, delimiter=","))
    delivery.deliver([verdict("a@x.example", score="=9")], form=ResultForm(spreadsheet_safe=True))
    plain = next(csv.reader([cell]))[0]
    assert [row[1] for row in delivery.result] == [f"'{plain}"] * 2
    assert delivery.result[1][0] == "a@x.example"
    assert delivery.result[1][-1] == "'=9"


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x; \"'-1", "x;' \"'-1"),
        ("\t=1", "'\t'=1"),
        ("a\tb\t@c", "a\tb\t'@c"),
        ("two\r\n+lines\n=1", "two\r\n'+lines\n'=1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("x,=1", "x,=1"),
        ("a;b - c; d", "a;b - c; d"),
    ],
)
def test_no_part_of_a_safe_cell_is_run_where_cells_end_elsewhere(tmp_path: Path, cell: str, safe: str) -> None:
    """In a file with commas, behind what other spreadsheets separate at; behind a comma the cell is quoted."""
    quoted = '"' + cell.replace('"', '""') + '"'
    delivery = Delivery(
        tmp_path, f"email,{quoted}\na@x.example,{quoted}\n", options=Options(header=True, delimiter=",")
    )
    delivery.deliver([verdict("a@x.example", score=cell)], form=ResultForm(spreadsheet_safe=True))
    assert [row[1] for row in delivery.result] == [safe] * 2
    assert delivery.result[1][-1] == safe


def test_with_semicolons_it_is_commas_that_are_looked_behind(tmp_path: Path) -> None:
    """A list with another delimiter is made safe for spreadsheets that separate at the usual one."""
    delivery = Delivery(tmp_path, "email;note\na@x.example;x,=1;y\n", options=Options(header=True, delimiter=";"))
    delivery.deliver([verdict("a@x.example")], form=ResultForm(spreadsheet_safe=True))
    assert ";x,'=1;" in delivery.out.getvalue().decode()


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ([0], "ends after 1 rows"),
        ([0, 1, 1], "is for other rows"),
        ([0, 0], "is for other rows"),
        ([1, 0], "out of turn"),
    ],
)
def test_an_index_of_other_rows_is_found_out(tmp_path: Path, numbers: list[int], fault: str) -> None:
    """No row gets a verdict by an index that does not fit to rows and values."""
    delivery = Delivery(tmp_path, "a@x.example\nb@x.example\n")
    with delivery.staged.index.open("wb") as out:
        writer = IndexWriter(out)
        writer.write(array("I", numbers))
        writer.finish()
    with pytest.raises(RowIndexDamaged, match=fault):
        delivery.deliver([verdict("a@x.example"), verdict("b@x.example")])


def test_many_parts_are_read_with_few_open_files(tmp_path: Path) -> None:
    """Rows that go back and forth between more parts than may be open find the verdicts of their own."""
    parts = OPEN_FILES_MAX + 3
    values = [f"u{number}@x.example" for number in range(parts)]
    delivery = Delivery(tmp_path, "\n".join([*values, *reversed(values)]) + "\n", rows_per_part=1)
    delivery.deliver(*([verdict(value, score=value)] for value in values))
    assert [row[0] for row in delivery.result[1:]] == [row[-1] for row in delivery.result[1:]]

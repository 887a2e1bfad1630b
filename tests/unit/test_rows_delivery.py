"""Delivery: verdicts joined back to every row."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core.rows import RowCounts, RowState
from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows import raw_rows
from worker.rows.added_columns import added_columns
from worker.rows.collected import CollectedPart, SentPart, write_verdicts
from worker.rows.delivery import USUAL_FORM, Delivered, StagedInput, deliver
from worker.rows.dialect import Options
from worker.rows.errors import CollectedUnreadable, InputChanged
from worker.rows.limits import Limits
from worker.rows.result_text import result_delimiter
from worker.rows.staging import Staged, stage
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.rows.result_form import ResultForm

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
@given(rows=st.lists(ROW, min_size=1, max_size=20), data=st.data())
def test_whatever_the_table_and_verdicts_nothing_is_lost(rows: list[list[str]], data: st.DataObject) -> None:
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
    with TemporaryDirectory() as folder:
        delivery = Delivery(Path(folder), text.getvalue(), options=options)
        delivered = delivery.deliver([verdict(key, word) for key, word in words.items()])
    result = delivery.result[1:]
    width = max(map(len, rows))
    assert [row[:width] for row in result] == [row + [""] * (width - len(row)) for row in rows]
    assert [row[width] for row in result] == expected_states(values, words)
    assert delivered.counts.conserved
    assert delivered.extra_verdicts == 0

"""Checking results: whatever list was delivered is found good, and whatever was changed in it is not."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.publisher import Publisher
from worker.actors.names import manifest_name, result_name
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.rows.result_check import PROGRESS_ROWS, check_manifest, check_result
from worker.rows.result_tally import Tally
from worker.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.rows.result_check import Checked

CELLS = st.text(st.sampled_from("ab ,;\"'\n=é"), max_size=6)
VALUES = st.one_of(st.just(""), st.from_regex(r"[a-c]{1,2}@[x-z]\.com", fullmatch=True), st.just("lost@x.com"))


def quoted(cell: str) -> str:
    """A cell in quotes, whatever is in it."""
    return '"' + cell.replace('"', '""') + '"'


def published(
    text: str, columns: Mapping[str, str] = MappingProxyType({"score": "1"}), *, safe: bool = False
) -> tuple[Manifest, bytes]:
    """The manifest and the result of a list whose verdicts have those columns."""
    with TemporaryDirectory() as folder:
        storage, scratch = open_storage((Path(folder) / "storage").as_uri()), Path(folder) / "scratch"
        scratch.mkdir()
        Publisher(storage, scratch, text).publish(columns=columns, spreadsheet_safe=safe)
        manifest = Manifest.load(storage.read(manifest_name("crm-1"), MANIFEST_BYTES_MAX))
        return manifest, storage.read(result_name("crm-1"), 10_000_000)


def checked(manifest: Manifest, result: bytes) -> Checked:
    """What checking a result finds."""
    return check_result(io.BytesIO(result), manifest, lambda _bytes: None)


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(VALUES, CELLS), min_size=1, max_size=12), place=st.floats(0, 1), bit=st.integers(0, 7))
def test_every_result_is_good_until_a_bit_of_it_changes(rows: list[tuple[str, str]], place: float, bit: int) -> None:
    """Lists with folds, blanks, missing verdicts, quoted line breaks: good, and not with any bit turned."""
    text = "email,note\nann@example.com,first\n" + "".join(f"{value},{quoted(note)}\n" for value, note in rows)
    manifest, result = published(text)
    assert list(check_manifest(manifest)) == []
    found = checked(manifest, result)
    assert found.findings == ()
    assert found.rows == len(rows) + 1 == sum(found.states.values())
    damaged = bytearray(result)
    damaged[min(int(place * len(result)), len(result) - 1)] ^= 1 << bit
    assert "digest" in {finding.check for finding in checked(manifest, bytes(damaged)).findings}


@pytest.mark.parametrize("cell", ["Ac\0me", "two\n\ufefflines", "\ufeff", '\ufeff"', "'", "x;=1"])
def test_what_providers_may_say_is_no_fault_of_a_result(cell: str) -> None:
    """Characters that are refused in lists are what a provider's cell or name may hold, and the result is good."""
    for safe in (False, True):
        manifest, result = published("email\nann@example.com\n", {cell: cell, "b": cell}, safe=safe)
        assert checked(manifest, result).findings == (), safe
        assert b"\0" not in result


def test_a_mark_at_the_beginning_of_a_row_belongs_to_its_first_cell() -> None:
    """Whoever reads the result sees the cell with it: it is quoted, and so are the other cells of the row."""
    text = 'note,email\n"\ufeffhi",ann@example.com\n'
    manifest, result = published(text, safe=True)
    assert checked(manifest, result).findings == ()
    assert '\n"\ufeffhi","ann@example.com",'.encode() in result


def test_a_result_of_an_earlier_version_may_hold_nul_characters() -> None:
    """They are read as they stand, and only the digest tells that the rest is another one."""
    manifest, result = published("email\nann@example.com\n", {"company": "Ac#me"})
    (finding,) = checked(manifest, result.replace(b"#", b"\0")).findings
    assert finding.check == "digest"


def test_progress_is_told_in_bytes() -> None:
    """From time to time, never backwards, and at the end the size of the result."""
    count = PROGRESS_ROWS + 10
    text = "email,note\n" + "ann@example.com,first\n" * count
    manifest, result = published(text)
    told: list[int] = []
    assert check_result(io.BytesIO(result), manifest, told.append).findings == ()
    assert told
    assert told == sorted(told)
    assert 0 < told[0] <= len(result)


@pytest.mark.parametrize("word", ["matched", "folded", "empty", "withheld", "missing"])
def test_memory_does_not_grow_with_what_is_wrong(word: str) -> None:
    """Rows that are wrong, each in another way, are one finding with the first row and a count."""
    tally = Tally(5, 1, "ipqs")
    for number in range(1_000):
        tally.take(["a@x.com", word, f"verdict {number}", f"provider {number}", "today"])
    (finding,) = tally.findings()
    assert (finding.check, finding.row) == ("verdict", 1)
    assert finding.message.endswith("(999 more rows alike)")

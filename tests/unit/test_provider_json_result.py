"""Result files in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers import json_result
from worker.providers.errors import Malformed
from worker.providers.json_result import read_records

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=30) | st.none() | st.booleans(), max_size=4))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written anew by each example."""
    return tmp_path_factory.mktemp("results") / "completed.json"


@given(records=RECORDS, indent=st.sampled_from([None, 0, 2]), block=st.integers(min_value=64, max_value=300))
def test_every_record_is_read_wherever_blocks_end(
    path: Path, records: list[dict[str, object]], indent: int | None, block: int
) -> None:
    """Records are read in order, however the file is laid out and cut into blocks."""
    path.write_text(json.dumps({"response": records}, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_result, "BLOCK_CHARACTERS", block)
        assert list(read_records(path)) == records


@given(records=RECORDS.filter(len), data=st.data())
def test_no_beginning_of_a_file_passes_for_the_file(path: Path, records: list[object], data: st.DataObject) -> None:
    """A file that is cut anywhere is malformed."""
    text = json.dumps({"response": records})
    path.write_text(text[: data.draw(st.integers(min_value=0, max_value=len(text) - 1))], encoding="utf-8")
    with pytest.raises(Malformed):
        list(read_records(path))


@pytest.mark.parametrize(
    "text",
    [
        '{"response": {"error": "Access denied"}}',
        '{"response": [1, 2]}',
        '{"response": [{}, ]}',
        '{"response": [{} {}]}',
        '{"response": [{}]}x',
        '{"response": [{}], "more": 1}',
        '[{"a": 1}]',
        "<html></html>",
        '{"response": [' + "[" * 10_000,
    ],
)
def test_what_is_no_array_of_records_is_malformed(path: Path, text: str) -> None:
    """Errors, numbers, stray characters and web pages are not results."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Malformed, match=r"completed\.json"):
        list(read_records(path))


def test_a_record_without_end_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record has a limit, so that damage is not read into memory to the end of the file."""
    monkeypatch.setattr(json_result, "RECORD_CHARACTERS_MAX", 200_000)
    path.write_text('{"response": [{"a": "' + "x" * 1_000_000, encoding="utf-8")
    with pytest.raises(Malformed, match="too long"):
        list(read_records(path))

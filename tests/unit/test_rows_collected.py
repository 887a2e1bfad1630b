"""Collected verdicts as files."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows import collected
from worker.rows.collected import read_verdicts, write_verdicts
from worker.rows.errors import CollectedUnreadable
from worker.rows.values import values_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICTS = (
    Verdict("a@X.example", VerdictWord.OK, {"valid": "true", "name": "Zoé, \u2028 Dr"}),
    Verdict('q"\n@x.example', VerdictWord.RISKY, {"valid": "", "score": "7"}),
    Verdict("a@x.example", VerdictWord.OK),
)


def test_verdicts_come_back_as_they_were_written() -> None:
    """Any text in values and columns survives, one line per verdict."""
    out = io.BytesIO()
    write_verdicts(VERDICTS, Kind.EMAIL, out)
    assert out.getvalue().count(b"\n") == len(VERDICTS)
    assert tuple(read_verdicts(io.BytesIO(out.getvalue()), "part-0")) == VERDICTS


def without_nul(columns: Mapping[str, str]) -> dict[str, str]:
    """What is written of a provider's columns."""
    return {name.replace("\0", "\ufffd"): cell.replace("\0", "\ufffd") for name, cell in columns.items()}


TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)


@given(verdicts=st.lists(st.builds(Verdict, TEXTS, st.sampled_from(VerdictWord), st.dictionaries(TEXTS, TEXTS))))
def test_a_line_is_compact_json(verdicts: list[Verdict]) -> None:
    """Whatever the text and however many are written together, each verdict is one line of JSON without spaces."""
    out = io.BytesIO()
    with patch.object(collected, "WRITTEN_TOGETHER", 2):
        write_verdicts(verdicts, Kind.EMAIL, out)
    lines = [{"value": each.value, "verdict": each.word, "columns": without_nul(each.columns)} for each in verdicts]
    plain = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines]
    assert out.getvalue().decode().split("\n") == [*plain, ""]


def test_the_summary_describes_what_was_written() -> None:
    """Rows, digests, columns in their first order, and verdicts by word."""
    out = io.BytesIO()
    summary = write_verdicts(iter(VERDICTS), Kind.EMAIL, out)
    assert summary.rows == 3
    assert summary.columns == ("valid", "name", "score")
    assert summary.verdicts == {"ok": 2, "risky": 1}
    assert summary.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    assert summary.values_digest == values_digest(["a@x.example", "a@x.example", 'q"\n@x.example'])


def test_nul_characters_of_a_provider_become_replacement_characters() -> None:
    """In names and cells; what merely looks like the escape of one stays, and so does the value that was sent."""
    out = io.BytesIO()
    verdict = Verdict("a@x.example", VerdictWord.OK, {"na\0me": "Ac\0me", "path": "C:\\u0000"})
    summary = write_verdicts([verdict], Kind.EMAIL, out)
    (read,) = read_verdicts(io.BytesIO(out.getvalue()), "part-0")
    assert dict(read.columns) == {"na\ufffdme": "Ac\ufffdme", "path": "C:\\u0000"}
    assert summary.columns == ("na\ufffdme", "path")


def test_a_failing_provider_leaves_the_file_open_and_the_error_as_it_was() -> None:
    """What interrupts the verdicts reaches the caller, who decides about the file."""

    def interrupted() -> object:
        yield VERDICTS[0]
        raise ConnectionResetError

    out = io.BytesIO()
    with pytest.raises(ConnectionResetError):
        write_verdicts(interrupted(), Kind.EMAIL, out)  # type: ignore[arg-type]  # a generator of verdicts that breaks
    assert not out.closed


@pytest.mark.parametrize(
    "line",
    [
        b'{"value":"a","verdict":"ok","colu',
        b'{"value":"a","verdict":"ok"}',
        b'{"value":"a","verdict":"splendid","columns":{}}',
        b'["a","ok",{}]',
        b"\xff\xfe",
    ],
)
def test_a_damaged_line_is_found(line: bytes) -> None:
    """A truncated or foreign line names its object and number."""
    out = io.BytesIO()
    write_verdicts(VERDICTS[:1], Kind.EMAIL, out)
    with pytest.raises(CollectedUnreadable, match=r"^part-0: line 2 is not a collected verdict"):
        list(read_verdicts(io.BytesIO(out.getvalue() + line), "part-0"))

"""What `docs/production.md` says of places and reasons is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders.records import an_upload
from worker.actors.attempts import attempt_name
from worker.actors.names import (
    index_name,
    input_name,
    manifest_name,
    raw_name,
    result_name,
    result_raw_name,
    segment_name,
    values_name,
    verdicts_name,
)
from worker.core.retry import QUARANTINE_REASONS

TEXT = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")
#: The names of storage's objects: the table's first cells, and among them names that stand in the folder of the first.
OBJECTS = re.findall(
    r"^\| `((?:inputs|uploads|attempts|results)/[^|]*)` \|", TEXT.partition("### What is kept")[0], re.MULTILINE
)
NAMES = {
    "a list": input_name(an_upload()),
    "rows of a request": input_name(an_upload(source={"rows": "7"}, content_digest="0123456789abcdef" * 4)),
    "values": values_name("list-1", 0, "0123456789abcdef" * 4),
    "a row index": index_name("list-1", "0123456789abcdef" * 4),
    "a provider's file": raw_name("list-1", 0, "whole.csv"),
    "verdicts": verdicts_name("list-1", 0),
    "an attempt": attempt_name("token", 1),
    "a result": result_name("list-1"),
    "a result in JSON Lines": result_name("list-1", "jsonl"),
    "a manifest": manifest_name("list-1"),
    "a provider's file beside the result": result_raw_name("list-1", 0, "whole.csv"),
    "a segment": segment_name("list-1", 0, "clean", ".csv"),
}


def documented() -> list[str]:
    """The names of the table as patterns: `<…>` is a part of a path, `…` is the rest of it."""
    names: list[str] = []
    for cell in OBJECTS:
        first, *others = cell.split("`, `")
        names += [first, *(f"{first.rpartition('/')[0]}/{other}" for other in others)]
    return [re.sub(r"<[a-z]+>", "[^/]+", re.escape(name).replace("…", ".+")) for name in names]


@pytest.mark.parametrize("what", NAMES)
def test_every_object_of_storage_is_in_the_table(what: str) -> None:
    """Whoever looks into storage finds every object explained, by one line."""
    assert sum(re.fullmatch(pattern, NAMES[what]) is not None for pattern in documented()) == 1


@pytest.mark.parametrize("reason", sorted(QUARANTINE_REASONS))
def test_what_a_retry_brings_back_is_said_where_the_reason_stands(reason: str) -> None:
    """The table of reasons names `retry` for the parts that it begins anew."""
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{reason}` |")]
    assert "then `bulkverify retry UPLOAD`" in line

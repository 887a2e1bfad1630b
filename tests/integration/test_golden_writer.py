"""The writer of golden files: it stores through the program, and what it finds is what was committed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.builders.golden import GOLDEN, documents
from worker.core.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

#: Fields of a token's file are values; those of all others are cases with fields of their own.
FLAT = {"token"}


def test_the_program_still_writes_what_is_in_the_golden_files(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Every file, case and field that was committed for the present version is written today, too."""
    present = json.loads(json.dumps(documents(tmp_path, redis_url, broker_url)))
    for path in (GOLDEN / f"v{SCHEMA_VERSION}").iterdir():
        committed, written = json.loads(path.read_text()), present[path.stem]
        assert committed.keys() <= written.keys(), path.stem
        for case in committed.keys() - (committed.keys() if path.stem in FLAT else set()):
            assert committed[case].keys() <= written[case].keys(), (path.stem, case)

"""The files on which the reading and writing of rows is measured: a list, and what a provider answers about it.

The list is the same whenever it has as many rows. Addresses come in no order, so that whatever folds them meets them
as it would in practice; one of a hundred is blank, one of ten repeats an earlier one (half of these with a domain in
capitals), a quarter of the rows has a quoted cell and some of those a line break in it.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.rows.comparing import read_values
from worker.rows.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.rows.staging import Staged

#: Rows of the largest part. Small lists make smaller parts, so that there are several.
PART_ROWS_MAX = 500_000
PARTS_MIN = 4
#: One row of so many has no address, or one that an earlier row has.
BLANK_EACH = 100
REPEATED_EACH = 10
#: One row of so many has a quoted cell, or one with a line break and quotes in it.
QUOTED_EACH = 4
BROKEN_EACH = 1_000
#: Rows written at a time.
BATCH_ROWS = 10_000
#: An odd number: multiplied by it, numbers below 2**32 change places.
_SCATTER = 2_654_435_761
#: What the provider tells of each address: some of its columns, by which its verdict is decided.
ANSWER_COLUMNS = (
    "valid",
    "disposable",
    "smtp_score",
    "overall_score",
    "deliverability",
    "catch_all",
    "recent_abuse",
    "fraud_score",
    "domain_trust",
)


@dataclass(frozen=True, slots=True)
class StagedPart:
    """A part as the files keep it: its values, and where its collected verdicts are."""

    values: Path
    verdicts: Path
    rows: int


@dataclass(frozen=True, slots=True)
class RowFiles:
    """Where everything about one list of so many rows is."""

    folder: Path
    rows: int

    @property
    def part_rows(self) -> int:
        """Rows of each part at most."""
        return min(PART_ROWS_MAX, -(-self.rows // PARTS_MIN))

    @property
    def source(self) -> Path:
        """The list."""
        return self.folder / "list.csv"

    @property
    def staged(self) -> Path:
        """The folder in which it was staged."""
        return self.folder / "staged"

    @property
    def values(self) -> Path:
        """The values of all parts as one file, as it is for a provider that takes a list whole."""
        return self.folder / "values.csv"

    @property
    def answer(self) -> Path:
        """The provider's result about all values."""
        return self.folder / "answer.csv"

    @property
    def result(self) -> Path:
        """The result that is delivered."""
        return self.folder / "result.csv"

    @property
    def output(self) -> Path:
        """What a tool writes that the program is compared with."""
        return self.folder / "output"

    def keep(self, staged: Staged) -> None:
        """Note what staging found out."""
        found = {
            "dialect": staged.dialect.model_dump(mode="json"),
            "sha256": staged.input_sha256,
            "index": staged.index.name,
            "parts": [[part.path.name, part.rows] for part in staged.parts],
        }
        self._note.write_text(json.dumps(found), encoding="utf-8")

    def parts(self) -> Iterator[StagedPart]:
        """The parts, in order."""
        for name, rows in self._found()["parts"]:
            values = self.staged / name
            yield StagedPart(values, values.with_suffix(".jsonl"), rows)

    def distinct(self) -> int:
        """Values of all parts."""
        return sum(part.rows for part in self.parts())

    def dialect(self) -> Dialect:
        """How the list is read."""
        return Dialect.model_validate(self._found()["dialect"])

    def index(self) -> Path:
        """The number of each row's value."""
        return self.staged / str(self._found()["index"])

    def sha256(self) -> str:
        """The list's digest, as staging took it."""
        return str(self._found()["sha256"])

    @property
    def _note(self) -> Path:
        return self.folder / "staged.json"

    def _found(self) -> dict[str, list[tuple[str, int]]]:
        return json.loads(self._note.read_text(encoding="utf-8"))  # type: ignore[no-any-return]  # as `keep` wrote it


def write_list(path: Path, rows: int) -> None:
    """Write the list: a header and so many rows, 77 bytes each on average once there are millions."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,contact,email,city,since\n")
        for start in range(0, rows, BATCH_ROWS):
            file.write("".join(map(_row, range(start, min(start + BATCH_ROWS, rows)))))


def write_answer(parts: Sequence[StagedPart], path: Path) -> None:
    """Write the provider's result: the parts one after the other, each second one in another order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(("email", *ANSWER_COLUMNS)) + "\n")
        for index, part in enumerate(parts):
            values = list(read_values(part.values))
            if index % 2:
                random.Random(index).shuffle(values)
            file.writelines(map(_answer, values))


def _row(number: int) -> str:
    contact = f"Muster {number % 97}"
    if number % BROKEN_EACH == 3:
        contact = f'"{contact}\nsays ""call me"""'
    elif number % QUOTED_EACH == 3:
        contact = f'"{contact}, A."'
    city = ("Augsburg", "Bregenz", "Solothurn")[number % 3]
    day = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return f"{number},{contact},{_address(number)},{city},{day}T{number % 24:02d}:{number % 60:02d}:00Z\n"


def _address(number: int) -> str:
    if number % BLANK_EACH == 57:
        return ""
    if number % REPEATED_EACH == 1 and number > REPEATED_EACH:
        # A multiple of ten, which is neither blank nor a repetition itself.
        earlier = number * _SCATTER % 2**32 % number // REPEATED_EACH * REPEATED_EACH
        name, at, domain = _address(earlier).partition("@")
        return name + at + (domain.upper() if number % 4 == 1 else domain)
    scattered = number * _SCATTER % 2**32
    return f"m.{scattered:08x}@post-{scattered % 5_003:04d}.example"


def _answer(value: str) -> str:
    score = len(value) * 7 % 100
    valid = "false" if score < 10 else "true"
    return f"{value},{valid},false,3,4,high,false,false,{score},trusted\n"

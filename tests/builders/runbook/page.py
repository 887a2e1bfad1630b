"""The runbook as a test reads it: a section for each alert, in each section five parts, and commands to be typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "runbook.md"
#: The parts of every section, in this order.
MEANING, FIRST_LOOK, CAUSES, WHAT_TO_DO, WHO = (
    "Meaning",
    "First look",
    "Likely causes",
    "What to do",
    "When to wake whom",
)
PARTS = (MEANING, FIRST_LOOK, CAUSES, WHAT_TO_DO, WHO)
#: What stands for anything in the lines that a command prints.
ANYTHING = "…"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENDS_WITH = re.compile(r"# ends with ([0-9]+(?: or [0-9]+)*)")


@dataclass(frozen=True)
class Command:
    """One line that is typed, and what the page says of it."""

    line: str
    #: Lines of its output, in their order.
    prints: tuple[str, ...]

    @property
    def exit_codes(self) -> frozenset[int]:
        """What it may end with: 0, unless the comment beside it says otherwise."""
        told = _ENDS_WITH.search(self.line)
        return frozenset(map(int, told[1].split(" or "))) if told else frozenset({0})


@dataclass(frozen=True)
class Section:
    """What the page says of one alert."""

    name: str
    text: str

    @cached_property
    def parts(self) -> dict[str, str]:
        """Its parts by their headings."""
        pieces = re.split(r"^### (.+)\n", self.text, flags=re.MULTILINE)[1:]
        return dict(zip(pieces[::2], pieces[1::2], strict=True))

    def commands(self, *parts: str) -> list[Command]:
        """The commands of these parts, as one after the other is typed."""
        return [command for part in parts for command in commands(self.parts[part])]


def commands(text: str) -> list[Command]:
    """What a text shows as typed, in its order."""
    return [command for block in _BLOCK.findall(text) for command in _read(block)]


def _read(block: str) -> Iterator[Command]:
    before, *typed = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert before == "", f"output without a command: {before}"
    for piece in typed:
        line, *prints = piece.rstrip("\n").split("\n")
        yield Command(line, tuple(prints))


@dataclass(frozen=True)
class Runbook:
    """The page as it is checked in."""

    #: What stands before the first section: how to use the page.
    start: str
    #: By the names of the alerts, in the order of the page.
    sections: dict[str, Section]


def runbook() -> Runbook:
    """Read the page."""
    start, *pieces = re.split(r"^## (BulkVerify\w+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = zip(pieces[::2], pieces[1::2], strict=True)
    return Runbook(start, {name: Section(name, body) for name, body in named})


def unlike(prints: Iterable[str], output: str) -> list[str]:
    """The lines of the page that no line of the output is like, blanks and what stands for anything aside."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    return [told for told in prints if not any(_pattern(told).fullmatch(line) for line in lines)]


def _pattern(told: str) -> re.Pattern[str]:
    pieces = re.split(rf" ?{ANYTHING} ?", " ".join(told.split()))
    return re.compile(".*".join(re.escape(piece) for piece in pieces))

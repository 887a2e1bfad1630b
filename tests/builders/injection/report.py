"""What a run of drift injection tells: by class how often, how soon it was found and how soon it was over."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from worker.cli.tables import Column, plain_lines
from worker.core.drift.classes import DriftClass, Handling
from worker.core.drift.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.builders.chaos.audit import Findings
    from tests.builders.injection.world import Case
    from worker.core.drift.findings import Finding

_COLUMNS = (
    Column("class"),
    Column("becomes"),
    *(Column(name, right=True) for name in ("caused", "found", "over", "left", "beside", "found after", "over after")),
)


@dataclass(frozen=True)
class Figures:
    """What became of one class. Seconds: median and longest, `None` where there are none."""

    caused: int
    found: int
    #: Findings that ended, and that are there still as they are to be.
    over: int
    left: int
    #: Findings that nobody caused on purpose.
    beside: int
    found_seconds: tuple[float, float] | None
    over_seconds: tuple[float, float] | None


@dataclass(frozen=True)
class Report:
    """Everything that a run has found out."""

    seed: int
    seconds: float
    uploads: int
    cases: Sequence[Case]
    beside: Mapping[DriftClass, int]
    #: Findings that are there at the end, when nothing is caused any more.
    open: Sequence[Finding]
    audit: Findings

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken."""
        told = [
            f"{case.drift} of {case.subject} was caused and never found." for case in self.cases if not case.found_at
        ]
        told += [
            f"{case.drift} of {case.subject} is not over." for case in self.cases if case.found_at and _lasts(case)
        ]
        told += [
            f"{finding.drift} of {finding.subject} is there at the end: {finding.evidence}"
            for finding in self.open
            if finding.action is not Handling.TOLD
        ]
        waiting = [f"A person is asked about {sentence}" for sentence in self.audit.quarantined]
        return [*told, *self.audit.broken, *waiting]

    def figures(self) -> dict[DriftClass, Figures]:
        """What became of each class."""
        return {drift: self._of(drift) for drift in DriftClass}

    def _of(self, drift: DriftClass) -> Figures:
        cases = [case for case in self.cases if case.drift is drift]
        found = [case.found_at - case.caused_at for case in cases if case.found_at]
        over = [
            case.gone_at - max(case.undone_at or 0.0, case.found_at) for case in cases if case.gone_at and case.found_at
        ]
        return Figures(
            caused=len(cases),
            found=len(found),
            over=len(over),
            left=sum(finding.drift is drift for finding in self.open),
            beside=self.beside.get(drift, 0),
            found_seconds=_middle_and_longest(found),
            over_seconds=_middle_and_longest([max(seconds, 0.0) for seconds in over]),
        )

    def document(self) -> dict[str, Any]:
        """The figures, fit for JSON."""
        classes = {str(drift): vars(figures) for drift, figures in self.figures().items()}
        known = {"seed": self.seed, "seconds": round(self.seconds), "uploads": self.uploads}
        return known | {"broken": self.broken, "classes": classes}

    def lines(self) -> Iterator[str]:
        """The report in plain words."""
        told = f"{self.uploads} uploads and {len(self.cases)} differences in {self.seconds:.0f} s"
        yield f"{told} under seed {self.seed}."
        cells = [_cells(drift, figures) for drift, figures in self.figures().items()]
        yield from plain_lines(_COLUMNS, [[column.title for column in _COLUMNS], *cells])
        yield from (f"BROKEN  {sentence}" for sentence in self.broken)


def _lasts(case: Case) -> bool:
    return case.gone_at is None and RULES[case.drift].handling is not Handling.TOLD


def _cells(drift: DriftClass, figures: Figures) -> list[str]:
    counts = (figures.caused, figures.found, figures.over, figures.left, figures.beside)
    times = (_words(figures.found_seconds), _words(figures.over_seconds))
    return [str(drift), str(RULES[drift].handling), *map(str, counts), *times]


def _middle_and_longest(seconds: Sequence[float]) -> tuple[float, float] | None:
    return (round(median(seconds), 1), round(max(seconds), 1)) if seconds else None


def _words(figures: tuple[float, float] | None) -> str:
    return "" if figures is None else f"{figures[0]:.1f} s (longest {figures[1]:.1f} s)"

"""What a chaos run tells: faults, recoveries and findings, in plain words and as a document."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.builders.chaos.site import SETTINGS
from tests.builders.faults_told import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.builders.chaos.audit import Findings
    from tests.builders.chaos.load import Wanted


@dataclass(frozen=True)
class Strike:
    """One fault that was brought about. Times are seconds of the monotonic clock."""

    fault: str
    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Recovery:
    """Seconds from a fault's end until the next upload was completed, and until all were that were open then.

    `None` where it never happened.
    """

    next_seconds: float | None
    all_seconds: float | None


@dataclass(frozen=True)
class Report:
    """Everything that a run has found out."""

    seed: int
    seconds: float
    strikes: Sequence[Strike]
    wanted: Sequence[Wanted]
    findings: Findings
    #: Requests that were sent again, and starts of `up` after the first.
    repeats: int
    restarts: int

    def document(self) -> dict[str, Any]:
        """The figures, fit for JSON."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds),
            "uploads": len(self.wanted),
            "parts": sum(wanted.parts for wanted in self.wanted),
            "double_charges": len(self.findings.double_charges),
            "lost_rows": len(self.findings.lost_rows),
            "not_ended": len(self.findings.not_ended),
            "quarantined": len(self.findings.quarantined),
            "behind": len(self.findings.behind),
            "settings": {
                "deadline": SETTINGS["submit_deadline_seconds"],
                "settle": SETTINGS["settle_seconds"],
                "settle_unnamed": SETTINGS["settle_unnamed_seconds"],
            },
            "faults": {
                fault: {
                    "times": len(recoveries),
                    "next_upload_seconds": _figures([recovery.next_seconds for recovery in recoveries]),
                    "all_open_uploads_seconds": _figures([recovery.all_seconds for recovery in recoveries]),
                }
                for fault, recoveries in self._recoveries().items()
            },
        }

    def lines(self) -> Iterator[str]:
        """The report in plain words."""
        completed = sum(wanted.completed_at is not None for wanted in self.wanted)
        yield f"{completed} of {len(self.wanted)} uploads completed in {self.seconds:.0f} s under seed {self.seed}."
        yield f"{self.repeats} requests sent again. Times that `up` was started again: {self.restarts}."
        for fault, recoveries in self._recoveries().items():
            following = _words([recovery.next_seconds for recovery in recoveries])
            caught_up = _words([recovery.all_seconds for recovery in recoveries])
            times = f"{len(recoveries)} times"
            yield f"  {fault:24} {times:>9}; next upload after {following}; all open ones after {caught_up}"
        for name, found in vars(self.findings).items():
            yield f"{name.replace('_', ' ')}: {len(found)}"
            yield from (f"  {sentence}" for sentence in found)

    def _recoveries(self) -> dict[str, list[Recovery]]:
        """By fault, in the order in which faults are told; those that did not happen are left out."""
        found: dict[str, list[Recovery]] = defaultdict(list)
        for strike in self.strikes:
            found[strike.fault].append(recovery(strike, self.wanted))
        return {told.name: found[told.name] for told in FAULTS if told.name in found}


def recovery(strike: Strike, wanted: Sequence[Wanted]) -> Recovery:
    """How long it took from the fault's end."""
    end = strike.ended_at
    completed = [each.completed_at for each in wanted if each.completed_at is not None and each.completed_at > end]
    then_open = [each for each in wanted if each.first_asked_at < end and not (each.completed_at or end) < end]
    last = [each.completed_at for each in then_open]
    return Recovery(
        next_seconds=min(completed) - end if completed else None,
        all_seconds=None if None in last else max((at for at in last if at is not None), default=end) - end,
    )


def _figures(seconds: Sequence[float | None]) -> dict[str, float | None]:
    """Median and longest; `None` where something never happened."""
    known = [each for each in seconds if each is not None]
    if len(known) < len(seconds):
        return {"median": round(median(known), 1) if known else None, "longest": None}
    return {"median": round(median(known), 1), "longest": round(max(known), 1)}


def _words(seconds: Sequence[float | None]) -> str:
    figures = _figures(seconds)
    if figures["median"] is None:
        return "never"
    longest = "never" if figures["longest"] is None else f"{figures['longest']:.1f} s"
    return f"{figures['median']:.1f} s (longest {longest})"

"""The outcome counters in Redis as metrics; what can happen is there at zero before it has."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from worker.core.drift.classes import ACCOUNT_MISMATCH
from worker.core.rows import RowState
from worker.core.states import UPLOAD_TERMINAL
from worker.exporter import families as f
from worker.providers.registry import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.exporter.page import Page

#: What becomes of rows: sent to the provider, taken over from another part, or one of the ends.
DISPOSITIONS = ("sent", "reused", *RowState)
#: What becomes of requests of a known provider.
ANSWERS = ("accepted", "recognised")
#: What comes of sweeps.
SWEEP_OUTCOMES = ("complete", "incomplete", ACCOUNT_MISMATCH)


def from_zero(providers: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Every outcome counter that is known beforehand, for the configured accounts and their `providers`.

    Prometheus sees an increase only between two samples: a counter that begins at 1 has hidden its first event.
    """
    yield from f.OUTCOMES_FROM_ZERO
    for account, provider in providers.items():
        yield from (("sweeps", provider, account, outcome) for outcome in SWEEP_OUTCOMES)
    kinds = {
        provider: sorted(known.kinds) for provider, known in CAPABILITIES.items() if provider in providers.values()
    }
    # What is refused is refused before anybody knows whose it would have been, and sometimes of which kind.
    yield from (("requests", "", kind, "rejected") for kind in sorted({"", *chain.from_iterable(kinds.values())}))
    for provider, of_provider in kinds.items():
        for kind in of_provider:
            yield from (("uploads", provider, kind, state) for state in sorted(UPLOAD_TERMINAL))
            yield from (("rows", provider, kind, disposition) for disposition in DISPOSITIONS)
            yield from (("requests", provider, kind, answer) for answer in ANSWERS)


def add_outcomes(page: Page, counters: Mapping[str, int], providers: Mapping[str, str]) -> list[str]:
    """The counters that this program knows, and those that it knows nothing of yet at zero; the names of all others."""
    strange = set()
    counted = dict.fromkeys(("|".join(words) for words in from_zero(providers)), 0) | dict(counters)
    for field, total in counted.items():
        name, *labels = field.split("|")
        family = f.OUTCOMES.get(name)
        if family is None or len(labels) != len(family.labels):
            strange.add(name)
            continue
        page.add(family, total, *labels)
        if family is f.ROWS and labels[-1] in f.SAVINGS:
            page.add(f.CREDITS_SAVED, total, *labels)
    return sorted(strange)

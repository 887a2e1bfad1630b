"""Twins: values that differ in nothing but case, and what becomes of them when a provider answers in another case.

An answer belongs to the value with its own key. Where some value has no such answer, the answers that differ from it
only in case may be meant for it, and nothing but their number, their order and what they say can tell:

- Answers that say different things under one key belong to none of the values, since nobody knows which is whose;
  unless the whole part was answered in the order in which it was sent, and there are as many answers as values, all
  under one key: then each value has the answer in its place.
- Otherwise values without an answer of their own share the first one, if all are under one key, and at least as many
  as the values.

A verdict is never given to a value on a guess: the row of a value that gets none is missing, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Values and answers with one loose key that are settled at most. Of more, each value has the first answer of its own.
TWINS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Twins:
    """The values of a part that share a loose key, some of which have no answer of their own, and the answers on it."""

    #: Number and key of each value, by number.
    values: list[tuple[int, str]]
    #: Place and key of each answer, by place.
    answers: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Settled:
    """Which values of some twins have an answer."""

    #: Places of answers by the numbers of values.
    places: Mapping[int, int]
    #: Different keys of the answers that some value has, less those of values that have their own.
    further_keys: int
    #: Answers under the key of another one that are no duplicates all the same.
    paired: int = 0


def settle(twins: Twins, *, in_order: bool, agree: Callable[[Sequence[int]], bool]) -> Settled:
    """Give answers to values; `agree` tells whether the answers at some places say the same.

    `in_order`: all answers of the part came in the order of its values, but for case.
    """
    by_key: dict[str, list[int]] = {}
    for place, key in twins.answers:
        by_key.setdefault(key, []).append(place)
    own = sum(key in by_key for _, key in twins.values)
    certain = {key: places[0] for key, places in by_key.items() if len(places) == 1 or agree(places)}
    alone = len(by_key) == 1
    if alone and not certain and in_order and len(twins.answers) == len(twins.values):
        pairs = zip(twins.values, twins.answers, strict=True)
        places = {number: place for (number, _), (place, _) in pairs}
        return Settled(places, 1 - own, len(places) - 1)
    shared = next(iter(certain.values()), None) if alone and len(twins.answers) >= len(twins.values) else None
    found = {number: certain.get(key, shared) for number, key in twins.values}
    places = {number: place for number, place in found.items() if place is not None}
    return Settled(places, len(set(places.values())) - own)


#: What decides on twins.
Settle = Callable[[Twins], Settled]

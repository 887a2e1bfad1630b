"""Alignment: which verdict speaks of which value, however a provider answers."""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows import align_by_keys, collected, engine_join, verdict_places
from worker.rows.align import Alignment, align
from worker.rows.collected import CollectedPart, SentPart, read_placed, write_verdicts
from worker.rows.errors import CollectedUnreadable, ScratchFailed
from worker.rows.part_files import COLUMNS_MAX
from worker.rows.values import fold_key, loose_key
from worker.rows.verdict_places import NO_PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUES = [
    f"{local}@{domain}" for local in ("jo", "JO", "Jo", "al", 'q"q', "é") for domain in ("x.example", "y.example")
]


def part_of(folder: Path, index: int, sent: Sequence[str], answers: Sequence[str], kind: Kind = Kind.EMAIL) -> SentPart:
    """A part that was sent, and answered."""
    values, path = folder / f"values-{index}.csv", folder / f"verdicts-{index}.jsonl"
    with values.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([value] for value in sent)
    with path.open("wb") as out:
        write_verdicts((Verdict(answer, VerdictWord.OK, {"n": "1"}) for answer in answers), kind, out)
    return SentPart(index, len(sent), CollectedPart(path, values, "2026-03-01"))


def answers_to(part: SentPart, places: Sequence[int]) -> list[int | None]:
    """For every value of a part which of the answers it found, counted from 0."""
    if part.collected is None:
        return [None if place == NO_PLACE else -1 for place in places]
    with part.collected.path.open("rb") as file:
        found = chain.from_iterable(places for places, _, _ in read_placed(file, "verdicts"))
        lines = {place: number for number, place in enumerate(found)}
    return [lines[place] if place != NO_PLACE else None for place in places]


def places_in(alignment: Alignment) -> list[int]:
    """All places of an alignment."""
    return list(array("Q", alignment.path.read_bytes()))


def expected(kind: Kind, sent: Sequence[str], answers: Sequence[str]) -> tuple[list[int | None], int, int]:
    """The answer to each value, extra and duplicate answers, worked out in the plainest way."""
    first: dict[str, int] = {}
    for number, answer in enumerate(answers):
        first.setdefault(fold_key(kind, answer), number)
    came = Counter(loose_key(kind, fold_key(kind, answer)) for answer in answers)
    asked = Counter(loose_key(kind, fold_key(kind, value)) for value in sent)
    found: list[int | None] = []
    for value in sent:
        key = fold_key(kind, value)
        loose = loose_key(kind, key)
        alike = [other for other in first if loose_key(kind, other) == loose]
        if key in first:
            found.append(first[key])
        elif len(alike) == 1 and came[loose] >= asked[loose]:
            found.append(first[alike[0]])
        else:
            found.append(None)
    return found, len(first) - len({number for number in found if number is not None}), len(answers) - len(first)


@st.composite
def misbehaving(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Values that were sent, and a provider's answers: missing, extra, reordered, in another case, more than once."""
    sent = draw(st.lists(st.sampled_from(VALUES), unique=True, min_size=1))
    answers = [draw(st.sampled_from([value, value, value, value.lower(), value.upper()])) for value in sent]
    for harm in draw(st.lists(st.sampled_from(["drop", "extra", "twice", "swap", "end"]), max_size=4)):
        place = draw(st.integers(0, len(answers)))
        match harm:
            case "drop":
                del answers[place : place + 1]
            case "extra":
                answers.insert(place, draw(st.sampled_from(VALUES)))
            case "twice":
                answers[place:place] = answers[:1]
            case "swap":
                answers[place:] = reversed(answers[place:])
            case "end":
                del answers[place:]
    return sent, answers


@settings(max_examples=150)
@given(
    parts=st.lists(misbehaving(), min_size=1, max_size=3),
    kind=st.sampled_from([Kind.EMAIL, Kind.EMAIL, Kind.LEAKED_PASSWORD]),
    sizes=st.tuples(
        st.sampled_from([0, 1_000, 1_000, 1_000]),
        st.sampled_from([1, 3, 1_000]),
        st.sampled_from([1, 2, 1_000]),
        st.sampled_from([1, 100, 10_000]),
    ),
)
def test_however_a_provider_answers_each_value_finds_its_own_verdict(
    parts: list[tuple[list[str], list[str]]],
    kind: Kind,
    sizes: tuple[int, int, int, int],
) -> None:
    """In whatever order, case and number answers come: the same as when all is compared with all in memory."""
    in_memory_values, share_values, block_places, read_bytes = sizes
    with (
        TemporaryDirectory() as made,
        patch.object(align_by_keys, "IN_MEMORY_VALUES_MAX", in_memory_values),
        patch.object(engine_join, "SHARE_VALUES", share_values),
        patch.object(verdict_places, "BLOCK_PLACES", block_places),
        patch.object(collected, "READ_BYTES", read_bytes),
    ):
        folder = Path(made)
        sent = [part_of(folder, index, *part, kind) for index, part in enumerate(parts)]
        alignment = align(sent, kind, folder)
        of_all = iter(places_in(alignment))
        found = [answers_to(part, [next(of_all) for _ in range(part.rows)]) for part in sent]
        assert next(of_all, None) is None
        assert not (folder / "join").exists(), "intermediate files are left behind"
    wanted = [expected(kind, *part) for part in parts]
    assert found == [answers for answers, _, _ in wanted]
    assert alignment.extra_verdicts == sum(extra for _, extra, _ in wanted)
    assert alignment.duplicate_verdicts == sum(duplicate for _, _, duplicate in wanted)


def test_a_part_without_verdicts_has_no_places(tmp_path: Path) -> None:
    """Parts that were not collected keep their room, so that the numbers of those after them are right."""
    later = part_of(tmp_path, 1, ["b@x.example"], ["b@x.example"])
    alignment = align([SentPart(0, 3, None), later], Kind.EMAIL, tmp_path)
    assert places_in(alignment) == [NO_PLACE] * 3 + [0]


def test_an_answer_for_another_part_is_extra(tmp_path: Path) -> None:
    """A job answers for what was sent in it, and for nothing else."""
    first = part_of(tmp_path, 0, ["a@x.example"], ["b@x.example"])
    second = part_of(tmp_path, 1, ["b@x.example"], [])
    alignment = align([first, second], Kind.EMAIL, tmp_path)
    assert places_in(alignment) == [NO_PLACE, NO_PLACE]
    assert alignment.extra_verdicts == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_values_that_are_not_those_of_the_part_stop_delivery(tmp_path: Path, rows: int) -> None:
    """A file with more or fewer values than were sent is damaged."""
    part = part_of(tmp_path, 4, ["a@x.example", "b@x.example"], ["a@x.example"])
    with pytest.raises(CollectedUnreadable, match=rf"values-4\.csv does not hold the {rows} values of part 4"):
        align([SentPart(4, rows, part.collected)], Kind.EMAIL, tmp_path)


def test_columns_without_end_stop_delivery(tmp_path: Path) -> None:
    """Verdicts that each bring columns of their own are not taken for a result."""
    part = part_of(tmp_path, 0, ["a@x.example"], [])
    assert part.collected is not None
    with part.collected.path.open("wb") as out:
        columns = {f"c{number}": "" for number in range(COLUMNS_MAX + 1)}
        write_verdicts([Verdict("a@x.example", VerdictWord.OK, columns)], Kind.EMAIL, out)
    with pytest.raises(CollectedUnreadable, match="more than 1000 different columns"):
        align([part], Kind.EMAIL, tmp_path)


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    """Where the intermediate file cannot be made, delivery is tried again later."""
    with pytest.raises(ScratchFailed, match="alignment cannot be written"):
        align([], Kind.EMAIL, tmp_path / "gone")

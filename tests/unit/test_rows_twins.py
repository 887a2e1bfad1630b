"""Values that differ in case only: which verdict is whose when a provider answers in another case."""

from __future__ import annotations

import csv
from array import array
from typing import TYPE_CHECKING

import duckdb
import pytest

from worker.providers.port import Kind, Verdict, VerdictWord
from worker.rows import align_by_keys, engine_join, memory_join
from worker.rows.align import align
from worker.rows.collected import CollectedPart, SentPart, write_verdicts
from worker.rows.errors import ScratchFailed
from worker.rows.verdict_places import NO_PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Values that differ in case only, and others around them.
UPPER, LOWER, MIXED = "JO@x.example", "jo@x.example", "Jo@x.example"
OTHER, LAST = "al@x.example", "zoe@x.example"
#: An answer: its value, and what it says.
Answer = tuple[str, VerdictWord]
OK, BAD = VerdictWord.OK, VerdictWord.BAD


@pytest.fixture(params=["in memory", "engine"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts are joined in memory, large ones by an engine: the same is to come of both."""
    if request.param == "engine":
        monkeypatch.setattr(align_by_keys, "IN_MEMORY_VALUES_MAX", 0)


def joined(
    folder: Path, sent: Sequence[str], answers: Sequence[Answer], kind: Kind = Kind.EMAIL
) -> tuple[list[int | None], int, int]:
    """For every value which of the answers it has, counted from 0; extra and duplicate answers."""
    values, path = folder / "values.csv", folder / "verdicts.jsonl"
    with values.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([value] for value in sent)
    places = []
    with path.open("wb") as out:
        for value, word in answers:
            places.append(out.tell())
            write_verdicts([Verdict(value, word, {"n": "1"})], kind, out)
    part = SentPart(0, len(sent), CollectedPart(path, values, "2026-03-01"))
    alignment = align([part], kind, folder)
    found = array("Q", alignment.path.read_bytes())
    numbers = [None if place == NO_PLACE else places.index(place) for place in found]
    return numbers, alignment.extra_verdicts, alignment.duplicate_verdicts


def test_twins_that_are_answered_alike_share_what_was_said(tmp_path: Path) -> None:
    """Two answers in small letters that say the same are for both values, in whatever order they came."""
    answers = [(OTHER, OK), (LOWER, BAD), (LOWER, BAD)]
    assert joined(tmp_path, [UPPER, LOWER, OTHER], answers) == ([1, 1, 0], 0, 1)


def test_twins_that_are_answered_differently_in_order_have_their_own(tmp_path: Path) -> None:
    """Where all answers came in the order of the values, each of two that differ belongs to the value in its place."""
    answers = [(OTHER, OK), (LOWER, OK), (LAST, BAD), (LOWER, BAD)]
    assert joined(tmp_path, [OTHER, UPPER, LAST, LOWER], answers) == ([0, 1, 2, 3], 0, 0)
    assert joined(tmp_path, [OTHER, LOWER, LAST, UPPER], answers) == ([0, 1, 2, 3], 0, 0)


def test_twins_without_an_answer_of_either_are_paired_in_order_too(tmp_path: Path) -> None:
    """Neither value is in small letters, and both were answered so."""
    assert joined(tmp_path, [UPPER, MIXED], [(LOWER, OK), (LOWER, BAD)]) == ([0, 1], 0, 0)


def test_twins_that_are_answered_differently_in_another_order_have_none(tmp_path: Path) -> None:
    """Nobody knows which of two answers is whose: both rows are missing, the one in small letters too."""
    answers = [(LOWER, OK), (OTHER, OK), (LOWER, BAD)]
    assert joined(tmp_path, [UPPER, LOWER, OTHER], answers) == ([None, None, 1], 1, 1)


def test_order_proves_nothing_when_there_are_fewer_answers_than_twins(tmp_path: Path) -> None:
    """An answer that is not there may be any of them."""
    answers = [(LOWER, OK), (LOWER, BAD)]
    assert joined(tmp_path, [UPPER, LOWER, MIXED], answers) == ([None, None, None], 1, 1)


def test_order_proves_nothing_against_an_answer_in_its_own_case(tmp_path: Path) -> None:
    """A provider that spells one of the twins as it was sent did not answer the others in its place."""
    answers = [(LOWER, OK), (UPPER, OK), (LOWER, BAD)]
    assert joined(tmp_path, [MIXED, LOWER, UPPER], answers) == ([None, None, 1], 1, 1)


def test_the_first_of_several_answers_counts_where_no_value_is_in_doubt(tmp_path: Path) -> None:
    """An answer that came twice is one on its value, whatever the second one says."""
    answers = [(LOWER, OK), (UPPER, OK), (LOWER, BAD)]
    assert joined(tmp_path, [UPPER, LOWER], answers) == ([1, 0], 0, 1)
    assert joined(tmp_path, [LOWER, OTHER], [(LOWER, OK), (LOWER, BAD)]) == ([0, None], 0, 1)


def test_a_single_answer_is_that_of_the_value_in_its_case(tmp_path: Path) -> None:
    """One answer does not serve two values."""
    assert joined(tmp_path, [UPPER, LOWER, OTHER], [(OTHER, OK), (LOWER, BAD)]) == ([None, 1, 0], 0, 0)


def test_passwords_in_another_case_are_others(tmp_path: Path) -> None:
    """What is known of a password says nothing about one in another case, in whatever order it comes."""
    answers = [("secret", OK), ("secret", BAD)]
    assert joined(tmp_path, ["SECRET", "Secret"], answers, Kind.LEAKED_PASSWORD) == ([None, None], 1, 1)


def test_very_many_answers_alike_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: of more twins than that, each has the first answer of its own, if any."""
    for module in (memory_join, engine_join):
        monkeypatch.setattr(module, "TWINS_MAX", 3)
    answers = [(OTHER, OK), (LOWER, OK), (LOWER, OK)]
    assert joined(tmp_path, [UPPER, LOWER, OTHER], answers) == ([None, 1, 0], 0, 1)


def test_values_that_cannot_be_lines_are_told_apart(tmp_path: Path) -> None:
    """Answers with line breaks, control characters or nothing in them are extra; very long values find their own."""
    long = ["a" * 300 + end + "@x.example" for end in "bc"]
    odd = [(value, OK) for value in ("", "a\nb", "a\x01b", "\x05")]
    answers = [*odd, (long[1], OK), (long[0].upper(), OK), *odd[:2]]
    assert joined(tmp_path, long, answers) == ([5, 4], 4, 2)


def test_a_join_without_memory_is_worth_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that uses its memory up takes smaller shares, and when that does not help says so without any value."""
    tried = []

    def short(_database: duckdb.DuckDBPyConnection, shares: int) -> None:
        tried.append(shares)
        raise duckdb.OutOfMemoryException("failed to pin block, increase memory_limit: jo@x.example")

    monkeypatch.setattr(engine_join, "_find", short)
    monkeypatch.setattr(align_by_keys, "IN_MEMORY_VALUES_MAX", 0)
    with pytest.raises(ScratchFailed, match="2 values of a part cannot be joined to its 2 verdicts") as caught:
        joined(tmp_path, [UPPER, LOWER], [(LOWER, OK), (UPPER, BAD)])
    assert tried == [1, 2, 4, 8, 16, 32, 64]
    assert caught.value.__context__ is None
    assert not (tmp_path / "join").exists()

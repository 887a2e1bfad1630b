"""The mutations that are kept follow the program: each still breaks it where it says, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders.mutations.catalog import MUTATIONS
from tests.builders.mutations.mutation import DoesNotApply, Mutation
from tests.builders.mutations.searching import SEARCHING
from tests.builders.mutations.submitting import SUBMITTING
from tests.builders.mutations.writing import WRITING

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("name", MUTATIONS)


@EVERY
def test_a_mutation_applies_to_the_program_as_it_is(name: str) -> None:
    """The text that it replaces is there exactly once, and what comes of it can be read by Python."""
    mutation = MUTATIONS[name]
    text = (ROOT / mutation.path).read_text(encoding="utf-8")
    broken = mutation.applied_to(text)
    assert broken != text
    if mutation.path.endswith(".py"):
        compile(broken, mutation.path, "exec")


@EVERY
def test_a_mutation_names_tests_that_exist(name: str) -> None:
    """At least one, by its file and function."""
    assert MUTATIONS[name].tests
    for test in MUTATIONS[name].tests:
        path, _, function = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^def {re.escape(function.partition('[')[0])}\(", text, re.MULTILINE), test


@pytest.mark.parametrize("text", ["", "rule = 1\nrule = 1\n"])
def test_a_mutation_that_does_not_fit_says_so_and_changes_nothing(tmp_path: Path, text: str) -> None:
    """Text that is not there, or there twice, means that the program has changed."""
    (tmp_path / "program.py").write_text(text)
    mutation = Mutation("odd", "nothing", "program.py", "rule = 1\n", "rule = 2\n", ("test",))
    with pytest.raises(DoesNotApply, match="not once"):
        mutation.apply(tmp_path)
    assert (tmp_path / "program.py").read_text() == text


def test_names_are_given_once() -> None:
    """A table of mutations by name has lost none."""
    assert len(MUTATIONS) == len(SEARCHING) + len(SUBMITTING) + len(WRITING)

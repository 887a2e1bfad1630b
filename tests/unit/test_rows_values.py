"""What is known of the values of each kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.values import fold_key, looks_like, normal_name, row_value, values_digest


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (Kind.EMAIL, "Jo@Example.COM", "Jo@example.com", True),
        (Kind.EMAIL, "Jo@example.com", "jo@example.com", False),
        (Kind.EMAIL, " jo@example.com\t", "jo@example.com", True),
        (Kind.EMAIL, '"A@B"@Example.com', '"A@B"@example.com', True),
        (Kind.EMAIL, "No At", "no at", False),
        (Kind.PROXY, "2001:DB8::0:1", "2001:db8::1", True),
        (Kind.PROXY, "192.0.2.1", "192.0.2.10", False),
        (Kind.PROXY, "not an IP", "not an ip", False),
        (Kind.PHONE, "+1 555", "+1555", False),
    ],
)
def test_only_certainly_equal_values_fold(kind: Kind, one: str, other: str, same: bool) -> None:
    """Values share a verdict only where no provider could tell them apart."""
    assert (fold_key(kind, one) == fold_key(kind, other)) is same


@given(kind=st.sampled_from(Kind), value=st.text(max_size=30))
def test_folding_twice_changes_nothing(kind: Kind, value: str) -> None:
    """A fold key is its own fold key, so it may be computed wherever it is needed."""
    assert fold_key(kind, fold_key(kind, value)) == fold_key(kind, value)


@pytest.mark.parametrize(
    ("cell", "value", "state"),
    [
        ("  a@b.example ", "a@b.example", None),
        ("\N{NO-BREAK SPACE}\t\r\n", "", RowState.EMPTY),
        ("", "", RowState.EMPTY),
        ("a@b.example\nc@d.example", "a@b.example\nc@d.example", RowState.WITHHELD),
        ("a\N{LINE SEPARATOR}b", "a\N{LINE SEPARATOR}b", RowState.WITHHELD),
    ],
)
def test_a_cell_is_a_value_empty_or_withheld(cell: str, value: str, state: RowState | None) -> None:
    """White space around a value is dropped; a value that would take two lines of a part is not sent."""
    assert row_value(cell) == (value, state)


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        (Kind.EMAIL, " jo@example.com", True),
        (Kind.EMAIL, "@handle", False),
        (Kind.EMAIL, "Jo <jo@example.com>", False),
        (Kind.EMAIL, "1;jo@example.com", False),
        (Kind.PROXY, "2001:db8::1", True),
        (Kind.PROXY, "192.0.2.256", False),
        (Kind.URL, "HTTPS://example.com/a", True),
        (Kind.URL, "example.com", False),
        (Kind.PHONE, "+1 (555) 010-9999", True),
        (Kind.PHONE, "12", False),
    ],
)
def test_looks_are_strict(kind: Kind, cell: str, expected: bool) -> None:
    """Only a whole cell of the right form looks like a value."""
    assert looks_like(kind, cell) is expected


@pytest.mark.parametrize("name", ["E-Mail", " e_mail ", "contact.E mail", "e--mail"])
def test_column_names_compare_by_their_words(name: str) -> None:
    """Case, separators and a dotted prefix do not matter in a column name."""
    assert normal_name(name) == "e_mail"


@given(keys=st.lists(st.text(max_size=5), max_size=8), seed=st.randoms())
def test_a_values_digest_ignores_order_and_nothing_else(keys: list[str], seed: object) -> None:
    """Equal lists in any order have equal digests; one value more has another."""
    assert values_digest(reversed(keys)) == values_digest(keys)
    assert values_digest([*keys, "one more"]) != values_digest(keys)
